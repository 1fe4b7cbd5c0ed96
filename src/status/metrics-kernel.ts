// What a scrape asks the kernel: at most once a second, however many ask, and a scrape goes on without what cannot be had.
import type { Listing } from '../ipvs/save-format.ts';
import type { ServerStatistics } from '../ipvs/stats-format.ts';
import { sliced } from './slices.ts';

/** So long one answer counts. */
const FRESH_MS = 1_000;

export interface KernelSource {
  /** The table; undefined where it cannot be looked at. Never rejects. */
  listing(): Promise<Listing | undefined>;
  /** Undefined where nobody counts. Rejects, or throws on the way, when they cannot be read. */
  statistics(): Promise<Iterable<ServerStatistics> | undefined>;
}

export interface KernelLook {
  readonly listing: Listing | undefined;
  /** By member key (ipvs/desired.ts). */
  readonly statistics: ReadonlyMap<string, ServerStatistics>;
}

export class KernelReader {
  /** How often something could not be had: the table, or its statistics. */
  readonly errors = { table: 0, statistics: 0 };
  readonly #source: KernelSource;
  readonly #clock: () => number;
  #last: { readonly look: Promise<KernelLook>; freshUntil: number } | undefined;

  /** `clock`: milliseconds that only ever grow. */
  constructor(source: KernelSource, clock: () => number = () => performance.now()) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Never rejects. */
  read(): Promise<KernelLook> {
    if (this.#last !== undefined && this.#clock() < this.#last.freshUntil) return this.#last.look;
    const last = { look: this.#look(), freshUntil: Number.POSITIVE_INFINITY };
    this.#last = last;
    void last.look.then(() => {
      last.freshUntil = this.#clock() + FRESH_MS;
    });
    return last.look;
  }

  async #look(): Promise<KernelLook> {
    const [listing, statistics] = await Promise.all([this.#source.listing(), this.#statistics()]);
    if (listing === undefined) this.errors.table++;
    return { listing, statistics };
  }

  async #statistics(): Promise<KernelLook['statistics']> {
    const found = new Map<string, ServerStatistics>();
    try {
      const read = await this.#source.statistics();
      for await (const each of sliced(read ?? [])) found.set(`${each.service} ${each.server}`, each);
    } catch {
      this.errors.statistics++;
      return new Map();
    }
    return found;
  }
}
