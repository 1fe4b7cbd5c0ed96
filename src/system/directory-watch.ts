// Knows which files a directory holds, within a second of any change: told by the kernel (inotify), and by looking for itself.
import { type FSWatcher, type Stats, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** How often the directory is read when nothing is told: inotify does not see what other machines do to a network file system. */
const POLL_MS = 1_000;
/** From one reading to the next while there is one change after the other. */
const GAP_MS = 50;
/** A reading that takes longer is told as failed; no other is begun before it ends, though. */
const READING_MS = 5_000;

/** What was found, or why nothing could be. */
export type Reading = { readonly names: readonly string[] } | { readonly error: NodeJS.ErrnoException };

export interface DirectoryWatchOptions {
  readonly directory: string;
  /** Called after each reading that found other names than the one before, and after each that failed. */
  readonly onReading: (reading: Reading) => void;
  /** Default 1000. */
  readonly pollMs?: number;
  /** Default 5000. */
  readonly readingMs?: number;
}

export class DirectoryWatch {
  readonly #directory: string;
  readonly #onReading: (reading: Reading) => void;
  readonly #pollMs: number;
  readonly #readingMs: number;
  #names: readonly string[] | undefined;
  #watcher: FSWatcher | undefined;
  /** Which directory the watcher watches: another one may have taken its name since. */
  #watched = '';
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking = false;
  #changedMeanwhile = false;
  #closed = false;

  constructor({ directory, onReading, pollMs = POLL_MS, readingMs = READING_MS }: DirectoryWatchOptions) {
    this.#directory = directory;
    this.#onReading = onReading;
    this.#pollMs = pollMs;
    this.#readingMs = readingMs;
  }

  /** Resolves after the first reading, be it one that failed. Called once. */
  start(): Promise<void> {
    return this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unwatch();
  }

  /** Resolves when something is known, which may be that the reading takes too long. */
  #look(): Promise<void> {
    this.#lookedAt = performance.now();
    this.#looking = true;
    this.#changedMeanwhile = false;
    return new Promise((resolve) => {
      const tell = (reading: Reading): void => {
        this.#tell(reading);
        resolve();
      };
      const tooLong = Object.assign(new Error(`no answer within ${this.#readingMs / 1000} s`), { code: 'ETIMEDOUT' });
      const late = setTimeout(() => tell({ error: tooLong }), this.#readingMs);
      void this.#read()
        .then(
          (names) => tell({ names }),
          (error) => tell({ error }),
        )
        .finally(() => {
          clearTimeout(late);
          this.#looking = false;
          this.#lookAgainAfter(this.#changedMeanwhile ? GAP_MS : this.#pollMs);
        });
    });
  }

  async #read(): Promise<string[]> {
    try {
      // Before it is read: what changes in between is told.
      this.#watch(await stat(this.#directory));
      return await readdir(this.#directory);
    } catch (error) {
      this.#unwatch();
      throw error;
    }
  }

  #tell(reading: Reading): void {
    if (this.#closed) return;
    if ('error' in reading) {
      this.#names = undefined;
    } else {
      if (this.#names !== undefined && sameNames(this.#names, reading.names)) return;
      this.#names = reading.names;
    }
    this.#onReading(reading);
  }

  #lookAgainAfter(delayMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), delayMs).unref();
  }

  #onEvent(type: string, name: string | null): void {
    // The other type is about what is in a file.
    if (type !== 'rename') return;
    // The directory itself is gone, or has another name now.
    if (name === null || name === basename(this.#directory)) this.#unwatch();
    if (this.#looking) this.#changedMeanwhile = true;
    else this.#lookAgainAfter(Math.max(0, this.#lookedAt + GAP_MS - performance.now()));
  }

  #watch(found: Stats): void {
    if (this.#closed || !found.isDirectory()) return;
    const identity = `${found.dev} ${found.ino} ${found.birthtimeMs}`;
    if (this.#watcher !== undefined && this.#watched === identity) return;
    this.#unwatch();
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, (type, name) => this.#onEvent(type, name));
      this.#watcher.on('error', () => this.#unwatch());
      this.#watched = identity;
    } catch {
      // No watches left on this machine, or none for this kind of file system: the readings see everything a little later.
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
