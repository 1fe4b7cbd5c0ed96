// Collects the pings that are asked for at about the same time into one fping process; where fping cannot be used, one ping each.
import { setMaxListeners } from 'node:events';
import { CannotCheck } from '../errors.ts';
import { environmentForOthers } from './environment.ts';
import { FPING_SPACING_MS, fping, type PingAnswer, type PingRun, plainPing, Unusable } from './ping-programs.ts';

/** A ping that comes alone waits this long for company. */
const GATHER_MS = 20;
/**
 * From one fping to the next of the same kind. Checks come spread over their interval, so a short gathering alone would find hardly
 * any company: this makes it ten processes a second, however many the servers.
 */
const START_INTERVAL_MS = 100;
/** Addresses of one fping; the last of them gets its packet a quarter of a second after the first. */
const MAX_ADDRESSES = 256;
/** Pings under way; more are refused. */
const MAX_PENDING = 16_384;
/** What a program needs to start and to say that nobody answered. */
const PROGRAM_MS = 30;
/** How much longer than its pings a program may take. */
const GRACE_MS = 1_000;
/** After this time a program that could not be used is tried again: somebody may have installed it. */
const RETRY_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface PingerOptions {
  /** The environment of the programs, whose PATH finds them; ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly graceMs?: number;
  readonly retryMs?: number;
  /** Told of each process: "fping of 17 addresses". */
  readonly trace?: (line: string) => void;
}

interface Target {
  readonly address: string;
  readonly family: 4 | 6;
}

interface Waiter {
  resolve(answer: PingAnswer): void;
  reject(error: unknown): void;
}

export class Pinger {
  readonly #options: Required<PingerOptions>;
  /** By kind: those that wait for company. */
  readonly #gathering = new Map<string, Batch>();
  /** By kind: when the last fping was started. */
  readonly #startedAt = new Map<string, number>();
  readonly #running = new Map<Batch, Promise<void>>();
  /** Why fping is not used, and until when. */
  #withoutFping: { readonly reason: string; readonly until: number } | undefined;
  #pending = 0;
  #closed = false;

  constructor({ env = process.env, graceMs = GRACE_MS, retryMs = RETRY_MS, trace = () => {} }: PingerOptions = {}) {
    // What the programs say is read, so it must be in English.
    this.#options = { env: { ...environmentForOthers(env), LC_ALL: 'C' }, graceMs, retryMs, trace };
  }

