// Which servers fail, in which way and until when: at any time as many as are wanted, each for long enough to be seen.
import { WAYS, type Way } from '../../bench/server.ts';
import type { Chances } from './chances.ts';

export interface FailuresOptions {
  readonly chances: Chances;
  readonly addresses: readonly string[];
  /** How many fail at once. */
  readonly count: number;
  readonly leastMs: number;
  readonly mostMs: number;
}

/** What changes now. */
export interface Fate {
  readonly mended: readonly string[];
  readonly failed: readonly { readonly address: string; readonly way: Way }[];
}

export class Failures {
  readonly #options: FailuresOptions;
  /** By address: until when. */
  readonly #until = new Map<string, number>();
  /** By address: until when one that was mended is left alone, so that it is seen well, too. */
  readonly #spared = new Map<string, number>();
  #isEnding = false;

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  /** `now`: milliseconds of any clock that only goes forward. */
  at(now: number): Fate {
    const { chances, addresses, count, leastMs, mostMs } = this.#options;
    const mended = [...this.#until].filter(([, until]) => until <= now).map(([address]) => address);
    const failed: { address: string; way: Way }[] = [];
    while (!this.#isEnding && this.#until.size - mended.length < count) {
      const address = chances.pick(addresses);
      if (this.#until.has(address) || now < (this.#spared.get(address) ?? now)) continue;
      failed.push({ address, way: chances.pick(WAYS) });
      this.#until.set(address, now + chances.between(leastMs, mostMs));
    }
    for (const address of mended) {
      this.#until.delete(address);
      this.#spared.set(address, now + leastMs);
    }
    return { mended, failed };
  }

  /** No more fail; those that do have their time. */
  end(): void {
    this.#isEnding = true;
  }

  /** Those that fail now. */
  get failing(): string[] {
    return [...this.#until.keys()];
  }
}
