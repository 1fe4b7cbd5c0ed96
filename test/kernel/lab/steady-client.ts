// A client that makes requests all the time, several at once, each on a new connection, and remembers each that failed.
import { setTimeout as pause } from 'node:timers/promises';
import { ask } from './web-request.ts';

/** A request that failed; times in ms since 1970. */
export interface Failure {
  readonly began: number;
  readonly ended: number;
  readonly error: string;
}

/** What has become of the requests so far. */
export interface Toll {
  readonly requests: number;
  /** By server name. */
  readonly answers: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  /** The longest that an answer has taken. */
  readonly slowestMs: number;
  /** The longest time without an answer, from the last one to the next, or to now. */
  readonly longestGapMs: number;
}

/** How many ask, and how long each pauses before its next request. */
export interface Pace {
  readonly atOnce: number;
  readonly pauseMs: number;
}

/** Leaves the one processor of the test kernel to the others most of the time. */
const PACE: Pace = { atOnce: 8, pauseMs: 40 };
/** At every moment some requests are under way to each server, as they would be with TLS, or with something to upload. */
const HESITATE_MS = 100;
/** Ports are taken in turn from this one on, of each address. */
const FIRST_PORT = 1_024;

export class SteadyClient {
  #going = false;
  #workers: Promise<void>[] = [];
  #asked = 0;
  #answers: Record<string, number> = {};
  #failures: Failure[] = [];
  #slowestMs = 0;
  #answeredAt = 0;
  #longestGapMs = 0;

  /** Starts anew, with nothing counted. Requests come from these addresses in turn, none of them twice from the same port. */
  begin(url: string, from: readonly string[], pace = PACE): void {
    if (this.#going) throw new Error('it is asking already');
    this.#going = true;
    this.#answers = {};
    this.#failures = [];
    this.#slowestMs = 0;
    this.#answeredAt = Date.now();
    this.#longestGapMs = 0;
    this.#workers = Array.from({ length: pace.atOnce }, () => this.#work(url, from, pace));
  }

  toll(): Toll {
    const answered = Object.values(this.#answers).reduce((a, b) => a + b, 0);
    return {
      requests: answered + this.#failures.length,
      answers: this.#answers,
      failures: this.#failures,
      slowestMs: this.#slowestMs,
      longestGapMs: Math.max(this.#longestGapMs, this.#going ? Date.now() - this.#answeredAt : 0),
    };
  }

  /** Resolves once the last requests have had their answers. */
  async end(): Promise<Toll> {
    this.#going = false;
    await Promise.all(this.#workers);
    return this.toll();
  }

  async #work(url: string, from: readonly string[], { pauseMs }: Pace): Promise<void> {
    while (this.#going) {
      const began = Date.now();
      const turn = this.#asked++;
      const fromPort = FIRST_PORT + Math.floor(turn / from.length);
      const address = from[turn % from.length] ?? '';
      const outcome = await ask(url, { from: address, fromPort, hesitateMs: HESITATE_MS });
      const ended = Date.now();
      if (outcome.startsWith('error: ')) this.#failures.push({ began, ended, error: outcome });
      else {
        this.#answers[outcome] = (this.#answers[outcome] ?? 0) + 1;
        this.#slowestMs = Math.max(this.#slowestMs, ended - began);
        this.#longestGapMs = Math.max(this.#longestGapMs, ended - this.#answeredAt);
        this.#answeredAt = ended;
      }
      await pause(pauseMs);
    }
  }
}
