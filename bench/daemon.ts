// A tsdirectord of the bench on this machine, with its table in memory, held to one processor; and what its log tells, and when.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const LOOK_EVERY_MS = 5;
const STOP_MS = 10_000;
const ORDER_MS = 20_000;

export interface DaemonOptions {
  /** A directory of its own. */
  readonly dir: string;
  readonly config: string;
  /** Its processor, as taskset numbers them. */
  readonly cpu: number;
  /** Where node shall write a profile of what it has done. */
  readonly profileTo?: string | undefined;
}

/** How long the log was at a time in ms. */
interface Mark {
  readonly at: number;
  readonly size: number;
}

export class OwnDaemon {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  readonly #call: readonly string[];

  constructor({ dir, config, cpu, profileTo }: DaemonOptions) {
    const file = join(dir, 'bench.cf');
    writeFileSync(file, config);
    this.#logPath = join(dir, 'log');
    const log = openSync(this.#logPath, 'w');
    const profile = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
    const program = join(process.env.BENCH_ROOT ?? '', 'dist/tsdirectord.cjs');
    const which = ['--pid-file', join(dir, 'pid'), '-f', file];
    this.#call = [program, 'recheck', ...which];
    const start = [program, 'start', '--foreground', '--ipvs', 'memory', ...which];
    const argv = ['-c', String(cpu), process.execPath, ...profile, ...start];
    // Others' work on this machine comes second, where we may say so. Neither nice nor taskset changes the pid.
    this.#child = spawn('nice', ['-n', '-5', 'taskset', ...argv], { stdio: ['ignore', log, log] });
    this.pid = this.#child.pid ?? NaN;
  }

  /**
   * Waits until so many more lines of the log match than `before`; returns what it took in ms, Infinity when it was not within
   * the limit. Throws when the daemon has ended.
   */
  async logged(pattern: RegExp, count: number, limitMs: number, before = 0): Promise<number> {
    const began = performance.now();
    for (;;) {
      const found = this.lines(pattern) - before;
      const took = performance.now() - began;
      if (found >= count) return took;
      if (this.#child.exitCode !== null) throw new Error(`the daemon has ended:\n${this.log().slice(-500)}`);
      if (took > limitMs) return Infinity;
      await pause(100);
    }
  }

  /** How many lines of the log match. */
  lines(pattern: RegExp): number {
    return this.log().match(new RegExp(pattern.source, 'g'))?.length ?? 0;
  }

  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  /** The lines that are logged during `work`, each with the time (performance.now()) at which it was there. */
  async follow(work: () => Promise<unknown>): Promise<{ text: string; at: number }[]> {
    const from = statSync(this.#logPath).size;
    const marks: Mark[] = [];
    const look = (): void => {
      const { size } = statSync(this.#logPath);
      if (size > (marks.at(-1)?.size ?? from)) marks.push({ at: performance.now(), size });
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    await work().finally(() => clearInterval(timer));
    look();
    let end = from;
    let mark = 0;
    return this.log()
      .slice(from)
      .trimEnd()
      .split('\n')
      .map((text) => {
        end += Buffer.byteLength(text) + 1;
        while ((marks[mark]?.size ?? Infinity) < end) mark++;
        return { text, at: marks[mark]?.at ?? performance.now() };
      });
  }

  /** Has every check made at once. Rejects when that cannot be ordered. */
  async recheck(): Promise<void> {
    await promisify(execFile)(process.execPath, [...this.#call], { timeout: ORDER_MS });
  }

  /** SIGTERM, and SIGKILL when that does not help. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    const timer = setTimeout(() => {
      console.error(`the daemon did not end within ${STOP_MS / 1000} s`);
      this.#child.kill('SIGKILL');
    }, STOP_MS);
    await gone;
    clearTimeout(timer);
  }
}
