// Which names addresses have: looked up in the background, a few at a time, and kept for some minutes. Nobody ever waits for one.
import { setTimeout as pause } from 'node:timers/promises';

/** How long an answer counts, "it has none" too. */
const TTL_MS = 5 * 60_000;
/** How long one look-up may take. */
const DEADLINE_MS = 5_000;
/** Look-ups under way at once. */
const AT_ONCE = 16;

export interface ReverseNamesOptions {
  /** The names of an address; none when it has none. Rejects when that cannot be found out. */
  readonly reverse: (address: string) => Promise<readonly string[]>;
  /** After the names of a wanted address have become others. */
  readonly onNames: (address: string) => void;
  /** After a look-up that failed, unless the one before failed too. The names known before go on being used. */
  readonly onTrouble: (address: string, error: unknown) => void;
  /** Default 300,000. */
  readonly ttlMs?: number;
  /** Default 5000. */
  readonly deadlineMs?: number;
}

interface Known {
  readonly names: readonly string[];
  readonly at: number;
}

export class ReverseNames {
  readonly #options: Required<ReverseNamesOptions>;
  readonly #known = new Map<string, Known>();
  #wanted: ReadonlySet<string> = new Set();
  readonly #waiting = new Set<string>();
  readonly #underWay = new Set<string>();
  readonly #onSettled: (() => void)[] = [];
  #inTrouble = false;
  #renewal: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ReverseNamesOptions) {
    this.#options = { ttlMs: TTL_MS, deadlineMs: DEADLINE_MS, ...options };
  }

  /** From now on the names of these addresses are looked up, and again whenever they have become old; of no others. */
  want(addresses: ReadonlySet<string>): void {
    if (this.#closed) return;
    this.#wanted = addresses;
    this.#waiting.clear();
    for (const [address, known] of this.#known) {
      if (!addresses.has(address) && this.#isOld(known)) this.#known.delete(address);
    }
    clearInterval(this.#renewal);
    if (addresses.size === 0) return;
    this.#renewal = setInterval(() => this.#renew(), this.#options.ttlMs / 10).unref();
    this.#renew();
  }

  /** Resolves when all names that are wanted are known, or have been asked for in vain. */
  settled(): Promise<void> {
    if (this.#underWay.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onSettled.push(resolve));
  }

  /** The names of an address as far as they are known, in lower case. */
  of(address: string): readonly string[] {
    return this.#known.get(address)?.names ?? [];
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#renewal);
    this.#waiting.clear();
  }

  #isOld({ at }: Known): boolean {
    return performance.now() - at >= this.#options.ttlMs;
  }

  #renew(): void {
    for (const address of this.#wanted) {
      const known = this.#known.get(address);
      if ((known === undefined || this.#isOld(known)) && !this.#underWay.has(address)) this.#waiting.add(address);
    }
    this.#next();
  }

  #next(): void {
    for (const address of this.#waiting) {
      if (this.#underWay.size >= AT_ONCE) return;
      this.#waiting.delete(address);
      this.#underWay.add(address);
      void this.#lookUp(address).finally(() => {
        this.#underWay.delete(address);
        this.#next();
      });
    }
    if (this.#underWay.size > 0) return;
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  async #lookUp(address: string): Promise<void> {
    const before = this.of(address);
    const names = await this.#ask(address).catch((error) => {
      if (!this.#inTrouble && !this.#closed) this.#options.onTrouble(address, error);
      this.#inTrouble = true;
      return undefined;
    });
    if (this.#closed) return;
    if (names !== undefined) this.#inTrouble = false;
    this.#known.set(address, { names: names ?? before, at: performance.now() });
    if (names !== undefined && names.join() !== before.join() && this.#wanted.has(address)) {
      this.#options.onNames(address);
    }
  }

  /** Rejects at the deadline. */
  async #ask(address: string): Promise<readonly string[]> {
    const { reverse, deadlineMs } = this.#options;
    const answered = new AbortController();
    const late = pause(deadlineMs, undefined, { signal: answered.signal, ref: false }).then(
      () => {
        throw Object.assign(new Error('the resolver does not answer'), { code: 'ETIMEOUT' });
      },
      () => [],
    );
    try {
      const names = await Promise.race([reverse(address), late]);
      return names.map((name) => name.toLowerCase().replace(/\.$/, ''));
    } finally {
      answered.abort();
    }
  }
}
