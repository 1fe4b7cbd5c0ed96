// Keeps the kernel's synchronisation of connections (syncdaemon) as the configuration has it, for as long as the director lives.
import type { SyncDaemon } from './config/model.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';
import type { ConnectionSync } from './system/connection-sync.ts';

/** The network may come up after the director: what could not be started is tried again. */
const RETRY_MS = 10_000;

export interface SyncMasterParts {
  readonly sync: ConnectionSync;
  readonly log: () => Logger;
  /** Default 10000. */
  readonly retryMs?: number;
}

export class SyncMaster {
  readonly #sync: ConnectionSync;
  readonly #log: () => Logger;
  readonly #retryMs: number;
  #wanted: SyncDaemon | undefined;
  /** `unknown` after something that failed: it may have been done all the same, or half of it. */
  #running: SyncDaemon | 'unknown' | undefined;
  #work: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  /** What is wrong now; said once, not at every try. */
  #trouble: string | undefined;

  constructor({ sync, log, retryMs = RETRY_MS }: SyncMasterParts) {
    this.#sync = sync;
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** Goes over to these settings, undefined for none; resolves when that has been tried. Never rejects: the director works without. */
  follow(wanted: SyncDaemon | undefined): Promise<void> {
    clearTimeout(this.#retryTimer);
    this.#wanted = wanted;
    this.#work = this.#work.then(() => this.#settle());
    return this.#work;
  }

  /** The director ends, and is no master any more. */
  stop(): Promise<void> {
    return this.follow(undefined);
  }

  async #settle(): Promise<void> {
    const wanted = this.#wanted;
    if (this.#running !== 'unknown' && isSame(wanted, this.#running)) return;
    try {
      if (wanted === undefined) await this.#sync.stop();
      else await this.#sync.start(wanted);
      this.#running = wanted;
      this.#trouble = undefined;
      this.#log().info(
        wanted === undefined
          ? 'Connections are not synchronised any more'
          : `Connections are synchronised over ${wanted.interface}, syncid ${wanted.syncId}`,
      );
    } catch (error) {
      this.#running = 'unknown';
      this.#failed(messageOf(error));
    }
  }

  #failed(trouble: string): void {
    if (trouble !== this.#trouble)
      this.#log().error(`Connections are not synchronised as they should be (syncdaemon): ${trouble}`);
    this.#trouble = trouble;
    if (this.#wanted === undefined) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.follow(this.#wanted), this.#retryMs);
  }
}

function isSame(one: SyncDaemon | undefined, other: SyncDaemon | undefined): boolean {
  return one?.interface === other?.interface && one?.syncId === other?.syncId;
}
