// Deadlines for the tests of checks that a machine which stands still cannot use up.
import type { CheckClock } from '../../src/checks/check.ts';

const STEP_MS = 10;

/**
 * Time that passes in steps, with a turn of the event loop behind each: what has arrived is read before a deadline is over, and a
 * machine that stands still for a second takes one step of ten milliseconds from it.
 */
export const PATIENT_CLOCK: CheckClock = {
  now: () => performance.now(),
  after(ms, run) {
    let timer: NodeJS.Timeout;
    let turn: NodeJS.Immediate | undefined;
    const step = (leftMs: number): void => {
      timer = setTimeout(
        () => {
          turn = setImmediate(() => (leftMs > STEP_MS ? step(leftMs - STEP_MS) : run()));
        },
        Math.min(leftMs, STEP_MS),
      );
    };
    step(ms);
    return () => {
      clearTimeout(timer);
      clearImmediate(turn);
    };
  },
};

/** A clock that a test moves: a timer fires when the test says that its time is over. */
export class HeldClock implements CheckClock {
  readonly #held: { readonly ms: number; readonly run: () => void }[] = [];

  readonly now = (): number => performance.now();

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { ms, run };
    this.#held.push(timer);
    return () => void this.#take(timer);
  };

  /** Whether there is a timer for so many milliseconds. */
  isHolding(ms: number): boolean {
    return this.#held.some((timer) => timer.ms === ms);
  }

  /** Fires the timer for so many milliseconds; throws when there is none. */
  over(ms: number): void {
    const timer = this.#held.find((each) => each.ms === ms);
    if (timer === undefined) throw new Error(`no timer for ${ms} ms`);
    this.#take(timer);
    timer.run();
  }

  #take(timer: { readonly ms: number; readonly run: () => void }): void {
    const at = this.#held.indexOf(timer);
    if (at >= 0) this.#held.splice(at, 1);
  }
}
