// What can be asked for: each path with its methods and its answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Real, type Virtual, virtualKey } from '../../config/model.ts';
import type { Latencies } from '../latencies.ts';
import { inPieces } from '../slices.ts';
import type { ServerSnapshot } from '../snapshot.ts';
import type { StatusSource } from '../source.ts';
import { snapshotText } from '../view.ts';
import { headersOf, JSON_TYPE, Refusal, sendJson, sendText } from './answers.ts';
import type { Feed } from './feed.ts';
import type { Guard } from './guard.ts';
import { OPENAPI } from './openapi.ts';
import { OrderDesk } from './orders.ts';
import { statusPage } from './page.ts';
import { Readiness } from './readiness.ts';

/** A text of any length, in pieces that a socket takes one after the other. */
interface LongText {
  readonly contentType: string;
  readonly pieces: AsyncIterable<string> | Iterable<string>;
}

export interface RoutesParts {
  readonly source: StatusSource;
  readonly latencies: Latencies;
  readonly feed: Feed;
  /** The text that Prometheus reads. */
  readonly metrics: () => Promise<LongText>;
}

interface Route {
  readonly path: RegExp;
  readonly method: 'GET' | 'POST';
  /** What it gives away: nothing that is secret, the daemon's state, or the power over it. */
  readonly needs: 'nothing' | 'reader' | 'operator';
  readonly answer: (request: IncomingMessage, response: ServerResponse, part: string) => Promise<void> | void;
  /** The answer goes on for as long as somebody listens. */
  readonly goesOn?: true;
}

/** Answers of many servers that are made at once: each takes the processor for a while, and holds its place while it is read. */
const MAX_LONG_ANSWERS = 16;

export class Routes {
  readonly #source: StatusSource;
  readonly #latencies: Latencies;
  readonly #metrics: RoutesParts['metrics'];
  readonly #readiness: Readiness;
  readonly #desk: OrderDesk;
  #longAnswers = 0;
  readonly #routes: readonly Route[];

  constructor({ source, latencies, feed, metrics }: RoutesParts) {
    this.#source = source;
    this.#latencies = latencies;
    this.#metrics = metrics;
    this.#readiness = new Readiness(source);
    this.#desk = new OrderDesk(source);
    const get = (path: RegExp, needs: Route['needs'], answer: Route['answer']): Route => ({
      ...{ path, method: 'GET', needs, answer },
    });
    this.#routes = [
      get(/^\/$/, 'nothing', (request, response) => this.#page(request, response)),
      get(/^\/openapi\.json$/, 'nothing', (_, response) => sendText(response, 200, OPENAPI, headersOf(JSON_TYPE))),
      get(/^\/api\/v1\/status$/, 'reader', (_, response) => this.#status(response)),
      get(/^\/api\/v1\/services\/([^/]+)$/, 'reader', (_, response, key) => this.#service(response, key)),
      { ...get(/^\/events$/, 'reader', (_, response) => feed.serve(response)), goesOn: true },
      get(/^\/healthz$/, 'reader', (_, response) => this.#health(response)),
      get(/^\/readyz$/, 'reader', (_, response) => this.#ready(response)),
      get(/^\/metrics$/, 'reader', (_, response) => this.#metricsText(response)),
      {
        ...{ path: /^\/api\/v1\/orders$/, method: 'POST', needs: 'operator' },
        answer: async (request, response) => sendJson(response, 200, { outcomes: await this.#desk.take(request) }),
      },
    ];
  }

  /** Answers one request; resolves with whether the answer goes on for as long as somebody listens. Rejects with Refusal. */
  async answer(request: IncomingMessage, response: ServerResponse, guard: Guard): Promise<boolean> {
    guard.checkHost(request);
    const [path = ''] = (request.url ?? '').split('?', 1);
    const route = this.#routes.find((each) => each.path.test(path));
    if (route === undefined) throw new Refusal(404, 'there is nothing here; /openapi.json says what there is');
    const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
    if (!methods.includes(request.method ?? ''))
      throw new Refusal(405, `${path} takes ${methods.join(' and ')}`, { Allow: methods.join(', ') });
    if (route.needs === 'reader') guard.checkReader(request);
    if (route.needs === 'operator') guard.checkOperator(request);
    await route.answer(request, response, route.path.exec(path)?.[1] ?? '');
    return route.goesOn === true;
  }

  async #page({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await statusPage();
    const known = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    if (known?.includes(page.etag)) response.writeHead(304, page.headers).end();
    else sendText(response, 200, page.text, page.headers);
  }

  async #status(response: ServerResponse): Promise<void> {
    await this.#long(response, async () => {
      const listing = await this.#source.listing();
      const viewOf = (virtual: Virtual) => this.#source.viewOf(virtual, listing);
      return inJson(snapshotText(this.#source.head(), this.#source.virtuals(), viewOf));
    });
  }

  async #service(response: ServerResponse, part: string): Promise<void> {
    const key = decoded(part);
    const virtual = this.#source.virtuals().find((each) => virtualKey(each) === key);
    if (virtual === undefined)
      throw new Refusal(404, 'there is no virtual service with this key, such as tcp:10.8.8.45:80 (URL-encoded)');
    await this.#long(response, async () => {
      const view = this.#source.viewOf(virtual, await this.#source.listing());
      return inJson(inPieces(view.texts((server, real) => this.#detailed(server, virtual, real))));
    });
  }

  #detailed(server: ServerSnapshot, virtual: Virtual, real: Real): object {
    const transitions = this.#source.transitionsOf(virtual, real);
    return { ...server, transitions, latencies: this.#latencies.of({ virtual, real }) };
  }

  #health(response: ServerResponse): void {
    const { state, trouble } = this.#source.head();
    const reason =
      this.#source.stuck() ??
      (trouble === undefined ? undefined : `the kernel's table is not as it should be: ${trouble}`) ??
      (state === 'stopping' ? 'the daemon is stopping' : undefined);
    sendVerdict(response, reason);
  }

  #ready(response: ServerResponse): void {
    const server = this.#readiness.waitsFor();
    sendVerdict(response, server && `${server} has not been checked yet`);
  }

  async #metricsText(response: ServerResponse): Promise<void> {
    await this.#long(response, () => this.#metrics());
  }

  /** A text in pieces, made as fast as they are read. */
  async #long(response: ServerResponse, make: () => Promise<LongText>): Promise<void> {
    if (this.#longAnswers >= MAX_LONG_ANSWERS)
      throw new Refusal(503, 'too many others are asking; try again in a second', { 'Retry-After': '1' });
    this.#longAnswers++;
    try {
      const { pieces, contentType } = await make();
      response.writeHead(200, headersOf(contentType));
      if (response.req.method === 'HEAD') response.end();
      // Whoever goes away before the end is nobody's trouble.
      else await pipeline(Readable.from(pieces, { highWaterMark: 1 }), response).catch(() => response.destroy());
    } finally {
      this.#longAnswers--;
    }
  }
}

function inJson(pieces: AsyncIterable<string>): LongText {
  return { contentType: JSON_TYPE, pieces };
}

/** For machines that look at the status code, and people who read why. */
function sendVerdict(response: ServerResponse, reason: string | undefined): void {
  if (reason === undefined) sendJson(response, 200, { status: 'ok' });
  else sendJson(response, 503, { error: reason });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, 'this path is not URL-encoded as it should be');
  }
}
