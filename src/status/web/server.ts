// The HTTP server itself: where it listens, and what no client can make it do: wait, grow, or hold more connections than it should.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { formatEndpoint, isLocal, type StatusListen } from '../../config/model.ts';
import { Refusal, refuse } from './answers.ts';
import { listenOnPath } from './unix-socket.ts';

const MAX_CONNECTIONS = 128;
/** From one address, where the network may connect: nobody takes all of them. */
const MAX_OF_ONE = 32;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS = 64;
const KEEP_ALIVE_MS = 10_000;
const MAX_REQUESTS = 1_000;

/** Resolves with true when the answer goes on for as long as somebody listens. Rejects with Refusal. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** Milliseconds. */
export interface Limits {
  /** From the first byte of a request to the last of its header, and of its body. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How often these two are looked at. */
  readonly lookMs: number;
  /** Something of an answer must be taken within this time, and all of it within that. */
  readonly silentMs: number;
  readonly answerMs: number;
}
const LIMITS: Limits = { headersMs: 5_000, requestMs: 10_000, lookMs: 1_000, silentMs: 15_000, answerMs: 60_000 };

export interface WebServerOptions {
  /** Default as above. */
  readonly limits?: Limits;
  /** Told of what is our own fault. */
  readonly onFault: (error: unknown) => void;
}

export class WebServer {
  readonly #server: Server;
  /** Where it can be reached: `http://127.0.0.1:9180/`, or `unix:/run/…`. */
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Rejects with a system error when it cannot listen there. */
  static async listen(listen: StatusListen, answer: Answer, options: WebServerOptions): Promise<WebServer> {
    const { headersMs, requestMs, lookMs, silentMs } = options.limits ?? LIMITS;
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        connectionsCheckingInterval: lookMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => void serve(request, response, answer, options),
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.maxHeadersCount = MAX_HEADERS;
    server.maxRequestsPerSocket = MAX_REQUESTS;
    server.timeout = silentMs;
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseBroken(error, socket));
    if (!isLocal(listen)) limitEach(server);
    if (listen.kind === 'unix') await listenOnPath(server, listen.path);
    else await listenOn(server, listen.address, listen.port);
    // Such as too many open files: the next one may be accepted.
    server.on('error', options.onFault);
    return new WebServer(server, urlOf(server, listen));
  }

  /** Ends every connection. A unix socket's path goes with it. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  { onFault, limits = LIMITS }: WebServerOptions,
): Promise<void> {
  // Whoever goes away is nobody's trouble.
  request.on('error', () => {});
  response.on('error', () => {});
  const late = setTimeout(() => response.destroy(), limits.answerMs);
  response.on('close', () => clearTimeout(late));
  try {
    if (await answer(request, response)) clearTimeout(late);
  } catch (error) {
    if (response.destroyed) return;
    if (!(error instanceof Refusal)) onFault(error);
    if (response.headersSent) response.destroy();
    else
      refuse(
        response,
        error instanceof Refusal ? error : new Refusal(500, 'this is a fault of ours; the log says more'),
      );
  }
}

/** What is no HTTP, too long, or does not come. */
function refuseBroken({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, error] =
    code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'the header is too long']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'the request did not come in time']
        : ['400 Bad Request', 'this is not an HTTP request'];
  const body = `${JSON.stringify({ error })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function limitEach(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const from = socket.remoteAddress ?? '';
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.on('close', () => {
      const left = (open.get(from) ?? 0) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > MAX_OF_ONE) socket.destroy();
  });
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function urlOf(server: Server, listen: StatusListen): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`;
  const { address, port } = server.address() as AddressInfo;
  return `http://${formatEndpoint(address, port)}/`;
}
