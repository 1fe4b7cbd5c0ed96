// Checks that could not be made, which says nothing about their servers: each reason is told when it comes up, and not for each server
// and each interval. What this machine lacks (files, memory, a resolver) it mostly lacks for all of them, and now and then.
import type { Fields, Logger } from './log.ts';

/** Those that fail for the same reason within this time after the first are told together; so long is it quiet before it is over. */
const GATHER_MS = 3_000;
/** The same reason is told no more often. */
const TOLD_AGAIN_MS = 60_000;

interface Reason {
  readonly toldAt: number;
  /** The server that it was told of, and others that it was not. */
  readonly first: string;
  readonly others: Set<string>;
}

export interface CheckTroublesParts {
  /** Asked for each line, because a reload may change it. */
  readonly log: () => Logger;
  /** Default 3000. */
  readonly gatherMs?: number | undefined;
}

export class CheckTroubles {
  readonly #log: () => Logger;
  readonly #gatherMs: number;
  /** Why the last check could not be made, by whatever names the server. */
  readonly #troubled = new Map<string, string>();
  readonly #reasons = new Map<string, Reason>();
  #gathering: NodeJS.Timeout | undefined;
  #ending: NodeJS.Timeout | undefined;

  constructor({ log, gatherMs = GATHER_MS }: CheckTroublesParts) {
    this.#log = log;
    this.#gatherMs = gatherMs;
  }

  /** Whether there are any now. */
  get any(): boolean {
    return this.#troubled.size > 0;
  }

  /** The check of a server could not be made. `fields`: for the line that tells of it. */
  failed(server: string, why: string, fields: Fields = {}): void {
    clearTimeout(this.#ending);
    const isNew = this.#troubled.get(server) !== why;
    this.#troubled.set(server, why);
    if (!isNew) return;
    const now = performance.now();
    const known = this.#reasons.get(why);
    if (known !== undefined && now - known.toldAt < TOLD_AGAIN_MS) {
      if (server !== known.first) known.others.add(server);
      return;
    }
    this.#forgetOld(now);
    this.#reasons.set(why, { toldAt: now, first: server, others: new Set() });
    this.#log().error(`The check of ${server} could not be made, which says nothing about the server: ${why}`, fields);
    this.#gathering ??= setTimeout(() => this.#tellOthers(), this.#gatherMs).unref();
  }

  /** The check of a server was made. */
  made(server: string): void {
    if (!this.#troubled.delete(server) || this.#troubled.size > 0) return;
    this.#ending = setTimeout(() => {
      this.#reasons.clear();
      this.#log().info('All checks can be made again');
    }, this.#gatherMs).unref();
  }

  /** Knows of no server any more. */
  clear(): void {
    this.#troubled.clear();
    this.#reasons.clear();
    clearTimeout(this.#gathering);
    clearTimeout(this.#ending);
    this.#gathering = undefined;
  }

  #tellOthers(): void {
    this.#gathering = undefined;
    for (const [why, { others }] of this.#reasons) {
      const [first] = others;
      if (first === undefined) continue;
      const more = others.size > 1 ? ` and ${others.size - 1} more` : '';
      this.#log().error(`Nor could the check of ${first}${more} be made: ${why}`);
      others.clear();
    }
  }

  #forgetOld(now: number): void {
    for (const [why, { toldAt }] of this.#reasons) if (now - toldAt >= TOLD_AGAIN_MS) this.#reasons.delete(why);
  }
}
