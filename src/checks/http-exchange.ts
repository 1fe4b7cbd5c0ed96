// One HTTP request and its answer over a connection of their own: how bytes become an answer, and how many are kept.
import { CannotCheck, CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { createHeadGate, fieldOf } from './http-head.ts';
import { loadParser } from './llhttp.ts';
import { openSocket, type Peer } from './socket.ts';
import { byteCount, quoted } from './text.ts';

/** How much of a body is kept and matched. */
export const KEPT_BODY_BYTES = 1024 * 1024;
/** An answer that is longer than this, chunks' sizes and trailers too, is taken for one that never ends. */
const MAX_BYTES = 64 * KEPT_BODY_BYTES;

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

/** Asks a peer over a connection of its own. Rejects with a CheckFailure in words, or with the system's error. */
export async function exchange(peer: Peer, request: HttpRequest, ctx: CheckContext): Promise<HttpAnswer> {
  const text = requestText(request);
  const createParser = await loadParser();
  const socket = await openSocket(peer, ctx);
  let received = 0;
  ctx.progress(() => `connected, sent the request, got ${byteCount(received)}`);
  return new Promise((resolve, reject) => {
    const gate = createHeadGate();
    const body = createBody();
    let head: Pick<HttpAnswer, 'status' | 'statusText' | 'location'> | undefined;
    const parser = createParser({
      onHead(status) {
        head = headOf(status, gate.lines);
        return request.method === 'GET';
      },
      onBody: (bytes) => body.add(bytes),
    });
    ctx.defer(() => parser.free());
    const finish = (cutShort: boolean): void => {
      if (head !== undefined) resolve({ ...head, body: body.kept(), bodyBytes: body.total(), cutShort });
    };
    /** The server has closed the connection, and nothing more can come. */
    const end = (): void => {
      if (parser.end()) finish(false);
      // As ldirectord: what came before the server closed counts, whatever length it had announced.
      else if (fieldOf(gate.lines, 'content-length') !== undefined) finish(true);
      else reject(new CheckFailure(closedAfter(received)));
    };
    socket.on('error', reject);
    socket.on('end', end);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      try {
        if (received > MAX_BYTES)
          throw new CheckFailure(`the answer does not end (over ${MAX_BYTES / KEPT_BODY_BYTES} MiB)`);
        const passed = gate.pass(chunk);
        if (passed === null || !parser.parse(passed)) return;
        socket.off('end', end);
        finish(false);
      } catch (error) {
        reject(error);
      }
      socket.destroy();
    });
    socket.write(text, 'latin1');
  });
}

/** The request as it goes on the wire. Throws CannotCheck when the configuration has what cannot stand there. */
function requestText({ method, path, host, authorization }: HttpRequest): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(host))
    throw new CannotCheck(`${quoted(Buffer.from(host))} cannot be a Host header`);
  const fields = [
    `host: ${host}`,
    'connection: close',
    'user-agent: tsdirectord',
    'accept: */*',
    'accept-encoding: identity',
  ];
  if (authorization !== undefined) fields.push(`authorization: ${authorization}`);
  return `${method} ${path} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
}

function headOf(status: number, lines: readonly string[]): Pick<HttpAnswer, 'status' | 'statusText' | 'location'> {
  const statusText = /^\S+ +\d+ ?(.*)$/.exec(lines[0] ?? '')?.[1] ?? '';
  const location = fieldOf(lines, 'location');
  return { status, statusText, ...(location === undefined ? {} : { location }) };
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
