// A log file that survives rotation without a signal, and a disk that is full: when its path names another file, or none, it is opened
// again; what cannot be written waits.
import { close, closeSync, fstat, fstatSync, open, openSync, statSync, write } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { isDiskFull, systemReason } from '../errors.ts';
import type { LineSink } from '../log.ts';
import { appendFlags, appendFlagsIn, isForEverybody } from './append-flags.ts';

/** How often the path is looked at, and what could not be written is tried again. */
const LOOK_EVERY_MS = 1_000;
/** Bytes that may wait for a slow or full disk; what comes after them is dropped, and counted. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** As many bytes as are written at once. */
const PIECE_BYTES = 64 * 1024;
/** How long the end of the log may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;
const MODE = 0o640;

/** A time in which the file could not be written. */
export interface Outage {
  readonly reason: string;
  readonly durationMs: number;
  readonly lostLines: number;
}

export interface LogFileOptions {
  /** Default 1000. */
  readonly lookEveryMs?: number;
  /** Told when it is over, and what has waited is written. */
  readonly onRecovery?: (outage: Outage) => void;
  /** Told at once why it cannot be opened yet: there is no room for it. It is tried again. Throws this when it is absent. */
  readonly onFull?: (error: unknown) => void;
}

/** Opens `path` for appending, as a line sink that never blocks. Throws a system error when it cannot be opened. */
export function openLogFile(path: string, options: LogFileOptions = {}): LineSink {
  return new LogFile(path, options);
}

class LogFile implements LineSink {
  readonly #path: string;
  readonly #onRecovery: (outage: Outage) => void;
  readonly #timer: NodeJS.Timeout;
  /** Undefined as long as there is no room to make it. */
  #file: number | undefined;
  #inode: number | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lostLines = 0;
  #trouble: { readonly reason: string; readonly since: number } | undefined;
  /** Writes, or opens: one at a time. */
  #work: Promise<void> | undefined;
  #isLooking = false;
  #closed: Promise<void> | undefined;

  constructor(path: string, { lookEveryMs = LOOK_EVERY_MS, onRecovery = () => {}, onFull }: LogFileOptions) {
    this.#path = path;
    this.#onRecovery = onRecovery;
    try {
      this.#file = openSync(path, appendFlagsIn(statSync(dirname(path))), MODE);
      this.#inode = fstatSync(this.#file).ino;
    } catch (error) {
      if (onFull === undefined || !isDiskFull(error)) throw error;
      this.#failed(systemReason(error));
      onFull(error);
    }
    this.#timer = setInterval(() => void this.#look(), lookEveryMs).unref();
  }

  write(line: string): void {
    if (this.#closed !== undefined) return;
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#lostLines++;
      this.#trouble ??= { reason: 'the disk was too slow', since: performance.now() };
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    // What is in trouble is tried again at the next look.
    if (this.#trouble === undefined) this.#begin();
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer);
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, CLOSE_WAIT_MS);
    });
    const rest = async (): Promise<void> => {
      while (this.#work !== undefined) await this.#work;
      await this.#begin();
      if (this.#file !== undefined) closeSync(this.#file);
      this.#file = undefined;
    };
    await Promise.race([rest(), limit]);
    clearTimeout(late);
  }

  #failed(reason: string): void {
    this.#trouble = { reason, since: this.#trouble?.since ?? performance.now() };
  }

  /** Resolves when what is pending is written, or cannot be. Never rejects. */
  #begin(): Promise<void> {
    this.#work ??= this.#writePending().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  async #writePending(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        if (this.#file === undefined) return;
        const piece = this.#nextPiece();
        const { bytesWritten } = await writeTo(this.#file, piece);
        this.#pendingBytes -= bytesWritten;
        if (bytesWritten < piece.length) this.#pending[0] = piece.subarray(bytesWritten);
        else this.#pending.shift();
      }
    } catch (error) {
      this.#failed(systemReason(error));
      return;
    }
    this.#recovered();
  }

  /** What is written next, as the first of what is pending. */
  #nextPiece(): Buffer {
    let count = 0;
    for (let bytes = 0; count < this.#pending.length && bytes < PIECE_BYTES; count++)
      bytes += this.#pending[count]?.length ?? 0;
    const piece = Buffer.concat(this.#pending.splice(0, count));
    this.#pending.unshift(piece);
    return piece;
  }

  #recovered(): void {
    if (this.#trouble === undefined) return;
    const { reason, since } = this.#trouble;
    const outage = { reason, durationMs: performance.now() - since, lostLines: this.#lostLines };
    this.#trouble = undefined;
    this.#lostLines = 0;
    this.#onRecovery(outage);
  }

  /** Goes over to the file that the path names now, and tries again what could not be written. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const found = await stat(this.#path).then(
      ({ ino }) => ino,
      () => undefined,
    );
    const isOurs = found !== undefined && found === this.#inode && this.#file !== undefined;
    if (!isOurs && !(await isForeignLink(this.#path))) {
      while (this.#work !== undefined) await this.#work;
      if (this.#closed !== undefined) return;
      // What comes meanwhile waits: it belongs to the new file.
      this.#work = this.#reopen().finally(() => {
        this.#work = undefined;
      });
      await this.#work;
    }
    this.#isLooking = false;
    if (this.#pending.length > 0) void this.#begin();
  }

  /** The old file goes on as long as a new one cannot be opened. */
  async #reopen(): Promise<void> {
    const [before, opened] = [this.#file, await openNew(this.#path)];
    if (opened === undefined) return;
    this.#file = opened.file;
    this.#inode = opened.inode;
    if (before !== undefined) close(before, () => {});
  }
}

const writeTo = promisify(write);
const openAt = promisify(open);
const look = promisify(fstat);

async function openNew(path: string): Promise<{ file: number; inode: number } | undefined> {
  try {
    const file = await openAt(path, await appendFlags(path), MODE);
    return { file, inode: (await look(file)).ino };
  } catch {
    return undefined;
  }
}

/** Whether a symbolic link stands there that anybody may have put there. */
async function isForeignLink(path: string): Promise<boolean> {
  const link = await lstat(path).catch(() => undefined);
  if (!link?.isSymbolicLink()) return false;
  return stat(dirname(path)).then(isForEverybody, () => false);
}
