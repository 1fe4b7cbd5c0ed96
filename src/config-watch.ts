// Notices when the configuration file has changed: by its content, once it is whole and at rest.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';

/** How often the file is looked at. */
const LOOK_EVERY_MS = 1_000;
/** How long a new content must stay the same: whoever writes it may not be done. */
const SETTLE_MS = 500;
/** A file that is away for less than this is being replaced, and nobody needs to know. */
const GONE_MS = 5_000;
/** How long the content is read again after its times or size have changed: coarse times (NFS) hide a second change. */
const RACY_MS = 3_000;

export interface ConfigWatchParts {
  /** Followed anew at each look, so that a symbolic link may be switched. */
  readonly path: string;
  readonly log: () => Logger;
  /** Called once for each new content that stays. */
  readonly onChange: () => void;
  /** In milliseconds, for tests. */
  readonly lookEveryMs?: number;
  readonly settleMs?: number;
  readonly goneMs?: number;
  readonly racyMs?: number;
}

/** What tells one content of a file from another. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What was found at the path, and since when it has been the same; times as of performance.now(). */
interface Found {
  readonly digest: string;
  readonly since: number;
}

export class ConfigWatch {
  readonly #path: string;
  readonly #log: () => Logger;
  readonly #onChange: () => void;
  readonly #lookEveryMs: number;
  readonly #settleMs: number;
  readonly #goneMs: number;
  readonly #racyMs: number;
  /** The digest of what was read last, or told last. */
  #known: string;
  /** A new content that may still change. */
  #fresh: Found | undefined;
  /** What stat() said, and since when. */
  #stamp: { readonly text: string; readonly since: number } | undefined;
  #gone: { readonly since: number; told: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `known` is the digest of the configuration that runs. Looks from now on. */
  constructor(parts: ConfigWatchParts, known: string) {
    this.#path = parts.path;
    this.#log = parts.log;
    this.#onChange = parts.onChange;
    this.#lookEveryMs = parts.lookEveryMs ?? LOOK_EVERY_MS;
    this.#settleMs = parts.settleMs ?? SETTLE_MS;
    this.#goneMs = parts.goneMs ?? GONE_MS;
    this.#racyMs = parts.racyMs ?? RACY_MS;
    this.#known = known;
    this.#lookAfter(0);
  }

  /** Somebody has read the file, whatever came of it. Says whether its content was new: then it is not told once more. */
  accept(digest: string): boolean {
    const isNew = digest !== this.#known;
    this.#known = digest;
    if (digest === this.#fresh?.digest) this.#fresh = undefined;
    return isNew;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookAfter(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#look(), delayMs).unref();
  }

  async #look(): Promise<void> {
    try {
      const content = await this.#readIfTouched();
      if (this.#closed) return;
      if (content !== undefined) this.#compare(digestOf(content));
    } catch (error) {
      if (this.#closed) return;
      this.#missing(messageOf(error));
    }
    const waiting = this.#fresh === undefined ? this.#lookEveryMs : this.#settleMs;
    this.#lookAfter(Math.min(waiting, this.#lookEveryMs));
  }

  /** The content; undefined when it cannot have changed since it was read last. Throws when there is none. */
  async #readIfTouched(): Promise<string | undefined> {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(this.#path, { bigint: true });
    const text = `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    const now = performance.now();
    if (text !== this.#stamp?.text) this.#stamp = { text, since: now };
    else if (now - this.#stamp.since > this.#racyMs && this.#fresh === undefined && this.#gone === undefined) return;
    const content = await readFile(this.#path, 'utf8');
    // Between an editor's two calls, or on a disk that was full: nobody wants all services removed by that.
    if (content.trim() === '') throw new Error('it is empty');
    return content;
  }

  #compare(digest: string): void {
    if (this.#gone?.told) this.#log().info(`Configuration file ${this.#path} is there again`);
    this.#gone = undefined;
    const now = performance.now();
    if (digest === this.#known) this.#fresh = undefined;
    else if (digest !== this.#fresh?.digest) this.#fresh = { digest, since: now };
    else if (now - this.#fresh.since >= this.#settleMs) {
      this.#fresh = undefined;
      this.#known = digest;
      this.#onChange();
    }
  }

  #missing(reason: string): void {
    const now = performance.now();
    this.#fresh = undefined;
    this.#gone ??= { since: now, told: false };
    if (this.#gone.told || now - this.#gone.since < this.#goneMs) return;
    this.#gone.told = true;
    this.#log().warn(
      `Configuration file ${this.#path} cannot be read, the running configuration stays as it is: ${reason}`,
    );
  }
}
