// What is measured of one program in the IPVS kernel: its start, a quiet while, and one server after the other failing.
import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../test/kernel/lab/network.ts';
import { ended } from './accounting.ts';
import { type Arrivals, percentile, requests, scattered } from './figures.ts';
import { hexadecimal, isServing, serving, whenTable } from './kernel-table.ts';
import { usedMs } from './kernel-time.ts';
import { type Contestant, processesOf } from './programs.ts';
import type { Servers } from './servers.ts';
import type { Site } from './sites.ts';
import { calm, IPVSADM, start, startOnFinishedTable } from './start.ts';
import { cpuMs, memoryMb, residentMb } from './usage.ts';

export interface Limits {
  /** A start is given up after this. */
  readonly upMs: number;
  readonly quietMs: number;
  readonly costMs: number;
  /** So many samples at most, and none begun after so long. */
  readonly samples: number;
  readonly samplingMs: number;
  /** A change that the table does not show within this is one that never came. */
  readonly sampleMs: number;
}

export interface Quiet {
  readonly arrivals: Arrivals;
  /** Of the program, as this kernel samples it. */
  readonly cpuPerCheckMs: number;
  /** ipvsadm processes. */
  readonly ipvsadm: number;
}

/** Infinity where something did not come within its limit. */
export interface Measured extends Quiet {
  readonly upMs: number;
  /** Of one that does the same in each second: see cost(). */
  readonly costMs: number | undefined;
  readonly ipvsadmAtStart: number;
  /** PSS; RSS of each process added up. */
  readonly memoryMb: number;
  readonly residentMb: number;
  readonly detectionsMs: readonly number[];
  readonly recoveriesMs: readonly number[];
  readonly ipvsadmPerChange: number;
}

export interface Burst {
  readonly tookMs: number;
  readonly ipvsadm: number;
}

/** Servers that fail side by side, each at its own times. */
const LANES = 2;
/** Their checks are so far apart, as parts of an interval: a change is over before the other one comes. */
const APART = 1 / 4;
/** Others are at work on this machine, too, which makes seconds dearer and none cheaper: the one that three quarters exceed is taken. */
const UNDISTURBED = 0.25;
/** So often the servers take what has come, where it is measured what they cost. */
const GATHER_MS = 10;
const SECOND_MS = 1000;
/** So many servers are asked for one that is far enough from the other. */
const PICKS = 20;

/** Until a program that was started `startedAt` costs what it will from then on. */
export async function warm({ warmMs }: Contestant, startedAt: number): Promise<void> {
  await pause(Math.max(0, startedAt + warmMs - Date.now()));
}

/** A while in which nothing changes. */
export async function quiet(machine: Machine, servers: Servers, { quietMs }: Limits): Promise<Quiet> {
  await calm();
  const ipvsadmBefore = ended(IPVSADM);
  const cpuBefore = cpuMs(processesOf(machine));
  const arrivals = await servers.arrivals(() => pause(quietMs));
  const cpu = cpuMs(processesOf(machine)) - cpuBefore;
  // NaN of one that has asked nobody.
  return { arrivals, cpuPerCheckMs: cpu / (requests(arrivals) || NaN), ipvsadm: ended(IPVSADM) - ipvsadmBefore };
}

/**
 * What a check costs while nothing changes, in ms of the whole kernel, that is with its answer, as it is counted from outside. Meanwhile
 * the servers cost the same for each check, however many come at once.
 */
export async function cost(servers: Servers, idleMs: number, { costMs }: Limits): Promise<number> {
  let from = NaN;
  const arrivals = await servers.gathering(GATHER_MS, () =>
    servers.arrivals(() => {
      from = Date.now();
      return pause(costMs);
    }),
  );
  const perSecond = percentile(await usedMs(from, from + costMs), UNDISTURBED) - idleMs;
  return (perSecond * costMs) / SECOND_MS / (requests(arrivals) || NaN);
}

/** What the kernel takes of a second while nobody asks the servers. */
export async function idle(servers: Servers, { costMs }: Limits): Promise<number> {
  let from = NaN;
  await servers.gathering(GATHER_MS, () => {
    from = Date.now();
    return pause(costMs);
  });
  return percentile(await usedMs(from, from + costMs), UNDISTURBED);
}

