// Mails on their way: tried again when they cannot be sent, given up in the end, and never in the way of anything else.
import { explain } from './checks/reasons.ts';
import { duration } from './checks/text.ts';
import type { Logger } from './log.ts';
import { type Mail, MailFailure, type SendMail } from './system/mail.ts';

/** One attempt. */
const DEADLINE_MS = 30_000;
/** From a failed attempt to the next. The sum is what servers with greylisting want to see: five minutes, and then a little. */
const RETRY_MS: readonly number[] = [30_000, 120_000, 240_000];
/** Mails that go to one server at the same time: one that is dead holds up no other. */
const MAX_AT_ONCE = 4;
/** Mails that wait, for all servers. */
const MAX_WAITING = 1_000;
/** Mails that the last warning names. */
const MAX_NAMED = 5;

/** Time, as far as mail needs it. */
export interface Clock {
  /** Milliseconds that nobody sets back. */
  now(): number;
  /** What the clock on the wall shows. */
  date(): Date;
  /** Calls `run` once, unless the function returned is called before. */
  after(ms: number, run: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface OutboxParts {
  readonly send: SendMail;
  readonly log: () => Logger;
  readonly clock: Clock;
}

interface Entry {
  readonly mail: Mail;
  /** As configured; sendmail when absent. */
  readonly server: string | undefined;
  attempts: number;
  dueAt: number;
}

/** A server, or a recipient at a server, that has refused mail since it last took one. */
interface Outage {
  /** Mails given up since. */
  lost: number;
}

export class Outbox {
  readonly #send: SendMail;
  readonly #log: () => Logger;
  readonly #clock: Clock;
  /** Oldest first. */
  #waiting: Entry[] = [];
  readonly #sending = new Map<Entry, AbortController>();
  readonly #outages = new Map<string, Outage>();
  #overflowing = false;
  #cancelWake = (): void => {};
  /** Since when nothing is tried again: what failed since then. */
  #unsent: Entry[] | undefined;
  #closed = false;
  #onEmpty = (): void => {};

  constructor({ send, log, clock }: OutboxParts) {
    this.#send = send;
    this.#log = log;
    this.#clock = clock;
  }

  /** Takes a mail over. Never throws, never waits; when too many wait already, the oldest is given up. */
  post(mail: Mail, server: string | undefined): void {
    if (this.#unsent !== undefined) return;
    if (this.#waiting.length >= MAX_WAITING) this.#dropOldest();
    this.#waiting.push({ mail, server, attempts: 0, dueAt: this.#clock.now() });
    this.#pump();
  }

  /** Tries everything that waits once more, for `deadlineMs` at most; then gives up what is left, and says so. */
  async close(deadlineMs: number): Promise<void> {
    this.#unsent = [];
    for (const entry of this.#waiting) entry.dueAt = this.#clock.now();
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(deadlineMs, resolve);
      this.#onEmpty = () => {
        cancel();
        resolve();
      };
      this.#pump();
    });
    this.#closed = true;
    this.#cancelWake();
    const left = [...this.#unsent, ...this.#sending.keys(), ...this.#waiting];
    for (const controller of this.#sending.values()) controller.abort();
    if (left.length > 0) this.#log().warn(unsentMessage(left));
  }

  #pump(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    const busy = new Map<string | undefined, number>();
    for (const { server } of this.#sending.keys()) busy.set(server, (busy.get(server) ?? 0) + 1);
    const ready = this.#waiting.filter(({ server, dueAt }) => {
      const atOnce = busy.get(server) ?? 0;
      if (dueAt > now || atOnce >= MAX_AT_ONCE) return false;
      busy.set(server, atOnce + 1);
      return true;
    });
    if (ready.length > 0) this.#waiting = this.#waiting.filter((entry) => !ready.includes(entry));
    for (const entry of ready) void this.#attempt(entry);
    if (this.#waiting.length === 0) {
      this.#overflowing = false;
      if (this.#sending.size === 0) this.#onEmpty();
    }
    this.#wakeAtNext(now);
  }

  /** What is due and has no place is looked at when an attempt ends. */
  #wakeAtNext(now: number): void {
    this.#cancelWake();
    const next = Math.min(...this.#waiting.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > now));
    this.#cancelWake = Number.isFinite(next) ? this.#clock.after(next - now, () => this.#pump()) : () => {};
  }

  /** Never rejects. */
  async #attempt(entry: Entry): Promise<void> {
    const controller = new AbortController();
    this.#sending.set(entry, controller);
    const cancel = this.#clock.after(DEADLINE_MS, () => controller.abort());
    try {
      await this.#send(entry.mail, entry.server, controller.signal);
      if (!this.#closed) this.#sent(entry);
    } catch (error) {
      if (!this.#closed) this.#failed(entry, error);
    } finally {
      cancel();
      this.#sending.delete(entry);
      this.#pump();
    }
  }

  #sent({ mail, server }: Entry): void {
    for (const [key, what] of [
      [serverKey(server), 'Mail'],
      [recipientKey(mail, server), `Mail to ${mail.to}`],
    ] as const) {
      const outage = this.#outages.get(key);
      if (outage === undefined) continue;
      this.#outages.delete(key);
      const lost = outage.lost === 0 ? '' : `; ${mails(outage.lost)} could not be sent meanwhile`;
      this.#log().info(`${what} goes through ${serverName(server)} again${lost}`);
    }
  }

  #failed(entry: Entry, error: unknown): void {
    const { mail, server } = entry;
    const failure = error instanceof MailFailure ? error : new MailFailure(explain(error).detail);
    const waitMs = failure.permanent || this.#unsent !== undefined ? undefined : RETRY_MS[entry.attempts];
    const key = failure.aboutRecipient ? recipientKey(mail, server) : serverKey(server);
    const known = this.#outages.get(key);
    const outage = known ?? { lost: 0 };
    this.#outages.set(key, outage);
    const what = `mail to ${mail.to} through ${serverName(server)}`;
    if (known === undefined) {
      const next = waitMs === undefined ? 'it is not tried again' : `trying again in ${duration(waitMs)}`;
      this.#log().warn(`Cannot send ${what}: ${failure.message}; ${next}`);
    } else if (waitMs === undefined && outage.lost === 0 && this.#unsent === undefined) {
      this.#log().warn(`Given up: ${what} (${mail.subject}): ${failure.message}`);
    }
    if (waitMs !== undefined) {
      entry.attempts += 1;
      entry.dueAt = this.#clock.now() + waitMs;
      // It is older than all that wait.
      this.#waiting.unshift(entry);
    } else {
      outage.lost += 1;
      this.#unsent?.push(entry);
    }
  }

  #dropOldest(): void {
    this.#waiting.shift();
    if (!this.#overflowing) this.#log().warn(`${MAX_WAITING} mails wait to be sent: the oldest are given up`);
    this.#overflowing = true;
  }
}

function serverKey(server: string | undefined): string {
  return server ?? '';
}

function recipientKey({ to }: Mail, server: string | undefined): string {
  return `${serverKey(server)} ${to}`;
}

function serverName(server: string | undefined): string {
  return server ?? 'sendmail';
}

function mails(count: number): string {
  return count === 1 ? '1 mail' : `${count} mails`;
}

function unsentMessage(left: readonly Entry[]): string {
  const named = left
    .slice(0, MAX_NAMED)
    .map(({ mail, server }) => `to ${mail.to} through ${serverName(server)} (${mail.subject})`);
  const more = left.length > MAX_NAMED ? [`and ${left.length - MAX_NAMED} more`] : [];
  const verb = left.length === 1 ? 'was' : 'were';
  return `${mails(left.length)} ${verb} not sent before the end: ${[...named, ...more].join('; ')}`;
}
