// The daemon's HTTP API over services that a test makes up: what a real daemon would take days or a thousand servers to show.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Transition } from '../../src/operator/history.ts';
import type { Latency } from '../../src/status/latencies.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../../src/status/snapshot.ts';
import { statusPage } from '../../src/status/web/page.ts';

/** What its servers have been through, by service key and server name. */
export interface Past {
  readonly transitions: readonly Transition[];
  readonly latencies: readonly Latency[];
}

export interface Scene {
  readonly status: DaemonSnapshot;
  readonly pastOf: (key: string, server: string) => Past;
  /** Without it, orders are refused. */
  readonly token?: string;
}

export class FakeDaemon {
  readonly #server: Server;
  readonly #listeners = new Set<ServerResponse>();
  readonly #alive: NodeJS.Timeout;
  #scene: Scene;
  url = '';
  /** Requests so far, "GET /api/v1/status". */
  readonly asked: string[] = [];

  private constructor(scene: Scene) {
    this.#scene = scene;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#alive = setInterval(() => this.tell('alive', { now: Date.now() }), 2_000);
  }

  /** On a free port of 127.0.0.1; gone with the test. */
  static async start(scene: Scene): Promise<FakeDaemon> {
    const fake = new FakeDaemon(scene);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    fake.url = `http://127.0.0.1:${(fake.#server.address() as AddressInfo).port}/`;
    onTestFinished(() => fake.#close());
    return fake;
  }

  async #close(): Promise<void> {
    clearInterval(this.#alive);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  tell(name: string, data: unknown): void {
    for (const listener of this.#listeners) listener.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** A server changes, and whoever listens is told. */
  change(key: string, name: string, change: Partial<ServerSnapshot>): void {
    const virtuals = this.#scene.status.virtuals.map((virtual): VirtualSnapshot => {
      if (virtual.key !== key) return virtual;
      const servers = virtual.servers.map((server) => (server.name === name ? { ...server, ...change } : server));
      return { ...virtual, servers };
    });
    this.#scene = { ...this.#scene, status: { ...this.#scene.status, virtuals } };
    const server = virtuals.find((virtual) => virtual.key === key)?.servers.find((each) => each.name === name);
    this.tell('server', { virtual: key, server });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.asked.push(`${method} ${url}`);
    const { status, pastOf, token } = this.#scene;
    const [, key = ''] = /^\/api\/v1\/services\/(.+)$/.exec(url) ?? [];
    const virtual = status.virtuals.find((each) => each.key === decodeURIComponent(key));
    if (url === '/') {
      const { text, headers } = await statusPage();
      response.writeHead(200, headers).end(text);
    } else if (url === '/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      this.#listeners.add(response);
      response.on('close', () => this.#listeners.delete(response));
      response.write(`event: hello\ndata: {}\n\nevent: alive\ndata: {"now":${Date.now()}}\n\n`);
    } else if (url === '/api/v1/status') send(response, 200, status);
    else if (virtual !== undefined) {
      const servers = virtual.servers.map((server) => ({ ...server, ...pastOf(virtual.key, server.name) }));
      send(response, 200, { ...virtual, servers });
    } else if (url === '/api/v1/orders' && method === 'POST') {
      const isAllowed = token !== undefined && request.headers.authorization === `Bearer ${token}`;
      if (isAllowed) send(response, 200, { outcomes: [] });
      else send(response, 401, { error: 'this is not the token' });
    } else send(response, 404, { error: 'there is nothing here' });
  }
}

function send(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
