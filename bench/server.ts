// All real servers in one process that costs little: it answers HTTP on every address of its machine that has been routed to it,
// notes when each address is asked, and fails for those it is told to. Told over IPC, as the lab's agent is.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Reply } from '../test/kernel/lab/agent.ts';
import { Book } from './book.ts';

/** How a server fails: answers 500, tears the connection down, says nothing, or ends its answer in the middle of the head. */
export const WAYS = ['error', 'reset', 'silent', 'half'] as const;
export type Way = (typeof WAYS)[number];

export type ServerRequest =
  /** Port 0 is any that is free. Answered with the port. */
  | { readonly op: 'listen'; readonly port: number }
  /** From now on these addresses, and no others, fail. Answered with the time of that, in ms since 1970. */
  | { readonly op: 'fail'; readonly ways: Readonly<Record<string, Way>> }
  /** Connections are taken together, so often; 0: each at once. */
  | { readonly op: 'gather'; readonly everyMs: number }
  /** Forgets what was noted, and notes from now on. */
  | { readonly op: 'note' }
  /** Arrivals since then; ends the noting. */
  | { readonly op: 'noted' }
  /** When this address was asked last, in ms since 1970; undefined: never. */
  | { readonly op: 'asked'; readonly address: string }
  /** Pages: what each address has answered since the beginning. */
  | { readonly op: 'book' };

const BACKLOG = 4096;

const answer = (status: string): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n`);
const GOOD = answer('200 OK');
const BAD = answer('500 Internal Server Error');
const HALF_BYTES = 30;

let failing: ReadonlyMap<string, Way> = new Map();
let gatherMs = 0;
let noted: Map<string, number[]> | undefined;
/** When each address was asked last. */
const asked = new Map<string, number>();
const book = new Book();

function listen(port: number): Promise<Server> {
  const server = createServer((socket) => {
    const address = socket.localAddress ?? '';
    const now = performance.timeOrigin + performance.now();
    asked.set(address, now);
    if (noted !== undefined) {
      const times = noted.get(address);
      if (times === undefined) noted.set(address, [now]);
      else times.push(now);
    }
    socket.on('error', () => {});
    socket.once('data', () => {
      const way = failing.get(address);
      book.add(address, way === undefined);
      reply(socket, way);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '0.0.0.0', port, backlog: BACKLOG }, () => resolve(server));
  });
}

function reply(socket: Socket, way: Way | undefined): void {
  switch (way) {
    case undefined:
      socket.end(GOOD);
      break;
    case 'error':
      socket.end(BAD);
      break;
    case 'half':
      socket.end(GOOD.subarray(0, HALF_BYTES));
      break;
    case 'reset':
      socket.resetAndDestroy();
      break;
    case 'silent':
      // Until the other side gives up.
      break;
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps with all that there is to do, does it in one turn of the event loop, and sleeps again. */
function gather(): void {
  if (gatherMs === 0) return;
  Atomics.wait(never, 0, 0, gatherMs);
  setImmediate(gather);
}

async function perform(request: ServerRequest): Promise<unknown> {
  switch (request.op) {
    case 'listen':
      return ((await listen(request.port)).address() as AddressInfo).port;
    case 'fail':
      failing = new Map(Object.entries(request.ways));
      return Date.now();
    case 'gather':
      gatherMs = request.everyMs;
      setImmediate(gather);
      return undefined;
    case 'note':
      noted = new Map();
      return undefined;
    case 'noted': {
      const arrivals = Object.fromEntries(noted ?? []);
      noted = undefined;
      return arrivals;
    }
    case 'asked':
      return asked.get(request.address);
    case 'book':
      return book.pages;
  }
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, request }: { id: number; request: ServerRequest }) => {
  perform(request).then(
    (value) => process.send?.({ id, value } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
