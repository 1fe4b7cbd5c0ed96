// Cheap looks at the kernel's table through /proc/net/ip_vs, and waiting for what it shows.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../test/kernel/lab/network.ts';

const EVERY_MS = 8;

interface Look {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The weights of all servers, as text that the functions below read. */
  readonly text: string;
}

let latest: Look | undefined;

/** All who wait share a look: each costs the one processor that is measured. */
function look({ pid }: Machine): Look {
  const at = Date.now();
  if (latest?.pid !== pid || at - latest.at >= EVERY_MS)
    latest = { pid, at, text: readFileSync(`/proc/${pid}/net/ip_vs`, 'latin1') };
  return latest;
}

/** `10.9.0.1` and 80 as /proc/net/ip_vs writes them: `0A090001:0050`. */
export function hexadecimal(address: string, port: number): string {
  const hex = (number: number, digits: number): string => number.toString(16).toUpperCase().padStart(digits, '0');
  return `${address
    .split('.')
    .map((byte) => hex(Number(byte), 2))
    .join('')}:${hex(port, 4)}`;
}

/** Names (hexadecimal) of the servers that have weight; one of several virtual services is there for each. */
export function serving(text: string): string[] {
  return [...text.matchAll(/-> (\S+)\s+\w+\s+[1-9]/g)].map(([, name = '']) => name);
}

/** Whether this server has weight; one that is not there has none. */
export function isServing(text: string, name: string): boolean {
  const from = text.indexOf(`-> ${name} `);
  return from >= 0 && !/^-> \S+\s+\w+\s+0\s/.test(text.slice(from, from + 80));
}

/** When the table was first seen to be so, in ms since 1970; Infinity when it was not within the limit. */
export async function whenTable(machine: Machine, limitMs: number, isSo: (text: string) => boolean): Promise<number> {
  const end = Date.now() + limitMs;
  for (;;) {
    const { at, text } = look(machine);
    if (isSo(text)) return at;
    if (at > end) return Infinity;
    await pause(EVERY_MS);
  }
}
