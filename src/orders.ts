// What a running daemon is told to do, by signals and by whoever asks it: reload, one at a time, until it is told to end.
import { setTimeout as pause } from 'node:timers/promises';

/** From the end of a reload to the next: a storm of orders is a few reloads a second, and checks go on in between. */
const REST_MS = 200;

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

export class Orders {
  #waiters: Waiter[] = [];
  #reloadWanted = false;
  #ended: NodeJS.Signals | undefined;
  /** When the last reload was over, of performance.now(). */
  #reloadedAt = Number.NEGATIVE_INFINITY;
  #wake = (): void => {};

  /** From now on signals are orders: none of them interrupts a start, and a second TERM does not interrupt a stop. */
  obeySignals(): void {
    process.on('SIGHUP', () => this.#wantReload());
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.end(signal));
  }

  /** Resolves when a reload that began after this call is done; rejects with why it failed, or when the daemon ends first. */
  reload(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(new Error('this daemon is stopping'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#wantReload();
    });
  }

  end(signal: NodeJS.Signals): void {
    this.#ended ??= signal;
    this.#wake();
  }

  /** Whether an order waits to be carried out. */
  get isGiven(): boolean {
    return this.#ended !== undefined || this.#reloadWanted;
  }

  /** Carries out reloads as they are ordered; resolves with the signal that ends it. Any number of orders during a reload are one more. */
  async untilEnd(reload: () => Promise<void>): Promise<NodeJS.Signals> {
    while (this.#ended === undefined) {
      const restMs = this.#reloadedAt + REST_MS - performance.now();
      if (this.#reloadWanted && restMs > 0) await this.#endedWithin(restMs);
      else if (this.#reloadWanted) {
        this.#reloadWanted = false;
        const waiters = this.#waiters.splice(0);
        try {
          await reload();
          for (const { resolve } of waiters) resolve();
        } catch (error) {
          for (const { reject } of waiters) reject(error);
        }
        this.#reloadedAt = performance.now();
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    for (const { reject } of this.#waiters.splice(0)) reject(new Error('this daemon is stopping'));
    return this.#ended;
  }

  /** Resolves after so many milliseconds, or when it is told to end. */
  async #endedWithin(ms: number): Promise<void> {
    const limit = new AbortController();
    this.#wake = () => this.#ended !== undefined && limit.abort();
    await pause(ms, undefined, { signal: limit.signal }).catch(() => {});
  }

  #wantReload(): void {
    this.#reloadWanted = true;
    this.#wake();
  }
}
