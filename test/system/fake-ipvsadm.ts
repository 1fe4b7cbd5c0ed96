// A copy of the stand-in for ipvsadm in a directory of its own, with its table, its synchronisation, its calls and its illnesses.
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Illness = 'stuck' | 'broken' | 'garbage' | 'refuse' | 'die' | 'deaf';

export class FakeIpvsadm {
  readonly path: string;
  readonly #dir: string;

  /** `dir` belongs to the test, which removes it. */
  constructor(dir: string) {
    this.#dir = dir;
    this.path = join(dir, 'ipvsadm');
    copyFileSync(new URL('fake-ipvsadm', import.meta.url), this.path);
    chmodSync(this.path, 0o755);
  }

  /** How it goes wrong from now on; lines with 10.0.0.13 are those that it refuses, or dies of. An interface gone… is not there. */
  set illness(illness: Illness | '') {
    writeFileSync(join(this.#dir, 'mode'), illness);
  }

  /** As `ipvsadm -Sn` prints it, sorted. */
  get table(): string[] {
    return this.#lines('table')
      .map((line) => line.replace(/ -x .*/, ''))
      .sort();
  }

  set table(lines: readonly string[]) {
    writeFileSync(join(this.#dir, 'table'), lines.map((line) => `${line}\n`).join(''));
  }

  /** The master that synchronises connections, `INTERFACE SYNCID`; empty for none. */
  get sync(): string {
    return this.#lines('sync').join();
  }

  set sync(master: string) {
    writeFileSync(join(this.#dir, 'sync'), master && `${master}\n`);
  }

  /** The backup that listens, which is nobody's but the machine's. */
  set backup(backup: string) {
    writeFileSync(join(this.#dir, 'backup'), `${backup}\n`);
  }

  /** Its command lines so far. */
  get calls(): string[] {
    return this.#lines('calls');
  }

  /** What it was told on standard input so far. */
  get input(): string[] {
    return this.#lines('input');
  }

  #lines(name: string): string[] {
    try {
      return readFileSync(join(this.#dir, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  }
}
