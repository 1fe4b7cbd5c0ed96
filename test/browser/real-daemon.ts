// The built program as a person runs it, with its status page on a free port: real checks of real web servers, the table in memory.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ServerSnapshot } from '../../src/status/snapshot.ts';
import { Site, signal } from '../e2e/program.ts';
import { Client } from '../status/web/site.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';

export const TOKEN = 'open-sesame-and-nothing-else';

export class RealDaemon {
  readonly site: Site;
  readonly client: Client;
  readonly webs: readonly WebServer[];
  readonly url: string;

  private constructor(site: Site, webs: readonly WebServer[], port: number) {
    [this.site, this.webs, this.url] = [site, webs, `http://127.0.0.1:${port}/`];
    writeFileSync(this.#token, TOKEN, { mode: 0o600 });
    this.client = new Client(this.url);
  }

  /** As many web servers behind one service, "shop", asked every second; gone with the test. `more`: further services. */
  static async start(servers = 3, more = ''): Promise<RealDaemon> {
    const webs = await Promise.all(Array.from({ length: servers }, () => WebServer.start()));
    const daemon = new RealDaemon(new Site(), webs, await freePort());
    daemon.configure(more);
    await daemon.run();
    return daemon;
  }

  get #token(): string {
    return join(this.site.dir, 'token');
  }

  /** Writes the configuration, with these further services. */
  configure(more: string): void {
    const { host } = new URL(this.url);
    this.site.configure(
      [
        ...[`statuslisten = ${host}`, `statustoken = ${this.#token}`, 'checkinterval = 1', 'checktimeout = 2'],
        ...[
          'virtual = 10.8.8.45:80',
          '\tservicename = shop',
          '\tservice = http',
          '\trequest = "/"',
          '\treceive = "found"',
        ],
        ...this.webs.map((web) => `\treal = 127.0.0.1:${web.port} masq`),
        more,
      ].join('\n'),
    );
  }

  /** Starts it (again), and waits until every check has been made. */
  async run(): Promise<void> {
    const { code, stdout, stderr } = await this.site.run('start');
    expect(code, stdout + stderr).toBe(0);
    await until(
      'every check made',
      () => this.#isReady(),
      () => this.site.log,
      20_000,
    );
  }

  #isReady(): Promise<boolean> {
    return this.client.get('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** It has no time to say anything. */
  async kill(): Promise<void> {
    signal(this.site.pid, 'SIGKILL');
    await this.site.ended();
  }

  /** As the kernel knows it. */
  name(server: number): string {
    return `127.0.0.1:${this.webs[server]?.port}`;
  }

  async snapshot(server: number): Promise<ServerSnapshot> {
    const { json } = await this.client.get('/api/v1/status');
    return json.virtuals[0].servers[server];
  }
}

/** Free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
