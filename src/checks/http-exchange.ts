// One HTTP request and its answer over a connection of their own, by undici: how bytes become an answer, and how many are kept.
import type { Socket } from 'node:net';
import type { Client, Dispatcher } from 'undici';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { createHeadGate, MAX_HEAD_BYTES } from './http-head.ts';
import { codeOf } from './reasons.ts';
import { openSocket, type Peer } from './socket.ts';
import { byteCount } from './text.ts';

/** How much of a body is kept and matched. */
export const KEPT_BODY_BYTES = 1024 * 1024;
/** An answer that is longer than this, chunks' sizes and trailers too, is taken for one that never ends. */
const MAX_BYTES = 64 * KEPT_BODY_BYTES;
/**
 * As much as the parser gets at once. It cannot be stopped within: of a flood of trailers that is over its limit it makes an error for
 * each line to come.
 */
const PIECE_BYTES = 4096;

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  /** A path with a leading slash, or for a proxy an absolute URL. */
  readonly path: string;
  readonly host: string;
  readonly authorization?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly statusText: string;
  readonly location?: string;
  /** The first 1 MiB, never decompressed. */
  readonly body: Buffer;
  /** Length of the whole body. */
  readonly bodyBytes: number;
  /** The connection was closed before Content-Length bytes had come. */
  readonly cutShort: boolean;
}

/** Asks a peer over a connection of its own. Rejects with a CheckFailure in words, or with the system's or undici's error. */
export async function exchange(peer: Peer, request: HttpRequest, ctx: CheckContext): Promise<HttpAnswer> {
  const { method, path, host, authorization } = request;
  const headers = ['host', host, 'user-agent', 'tsdirectord', 'accept', '*/*', 'accept-encoding', 'identity'];
  if (authorization !== undefined) headers.push('authorization', authorization);
  const lane = idle.pop() ?? (await Lane.create());
  let isIdle = false;
  ctx.defer(() => {
    if (!isIdle) lane.close();
  });
  const answer = await new Promise<HttpAnswer>((resolve, reject) => {
    const { begin, handler } = createExchange(resolve, reject);
    lane.dispatch({ method, path, headers }, handler, async () => {
      try {
        return begin(await openSocket(peer, ctx), ctx);
      } catch (error) {
        // Told here: of some errors (a certificate for another name) undici says nothing, and connects again.
        reject(error as Error);
        throw error;
      }
    });
  });
  // Closed at the deadline it may end an answer, too.
  if (!lane.isClosed && idle.length < MOST_IDLE) {
    isIdle = true;
    idle.push(lane);
  }
  return answer;
}

/** How many lanes wait for their next request: about as many as are busy at once where many servers answer quickly. */
const MOST_IDLE = 16;
// A cache and nothing else: an undici Client costs half as much again as an exchange, and 50 kB for as long as it is kept, so that
// one for each of thousands of servers is too many. An idle one has no connection.
const idle: Lane[] = [];

/** An undici Client that asks one peer after the other. */
class Lane {
  readonly #client: Client;
  /** Set for each request, taken when undici wants its connection; one request is under way at a time. */
  #connection: (() => Promise<Socket>) | undefined;

  private constructor(UndiciClient: typeof Client) {
    this.#client = new UndiciClient('http://real', {
      pipelining: 0,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 2 * MAX_HEAD_BYTES,
      connect: (_options, callback) => {
        const open = this.#connection ?? (() => Promise.reject(new CheckFailure('connection closed')));
        this.#connection = undefined;
        open().then(
          (socket) => callback(null, socket),
          (error: Error) => callback(error, null),
        );
      },
    });
  }

  /** Loading undici costs more than many checks: only a configuration that has an HTTP check pays for it. */
  static async create(): Promise<Lane> {
    const undici = await import('undici');
    return new Lane(undici.Client);
  }

  dispatch(
    request: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    connection: () => Promise<Socket>,
  ): void {
    this.#connection = connection;
    this.#client.dispatch(request, handler);
  }

  get isClosed(): boolean {
    return this.#client.destroyed;
  }

  close(): void {
    void this.#client.destroy();
  }
}

