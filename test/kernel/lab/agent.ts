// A program that runs on a machine of the lab and does as it is told over IPC: many web servers in one process, each with a
// behaviour that can be changed while it runs, and web requests whose answers it counts by server; requests that go on until
// told otherwise; echo servers, and connections to them that stay open.
import { createServer, type Server, type Socket } from 'node:net';
import { EchoServer, OpenConnections } from './open-connections.ts';
import { type Pace, SteadyClient } from './steady-client.ts';
import { ask } from './web-request.ts';

/**
 * ok: 200 "found". error: 500. other: 200, another text. silent: accepts and says nothing. reset: resets what connects.
 * drip: an endless header, a byte a second. refused: does not listen.
 */
export type Behaviour = 'ok' | 'error' | 'other' | 'silent' | 'reset' | 'drip' | 'refused';

/** One web server; its name is in its answers. */
export interface Listener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly behaviour?: Behaviour;
}

/** Answers by server name, failures by `error: code`. */
export type Tally = Readonly<Record<string, number>>;

export type Request =
  | { readonly op: 'hello' }
  | { readonly op: 'serve'; readonly listeners: readonly Listener[] }
  | { readonly op: 'behave'; readonly at: string; readonly behaviour: Behaviour }
  | { readonly op: 'hits'; readonly at: string }
  | { readonly op: 'get'; readonly url: string; readonly count: number; readonly from?: string }
  | { readonly op: 'keep asking'; readonly url: string; readonly from: readonly string[]; readonly pace?: Pace }
  | { readonly op: 'toll' }
  | { readonly op: 'stop asking' }
  | { readonly op: 'serve echo'; readonly listeners: readonly Listener[] }
  | { readonly op: 'open'; readonly count: number; readonly host: string; readonly port: number; readonly from: string }
  | { readonly op: 'connections' };

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

const AT_ONCE = 4;

class WebServer {
  readonly #listener: Listener;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  behaviour: Behaviour;
  hits = 0;

  constructor(listener: Listener) {
    this.#listener = listener;
    this.behaviour = listener.behaviour ?? 'ok';
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async become(behaviour: Behaviour): Promise<void> {
    this.behaviour = behaviour;
    for (const socket of this.#sockets) socket.destroy();
    const { address: host, port } = this.#listener;
    if (behaviour === 'refused') {
      if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    } else if (!this.#server.listening) {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host, port, backlog: 512, ipv6Only: true }, () => resolve());
      });
    }
  }

  #serve(socket: Socket): void {
    this.hits += 1;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.behaviour === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    let request = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      request += text;
      if (request.includes('\r\n\r\n') || request.includes('\n\n')) this.#answer(socket);
    });
  }

  #answer(socket: Socket): void {
    socket.removeAllListeners('data').resume();
    if (this.behaviour === 'ok') say(socket, '200 OK', this.#listener.name, 'found');
    if (this.behaviour === 'error') say(socket, '500 Internal Server Error', this.#listener.name, 'found');
    if (this.behaviour === 'other') say(socket, '200 OK', this.#listener.name, 'something else');
    if (this.behaviour !== 'drip') return;
    socket.write('HTTP/1.1 200 OK\r\nX-Drip: ');
    const timer = setInterval(() => socket.write('.'), 1_000);
    socket.on('close', () => clearInterval(timer));
  }
}

function say(socket: Socket, status: string, server: string, body: string): void {
  const fields = [
    `HTTP/1.1 ${status}`,
    `X-Server: ${server}`,
    `Content-Length: ${body.length + 1}`,
    'Content-Type: text/plain',
    'Connection: close',
  ];
  socket.end(`${fields.join('\r\n')}\r\n\r\n${body}\n`);
}

const servers = new Map<string, WebServer>();
const steadyClient = new SteadyClient();
const connections = new OpenConnections();

function server(at: string): WebServer {
  const found = servers.get(at);
  if (found === undefined) throw new Error(`no server at ${at}`);
  return found;
}

async function perform(request: Request): Promise<unknown> {
  switch (request.op) {
    case 'hello':
      return undefined;
    case 'serve':
      for (const listener of request.listeners) {
        const { address, port } = listener;
        const made = new WebServer(listener);
        servers.set(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, made);
        await made.become(made.behaviour);
      }
      return undefined;
    case 'behave':
      return server(request.at).become(request.behaviour);
    case 'hits':
      return server(request.at).hits;
    case 'get': {
      const tally: Record<string, number> = {};
      let left = request.count;
      const worker = async (): Promise<void> => {
        while (left-- > 0) {
          const name = await ask(request.url, request);
          tally[name] = (tally[name] ?? 0) + 1;
        }
      };
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, request.count) }, worker));
      return tally;
    }
    case 'keep asking':
      return steadyClient.begin(request.url, request.from, request.pace);
    case 'toll':
      return steadyClient.toll();
    case 'stop asking':
      return steadyClient.end();
    case 'serve echo':
      await Promise.all(request.listeners.map((listener) => new EchoServer(listener).listen()));
      return undefined;
    case 'open':
      return connections.open(request.count, request);
    case 'connections':
      return connections.states();
  }
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, request }: { id: number; request: Request }) => {
  perform(request).then(
    (value) => process.send?.({ id, value } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
