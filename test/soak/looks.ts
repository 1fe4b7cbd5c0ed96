// What /proc tells of the daemon: memory, descriptors, children, and those that have ended and nobody waited for.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { residentMb } from '../../bench/usage.ts';

export interface Look {
  /** Milliseconds of performance.now(). */
  readonly at: number;
  readonly residentMb: number;
  readonly descriptors: number;
  /** Besides the shell that waits to start ipvsadm. */
  readonly children: number;
  /** Process ids. */
  readonly zombies: readonly number[];
}

export function look(pid: number): Look {
  const children = childrenOf(pid);
  const zombies = children.filter(({ state }) => state === 'Z').map((child) => child.pid);
  return {
    ...{ at: performance.now(), residentMb: residentMb([pid]), descriptors: descriptorsOf(pid).length },
    ...{ children: children.filter((child) => !isWaiting(child.pid)).length, zombies },
  };
}

/** How many descriptors of each kind: `socket`, `pipe`, a path. */
export function kindsOf(pid: number): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const fd of descriptorsOf(pid)) {
    const kind = linkOf(`/proc/${pid}/fd/${fd}`).replace(/^(\w+):\[\d+\]$/, '$1');
    if (kind !== '') kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Zombies that three looks in a row have found: any process is one for a moment, and longer while the daemon is held up. */
export function lasting(looks: readonly Look[]): number[] {
  const found = looks.flatMap(({ zombies }, index) =>
    zombies.filter((pid) => [1, 2].every((back) => looks[index - back]?.zombies.includes(pid))),
  );
  return [...new Set(found)];
}

function childrenOf(parent: number): { pid: number; state: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const [, state = '', of] = /^.*\) (\S) (\d+) /s.exec(read(`/proc/${pid}/stat`)) ?? [];
    return Number(of) === parent ? [{ pid: Number(pid), state }] : [];
  });
}

/** As src/system/launcher.ts calls it. */
function isWaiting(pid: number): boolean {
  const [shell, , , name] = read(`/proc/${pid}/cmdline`).split('\0');
  return shell === '/bin/sh' && name === 'starter';
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
