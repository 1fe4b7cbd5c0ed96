// A real web server on loopback whose behaviour a test can change: healthy, broken, hanging, or not there.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export class WebServer {
  readonly #server: Server;
  /** Requests so far. */
  hits = 0;
  /** Hang answers nothing. */
  mood: 'ok' | 'broken' | 'hang' = 'ok';
  port = 0;

  private constructor() {
    this.#server = createServer((_, response) => {
      this.hits++;
      if (this.mood === 'hang') return;
      response.writeHead(this.mood === 'ok' ? 200 : 500, { Connection: 'close' }).end('found\n');
    });
  }

  /** On a free port of `address`; gone with the test. */
  static async start(address = '127.0.0.1'): Promise<WebServer> {
    const web = new WebServer();
    await new Promise<void>((resolve, reject) => {
      web.#server.once('error', reject).listen(0, address, resolve);
    });
    web.port = (web.#server.address() as AddressInfo).port;
    onTestFinished(() => web.close());
    return web;
  }

  /** How many connections are open now. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  /** Ends what hangs. */
  closeConnections(): void {
    this.#server.closeAllConnections();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
