// Copies of the stand-in for fping and ping in a directory of their own, with their calls, their processes and their illnesses.
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Program = 'fping' | 'ping';
export type Illness =
  | ''
  | 'stuck'
  | 'deaf'
  | 'slow'
  | 'late'
  | 'garbage'
  | 'usage'
  | 'killed'
  | 'nosocket'
  | 'notpermitted'
  | 'busybox';

export class FakePrograms {
  readonly #dir: string;

  /** `dir` belongs to the test, which removes it. */
  constructor(dir: string, programs: readonly Program[]) {
    this.#dir = dir;
    for (const program of programs) this.install(program);
  }

  /** An environment in which there are only these programs. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: this.#dir };
  }

  install(program: Program): void {
    copyFileSync(new URL('fake-fping', import.meta.url), join(this.#dir, program));
    chmodSync(join(this.#dir, program), 0o755);
  }

  remove(program: Program): void {
    rmSync(join(this.#dir, program));
  }

  /** There, but nobody may run it. */
  forbid(program: Program): void {
    chmodSync(join(this.#dir, program), 0o644);
  }

  sicken(program: Program, illness: Illness): void {
    writeFileSync(join(this.#dir, `${program}.mode`), illness);
  }

  /** Its command lines so far. */
  calls(program: Program): string[] {
    return this.#lines(`${program}.calls`);
  }

  /** Pids of those processes that still are there. */
  get alive(): number[] {
    return this.#lines('pids').map(Number).filter(isAlive);
  }

  #lines(name: string): string[] {
    try {
      return readFileSync(join(this.#dir, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