function createExchange(resolve: (answer: HttpAnswer) => void, reject: (error: Error) => void) {
  const gate = createHeadGate();
  const body = createBody();
  let received = 0;
  let head: Pick<HttpAnswer, 'status' | 'statusText' | 'location'> | undefined;
  let lengthTold = false;
  let reset: Error | undefined;

  function begin(socket: Socket, ctx: CheckContext): Socket {
    ctx.progress(() => `connected, sent the request, got ${byteCount(received)}`);
    socket.on('error', (error) => {
      if (codeOf(error) === 'ECONNRESET') reset = error;
    });
    const destroy = socket.destroy.bind(socket);
    socket.destroy = (error?: Error) => {
      // So undici ends each exchange; node reads the stack, and V8 would put it into words, which takes a tenth of a check.
      if (error !== undefined && codeOf(error) === 'UND_ERR_INFO') error.stack = '';
      return destroy(error);
    };
    const read = socket.read.bind(socket);
    const piece = (): Buffer | null =>
      socket.destroyed ? null : read(Math.min(socket.readableLength, PIECE_BYTES) || undefined);
    socket.read = () => {
      try {
        for (let chunk = piece(); chunk !== null; chunk = piece()) {
          received += chunk.length;
          if (received > MAX_BYTES) {
            throw new CheckFailure(`the answer does not end (over ${MAX_BYTES / KEPT_BODY_BYTES} MiB)`);
          }
          const passed = gate.pass(chunk);
          if (passed !== null) return passed;
        }
      } catch (error) {
        socket.destroy(error as Error);
      }
      return null;
    };
    return socket;
  }

  function finish(cutShort: boolean): void {
    // undici lets a reset pass for the end of a body whose length was not told. A server that resets is not healthy.
    if (reset !== undefined) reject(reset);
    else if (head === undefined) reject(new Error('undici ended an answer that it had not begun'));
    else resolve({ ...head, body: body.kept(), bodyBytes: body.total(), cutShort });
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onResponseStart(_controller, status, headers, statusText = '') {
      const location = Array.isArray(headers.location) ? headers.location[0] : headers.location;
      head = { status, statusText, ...(location === undefined ? {} : { location }) };
      lengthTold = headers['content-length'] !== undefined;
    },
    onResponseData(_controller, chunk) {
      body.add(chunk);
    },
    onResponseEnd() {
      finish(false);
    },
    onResponseError(_controller, error) {
      const code = codeOf(error);
      const closed = code === 'UND_ERR_SOCKET';
      const mismatch = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
      if (reset !== undefined) reject(reset);
      // As ldirectord: what came before the server closed counts, whatever length it had announced.
      else if (lengthTold && (closed || mismatch)) finish(true);
      else if (closed) reject(new CheckFailure(closedAfter(received), { cause: error }));
      else if (mismatch || error.name === 'HTTPParserError') reject(broken(error));
      else if (code === 'UND_ERR_HEADERS_OVERFLOW') reject(new CheckFailure(TRAILERS_WITHOUT_END, { cause: error }));
      else reject(error);
    },
  };
  return { begin, handler };
}

/** What a header holds the gate keeps below the parser's limit. */
const TRAILERS_WITHOUT_END = 'the answer does not end (its trailers)';

/** undici's parser errors carry no code; the reason stands in their parentheses. */
function broken(error: Error): CheckFailure {
  const reason = /\((.*)\)/.exec(error.message)?.[1] ?? 'bad header';
  return new CheckFailure(`broken HTTP answer: ${reason}`, { cause: error });
}

function closedAfter(received: number): string {
  return received === 0
    ? 'connection closed without an answer'
    : `connection closed after ${byteCount(received)} of the answer`;
}

/** Copies the first 1 MiB (a view would keep its whole read buffer alive) and counts the rest. */
function createBody() {
  let buffer: Buffer = Buffer.alloc(0);
  let used = 0;
  let total = 0;
  return {
    add(chunk: Buffer): void {
      total += chunk.length;
      const wanted = Math.min(used + chunk.length, KEPT_BODY_BYTES);
      if (wanted > buffer.length) {
        const grown = Buffer.allocUnsafe(Math.min(Math.max(wanted, 2 * buffer.length), KEPT_BODY_BYTES));
        buffer.copy(grown, 0, 0, used);
        buffer = grown;
      }
      used += chunk.copy(buffer, used, 0, wanted - used);
    },
    kept: () => buffer.subarray(0, used),
    total: () => total,
  };
}
