// Things that are done again and again, each at its own pace, until all are ended; what goes wrong is told at the end.
import { setTimeout as pause } from 'node:timers/promises';

export class Rounds {
  readonly #ended = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #troubles: string[] = [];

  /** Does the work at once, and then `everyMs` after it began; at once again when it took longer. */
  every(everyMs: number, what: string, work: () => Promise<void> | void): void {
    this.#running.push(this.#repeat(everyMs, what, work));
  }

  /** In words; nothing that failed is tried again before its time. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Resolves when all that is under way is done. */
  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#running);
  }

  async #repeat(everyMs: number, what: string, work: () => Promise<void> | void): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await work();
      } catch (error) {
        this.#troubles.push(`${what}: ${error instanceof Error ? error.message : error}`);
      }
      await pause(Math.max(0, began + everyMs - performance.now()), undefined, { signal }).catch(() => {});
    }
  }
}
