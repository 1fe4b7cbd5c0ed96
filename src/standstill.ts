// Knows when this process stood still: stopped by a signal, suspended with its machine, or without processor time. What a check that was
// under way meanwhile says of its server is not to be trusted: its time was up, or its connection lost, while nobody listened.
import type { Logger } from './log.ts';
import { span } from './status/words.ts';

/** How often it is looked whether time goes on. */
const BEAT_MS = 250;
/** Who has looked so long before the next look puts that off: waking up costs as much as a check. */
const PUT_OFF_MS = BEAT_MS / 2;
/** Less is the usual unpunctuality of a busy machine. */
const NOTABLE_MS = 750;
/** Nobody needs to know of less. */
const TOLD_MS = 2_000;
/** Where it happens all the time, that is told no more often. */
const TOLD_AGAIN_MS = 60_000;

export interface StandstillOptions {
  /** Told how many ms it was, when it is over. */
  readonly onEnd?: (ms: number) => void;
  /** The clock went forward by so many ms more than time did, or back (negative): it was set, or the machine was suspended. */
  readonly onJump?: (ms: number) => void;
}

export class Standstill {
  readonly #onEnd: (ms: number) => void;
  readonly #onJump: (ms: number) => void;
  #timer: NodeJS.Timeout | undefined;
  /** Since when the timer runs, of performance.now(). */
  #armedAt = 0;
  /** When time was seen to go on last, of performance.now(), and what the clock said then. */
  #beatAt = performance.now();
  #clock = Date.now();
  /** When the last standstill was over. */
  #endedAt = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({ onEnd = () => {}, onJump = () => {} }: StandstillOptions = {}) {
    this.#onEnd = onEnd;
    this.#onJump = onJump;
  }

  /** Watches from now on. */
  begin(): void {
    if (this.#timer !== undefined) return;
    this.#beatAt = performance.now();
    this.#clock = Date.now();
    this.#arm(this.#beatAt);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Whether it stood still at any time after this one, of performance.now(). */
  since(at: number): boolean {
    this.look();
    return this.#endedAt > at;
  }

  /** Looks at once, as the first to wake up may be somebody else; what performance.now() says. */
  look(): number {
    const now = performance.now();
    const clock = Date.now();
    const passed = now - this.#beatAt;
    // The monotonic clock does not count while the machine is suspended.
    const jump = clock - this.#clock - passed;
    this.#beatAt = now;
    this.#clock = clock;
    if (this.#timer === undefined) return now;
    if (now - this.#armedAt >= PUT_OFF_MS) this.#arm(now);
    if (passed >= NOTABLE_MS || jump >= NOTABLE_MS) this.#endedAt = now;
    if (Math.abs(jump) >= TOLD_MS) this.#onJump(jump);
    if (passed >= TOLD_MS && now - this.#toldAt >= TOLD_AGAIN_MS) {
      this.#toldAt = now;
      this.#onEnd(passed);
    }
    return now;
  }

  /** Not unref'ed: node would wake up for it all the same, though it was put off. */
  #arm(now: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), BEAT_MS);
    this.#armedAt = now;
  }
}

/** One whose findings the log tells. `log`: asked for each line, because a reload may change it. */
export function standstillTold(log: () => Logger): Standstill {
  return new Standstill({
    onEnd: (ms) =>
      log().warn(
        `This process stood still for ${seconds(ms)} (stopped, or without processor time); checks that failed meanwhile are made again`,
      ),
    onJump: (ms) =>
      log().warn(
        ms > 0
          ? `The clock went forward by ${seconds(ms)}: it was set, or this machine was suspended; checks that failed meanwhile are made again`
          : `The clock was set back by ${seconds(-ms)}: times that were told before are that much later`,
      ),
  });
}

function seconds(ms: number): string {
  return span(Math.round(ms / 1000) * 1000);
}
