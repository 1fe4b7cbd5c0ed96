// A program's start in the IPVS kernel: how long until its table is right, and when nothing is left to do.
import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../test/kernel/lab/network.ts';
import { ended } from './accounting.ts';
import { hexadecimal, serving, whenTable } from './kernel-table.ts';
import { type Contestant, processesOf } from './programs.ts';
import { type Site, savedTable } from './sites.ts';

/** The process whose ends are counted. */
export const IPVSADM = 'ipvsadm';
const CALM_MS = 4_000;
const CALM_LIMIT_MS = 90_000;
/** Starts the program; how long after that the servers that answer have weight, and those that do not (`dead`) have none. */
export async function start(
  { start }: Contestant,
  machine: Machine,
  site: Site,
  dead: readonly string[],
  limitMs: number,
): Promise<number> {
  const answering = site.virtuals.flatMap(({ servers }) => servers).filter((address) => !dead.includes(address));
  const wanted = answering.map((address) => hexadecimal(address, site.port));
  const began = Date.now();
  const started = start(machine, site);
  const at = await whenTable(machine, limitMs, (text) => {
    const found = serving(text);
    if (found.length !== wanted.length) return false;
    const names = new Set(found);
    return wanted.every((name) => names.has(name));
  });
  await started;
  return at - began;
}

/** For one that takes minutes: once more, on a table in which there is little to do, so that the rest can be measured. */
export async function startOnFinishedTable(
  { start }: Contestant,
  machine: Machine,
  site: Site,
  dead: readonly string[],
): Promise<void> {
  for (const pid of processesOf(machine)) process.kill(pid, 'SIGKILL');
  await machine.must(['sh', '-c', 'rm -f /run/*.pid; ipvsadm -C; exec ipvsadm -R'], { stdin: savedTable(site, dead) });
  await start(machine, site);
}

/** Resolves when no ipvsadm has ended for a while: what a start leaves to do is done. */
export async function calm(): Promise<void> {
  const end = Date.now() + CALM_LIMIT_MS;
  for (let before = -1; ended(IPVSADM) !== before && Date.now() < end; ) {
    before = ended(IPVSADM);
    await pause(CALM_MS);
  }
}
