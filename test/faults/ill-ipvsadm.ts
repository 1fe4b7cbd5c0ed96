// An ipvsadm with faults in a directory of its own, the kernel's table behind it, and the hands of others in that table.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeIpvsadm } from '../system/fake-ipvsadm.ts';

/** What goes wrong, at all calls or at one: see the file ill-ipvsadm. */
export type Fault =
  | 'missing'
  | 'not executable'
  | 'absent'
  | `${string} ${'-R' | '-Sn'}`
  | 'never'
  | 'killed'
  | 'garbage';

export class IllIpvsadm {
  readonly path: string;
  /** What stands for /proc/net/ip_vs. */
  readonly listing: string;
  readonly #dir: string;
  readonly #kernel: FakeIpvsadm;

  /** `dir` belongs to the test, which removes it; `table`: what is there before, as `ipvsadm -Sn` prints it. */
  constructor(dir: string, table: readonly string[]) {
    this.#dir = dir;
    this.path = join(dir, 'ipvsadm');
    this.listing = join(dir, 'proc');
    mkdirSync(join(dir, 'real'));
    this.#kernel = new FakeIpvsadm(join(dir, 'real'));
    copyFileSync(new URL('ill-ipvsadm', import.meta.url), this.path);
    chmodSync(this.path, 0o755);
    copyFileSync(this.path, join(dir, 'sound'));
    this.#kernel.table = table;
    this.edit();
  }

  /** As `ipvsadm -Sn` prints it, sorted. */
  get table(): string[] {
    return this.#kernel.table;
  }

  /** Somebody else's `ipvsadm -R`. */
  edit(...lines: string[]): void {
    execFileSync(join(this.#dir, 'sound'), ['-R'], { input: lines.map((line) => `${line}\n`).join('') });
  }

  /** Somebody else's `ipvsadm -C`. */
  flush(): void {
    this.#kernel.table = [];
    this.edit();
  }

  begin(fault: Fault): void {
    if (fault === 'missing') renameSync(this.path, `${this.path}.away`);
    else if (fault === 'not executable') chmodSync(this.path, 0o644);
    else writeFileSync(join(this.#dir, 'fault'), `${fault}\n`);
    if (fault !== 'absent') return;
    // With the module goes its table.
    this.flush();
    rmSync(this.listing);
  }

  /** Ends what goes wrong. */
  end(fault: Fault): void {
    // The kernel shows its table before ipvsadm can change it.
    if (fault === 'absent') this.edit();
    if (fault === 'missing') renameSync(`${this.path}.away`, this.path);
    else if (fault === 'not executable') chmodSync(this.path, 0o755);
    else rmSync(join(this.#dir, 'fault'));
  }
}
