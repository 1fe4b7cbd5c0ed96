// All real servers in one process that costs little: it answers HTTP on every address of its machine that has been routed to it,
// notes when each address is asked, and fails for those it is told to. Told over IPC, as the lab's agent is.
import { createServer, type Server } from 'node:net';
import type { Reply } from '../test/kernel/lab/agent.ts';

export type ServerRequest =
  | { readonly op: 'listen'; readonly port: number }
  /** From now on these addresses, and no others, answer 500. Answered with the time of that, in ms since 1970. */
  | { readonly op: 'fail'; readonly addresses: readonly string[] }
  /** Forgets what was noted, and notes from now on. */
  | { readonly op: 'note' }
  /** Arrivals since then; ends the noting. */
  | { readonly op: 'noted' };

const BACKLOG = 4096;

const answer = (status: string): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n`);
const GOOD = answer('200 OK');
const BAD = answer('500 Internal Server Error');

let failing: ReadonlySet<string> = new Set();
let noted: Map<string, number[]> | undefined;

function listen(port: number): Promise<Server> {
  const server = createServer((socket) => {
    const address = socket.localAddress ?? '';
    if (noted !== undefined) {
      const now = performance.timeOrigin + performance.now();
      const times = noted.get(address);
      if (times === undefined) noted.set(address, [now]);
      else times.push(now);
    }
    socket.on('error', () => {});
    socket.once('data', () => socket.end(failing.has(address) ? BAD : GOOD));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '0.0.0.0', port, backlog: BACKLOG }, () => resolve(server));
  });
}

async function perform(request: ServerRequest): Promise<unknown> {
  switch (request.op) {
    case 'listen':
      await listen(request.port);
      return undefined;
    case 'fail':
      failing = new Set(request.addresses);
      return Date.now();
    case 'note':
      noted = new Map();
      return undefined;
    case 'noted': {
      const arrivals = Object.fromEntries(noted ?? []);
      noted = undefined;
      return arrivals;
    }
  }
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, request }: { id: number; request: ServerRequest }) => {
  perform(request).then(
    (value) => process.send?.({ id, value } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
