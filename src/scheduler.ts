// When checks run: a fixed interval from start to start for each distinct check, never two runs of one check at once.
import { Alarms } from './alarms.ts';
import type { CheckResult, RunnableCheck } from './checks/check.ts';
import { Standstill } from './standstill.ts';

/** What is to be checked, and how often. */
export interface Job {
  readonly intervalMs: number;
  /** Makes the check; asked once, when the job is new. */
  readonly prepare: () => RunnableCheck;
}

interface Running {
  readonly key: string;
  readonly intervalMs: number;
  readonly check: RunnableCheck;
  isRunning: boolean;
  /** When its last run began. */
  startedAt: number;
  /** When something is to happen at the latest: the next run starts, or the one under way ends. */
  dueAt: number;
  /** When the rhythm has it run; behind the run that waits or is under way when that one is out of the rhythm. */
  beat: Beat;
  isOutOfRhythm: boolean;
  /** It is to run once more when the run under way has ended. */
  again: boolean;
  /** Runs in a row whose failure did not count. */
  repeats: number;
}

interface Beat {
  readonly at: number;
  /** From its start to the start of the one after it. */
  readonly nextAfterMs: number;
}

/** Runs that all begin at once begin in groups of this size, so that a large configuration does not hold the event loop. */
const START_GROUP = 50;
const START_PAUSE_MS = 10;
/** For this share of an interval nothing is asked again after the first round: what that has found goes into the table meanwhile. */
const FIRST_REST = 1 / 4;
/**
 * Later runs are spread over the interval, in groups of what is due within so many milliseconds, or of so many at most: waking up for
 * each costs as much as the check itself (bench/README.md).
 */
const GROUP_MS = 100;
const MOST_IN_GROUP = 10;
/** A failure while this process stood still is not told, but the check made again; of so many in a row the last one counts all the same. */
const MOST_REPEATS = 3;
/** Runs that are later than this wait for their turn, START_GROUP in each of the event loop, so that answers are heard in between. */
const LATE_MS = 5;

export class Scheduler {
  readonly #jobs = new Map<string, Running>();
  readonly #onResult: (key: string, result: CheckResult) => void;
  // Looks at the clock are few here: in user-mode-linux each is a system call.
  readonly #alarms = new Alarms<Running>((jobs) => {
    for (const [job, now] of timed(jobs, this.#standstill.look())) this.#begin(job, now);
  });
  /** Due already, and waiting for their turn. */
  readonly #late = new Set<Running>();
  readonly #standstill: Standstill;

  /** `onResult` gets every result that says something, of a check that is still wanted. */
  constructor(onResult: (key: string, result: CheckResult) => void, standstill = new Standstill()) {
    this.#onResult = onResult;
    this.#standstill = standstill;
  }

  /** Makes the running jobs those of `wanted`, by key. What stays keeps its rhythm; what is new starts at once. */
  update(wanted: ReadonlyMap<string, Job>): void {
    this.#standstill.begin();
    for (const [key, job] of this.#jobs) {
      if (!wanted.has(key)) this.#drop(job);
    }
    const fresh = [...wanted].filter(([key]) => !this.#jobs.has(key));
    const now = performance.now();
    for (const [index, [key, { intervalMs, prepare }]] of fresh.entries()) {
      // Everything is asked at once in the beginning; the second round comes spread over an interval, and stays so.
      const size = groupSize(fresh.length, intervalMs);
      const beat = {
        at: now + startDelay(index - (index % size)),
        nextAfterMs: spread(index, fresh.length, size, intervalMs),
      };
      const job: Running = {
        ...{ key, intervalMs, check: prepare(), beat, dueAt: beat.at, startedAt: 0 },
        ...{ isRunning: false, isOutOfRhythm: false, again: false, repeats: 0 },
      };
      this.#jobs.set(key, job);
      this.#alarms.set(job, beat.at);
    }
  }

  /** For how many milliseconds the check that is latest has been due: to start, or to have ended. 0 when all is in time. */
  lateMs(): number {
    const now = performance.now();
    let latest = 0;
    for (const { dueAt } of this.#jobs.values()) latest = Math.max(latest, now - dueAt);
    return latest;
  }

  /** Makes these checks now, beside their rhythm; one that runs already is made once more after that: what it finds may be old. */
  runNow(keys: readonly string[]): void {
    const now = performance.now();
    for (const [index, key] of keys.entries()) {
      const job = this.#jobs.get(key);
      if (job === undefined) continue;
      if (job.isRunning) job.again = true;
      else if (job.dueAt > now + startDelay(index)) this.#insert(job, now + startDelay(index));
    }
  }

  /**
   * Makes the next run of this check, which has just ended, so many milliseconds after the start of the last one; the rhythm is kept
   * behind it. A run that waits out of the rhythm already comes first, and this is asked again after it.
   */
  runAfter(key: string, intervalMs: number): void {
    const job = this.#jobs.get(key);
    if (job === undefined || job.isRunning || job.isOutOfRhythm) return;
    this.#insert(job, Math.max(performance.now(), job.startedAt + intervalMs));
  }

  /** Ends all checks. */
  close(): void {
    this.#standstill.close();
    for (const job of this.#jobs.values()) this.#drop(job);
  }

  #drop(job: Running): void {
    this.#alarms.delete(job);
    this.#late.delete(job);
    job.check.close();
    this.#jobs.delete(job.key);
  }

  #schedule(job: Running, beat: Beat): void {
    job.beat = beat;
    job.dueAt = beat.at;
    job.isOutOfRhythm = false;
    this.#alarms.set(job, beat.at);
  }

  /** A run out of the rhythm: what waits is put behind it. */
  #insert(job: Running, at: number): void {
    job.dueAt = at;
    job.isOutOfRhythm = true;
    this.#alarms.set(job, at);
  }

