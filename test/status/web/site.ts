// A real daemon with its status page on a free port: real checks of real listeners, the kernel's table in memory.
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Config, StatusListen } from '../../../src/config/model.ts';
import { Daemon } from '../../../src/daemon.ts';
import type { Member, Observer } from '../../../src/observer.ts';
import { carryOut, membersNamed, type OrderRequest } from '../../../src/operator/commands.ts';
import { State } from '../../../src/operator/state.ts';
import { Web, type WebOptions, type WebSource } from '../../../src/status/web/web.ts';
import { statusSource } from '../../../src/status-source.ts';
import { runCommand } from '../../../src/system/command.ts';
import { MemoryKernel } from '../../../src/system/memory-kernel.ts';
import { resolveHost } from '../../../src/system/resolver.ts';
import { configOf } from '../../config-of.ts';
import { LogLines } from '../../log-lines.ts';
import { scratch } from '../../scratch.ts';
import { until } from '../../until.ts';

export const TOKEN = 'correct-horse-battery-staple';

/** A kernel that can be told to fail. */
export class FragileKernel extends MemoryKernel {
  broken = false;
  /** A look at it takes until this is false again. */
  hanging = false;

  override async list(): ReturnType<MemoryKernel['list']> {
    if (this.hanging) await until('no more hanging', () => !this.hanging);
    return super.list();
  }

  override async apply(edits: Parameters<MemoryKernel['apply']>[0]): Promise<readonly string[]> {
    if (this.broken) throw new Error('ipvsadm is broken');
    return super.apply(edits);
  }
}

/** Intervals ten times as short as a configuration can say. */
export function hurried(config: Config): Config {
  const virtuals = config.virtuals.map((each) => ({ ...each, checkIntervalMs: each.checkIntervalMs / 10 }));
  return { ...config, virtuals };
}

export interface Running {
  readonly daemon: Daemon;
  readonly kernel: FragileKernel;
  readonly source: WebSource;
  readonly log: LogLines;
  reload(config: Config): Promise<void>;
}

/** A daemon whose observers are told, and the source that a status page has of it. */
export async function daemonOf(config: Config, observers: readonly Observer[] = []): Promise<Running> {
  const kernel = new FragileKernel();
  const log = new LogLines();
  const state = await State.open(join(scratch(), 'test.state'), () => log);
  const daemon = new Daemon(config, {
    ...{ kernel, log },
    services: { resolve: resolveHost, command: runCommand, ping: async () => ({ answered: false }) },
    observers: [state.history, ...observers],
    heldDown: state.overrides.holdsDown,
    overrideOf: state.overrides.overrideOf,
  });
  onTestFinished(async () => {
    await daemon.stop().catch(() => {});
    await state.close();
  });
  const startedAt = Date.now();
  let configuredAt = startedAt;
  const operator = {
    ...{ config: () => daemon.config, overrides: state.overrides, log: () => log },
    holdsChanged: () => daemon.holdsChanged(),
    recheck: (members: readonly Member[]) => daemon.recheck(members),
    forgive: (member: Member) => daemon.forgive(member),
    trouble: () => daemon.trouble,
    unkept: () => state.unkept(),
    heldDown: state.overrides.holdsDown,
  };
  const source = statusSource({
    ...{ daemon, state, reloadFailed: () => false },
    head: () => ({
      ...{ version: '1.2.3', pid: 4711, path: '/etc/ha.d/test.cf', state: daemon.state, startedAt, configuredAt },
      ...(daemon.trouble === undefined ? {} : { trouble: daemon.trouble }),
    }),
    order: (request: OrderRequest, from: string) => {
      const members = membersNamed(daemon.config, request);
      return carryOut(request, operator, from).finally(() => {
        for (const observer of observers) if (observer instanceof Relay) observer.web?.ordered(members);
      });
    },
  });
  const reload = async (next: Config): Promise<void> => {
    await daemon.reload(next, log);
    configuredAt = Date.now();
  };
  return { daemon, kernel, source, log, reload };
}

/** Stands where the status page's own observer stands. */
class Relay implements Observer {
  web: Web | undefined;

