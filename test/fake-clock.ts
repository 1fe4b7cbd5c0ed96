// A clock that stands still until it is told to go on.
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../src/outbox.ts';

const START = Date.UTC(2026, 10, 23, 1, 13, 16);

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  now = (): number => this.#now;
  date = (): Date => new Date(START + this.#now);

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets time pass, and everything happen that happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await turn();
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
    await turn();
  }
}
