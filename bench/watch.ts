// A daemon of the bench from its start to its end, and what is seen of it while nothing changes.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { OwnDaemon } from './daemon.ts';
import type { Arrivals } from './figures.ts';
import type { Servers } from './servers.ts';
import { directorConfig, type Site } from './sites.ts';
import { cpuMs, residentMb } from './usage.ts';

/** A start is given up after this. */
export const START_LIMIT_MS = 60_000;
const SETTLE_MS = 3_000;
const MB_EVERY_MS = 5_000;

export interface Watched {
  readonly arrivals: Arrivals;
  readonly cpuMs: number;
  readonly tookMs: number;
  /** Resident, every 5 s and at the end. */
  readonly megabytes: readonly number[];
}

/** A while in which nothing changes. */
export async function watched(daemon: OwnDaemon, servers: Servers, ms: number): Promise<Watched> {
  const megabytes: number[] = [];
  const look = (): void => void megabytes.push(residentMb([daemon.pid]));
  const timer = setInterval(look, MB_EVERY_MS);
  const cpuBefore = cpuMs([daemon.pid]);
  const began = performance.now();
  const arrivals = await servers.arrivals(() => pause(ms)).finally(() => clearInterval(timer));
  const tookMs = performance.now() - began;
  return {
    arrivals,
    cpuMs: cpuMs([daemon.pid]) - cpuBefore,
    tookMs,
    megabytes: [...megabytes, residentMb([daemon.pid])],
  };
}

/** Starts a daemon, waits until all its servers are up (Infinity: they never were), does the work, and leaves nothing behind. */
export async function directing<T>(
  site: Site,
  cpu: number,
  work: (daemon: OwnDaemon, upMs: number) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'tsdirectord-bench-'));
  const profileTo = process.env.BENCH_PROFILE;
  if (profileTo !== undefined) mkdirSync(profileTo, { recursive: true });
  const node = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
  const daemon = new OwnDaemon({ dir, config: directorConfig(site, []), cpu, node });
  try {
    const members = site.virtuals.reduce((sum, { servers }) => sum + servers.length, 0);
    // One that answers at once comes with its weight; one that is late has none at first.
    const upMs = await daemon.logged(/(?:Added|Restored) real server/, members, START_LIMIT_MS);
    await pause(SETTLE_MS);
    return await work(daemon, upMs);
  } finally {
    await daemon.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
