// What /proc tells about processes and sockets: a daemon's whole family, and the connections of this process.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process, told from a later one with the same number by the time it began. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** R, S, T … as in proc(5). */
  readonly state: string;
  readonly began: string;
}

/** A daemon's processes: the main one's group, and every descendant that went into a group of its own. */
export function familyOf(main: number): Process[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const living = all.map((name) => processOf(Number(name))).filter((found) => found !== undefined);
  const family = new Map(living.filter(({ group }) => group === main).map((found) => [found.pid, found]));
  for (let before = -1; before < family.size; ) {
    before = family.size;
    for (const found of living) if (family.has(found.parent)) family.set(found.pid, found);
  }
  return [...family.values()];
}

/** As it is now; undefined when it has ended. */
export function again({ pid, began }: Process): Process | undefined {
  const found = processOf(pid);
  return found?.began === began ? found : undefined;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

function processOf(pid: number): Process | undefined {
  const [, state, parent, group, ...rest] = /^.*\) (\S) (\d+) (\d+) (.*)$/s.exec(read(`/proc/${pid}/stat`)) ?? [];
  if (state === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, parent: Number(parent), group: Number(group), state, began: rest[0]?.split(' ')[16] ?? '' };
}

/** A TCP or UDP socket of this machine. */
interface Endpoint {
  readonly localPort: number;
  readonly remotePort: number;
  readonly inode: string;
}

/** Every local TCP and UDP port that is in use, IPv4 or IPv6. */
export function portsInUse(): Set<number> {
  return new Set(endpoints().map(({ localPort }) => localPort));
}

/** The TCP and UDP sockets that this process holds open, `local port > remote port`. */
export function ownSockets(): string[] {
  const own = new Set(readdirSync('/proc/self/fd').map((fd) => link(`/proc/self/fd/${fd}`)));
  const found = endpoints().filter(({ inode }) => own.has(`socket:[${inode}]`));
  return found.map(({ localPort, remotePort }) => `${localPort} > ${remotePort}`);
}

/** Whether this machine has ::1. */
export function hasIPv6(): boolean {
  return read('/proc/net/if_inet6').includes(`${'1'.padStart(32, '0')} `);
}

function endpoints(): Endpoint[] {
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    read(`/proc/net/${table}`).split('\n').slice(1).flatMap(endpoint),
  );
}

function endpoint(line: string): Endpoint[] {
  const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
  if (local === undefined || remote === undefined || inode === undefined) return [];
  return [{ localPort: portOf(local), remotePort: portOf(remote), inode }];
}

function portOf(hexEndpoint: string): number {
  return Number.parseInt(hexEndpoint.slice(hexEndpoint.indexOf(':') + 1), 16);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
