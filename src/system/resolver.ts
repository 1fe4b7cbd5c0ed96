// Host and service names, through the system's own resolver (/etc/hosts, DNS, …) and /etc/services.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

type Addresses = readonly ResolvedAddress[];
/** Asks the system; rejects with its error. Nobody can end that. */
type Ask = (host: string, family: 0 | 4 | 6) => Promise<Addresses>;

export interface ResolverOptions {
  readonly ask?: Ask;
  /** How many names the system is asked for at once; default: see NAME_THREADS. */
  readonly atOnce?: number;
  /** How long the system may take for a name, and without any answer for those before it. Default 5 s. */
  readonly timeoutMs?: number;
  /** The longest that anybody waits, the turn of others included. Default 30 s. */
  readonly longestMs?: number;
}

/** Of node's threads for files and names, names get half; more of them would wait in a queue without end. */
const NAME_THREADS = Math.ceil((Number(process.env.UV_THREADPOOL_SIZE) || 4) / 2);
/** What checks ask for may be a hostile server's choice, and hang: the configuration's names have threads left. */
const CHECK_THREADS = Math.max(1, Math.floor(NAME_THREADS / 2));
const TIMEOUT_MS = 5_000;
const LONGEST_MS = 30_000;

/** One name that the system is asked for, or will be. */
interface Question {
  readonly host: string;
  readonly answer: Promise<Addresses>;
  /** When the system was asked, of performance.now(); undefined before. */
  askedAt: number | undefined;
  waiters: number;
  begin(): void;
}

/** Asks the system for few names at once, and for each only once at a time: one that hangs does so until the system gives up. */
export class Resolver {
  readonly #ask: Ask;
  readonly #atOnce: number;
  readonly #timeoutMs: number;
  readonly #longestMs: number;
  /** By name and family, until the system has answered, whoever still waits. */
  readonly #questions = new Map<string, Question>();
  /** Keys of those that wait for their turn. */
  readonly #queue = new Set<string>();
  #asking = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: ResolverOptions = {}) {
    const { ask = askSystem, atOnce = NAME_THREADS, timeoutMs = TIMEOUT_MS, longestMs = LONGEST_MS } = options;
    this.#ask = ask;
    this.#atOnce = atOnce;
    this.#timeoutMs = timeoutMs;
    this.#longestMs = longestMs;
  }

  /**
   * Every address of a host in the resolver's order. Rejects with a system error: ENOTFOUND, EAI_AGAIN, or ETIMEDOUT when the system
   * does not answer, for this name or for those before it.
   */
  async resolve(host: string, family: 0 | 4 | 6 = 0): Promise<Addresses> {
    const key = `${family} ${host}`;
    const question = this.#questions.get(key) ?? this.#add(key, host, family);
    question.waiters++;
    const limit = new AbortController();
    try {
      return await Promise.race([question.answer, this.#late(question, limit.signal)]);
    } finally {
      limit.abort();
      question.waiters--;
      // Nobody wants to know any more.
      if (question.waiters === 0 && this.#queue.delete(key)) this.#questions.delete(key);
    }
  }

  #add(key: string, host: string, family: 0 | 4 | 6): Question {
    let begin = (): void => {};
    const answer = new Promise<void>((resolve) => {
      begin = resolve;
    })
      .then(() => this.#ask(host, family))
      .finally(() => {
        this.#asking--;
        this.#answeredAt = performance.now();
        this.#questions.delete(key);
        this.#next();
      });
    // Who waited for it may be gone.
    answer.catch(() => {});
    const question: Question = { host, answer, askedAt: undefined, waiters: 0, begin };
    this.#questions.set(key, question);
    this.#queue.add(key);
    this.#next();
    return question;
  }

  #next(): void {
    for (const key of this.#queue) {
      if (this.#asking >= this.#atOnce) return;
      this.#queue.delete(key);
      const question = this.#questions.get(key);
      if (question === undefined) continue;
      this.#asking++;
      question.askedAt = performance.now();
      question.begin();
    }
  }

  /** Rejects when somebody has waited too long. */
  async #late(question: Question, signal: AbortSignal): Promise<never> {
    const began = performance.now();
    for (;;) {
      const since = Math.max(began, question.askedAt ?? this.#answeredAt);
      const leftMs = Math.min(since + this.#timeoutMs, began + this.#longestMs) - performance.now();
      if (leftMs <= 0) break;
      await pause(leftMs, undefined, { signal });
      // After the loop was held up a timer comes before what is there to be read.
      await breathe(undefined, { signal });
    }
    const { host, askedAt } = question;
    const behind = askedAt === undefined ? `, which does not answer for ${this.#asking} other names either` : '';
    throw Object.assign(new Error(`no answer from the resolver for ${host}${behind}`), { code: 'ETIMEDOUT' });
  }
}

async function askSystem(host: string, family: 0 | 4 | 6): Promise<Addresses> {
  const found = await lookup(host, { all: true, family });
  return found.map(({ address, family: version }) => ({ address, family: version === 6 ? 6 : 4 }));
}

// One each for the whole process, as node's threads are.
const forConfigurations = new Resolver();
const forChecks = new Resolver({ atOnce: CHECK_THREADS });

/** As Resolver.resolve, for what a configuration names. */
export function resolveHost(host: string, family: 0 | 4 | 6 = 0): Promise<Addresses> {
  return forConfigurations.resolve(host, family);
}

/** The same for what a check needs to know. */
export function resolveForCheck(host: string): Promise<Addresses> {
  return forChecks.resolve(host);
}

/** The text of /etc/services; empty where there is none. */
export async function readServices(path = '/etc/services'): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}
