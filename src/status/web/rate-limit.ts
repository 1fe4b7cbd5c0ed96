// How often something may be done: a few times at once, and so many a second from then on.

export interface Rate {
  readonly atOnce: number;
  readonly perSecond: number;
}

export class RateLimit {
  readonly #rate: Rate;
  /** Milliseconds of any clock that never goes back. */
  readonly #now: () => number;
  #left: number;
  #at: number;

  constructor(rate: Rate, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#now = now;
    this.#left = rate.atOnce;
    this.#at = now();
  }

  /** Takes one; false when there is none left. */
  take(): boolean {
    const { atOnce, perSecond } = this.#rate;
    const now = this.#now();
    this.#left = Math.min(atOnce, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
