// What is wrong with the kernel's table, in words: each thing said once, and how long to wait before it is tried again.
import type { Logger } from './log.ts';

/**
 * Wait before something that failed is tried again; doubled each time, up to a limit that is under two of the shortest intervals: that
 * soon after the trouble's end the table is right. What fails costs next to nothing; one call that hangs takes its own time.
 */
const RETRY_MS = 250;
const MAX_RETRY_MS = 1_500;
/** So many kinds of trouble are told before it is over: something that says another thing at each try does not fill the log. */
const MOST_SAID = 8;
const ENOUGH_SAID = '\nWhat else goes wrong is not logged until this is over; "status" shows it';
/** Of refused changes, and of what was said of them, so many lines are told. */
const MOST_LINES = 10;
/** Where another program removes what is ours again and again, that is told no more often. */
const VANISHED_AGAIN_MS = 60_000;

export interface TableTroubleParts {
  /** Asked for each line, because a reload may change it. */
  readonly log: () => Logger;
  /** First wait before what failed is tried again; default 250. */
  readonly retryMs?: number | undefined;
}

export class TableTrouble {
  readonly #log: () => Logger;
  readonly #firstRetryMs: number;
  #retryMs: number;
  #words: string | undefined;
  /** What has been said since it began. */
  readonly #said = new Set<string>();
  #vanished = { toldAt: Number.NEGATIVE_INFINITY, times: 0 };

  constructor({ log, retryMs = RETRY_MS }: TableTroubleParts) {
    this.#log = log;
    this.#firstRetryMs = retryMs;
    this.#retryMs = retryMs;
  }

  /** What is wrong now; undefined when nothing is. */
  get words(): string | undefined {
    return this.#words;
  }

  /** Returns how long to wait before it is tried again, in ms. `kind`: what tells it from other trouble; its words when absent. */
  failed(words: string, kind = words): number {
    this.#words = words;
    if (!this.#said.has(kind) && this.#said.size < MOST_SAID) {
      this.#said.add(kind);
      const enough = this.#said.size < MOST_SAID ? '' : ENOUGH_SAID;
      this.#log().error(`Cannot bring the kernel's table up to date: ${words}${enough}`);
    }
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(waitMs * 2, MAX_RETRY_MS);
    return waitMs;
  }

  /** The same for changes that the kernel did not take: `refused` of `count`, with what was complained of. */
  refused(refused: readonly string[], count: number, complaints: readonly string[]): number {
    const lines = firstOf(refused);
    const said = firstOf(complaints.length === 0 ? ['it gave no reason'] : complaints);
    const words = `the kernel did not take ${refused.length} of ${count} changes:\n${lines}\nipvsadm said:\n${said}`;
    // The same ones among others are no news.
    return this.failed(words, `${lines}\n${said}`);
  }

  /** The table is as wanted. */
  over(): void {
    if (this.#words !== undefined) this.#log().info("The kernel's table is up to date again");
    this.#words = undefined;
    this.#said.clear();
    this.#retryMs = this.#firstRetryMs;
  }

  /** Something of ours is gone by another hand, and about to be put back. */
  vanished(): void {
    const now = performance.now();
    this.#vanished.times++;
    if (now - this.#vanished.toldAt < VANISHED_AGAIN_MS) return;
    const { times } = this.#vanished;
    const often =
      times > 1 ? ` ${times} times since this was last told (does another program manage these services?)` : '';
    this.#log().warn(`Something of ours has vanished from the kernel's table${often}: putting it back`);
    this.#vanished = { toldAt: now, times: 0 };
  }
}

function firstOf(lines: readonly string[]): string {
  const shown = lines.slice(0, MOST_LINES).map((line) => `  ${line}`);
  if (lines.length > MOST_LINES) shown.push(`  … and ${lines.length - MOST_LINES} more`);
  return shown.join('\n');
}