  /**
   * One ICMP echo request. Silence is told at about `timeoutMs`, the wait for company included. Rejects with CannotCheck (no program, no right, a program that broke), with a system error when no process
   * can be had, and with the signal's reason.
   */
  async ping(target: Target, { timeoutMs, signal }: Pick<PingRun, 'timeoutMs' | 'signal'>): Promise<PingAnswer> {
    signal.throwIfAborted();
    if (this.#closed) throw new CannotCheck('cannot ping: this program is about to end');
    if (this.#pending >= MAX_PENDING) throw new CannotCheck(`cannot ping: ${MAX_PENDING} pings are under way already`);
    this.#pending += 1;
    try {
      return await this.#join(target, timeoutMs, signal);
    } finally {
      this.#pending -= 1;
    }
  }

  /** Ends all programs; resolves when they are gone. Pings under way are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const batch of [...this.#gathering.values(), ...this.#running.keys()]) {
      clearTimeout(batch.timer);
      batch.end(new CannotCheck('cannot ping: this program is about to end'));
    }
    this.#gathering.clear();
    await Promise.all(this.#running.values());
  }

  #join({ address, family }: Target, timeoutMs: number, signal: AbortSignal): Promise<PingAnswer> {
    const kind = `${family} ${timeoutMs}`;
    let batch = this.#gathering.get(kind);
    if (batch === undefined) {
      batch = new Batch(family, timeoutMs);
      this.#gathering.set(kind, batch);
      batch.timer = setTimeout(() => this.#start(kind), this.#gatherMs(kind));
    }
    const answer = batch.wait(address, signal);
    if (batch.size >= MAX_ADDRESSES) this.#start(kind);
    return answer;
  }

  #gatherMs(kind: string): number {
    if (this.#reasonAgainstFping() !== undefined) return 0;
    const next = (this.#startedAt.get(kind) ?? Number.NEGATIVE_INFINITY) + START_INTERVAL_MS;
    return Math.max(GATHER_MS, next - performance.now());
  }

  #start(kind: string): void {
    const batch = this.#gathering.get(kind);
    this.#gathering.delete(kind);
    clearTimeout(batch?.timer);
    if (batch === undefined || batch.size === 0) return;
    this.#startedAt.set(kind, performance.now());
    this.#running.set(
      batch,
      this.#run(batch).finally(() => this.#running.delete(batch)),
    );
  }

  /** Never rejects; ends when no process of the batch is left. */
  async #run(batch: Batch): Promise<void> {
    const { family, timeoutMs, size } = batch;
    const limitMs = Math.ceil(timeoutMs / 1000) * 1000 + size * FPING_SPACING_MS + this.#options.graceMs;
    const late = new CannotCheck(`cannot ping: no word from fping or ping within ${limitMs / 1000} s`);
    const timer = setTimeout(() => batch.end(late), Math.min(limitMs, LONGEST_TIMER_MS));
    try {
      const left = batch.leftMs() - size * FPING_SPACING_MS - PROGRAM_MS;
      const waitMs = Math.round(Math.max(left, timeoutMs / 2));
      await this.#send(batch, { family, timeoutMs: waitMs, signal: batch.begin(), env: this.#options.env });
    } catch (error) {
      batch.end(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(batch: Batch, run: PingRun): Promise<void> {
    const { trace, retryMs } = this.#options;
    const { addresses, size } = batch;
    if (this.#reasonAgainstFping() === undefined) {
      try {
        trace(`fping of ${size} ${size === 1 ? 'address' : 'addresses'}`);
        return await fping(addresses, run, (address, answer) => batch.tell(address, answer));
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        this.#withoutFping = { reason: error.message, until: performance.now() + retryMs };
      }
    }
    const reason = this.#withoutFping?.reason;
    trace(`ping of ${addresses.join(', ')}, because ${reason}`);
    await Promise.all(
      addresses.map((address) =>
        plainPing(address, run).then(
          (answer) => batch.tell(address, answer),
          (error) =>
            batch.reject(
              address,
              error instanceof Unusable ? new CannotCheck(`cannot ping: ${reason}; ${error.message}`) : error,
            ),
        ),
      ),
    );
  }

  #reasonAgainstFping(): string | undefined {
    const { reason, until } = this.#withoutFping ?? { reason: undefined, until: 0 };
    return performance.now() < until ? reason : undefined;
  }
}

/** Addresses that one process is to ping, and who waits for each of them. */
class Batch {
  readonly family: 4 | 6;
  readonly timeoutMs: number;
  timer: NodeJS.Timeout | undefined;
  readonly #madeAt = performance.now();
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #ended = new AbortController();
  #begun = false;

  constructor(family: 4 | 6, timeoutMs: number) {
    this.family = family;
    this.timeoutMs = timeoutMs;
    // As many processes of ping as there are addresses listen to it: that is no leak.
    setMaxListeners(0, this.#ended.signal);
  }

  /** Those for which somebody waits. */
  get addresses(): string[] {
    return [...this.#waiters.keys()];
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Milliseconds until the first that asked wants to know. */
  leftMs(): number {
    return this.timeoutMs - (performance.now() - this.#madeAt);
  }

  /** The signal aborts when nobody waits any more without having got an answer. */
  begin(): AbortSignal {
    this.#begun = true;
    return this.#ended.signal;
  }

  wait(address: string, signal: AbortSignal): Promise<PingAnswer> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(address) ?? new Set();
      this.#waiters.set(address, waiters);
      const leave = (): void => {
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiters.delete(address);
        if (this.#begun && this.#waiters.size === 0) this.#ended.abort();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        resolve(answer) {
          signal.removeEventListener('abort', leave);
          resolve(answer);
        },
        reject(error) {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
      };
      waiters.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  tell(address: string, answer: PingAnswer): void {
    for (const waiter of this.#take(address)) waiter.resolve(answer);
  }

  reject(address: string, error: unknown): void {
    for (const waiter of this.#take(address)) waiter.reject(error);
  }

  /** Rejects everybody who still waits, and ends what still runs. */
  end(error: unknown): void {
    for (const address of this.addresses) this.reject(address, error);
    this.#ended.abort();
  }

  #take(address: string): Iterable<Waiter> {
    const waiters = this.#waiters.get(address) ?? [];
    this.#waiters.delete(address);
    return waiters;
  }
}
