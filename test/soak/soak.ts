// The soak: a beginning at rest, a while in which servers fail, the configuration changes and everybody reads, an end at rest.
import { setTimeout as pause } from 'node:timers/promises';
import type { Pages } from '../../bench/book.ts';
import { savedTable } from '../../bench/sites.ts';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { until } from '../until.ts';
import type { Chances } from './chances.ts';
import { Failures } from './failures.ts';
import { type Look, look } from './looks.ts';
import { type Count, countedIn, type Inside, insideOf, type Quiet, quiet } from './quiet.ts';
import { Listener, Page, Sluggard } from './readers.ts';
import { Rounds } from './rounds.ts';
import type { SoakSite } from './site.ts';
import { answered, count, differences, type Histories, logged } from './transitions.ts';

const UP_LIMIT_MS = 90_000;
const CALM_LIMIT_MS = 90_000;
const RELOAD_EVERY_MS = 10_000;
const FATE_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 1_000;
const STATUS_EVERY_MS = 2_000;
const METRICS_EVERY_MS = 5_000;
const TELL_EVERY_MS = 10_000;
/** Of all servers. */
const FAILING_SHARE = 0.01;
/** A failure lasts so many intervals more than a check of a server that says nothing: so it is not over when it has been found. */
const LEAST_INTERVALS = 2;
const MOST_INTERVALS = 6;
const THIRDS = 3;
const REPEATED = 12;
const MOST_SHOWN = 5;

export interface Findings {
  /** The servers that are always there, as log lines name them. */
  readonly residents: readonly string[];
  /** Infinity when they were not all up in time. */
  readonly upMs: number;
  /** What the servers have answered, and what log lines call them. */
  readonly pages: Pages;
  readonly names: ReadonlyMap<string, string>;
  readonly log: string;
  /** The same from the first rest on. */
  readonly laterLog: string;
  /** What the events told. */
  readonly watched: Histories;
  /** The text for Prometheus at rest, before and after. */
  readonly metrics: readonly [string, string];
  readonly looks: readonly Look[];
  /** Every 10 s. */
  readonly late: readonly Inside['loopMs'][];
  /** Before the busy while, after it, and once and twice after everything has been done a few times more at rest. */
  readonly rest: Readonly<Record<'before' | 'after' | 'once' | 'twice', Quiet>>;
  /** At the end of each third. */
  readonly counts: readonly Count[];
  readonly reloads: { readonly taken: number; readonly refused: number };
  readonly readers: {
    readonly read: number;
    readonly heard: number;
    readonly letGo: number;
    readonly kept: number;
    readonly troubles: readonly string[];
  };
  /** Whatever could not be done. */
  readonly troubles: readonly string[];
  readonly table: { readonly wanted: readonly string[]; readonly found: readonly string[] };
  /** What `show` says of the end. */
  readonly shown: DaemonSnapshot;
  readonly end: { readonly code: number | string | undefined; readonly left: readonly string[] };
}

export class Soak {
  readonly #site: SoakSite;
  readonly #seconds: number;
  readonly #failures: Failures;
  readonly #page: Page;
  readonly #rounds = new Rounds();
  readonly #looks: Look[] = [];
  readonly #late: Inside['loopMs'][] = [];
  readonly #counts: Count[] = [];
  readonly #visitors: string[] = [];
  readonly #troubles: string[] = [];
  #taken = 0;
  #refused = 0;

