// What each server has answered, so that whoever watches it can be asked whether he saw just that.

export interface Page {
  /** Answers of a server that was well, and of one that failed. */
  well: number;
  failed: number;
  /** What the first answer was, and each that was of the other kind than the one before it. */
  readonly turns: Turn[];
}

export interface Turn {
  readonly to: 'up' | 'down';
  /** Milliseconds since 1970. */
  readonly at: number;
}

export type Pages = Readonly<Record<string, Page>>;

export class Book {
  readonly #pages = new Map<string, Page>();
  readonly #now: () => number;

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** An answer of the server with this address. */
  add(address: string, isWell: boolean): void {
    const page = this.#pageOf(address);
    if (isWell) page.well++;
    else page.failed++;
    const to = isWell ? 'up' : 'down';
    if (page.turns.at(-1)?.to !== to) page.turns.push({ to, at: this.#now() });
  }

  get pages(): Pages {
    return Object.fromEntries(this.#pages);
  }

  #pageOf(address: string): Page {
    const known = this.#pages.get(address);
    if (known !== undefined) return known;
    const page: Page = { well: 0, failed: 0, turns: [] };
    this.#pages.set(address, page);
    return page;
  }
}
