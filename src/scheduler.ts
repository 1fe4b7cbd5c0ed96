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
}

/** First runs are started in groups of this size, so that a large configuration does not hold the event loop. */
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
      const job: Running = { intervalMs, check: prepare(), timer: undefined, dueAt: 0 };
      this.#jobs.set(key, job);
      // Everything is asked at once in the beginning; the second round comes spread over an interval, and stays so.
      const second = (intervalMs * (index + 1)) / fresh.length;
      this.#schedule(key, job, Math.floor(index / START_GROUP) * START_PAUSE_MS, second);
    }
  }

  /** For how many milliseconds the check that is latest has been due: to start, or to have ended. 0 when all is in time. */
  lateMs(): number {
    const now = performance.now();
    let latest = 0;
    for (const { dueAt } of this.#jobs.values()) latest = Math.max(latest, now - dueAt);
    return latest;
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
    job.dueAt = performance.now() + delayMs;
    job.timer = setTimeout(() => void this.#run(key, job, nextAfterMs), delayMs);
  }

  async #run(key: string, job: Running, nextAfterMs: number): Promise<void> {
    const startedAt = performance.now();
    job.dueAt = startedAt + job.check.limitMs;
    const result = await job.check.run();
    if (this.#jobs.get(key) !== job) return;
    // A check that took longer than its interval starts again at once.
    const delay = Math.max(0, nextAfterMs - (performance.now() - startedAt));
    this.#schedule(key, job, delay, job.intervalMs);
    this.#onResult(key, result);
  }
}
