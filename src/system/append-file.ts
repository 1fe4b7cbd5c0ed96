// Lines for a file that others rotate, move and delete as they like: it is opened for each batch, as ldirectord does for each line.
import { open } from 'node:fs/promises';
import type { LineSink } from '../log.ts';
import { appendFlags } from './append-flags.ts';

/** A line waits this long for company. */
const GATHER_MS = 100;
/** After a failure it is tried again this much later. */
const RETRY_MS = 1_000;
/** What may wait; what comes after it is lost, and counted. */
const MAX_PENDING_BYTES = 1024 * 1024;
/** How long the last lines may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;

export interface AppendFileOptions {
  /** Called when it cannot be written, once until it can. */
  readonly onFailure: (error: NodeJS.ErrnoException) => void;
  /** Called when it can be written again, with the number of lines that were lost meanwhile. */
  readonly onRecovery: (lostLines: number) => void;
  /** Default 1000. */
  readonly retryMs?: number;
}

/** Never blocks and never throws. The file is made with mode 0644 when it is not there. */
export class AppendFile implements LineSink {
  readonly path: string;
  readonly #options: AppendFileOptions;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lost = 0;
  #failing = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(path: string, options: AppendFileOptions) {
    this.path = path;
    this.#options = options;
  }

  write(line: string): void {
    if (this.#closing !== undefined) return;
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#lost++;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#writeIn(GATHER_MS);
  }

  /** Writes what is pending if that can be done within a second. */
  close(): Promise<void> {
    this.#closing ??= this.#flush();
    return this.#closing;
  }

  async #flush(): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, CLOSE_WAIT_MS);
    });
    clearTimeout(this.#timer);
    const rest = async (): Promise<void> => {
      await this.#writing;
      if (this.#pendingBytes > 0) await this.#writePending();
    };
    await Promise.race([rest(), limit]);
    clearTimeout(late);
  }

  #writeIn(delayMs: number): void {
    if (this.#timer !== undefined || this.#writing !== undefined || this.#closing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writePending().finally(() => {
        this.#writing = undefined;
        if (this.#pendingBytes > 0) this.#writeIn(this.#failing ? (this.#options.retryMs ?? RETRY_MS) : GATHER_MS);
      });
    }, delayMs).unref();
  }

  /** Never rejects. What could not be written stays pending, from the first byte on that was not. */
  async #writePending(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    let written = 0;
    try {
      const file = await open(this.path, await appendFlags(this.path), 0o644);
      try {
        while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
      } finally {
        await file.close();
      }
      if (this.#failing) this.#options.onRecovery(this.#lost);
      this.#failing = false;
      this.#lost = 0;
    } catch (error) {
      if (!this.#failing) this.#options.onFailure(error as NodeJS.ErrnoException);
      this.#failing = true;
    }
    this.#pendingBytes -= written;
    if (written < bytes.length) this.#pending.unshift(bytes.subarray(written));
  }
}
