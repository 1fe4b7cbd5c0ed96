// Mail alerts: who is told what about a server's change, when, and again while the server stays down.
import { randomUUID } from 'node:crypto';
import { alertText, type News, type Turn } from './alert-text.ts';
import { type Config, type Virtual, virtualKey } from './config/model.ts';
import { serverId } from './ipvs/desired.ts';
import type { Logger } from './log.ts';
import type { Observer, ServerChange } from './observer.ts';
import { type Clock, Outbox, SYSTEM_CLOCK } from './outbox.ts';
import type { SendMail } from './system/mail.ts';

/**
 * Changes wait for others of the same cause: until none has come for a second. Servers that fail together are found one after the
 * other within a check's interval and time limit, so a stream of them is cut into mails only every five seconds.
 */
const QUIET_MS = 1_000;
const LONGEST_GATHERING_MS = 5_000;
/** A repeat is told this part of its interval early when another is due: servers that went down one by one share the next mail. */
const REPEATED_TOGETHER = 0.1;
const CLOSE_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface AlertsParts {
  readonly send: SendMail;
  readonly log: () => Logger;
  /** What this host is called. */
  readonly host: string;
  readonly clock?: Clock;
}

/** A server that a configuration names. */
interface Configured {
  readonly virtual: Virtual;
  readonly id: string;
}

export class Alerts implements Observer {
  readonly #log: () => Logger;
  readonly #host: string;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  #from: string | undefined;
  #configured: ReadonlyMap<string, Configured> = new Map();
  /** When servers that are down were told about last, by key. */
  readonly #toldAt = new Map<string, number>();
  #gathered: News[] = [];
  #gatheringSince = 0;
  #cancelGathering = (): void => {};
  /** When the repeats are looked at next. */
  #repeatsAt = Number.POSITIVE_INFINITY;
  #cancelRepeats = (): void => {};
  #closed = false;

  constructor(config: Config, { send, log, host, clock = SYSTEM_CLOCK }: AlertsParts) {
    this.#log = log;
    this.#host = host;
    this.#clock = clock;
    this.#outbox = new Outbox({ send, log, clock });
    this.reconfigure(config);
  }

  /** Call it before the changes that a reload makes. Servers that stay down keep the rhythm of their repeats. */
  reconfigure(config: Config): void {
    this.#from = config.alertsFrom;
    this.#configured = configuredServers(config);
    for (const key of this.#toldAt.keys()) if (!this.#configured.has(key)) this.#toldAt.delete(key);
    this.#scheduleRepeats();
  }

  changed(change: ServerChange): void {
    if (this.#closed) return;
    const { virtual, id, message, state } = change;
    const key = `${virtualKey(virtual)} ${id}`;
    const turn = turnOf(change, this.#configured.has(key));
    if (turn === 'down') {
      this.#toldAt.set(key, this.#clock.now());
      this.#repeatBy(this.#repeatAt(key));
    } else if (change.role === 'real') this.#toldAt.delete(key);
    this.#gather({ virtual, id, turn, message, state });
  }

  /** Sends what is still to be told, for `deadlineMs` at most (default 5000); what cannot be sent by then is logged. */
  async close(deadlineMs = CLOSE_MS): Promise<void> {
    this.#closed = true;
    this.#cancelRepeats();
    this.#tell();
    await this.#outbox.close(deadlineMs);
  }

  #gather(news: News): void {
    const { recipients, states } = news.virtual.alerts;
    if (recipients.length === 0 || !states.includes(news.state)) return;
    const now = this.#clock.now();
    if (this.#gathered.length === 0) this.#gatheringSince = now;
    this.#gathered.push(news);
    this.#cancelGathering();
    const waitMs = Math.min(QUIET_MS, this.#gatheringSince + LONGEST_GATHERING_MS - now);
    this.#cancelGathering = this.#clock.after(Math.max(0, waitMs), () => this.#tell());
  }

  /** One mail for each recipient at each mail server. */
  #tell(): void {
    this.#cancelGathering();
    const parcels = new Map<string, { to: string; server: string | undefined; news: News[] }>();
    for (const news of this.#gathered) {
      const { recipients, smtpServer } = news.virtual.alerts;
      for (const to of new Set(recipients)) {
        const key = JSON.stringify([to, smtpServer]);
        const parcel = parcels.get(key);
        if (parcel === undefined) parcels.set(key, { to, server: smtpServer, news: [news] });
        else parcel.news.push(news);
      }
    }
    this.#gathered = [];
    const logged = new Set<string>();
    for (const { to, server, news } of parcels.values()) {
      const { summary, subject, text } = alertText(news, this.#host);
      // As ldirectord: once, however many are told.
      if (!logged.has(summary)) this.#log().info(`emailalert: ${summary}`);
      logged.add(summary);
      const from = this.#from === undefined ? {} : { from: this.#from };
      const messageId = `<${randomUUID()}@${this.#host}>`;
      this.#outbox.post({ ...from, to, subject, text, date: this.#clock.date(), messageId }, server);
    }
  }

  /** Sees to it that repeats are looked at when the next is due. */
  #scheduleRepeats(): void {
    this.#cancelRepeats();
    this.#repeatsAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const key of this.#toldAt.keys()) next = Math.min(next, this.#repeatAt(key));
    this.#repeatBy(next);
  }

  #repeatBy(at: number): void {
    if (at >= this.#repeatsAt) return;
    this.#cancelRepeats();
    this.#repeatsAt = at;
    const waitMs = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_TIMER_MS);
    this.#cancelRepeats = this.#clock.after(waitMs, () => this.#repeat());
  }

  #repeat(): void {
    const now = this.#clock.now();
    const due = [...this.#toldAt.keys()].some((key) => this.#repeatAt(key) <= now);
    for (const key of due ? this.#toldAt.keys() : []) {
      const server = this.#configured.get(key);
      if (server === undefined || this.#repeatAt(key) - repeatMs(server) * REPEATED_TOGETHER > now) continue;
      this.#toldAt.set(key, now);
      const { virtual, id } = server;
      const message = `Inaccessible real server: ${id}`;
      this.#gather({ virtual, id, turn: 'still down', message, state: 'running' });
    }
    this.#scheduleRepeats();
  }

  #repeatAt(key: string): number {
    const server = this.#configured.get(key);
    const everyMs = server === undefined ? 0 : repeatMs(server);
    return everyMs === 0 ? Number.POSITIVE_INFINITY : (this.#toldAt.get(key) ?? 0) + everyMs;
  }
}

function repeatMs({ virtual }: Configured): number {
  return virtual.alerts.repeatSeconds * 1_000;
}

function turnOf({ role, inService, state }: ServerChange, configured: boolean): Turn {
  if (role === 'fallback') return inService ? 'fallback added' : 'fallback deleted';
  if (inService) return 'up';
  return configured && state !== 'stopping' ? 'down' : 'removed';
}

function configuredServers(config: Config): Map<string, Configured> {
  return new Map(
    config.virtuals.flatMap((virtual) =>
      virtual.reals.map((real) => {
        const id = serverId(virtual, real);
        return [`${virtualKey(virtual)} ${id}`, { virtual, id }] as const;
      }),
    ),
  );
}
