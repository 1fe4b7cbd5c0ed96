// Chance that can be had again: numbers from a seed (mulberry32), and what is made of them.

export class Chances {
  #state: number;

  /** `seed`: a whole number; the same one gives the same numbers. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `below` - 1. */
  number(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** From `least` to `most`, both of them too. */
  between(least: number, most: number): number {
    return least + this.number(most - least + 1);
  }

  /** One of them. Throws when there is none. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('there is nothing to pick from');
    return list[this.number(list.length)] as T;
  }
}