  checked(...told: Parameters<Web['checked']>): void {
    this.web?.checked(...told);
  }

  changed(...told: Parameters<Web['changed']>): void {
    this.web?.changed(...told);
  }

  turned(...told: Parameters<Web['turned']>): void {
    this.web?.turned(...told);
  }

  held(...told: Parameters<Web['held']>): void {
    this.web?.held(...told);
  }
}

export interface Site extends Running {
  readonly web: Web;
  readonly client: Client;
  readonly faults: unknown[];
}

export interface SiteOptions extends Omit<WebOptions, 'onFault'> {
  readonly listen?: StatusListen;
  readonly token?: string | undefined;
  /** Default: the daemon has started. */
  readonly isStarted?: boolean;
}

export const LOCAL: StatusListen = { kind: 'tcp', address: '127.0.0.1', family: 4, port: 0 };

export async function siteOf(config: string | Config, options: SiteOptions = {}): Promise<Site> {
  const { listen = LOCAL, isStarted = true, ...more } = options;
  const token = 'token' in options ? options.token : TOKEN;
  const relay = new Relay();
  const running = await daemonOf(typeof config === 'string' ? hurried(configOf(config)) : config, [relay]);
  const faults: unknown[] = [];
  const web = new Web(running.source, { gatherMs: 20, ...more, onFault: (error) => faults.push(error) });
  onTestFinished(() => web.off());
  const url = await web.open({ listen, token });
  relay.web = web;
  if (isStarted) await running.daemon.start();
  return { ...running, web, faults, client: new Client(url) };
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of an answer's JSON.
  readonly json: any;
}

/** Asks one status page. */
export class Client {
  readonly url: string;
  readonly #where: RequestOptions;

  constructor(url: string) {
    this.url = url;
    if (url.startsWith('unix:')) this.#where = { socketPath: url.slice('unix:'.length) };
    else {
      const { hostname, port } = new URL(url);
      this.#where = { host: hostname.replace(/^\[|\]$/g, ''), port };
    }
  }

  get port(): number {
    return Number(this.#where.port);
  }

  begin(path: string, options: RequestOptions = {}): ClientRequest {
    return httpRequest({ agent: false, timeout: 10_000, path, ...this.#where, ...options });
  }

  get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
    return this.ask(path, { method, headers });
  }

  ask(path: string, options: RequestOptions = {}, body?: string): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const request = this.begin(path, options);
      request.on('timeout', () => request.destroy(new Error(`no answer to ${path}`)));
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isJson = response.headers['content-type']?.startsWith('application/json') && text !== '';
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, text, json: isJson ? JSON.parse(text) : undefined });
        });
      });
      request.end(body);
    });
  }

  order(order: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const usual = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    const body = typeof order === 'string' ? order : JSON.stringify(order);
    return this.ask('/api/v1/orders', { method: 'POST', headers: { ...usual, ...headers } }, body);
  }

  /** Listens to events until the test is over. */
  events(headers: Record<string, string> = {}): Promise<Events> {
    return new Promise((resolve, reject) => {
      const request = this.begin('/events', { headers, timeout: 0 });
      onTestFinished(() => void request.destroy());
      request.on('error', reject);
      request.on('response', (response) => {
        const events = new Events(response.headers);
        response.setEncoding('utf8').on('data', (text: string) => events.take(text));
        response.on('close', () => events.end());
        response.on('error', () => {});
        resolve(events);
      });
      request.end();
    });
  }
}

/** What a listener has been told. */
export class Events {
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of an event's JSON.
  readonly all: { readonly event: string; readonly data: any }[] = [];
  ended = false;
  #text = '';

  constructor(headers: IncomingHttpHeaders) {
    this.headers = headers;
  }

  /** The data of each event of this name. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  of(name: string): any[] {
    return this.all.filter(({ event }) => event === name).map(({ data }) => data);
  }

  take(text: string): void {
    this.#text += text;
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event = ''] = /^event: (.*)$/m.exec(block) ?? [];
      const [, data = ''] = /^data: (.*)$/m.exec(block) ?? [];
      this.all.push({ event, data: JSON.parse(data) });
    }
  }

  end(): void {
    this.ended = true;
  }
}
