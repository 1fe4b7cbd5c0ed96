// The status page and its interface, as the daemon opens them; the build puts them into a file of their own, because most daemons
// have none.
import type { CheckResult } from '../../checks/check.ts';
import type { Member, Observer, Pass, ServerChange, Turn } from '../../observer.ts';
import { Latencies } from '../latencies.ts';
import { Metrics, type MetricsSource } from '../metrics.ts';
import type { StatusSource } from '../source.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { type Door, Guard } from './guard.ts';
import { Routes } from './routes.ts';
import { WebServer, type WebServerOptions } from './server.ts';

/** What it asks of the daemon. */
export interface WebSource extends StatusSource, MetricsSource {}

export type WebOptions = FeedOptions & WebServerOptions;

/** What it knows of the past is kept for as long as it lives, wherever it listens. */
export class Web implements Observer {
  readonly #source: WebSource;
  readonly #options: WebOptions;
  readonly #latencies = new Latencies();
  readonly #feed: Feed;
  readonly #metrics: Metrics;
  readonly #routes: Routes;
  /** In the order in which they are told. */
  readonly #observers: readonly Observer[];
  #server: WebServer | undefined;

  constructor(source: WebSource, options: WebOptions) {
    this.#source = source;
    this.#options = options;
    this.#feed = new Feed(source, options);
    this.#metrics = new Metrics(source);
    this.#observers = [this.#latencies, this.#metrics, this.#feed];
    this.#routes = new Routes({
      source,
      latencies: this.#latencies,
      feed: this.#feed,
      metrics: () => this.#metrics.text(),
    });
  }

  /** How many listen to events. */
  get listeners(): number {
    return this.#feed.size;
  }

  /** Listens there, and nowhere else any more; resolves with the URL. Rejects with a system error when that cannot be. */
  async open(door: Door): Promise<string> {
    await this.shut();
    const guard = new Guard(door);
    this.#server = await WebServer.listen(
      door.listen,
      (request, response) => this.#routes.answer(request, response, guard),
      this.#options,
    );
    return this.#server.url;
  }

  /** Listens nowhere; everybody's connection ends. */
  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#feed.close();
    await server?.close();
  }

  /** The daemon has gone over to another configuration. */
  reloaded(): void {
    this.#latencies.keepOnly(this.#source.virtuals());
  }

  /** It is off, and is not told anything any more. Metrics go on from where they are, should it come back. */
  async off(): Promise<void> {
    this.#latencies.keepOnly([]);
    await this.shut();
  }

  /** The operator has ordered something for these. */
  ordered(members: readonly Member[]): void {
    for (const member of members) this.#feed.touch(member);
  }

  checked(member: Member, result: CheckResult): void {
    for (const observer of this.#observers) observer.checked?.(member, result);
  }

  notChecked(member: Member, result: CheckResult): void {
    for (const observer of this.#observers) observer.notChecked?.(member, result);
  }

  changed(change: ServerChange): void {
    for (const observer of this.#observers) observer.changed?.(change);
  }

  turned(member: Member, turn: Turn): void {
    for (const observer of this.#observers) observer.turned?.(member, turn);
  }

  held(member: Member, hold: { readonly reason: string | undefined; readonly at: number }): void {
    for (const observer of this.#observers) observer.held?.(member, hold);
  }
  reconciled(pass: Pass): void {
    for (const observer of this.#observers) observer.reconciled?.(pass);
  }
}