  #begin(job: Running, now: number): void {
    if (this.#late.size === 0 && now - job.dueAt < LATE_MS) void this.#run(job, now);
    else if (this.#late.add(job).size === 1) setImmediate(() => this.#catchUp());
  }

  #catchUp(): void {
    let begun = 0;
    for (const [job, now] of timed(this.#late, this.#standstill.look())) {
      if (begun++ === START_GROUP) break;
      this.#late.delete(job);
      void this.#run(job, now);
    }
    if (this.#late.size > 0) setImmediate(() => this.#catchUp());
  }

  async #run(job: Running, startedAt: number): Promise<void> {
    const { isOutOfRhythm } = job;
    job.startedAt = startedAt;
    job.isRunning = true;
    job.beat = withoutMissed(job, startedAt);
    job.dueAt = startedAt + job.check.limitMs;
    const result = await job.check.run(startedAt);
    if (this.#jobs.get(job.key) !== job) return;
    job.isRunning = false;
    const endedAt = startedAt + result.durationMs;
    this.#schedule(job, nextBeat(job, isOutOfRhythm, endedAt));
    const isTelling = this.#isTelling(job, result);
    if (job.again || !isTelling) this.#insert(job, endedAt);
    job.again = false;
    if (isTelling) this.#onResult(job.key, result);
  }

  /** Whether the result of a run that has just ended says anything about the server. */
  #isTelling(job: Running, { outcome }: CheckResult): boolean {
    const isDoubtful = outcome === 'down' && this.#standstill.since(job.startedAt);
    job.repeats = isDoubtful && job.repeats < MOST_REPEATS ? job.repeats + 1 : 0;
    return job.repeats === 0;
  }
}

/** Each with the time, beginning with `now`; the clock is asked again for each group, as starting a check takes a fraction of a millisecond. */
function* timed<T>(items: Iterable<T>, now: number): Generator<readonly [T, number]> {
  let at = now;
  let count = 0;
  for (const item of items) {
    if (count > 0 && count % MOST_IN_GROUP === 0) at = performance.now();
    count++;
    yield [item, at];
  }
}

/** A run that starts late by whole intervals leaves those out and keeps its place among the others: not all begin at once from then on. */
function withoutMissed({ beat, intervalMs }: Running, startedAt: number): Beat {
  const missed = Math.floor((startedAt - beat.at) / intervalMs);
  return missed > 0 ? { ...beat, at: beat.at + missed * intervalMs } : beat;
}

/** When the rhythm has it run next, once a run has ended. */
function nextBeat({ beat, intervalMs }: Running, isOutOfRhythm: boolean, now: number): Beat {
  // A check that took longer than its interval starts again at once.
  if (!isOutOfRhythm) return { at: Math.max(now, beat.at + beat.nextAfterMs), nextAfterMs: intervalMs };
  if (beat.at > now) return beat;
  // What it would have found meanwhile is known.
  const missed = Math.ceil((now - beat.at) / intervalMs) * intervalMs;
  return { at: beat.at + missed, nextAfterMs: intervalMs };
}

/** When the run at this place of many is started, in ms from now. */
function startDelay(index: number): number {
  return Math.floor(index / START_GROUP) * START_PAUSE_MS;
}

/** How many of so many that have this interval run together. */
function groupSize(count: number, intervalMs: number): number {
  const perGroup = Math.floor((count * GROUP_MS) / intervalMs);
  return Math.max(1, Math.min(perGroup, MOST_IN_GROUP));
}

/** From the first to the second run of the job at this place of so many, in groups of this size. */
function spread(index: number, count: number, size: number, intervalMs: number): number {
  const share = Math.min(1, ((Math.floor(index / size) + 1) * size) / count);
  return intervalMs * (share < FIRST_REST ? 1 + share : share);
}
