// The metrics that Prometheus asks for: what is counted as things happen, and what is looked up when somebody asks.
import type { CheckResult } from '../checks/check.ts';
import { type Real, type Virtual, virtualKey } from '../config/model.ts';
import { memberKey } from '../ipvs/desired.ts';
import type { Member, Observer, Pass } from '../observer.ts';
import { daemonText, PassCounts } from './metrics-daemon.ts';
import { type KernelLook, KernelReader, type KernelSource } from './metrics-kernel.ts';
import { measureProcess, type ProcessMetrics } from './metrics-process.ts';
import { reasonKind } from './metrics-reasons.ts';
import {
  labelsOf,
  SERVER_FAMILIES,
  SERVICE_FAMILIES,
  type SeenServer,
  type SeenService,
  type ServerCounts,
  ServiceCounts,
} from './metrics-servers.ts';
import { manyPieces, sample } from './metrics-text.ts';
import type { StatusSource } from './source.ts';

/** Prometheus's own; its newer formats add nothing here. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsSource extends Pick<StatusSource, 'head' | 'virtuals' | 'viewOf'>, KernelSource {
  /** For how many milliseconds the check that is latest has been due. */
  lateMs(): number;
  /** Whether the last reload failed, so that what runs is not what the file says. */
  reloadFailed(): boolean;
}

/** What the answer to a scrape is made of. */
export interface MetricsText {
  readonly contentType: string;
  /** Not joined: that takes a while, too. */
  readonly pieces: readonly string[];
}

interface Counts {
  readonly service: ServiceCounts;
  readonly server: ServerCounts;
}

/** One for the life of a daemon: what it begins to measure of the process goes on. */
export class Metrics implements Observer {
  readonly #source: MetricsSource;
  readonly #kernel: KernelReader;
  readonly #process: Promise<ProcessMetrics>;
  /** By the service's key. */
  readonly #services = new Map<string, ServiceCounts>();
  /** By member key. */
  readonly #servers = new Map<string, ServerCounts>();
  /** Both by what a check comes with, so that no key is made for each. */
  readonly #byReal = new WeakMap<Real, Counts>();
  /** The configuration that the counts are of. */
  #virtuals: readonly Virtual[] = [];
  readonly #passes = new PassCounts();
  #scrape: Promise<MetricsText> | undefined;

  constructor(source: MetricsSource) {
    this.#source = source;
    this.#kernel = new KernelReader(source);
    this.#process = measureProcess();
    // It is told to whoever asks.
    this.#process.catch(() => {});
  }

  checked(member: Member, { outcome, detail, durationMs }: CheckResult): void {
    const { service, server } = this.#countsOf(member);
    service.durations.observe(durationMs / 1000);
    service.count(outcome === 'up' ? 'outcome="up"' : `outcome="down",reason="${reasonKind(detail)}"`);
    server.failuresInRow = outcome === 'up' ? 0 : server.failuresInRow + 1;
    if (outcome !== 'up') server.failures++;
  }

  notChecked(member: Member): void {
    this.#countsOf(member).service.count('outcome="error",reason="director"');
  }

  turned(member: Member): void {
    this.#countsOf(member).server.transitions++;
  }

  reconciled(pass: Pass): void {
    this.#passes.count(pass);
  }

  /** All of it, as Prometheus reads it. Whoever asks while it is being written gets the same. */
  text(): Promise<MetricsText> {
    this.#scrape ??= this.#write().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #write(): Promise<MetricsText> {
    const look = await this.#kernel.read();
    const services = await manyPieces(SERVICE_FAMILIES, this.#seenServices(look), (family, seen) =>
      family.text(family.name, seen),
    );
    const servers = await manyPieces(SERVER_FAMILIES, this.#seenServers(look), (family, seen) =>
      sample(family.name, seen.labels, family.value(seen)),
    );
    const [head, lateMs, reloadFailed] = [this.#source.head(), this.#source.lateMs(), this.#source.reloadFailed()];
    const daemon = daemonText({ head, lateMs, reloadFailed, errors: this.#kernel.errors });
    const process = await (await this.#process)();
    return { contentType: CONTENT_TYPE, pieces: [daemon, this.#passes.text(head), ...services, ...servers, process] };
  }

  *#seenServices({ listing }: KernelLook): Generator<SeenService> {
    for (const virtual of this.#source.virtuals()) {
      const { head, fallback } = this.#source.viewOf(virtual, listing);
      yield { labels: labelsOf(head), fallback, counts: this.#serviceOf(head.key) };
    }
  }

  *#seenServers({ listing, statistics }: KernelLook): Generator<SeenServer> {
    for (const virtual of this.#source.virtuals()) {
      const view = this.#source.viewOf(virtual, listing);
      const { head, fallback } = view;
      let isFallbackSeen = fallback === undefined;
      for (const real of virtual.reals) {
        const server = view.server(real);
        const key = `${head.key} ${server.name}`;
        isFallbackSeen ||= server.name === fallback?.name;
        const labels = labelsOf(head, server.name);
        yield { labels, server, counts: this.#serverOf(key), statistics: statistics.get(key) };
      }
      if (fallback === undefined || isFallbackSeen) continue;
      const counted = statistics.get(`${head.key} ${fallback.name}`);
      yield { labels: labelsOf(head, fallback.name), server: fallback, statistics: counted };
    }
  }

  /** After a reload: drops the counts of what is not configured any more. */
  #forgetRemoved(): void {
    const virtuals = this.#source.virtuals();
    if (virtuals === this.#virtuals) return;
    this.#virtuals = virtuals;
    const keys = new Set(virtuals.map(virtualKey));
    const members = new Set(virtuals.flatMap((virtual) => virtual.reals.map((real) => memberKey(virtual, real))));
    for (const key of this.#services.keys()) if (!keys.has(key)) this.#services.delete(key);
    for (const key of this.#servers.keys()) if (!members.has(key)) this.#servers.delete(key);
  }

  #countsOf({ virtual, real }: Member): Counts {
    const known = this.#byReal.get(real);
    if (known !== undefined) return known;
    const counts = { service: this.#serviceOf(virtualKey(virtual)), server: this.#serverOf(memberKey(virtual, real)) };
    this.#byReal.set(real, counts);
    return counts;
  }

  #serviceOf(key: string): ServiceCounts {
    const known = this.#services.get(key);
    if (known !== undefined) return known;
    this.#forgetRemoved();
    const counts = new ServiceCounts();
    this.#services.set(key, counts);
    return counts;
  }

  #serverOf(key: string): ServerCounts {
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    this.#forgetRemoved();
    const counts = { failures: 0, failuresInRow: 0, transitions: 0 };
    this.#servers.set(key, counts);
    return counts;
  }
}