  constructor(site: SoakSite, chances: Chances, seconds: number) {
    const addresses = site.configurations.residents;
    this.#site = site;
    this.#seconds = seconds;
    this.#page = new Page(site.socket);
    this.#failures = new Failures({
      ...{ chances, addresses, count: Math.round(addresses.length * FAILING_SHARE) },
      leastMs: site.timeoutMs + LEAST_INTERVALS * site.intervalMs,
      mostMs: site.timeoutMs + MOST_INTERVALS * site.intervalMs,
    });
  }

  /** `tell` gets a line now and then. Rejects when it cannot go on to the end. */
  async run(tell: (line: string) => void): Promise<Findings> {
    const { daemon, configurations, servers } = this.#site;
    const members = configurations.residents.length;
    const upMs = await daemon.logged(/Real server \S+ \([^)]*\) is up/, members, UP_LIMIT_MS);
    tell(`${members} servers are up after ${(upMs / 1_000).toFixed(1)} s`);
    await daemon.logged(/The status page is at/, 1, UP_LIMIT_MS);
    await this.#warmUp();
    const before = await quiet(daemon);
    const metrics = await this.#page.text('/metrics');
    const known = daemon.log().length;
    tell('at rest: looked at; servers begin to fail');
    const readers = await this.#busy(tell);
    await this.#calm();
    tell('all servers are well again');
    const after = await quiet(daemon);
    await this.#repeat();
    const once = await quiet(daemon);
    await this.#repeat();
    const twice = await quiet(daemon);
    const metricsAfter = await this.#page.text('/metrics');
    this.#late.push((await insideOf(daemon)).loopMs);
    const shown = JSON.parse(await daemon.order('show', '--json')) as DaemonSnapshot;
    const pages = await servers.book();
    const table = { wanted: this.#wanted(), found: this.#site.table };
    this.#page.close();
    const log = daemon.log();
    return {
      ...readers,
      ...{ residents: this.#residents(), upMs, pages, names: configurations.names, log, laterLog: log.slice(known) },
      ...{ metrics: [metrics, metricsAfter], looks: this.#looks, late: this.#late, counts: this.#counts },
      rest: { before, after, once, twice },
      reloads: { taken: this.#taken, refused: this.#refused },
      troubles: [...this.#troubles, ...this.#rounds.troubles],
      ...{ table, shown },
      end: await this.#stop(),
    };
  }

  /** All that is only loaded when it is wanted is there before the first look. */
  async #warmUp(): Promise<void> {
    await this.#ofEach();
    this.#page.close();
  }

  /** What would leave something behind each time leaves that now, while nothing else changes. */
  async #repeat(): Promise<void> {
    for (let time = 0; time < REPEATED; time++) await this.#ofEach();
    this.#page.close();
  }

  /** One of everything that may happen while the servers stay as they are. */
  async #ofEach(): Promise<void> {
    for (const path of ['/', '/api/v1/status', '/metrics', '/readyz']) await this.#page.text(path, true);
    const listener = new Listener(this.#page, this.#site.socket);
    await listener.begin();
    await listener.end();
    await this.#reload(false);
  }

  /** Resolves with what the readers have seen. */
  async #busy(tell: (line: string) => void): Promise<Pick<Findings, 'readers' | 'watched'>> {
    const { daemon, socket } = this.#site;
    const listener = new Listener(this.#page, socket);
    await listener.begin();
    const [asker, deaf] = [new Sluggard(socket), new Sluggard(socket)];
    const slow = Promise.all([asker.askForAll(), deaf.listen()]);
    const began = performance.now();
    const rounds = this.#rounds;
    rounds.every(LOOK_EVERY_MS, 'look', () => void this.#looks.push(look(daemon.pid)));
    rounds.every(FATE_EVERY_MS, 'servers', () => this.#fail());
    rounds.every(STATUS_EVERY_MS, 'status page', () => this.#read());
    rounds.every(METRICS_EVERY_MS, 'metrics', async () => void (await this.#page.text('/metrics', true)));
    rounds.every(TELL_EVERY_MS, 'event loop', async () => tell(await this.#progress(performance.now() - began)));
    rounds.every(RELOAD_EVERY_MS, 'reload', () => this.#reload());
    for (let third = 0; third < THIRDS; third++) {
      await pause((this.#seconds * 1_000) / THIRDS);
      if (daemon.ended !== undefined) throw new Error(`the daemon has ended:\n${daemon.log().slice(-2_000)}`);
      this.#counts.push(await countedIn(daemon));
    }
    this.#failures.end();
    tell('no more servers begin to fail');
    await until(
      'the end of all failures',
      () => this.#failures.failing.length === 0,
      () => '',
      CALM_LIMIT_MS,
    );
    await rounds.end();
    await this.#site.servers.mend(...this.#visitors);
    await this.#allSeen();
    await listener.end();
    asker.end();
    deaf.end();
    await slow;
    const { letGo, kept } = asker;
    const { troubles, heard, watched } = listener;
    return { readers: { read: this.#page.read, heard, letGo, kept, troubles }, watched: watched.histories };
  }

  async #fail(): Promise<void> {
    const { servers } = this.#site;
    const { mended, failed } = this.#failures.at(performance.now());
    if (mended.length > 0) await servers.mend(...mended);
    for (const { address, way } of failed) await servers.failIn(way, address);
  }

  async #read(): Promise<void> {
    await this.#page.text('/');
    const { virtuals, trouble } = await this.#page.status();
    const seen = virtuals.reduce((sum, { servers }) => sum + servers.length, 0);
    if (seen < this.#site.configurations.residents.length) throw new Error(`only ${seen} servers are shown`);
    if (trouble !== undefined) throw new Error(trouble);
  }

  async #reload(withVisitor = true): Promise<void> {
    const { configurations, daemon, servers } = this.#site;
    const { text, isBroken, visitor } = configurations.next(withVisitor);
    if (visitor?.fails) {
      this.#visitors.push(visitor.address);
      await servers.failIn('error', visitor.address);
    }
    this.#site.configure(text);
    const complaint = await daemon.order('reload', '--wait').then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (isBroken && complaint === undefined) throw new Error('a broken configuration was taken');
    if (!isBroken && complaint !== undefined) throw new Error(complaint);
    if (isBroken) this.#refused++;
    else this.#taken++;
  }

  async #progress(tookMs: number): Promise<string> {
    const { daemon } = this.#site;
    const { loopMs } = await insideOf(daemon);
    this.#late.push(loopMs);
    const { residentMb = 0, descriptors = 0 } = this.#looks.at(-1) ?? {};
    return [
      `${Math.round(tookMs / 1_000)} s: ${count(logged(daemon.log()))} transitions`,
      `${this.#failures.failing.length} servers failing, ${this.#taken + this.#refused} reloads`,
      `${residentMb.toFixed(0)} MB, ${descriptors} descriptors, event loop late by ${loopMs.p99.toFixed(0)} ms (p99)`,
    ].join(', ');
  }

  /** Until what is left over from the busy while is done: answers that were still to come, servers that leave. */
  async #calm(): Promise<void> {
    await until(
      'the table as wanted',
      () => same(this.#site.table, this.#wanted()),
      () => '',
      CALM_LIMIT_MS,
    ).catch((error: Error) => this.#troubles.push(error.message));
    await until(
      'no child',
      () => look(this.#site.daemon.pid).children === 0,
      () => '',
      CALM_LIMIT_MS,
    );
  }

  /** Until the daemon has seen all that the servers have answered, and that they are well. */
  async #allSeen(): Promise<void> {
    const { daemon, servers, configurations, intervalMs, timeoutMs } = this.#site;
    const missing = async (): Promise<string[]> => {
      await pause(LOOK_EVERY_MS);
      return differences(answered(await servers.book(), configurations.names), logged(daemon.log())).slice(
        0,
        MOST_SHOWN,
      );
    };
    const allUp = async (): Promise<boolean> => {
      const { virtuals } = await this.#page.status();
      return virtuals.every(({ servers }) => servers.every(({ state }) => state === 'up'));
    };
    // Who was not answered at all is found down only now.
    await pause(timeoutMs + intervalMs);
    const isOver = async (): Promise<boolean> => (await missing()).length === 0 && (await allUp());
    await until('all servers up, and all that they answered seen', isOver, missing, CALM_LIMIT_MS).catch(
      (error: Error) => this.#troubles.push(error.message),
    );
  }

  #residents(): string[] {
    const { residents, names } = this.#site.configurations;
    return residents.map((address) => names.get(address) ?? address);
  }

  #wanted(): string[] {
    return savedTable(this.#site.configurations.site, []).split('\n').filter(Boolean).sort();
  }

  async #stop(): Promise<Findings['end']> {
    const { daemon } = this.#site;
    await daemon.order('stop');
    await until('the end of the daemon', () => daemon.ended !== undefined);
    const left = [...this.#site.present('pid', 'status.sock', 'pid.sock'), ...this.#site.table];
    return { code: daemon.ended, left };
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n');
}
