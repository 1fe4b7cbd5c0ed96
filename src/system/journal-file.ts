// A file of lines that tells the whole state of something: changes are appended as they come, and it is written anew, all at once,
// when it has grown too long, or when lines could not be appended.
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { systemReason } from '../errors.ts';

/** Changes of one moment are written together. */
const GATHER_MS = 100;
/** After a failure it is tried again this much later. */
const RETRY_MS = 5_000;
/** How long the disk may hold up whoever waits for it, and the end of the daemon. */
const WAIT_MS = 1_000;
/** Lines that are put together before others get their turn. */
const SLICE = 500;
/** A file is written anew when it has this many lines more than it needs, and twice as many. */
const SURPLUS = 5_000;
/** No state of ours is larger. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface JournalFileOptions {
  /** The whole state now, as lines without newlines: what it goes over must not change later, because lines come meanwhile. */
  readonly state: () => Iterable<string>;
  /** How many lines that would be, about; asked often. */
  readonly size: () => number;
  /** Called when it cannot be written, once until it can. */
  readonly onFailure: (error: NodeJS.ErrnoException) => void;
  readonly onRecovery: () => void;
  /** Default 5000. */
  readonly retryMs?: number;
}

export interface Journal {
  /** Without newlines, and without a last one whose end is missing. */
  readonly lines: readonly string[];
  /** Its end is missing: whoever wrote it was cut off. */
  readonly isTorn: boolean;
}

/**
 * Reads a journal file; no lines when there is none. Rejects with a system error, or with an Error that says why it is not to be
 * believed: no file, somebody else's, or larger than any of ours.
 */
export async function readJournal(path: string): Promise<Journal> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return { lines: [], isTorn: false };
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error('it is not a file');
    const trusted = [0, process.getuid?.(), (await stat(dirname(path))).uid];
    if (!trusted.includes(found.uid)) throw new Error(`it belongs to another user (uid ${found.uid})`);
    if ((found.mode & 0o022) !== 0) throw new Error('others may write it');
    if (found.size > MAX_BYTES) throw new Error(`it is too large to be one (${found.size} bytes)`);
    const lines = (await file.readFile('utf8')).split('\n');
    return { isTorn: lines.pop() !== '', lines };
  } finally {
    await file.close();
  }
}

/** Never blocks and never throws. The file is made with mode 0600, its directory with 0755. */
export class JournalFile {
  readonly path: string;
  readonly #options: JournalFileOptions;
  #pending: string[] = [];
  #lines: number;
  /** There is something to write: what is pending, or everything. */
  #isBehind = false;
  #mustRewrite: boolean;
  #mustSync = false;
  /** Why it cannot be written; undefined as long as it can. */
  #trouble: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #closed = false;

  /** @param lines how many the file has; undefined when it is to be written anew */
  constructor(path: string, options: JournalFileOptions, lines?: number) {
    this.path = path;
    this.#options = options;
    this.#lines = lines ?? 0;
    this.#mustRewrite = lines === undefined;
  }

  /** Why it cannot be written, in words; undefined when it could be, or has not been tried. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  append(line: string): void {
    if (this.#closed) return;
    // What could not be written is in the state.
    if (!this.#mustRewrite) this.#pending.push(line);
    this.#isBehind = true;
    this.#writeSoon();
  }

  /** Writes it anew, soon. */
  save(): void {
    this.#mustRewrite = true;
    this.#isBehind = true;
    this.#writeSoon();
  }

  /** Has what was appended on the disk; false when that cannot be done, or not within a second. */
  async flush(): Promise<boolean> {
    this.#mustSync = true;
    return this.written();
  }

  /** Has what was appended in the file, where the end of this process does not change it; the same otherwise. */
  async written(): Promise<boolean> {
    return (await this.#writeRest()) && this.#trouble === undefined;
  }

  /** Writes what is pending if that can be done within a second. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writeRest();
  }

  /** False when it takes too long. */
  async #writeRest(): Promise<boolean> {
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<boolean>((resolve) => {
      late = setTimeout(resolve, WAIT_MS, false);
    });
    const rest = async (): Promise<boolean> => {
      // What is under way may have begun before the last line came.
      while (this.#work !== undefined) await this.#work;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (this.#isBehind) await this.#begin();
      return true;
    };
    const isDone = await Promise.race([rest(), limit]);
    clearTimeout(late);
    return isDone;
  }

  #writeSoon(): void {
    if (this.#timer !== undefined || this.#work !== undefined || this.#closed) return;
    const delayMs = this.#trouble !== undefined ? (this.#options.retryMs ?? RETRY_MS) : GATHER_MS;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#begin();
    }, delayMs).unref();
  }

  #begin(): Promise<void> {
    this.#work = this.#write().finally(() => {
      this.#work = undefined;
      if (this.#isBehind) this.#writeSoon();
    });
    return this.#work;
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    this.#isBehind = false;
    try {
      if (this.#mustRewrite) await this.#rewrite();
      else await this.#appendPending();
      if (this.#trouble !== undefined) this.#options.onRecovery();
      this.#trouble = undefined;
    } catch (error) {
      this.#isBehind = true;
      this.#mustRewrite = true;
      this.#pending = [];
      if (this.#trouble === undefined) this.#options.onFailure(error as NodeJS.ErrnoException);
      this.#trouble = systemReason(error);
    }
  }

  async #appendPending(): Promise<void> {
    const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(this.path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      },
    );
    // Somebody has removed it: all that is pending is in the state.
    if (file === undefined) return this.#rewrite();
    const lines = this.#pending.splice(0);
    try {
      await file.writeFile(lines.map((line) => `${line}\n`).join(''));
      if (this.#mustSync) await file.datasync();
      this.#mustSync = false;
    } finally {
      await file.close();
    }
    this.#lines += lines.length;
    const needed = this.#options.size();
    if (this.#lines > needed + SURPLUS && this.#lines > 2 * needed) await this.#rewrite();
  }

  /** Under another name, and moved into place when all of it is on the disk. */
  async #rewrite(): Promise<void> {
    const state = this.#options.state();
    // From here on lines that come are not in it.
    this.#pending = [];
    this.#mustRewrite = false;
    const temporary = `${this.path}.new`;
    await makeDirectory(dirname(this.path));
    await rm(temporary, { force: true });
    try {
      this.#lines = await writeWhole(temporary, state);
      await rename(temporary, this.path);
    } catch (error) {
      // A full disk is not to be filled by half a file.
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }
}

/** Not with its parents: node tells of a read-only disk then that there is no such directory. */
async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Makes the file, which must not be there; resolves with the number of lines when they are on the disk. */
async function writeWhole(path: string, state: Iterable<string>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  let count = 0;
  try {
    let slice: string[] = [];
    const write = async (): Promise<void> => {
      await file.appendFile(slice.join(''));
      slice = [];
      await breathe();
    };
    for (const line of state) {
      count++;
      if (slice.push(`${line}\n`) === SLICE) await write();
    }
    if (slice.length > 0) await write();
    await file.sync();
  } finally {
    await file.close();
  }
  return count;
}
