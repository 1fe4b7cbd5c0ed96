// One idle connection to real listeners on loopback: when it ends, as what, and what it costs the server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { IdleConnection, type IdleEnd } from '../../src/system/idle-connection.ts';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';

interface Listening {
  readonly port: number;
  /** The server's sides of all connections so far. */
  readonly sockets: Socket[];
  /** Bytes that came. */
  received: number;
}

/** Listens, and gives each connection to `serve`; gone with the test. */
async function listening(serve: (socket: Socket) => void = () => {}, host = '127.0.0.1'): Promise<Listening> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket
      .on('error', () => {})
      .on('data', (data) => {
        found.received += data.length;
      });
    serve(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, host, resolve);
  });
  const found: Listening = { port: (server.address() as AddressInfo).port, sockets, received: 0 };
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return found;
}

function held(port: number, { address = '127.0.0.1', connectMs = 5_000 } = {}): { ends: IdleEnd[]; close(): void } {
  const ends: IdleEnd[] = [];
  const connection = new IdleConnection({ address, port }, { onEnd: (end) => ends.push(end), connectMs });
  onTestFinished(() => connection.close());
  return { ends, close: () => connection.close() };
}

/** The only timer is the deadline for the connection, which is over once our side knows that it has come about. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});
const connected = (server: Listening): Promise<unknown> =>
  until('a connection', () => server.sockets.length === 1 && vi.getTimerCount() === 0);

const wait = async (ms: number): Promise<void> => {
  const began = performance.now();
  await until(`${ms} ms`, () => performance.now() - began >= ms);
};

describe.each(['127.0.0.1', '::1'])('to %s', (address) => {
  test('stays open without a word until the server closes it, which is told once', async () => {
    const server = await listening(undefined, address);
    const { ends } = held(server.port, { address });
    await connected(server);
    await wait(200);
    expect(ends).toEqual([]);
    server.sockets[0]?.end();
    await until('its end', () => ends.length > 0);
    await until('ours is closed, too', () => server.sockets[0]?.closed);
    expect(ends).toEqual([{ kind: 'lost', heldMs: expect.any(Number), reason: 'closed' }]);
    expect(ends[0]?.heldMs).toBeGreaterThan(150);
    expect(server).toMatchObject({ received: 0, sockets: { length: 1 } });
  });

  test('a reset', async () => {
    const server = await listening(undefined, address);
    const { ends } = held(server.port, { address });
    await connected(server);
    server.sockets[0]?.resetAndDestroy();
    await until('its end', () => ends.length > 0);
    expect(ends[0]).toMatchObject({ kind: 'lost', reason: 'ECONNRESET' });
  });

  test('nobody listens', async () => {
    const { ends } = held(await freePort(), { address });
    await until('its end', () => ends.length > 0);
    expect(ends).toEqual([{ kind: 'failed', heldMs: 0, reason: 'ECONNREFUSED' }]);
  });
});

test('one that does not come about is given up', async () => {
  // A process that is stopped, and has more connections waiting for it than it wants.
  const program =
    "require('node:net').createServer().listen(0, '127.0.0.1', 1, function () { console.log(this.address().port) })";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [said] = await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const port = Number(said);
  const others = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => {
    for (const other of others) other.destroy();
  });
  await until('some of them wait', () => others.some(({ connecting }) => !connecting));
  const { ends } = held(port, { connectMs: 200 });
  vi.advanceTimersByTime(199);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  await until('its end', () => ends.length > 0);
  expect(ends).toEqual([{ kind: 'failed', heldMs: 0, reason: 'ETIMEDOUT' }]);
});

test('its deadline is over once it has come about', async () => {
  const server = await listening();
  const { ends } = held(server.port, { connectMs: 500 });
  await connected(server);
  vi.advanceTimersByTime(800);
  expect(ends).toEqual([]);
});

test('a greeting is dropped, and the connection stays', async () => {
  const server = await listening((socket) => socket.write('220 mail.example.com ESMTP\r\n'));
  const { ends } = held(server.port);
  await until('a connection', () => server.sockets.length === 1);
  await wait(100);
  expect(ends).toEqual([]);
  server.sockets[0]?.end('421 timeout\r\n');
  await until('its end', () => ends.length > 0);
  expect(ends[0]?.kind).toBe('lost');
});

test('one that talks without end is let go of', async () => {
  const server = await listening((socket) => {
    const talk = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(4_096, 'x')));
    };
    socket.on('drain', talk);
    talk();
  });
  const { ends } = held(server.port);
  await until('its end', () => ends.length > 0);
  expect(ends).toEqual([{ kind: 'flooded', heldMs: expect.any(Number), reason: 'it talks' }]);
  await until('the server sees it', () => server.sockets[0]?.closed);
});

test('close ends it without a word, also while it connects', async () => {
  const server = await listening();
  const [early, late] = [held(server.port), held(server.port)];
  early.close();
  await until('a connection', () => server.sockets.length > 0);
  late.close();
  await until('none is left', () => server.sockets.every(({ readableEnded, closed }) => readableEnded || closed));
  late.close();
  await wait(50);
  expect([early.ends, late.ends]).toEqual([[], []]);
});
