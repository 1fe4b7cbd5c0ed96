// When checks run: one timer per distinct check, a fixed interval from start to start, never two runs of one check at once.
import type { CheckResult, RunnableCheck } from './checks/check.ts';

/** What is to be checked, and how often. */
export interface Job {
  readonly intervalMs: number;
  /** Makes the check; asked once, when the job is new. */
  readonly prepare: () => RunnableCheck;
}

interface Running {
  readonly intervalMs: number;
  readonly check: RunnableCheck;
  timer: NodeJS.Timeout | undefined;
  /** When something is to happen at the latest: the next run starts, or the one under way ends. */
  dueAt: number;
  /** When the rhythm has it run next; behind the run that waits or is under way when that one is out of the rhythm. */
  beat: Beat | undefined;
  /** It is to run once more when the run under way has ended. */
  again: boolean;
}

interface Beat {
  readonly at: number;
  /** From its start to the start of the one after it. */
  readonly nextAfterMs: number;
}

/** Runs that all begin at once are started in groups of this size, so that a large configuration does not hold the event loop. */
const START_GROUP = 50;
const START_PAUSE_MS = 10;

export class Scheduler {
  readonly #jobs = new Map<string, Running>();
  readonly #onResult: (key: string, result: CheckResult) => void;

  /** `onResult` gets every result of a check that is still wanted. */
  constructor(onResult: (key: string, result: CheckResult) => void) {
    this.#onResult = onResult;
  }

  /** Makes the running jobs those of `wanted`, by key. What stays keeps its rhythm; what is new starts at once. */
  update(wanted: ReadonlyMap<string, Job>): void {
    for (const [key, job] of this.#jobs) {
      if (!wanted.has(key)) this.#drop(key, job);
    }
    const fresh = [...wanted].filter(([key]) => !this.#jobs.has(key));
    for (const [index, [key, { intervalMs, prepare }]] of fresh.entries()) {
      const check = prepare();
      const job: Running = { intervalMs, check, timer: undefined, dueAt: 0, beat: undefined, again: false };
      this.#jobs.set(key, job);
      // Everything is asked at once in the beginning; the second round comes spread over an interval, and stays so.
      const second = (intervalMs * (index + 1)) / fresh.length;
      this.#schedule(key, job, startDelay(index), second);
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
    for (const [index, key] of keys.entries()) {
      const job = this.#jobs.get(key);
      if (job === undefined) continue;
      if (job.timer === undefined) job.again = true;
      else if (job.dueAt > performance.now() + startDelay(index)) this.#insert(key, job, startDelay(index));
    }
  }

  /** Ends all checks. */
  close(): void {
    for (const [key, job] of this.#jobs) this.#drop(key, job);
  }

  #drop(key: string, job: Running): void {
    clearTimeout(job.timer);
    job.check.close();
    this.#jobs.delete(key);
  }

  #schedule(key: string, job: Running, delayMs: number, nextAfterMs: number): void {
    job.beat = { at: performance.now() + delayMs, nextAfterMs };
    job.dueAt = job.beat.at;
    job.timer = setTimeout(() => void this.#run(key, job, nextAfterMs), delayMs);
  }

  /** A run out of the rhythm: what waits is put behind it. */
  #insert(key: string, job: Running, delayMs: number): void {
    clearTimeout(job.timer);
    job.dueAt = performance.now() + delayMs;
    job.timer = setTimeout(() => void this.#run(key, job), delayMs);
  }

  /** `nextAfterMs`: undefined when it is out of the rhythm. */
  async #run(key: string, job: Running, nextAfterMs?: number): Promise<void> {
    const startedAt = performance.now();
    job.timer = undefined;
    job.dueAt = startedAt + job.check.limitMs;
    const result = await job.check.run();
    if (this.#jobs.get(key) !== job) return;
    const now = performance.now();
    if (nextAfterMs === undefined && job.beat !== undefined) {
      const { at, nextAfterMs: after } = job.beat;
      // What it would have found meanwhile is known.
      const missed = at > now ? 0 : Math.ceil((now - at) / job.intervalMs) * job.intervalMs;
      this.#schedule(key, job, at + missed - now, missed === 0 ? after : job.intervalMs);
    } else {
      // A check that took longer than its interval starts again at once.
      this.#schedule(key, job, Math.max(0, (nextAfterMs ?? 0) - (now - startedAt)), job.intervalMs);
    }
    if (job.again) this.#insert(key, job, 0);
    job.again = false;
    this.#onResult(key, result);
  }
}

/** When the run at this place of many is started. */
function startDelay(index: number): number {
  return Math.floor(index / START_GROUP) * START_PAUSE_MS;
}