export async function measure(
  contestant: Contestant,
  machine: Machine,
  site: Site,
  dead: readonly string[],
  servers: Servers,
  idleMs: number,
  limits: Limits,
): Promise<Measured> {
  const before = ended(IPVSADM);
  let startedAt = Date.now();
  const upMs = await start(contestant, machine, site, dead, limits.upMs);
  if (upMs !== Infinity) await calm();
  const ipvsadmAtStart = ended(IPVSADM) - before;
  if (upMs === Infinity) {
    startedAt = Date.now();
    await startOnFinishedTable(contestant, machine, site, dead);
  }
  await calm();
  const changed = await changes(machine, site, dead, servers, limits);
  await warm(contestant, startedAt);
  const undisturbed = await quiet(machine, servers, limits);
  const costMs = contestant.isEven ? await cost(servers, idleMs, limits) : undefined;
  const pids = processesOf(machine);
  const memory = { memoryMb: memoryMb(pids), residentMb: residentMb(pids) };
  return { upMs, ipvsadmAtStart, ...changed, ...undisturbed, costMs, ...memory };
}

/** A server that all virtual services share fails: from the check that finds it until no service has it any more. */
export async function burst(machine: Machine, address: string, servers: Servers, limitMs: number): Promise<Burst> {
  const before = ended(IPVSADM);
  let failedAt = NaN;
  let inTableAt = NaN;
  const arrivals = await servers.arrivals(async () => {
    failedAt = await servers.fail(address);
    inTableAt = await whenTable(machine, limitMs, (text) => serving(text).length === 0);
  });
  // The last one has done its work, but it may not have ended.
  await calm();
  const ipvsadm = ended(IPVSADM) - before;
  await servers.mend(address);
  const foundAt = arrivals[address]?.find((at) => at >= failedAt) ?? NaN;
  return { tookMs: inTableAt - foundAt, ipvsadm };
}

/** Servers fail and recover, each at a moment of its own between two checks of it: these moments are spread over the interval. */
async function changes(
  machine: Machine,
  site: Site,
  dead: readonly string[],
  servers: Servers,
  { samples, samplingMs, sampleMs }: Limits,
): Promise<Pick<Measured, 'detectionsMs' | 'recoveriesMs' | 'ipvsadmPerChange'>> {
  const detectionsMs: number[] = [];
  const recoveriesMs: number[] = [];
  const before = ended(IPVSADM);
  const end = Date.now() + samplingMs;
  const intervalMs = site.intervalS * 1000;
  const [failures, recoveries] = [scattered(samples), scattered(samples)];
  /** Where in the interval a server is asked: a part of it. */
  const beatOf = async (address: string): Promise<number> => (((await servers.asked(address)) ?? 0) / intervalMs) % 1;
  /** Waits until this part of an interval has passed since a check of a server, or since one that would have been. */
  const untilPhase = async (address: string, phase: number): Promise<void> => {
    const passed = (Date.now() / intervalMs - (await beatOf(address))) % 1;
    await pause(intervalMs * ((1 + phase - passed) % 1));
  };
  /** Of the server of each lane. */
  const beats: number[] = [];
  const isApart = (one: number, other: number): boolean => {
    const distance = Math.abs(one - other);
    return distance >= APART && distance <= 1 - APART;
  };
  const pick = async (lane: number, from: readonly string[]): Promise<string> => {
    let address = '';
    for (let picks = 0; picks < PICKS; picks++) {
      address = from[Math.floor(Math.random() * from.length)] ?? '';
      const beat = await beatOf(address);
      beats[lane] = beat;
      if (beats.every((other, index) => index === lane || isApart(beat, other))) break;
    }
    return address;
  };
  const lane = async (number: number): Promise<void> => {
    const own = site.virtuals.filter((_, index) => index % LANES === number).flatMap((virtual) => virtual.servers);
    const healthy = own.filter((address) => !dead.includes(address));
    for (;;) {
      const [failure, recovery] = [failures.pop(), recoveries.pop()];
      if (failure === undefined || recovery === undefined || Date.now() > end) return;
      const address = await pick(number, healthy);
      const seen = (hasWeight: boolean): Promise<number> =>
        whenTable(machine, sampleMs, (text) => isServing(text, hexadecimal(address, site.port)) === hasWeight);
      // One that never came up, or came back, has nothing to lose.
      if ((await seen(true)) === Infinity) continue;
      await untilPhase(address, failure);
      const failedAt = await servers.fail(address);
      detectionsMs.push((await seen(false)) - failedAt);
      await untilPhase(address, recovery);
      const mendedAt = await servers.mend(address);
      recoveriesMs.push((await seen(true)) - mendedAt);
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  const ipvsadmPerChange = (ended(IPVSADM) - before) / (detectionsMs.length + recoveriesMs.length);
  return { detectionsMs, recoveriesMs, ipvsadmPerChange };
}
