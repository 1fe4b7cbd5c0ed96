// A text sent and an answer matched line by line, as ldirectord does it, over TCP; and datagram by datagram over UDP.
import { execFileSync } from 'node:child_process';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SYSTEM_CLOCK } from '../../src/checks/run.ts';
import type { SimpleTcpSpec } from '../../src/config/model.ts';
import { holds } from '../loop-holds.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import {
  type Answer,
  check,
  closedPort,
  closeListeners,
  endless,
  hasIPv6,
  type Listener,
  listen,
  pattern,
  services,
} from './listeners.ts';
import { closedUdpPort, closeUdpListeners, listenUdp, type UdpAnswer } from './udp-listeners.ts';

afterEach(async () => {
  await closeListeners();
  await closeUdpListeners();
});

const ipv6 = await hasIPv6();
const HOSTS = ['127.0.0.1', ...(ipv6 ? ['::1'] : [])];

/** A check that must find "PONG" in a line, unless told otherwise. */
function simpleSpec(receive = 'PONG', changes: Partial<SimpleTcpSpec> = {}): SimpleTcpSpec {
  return { ...anyByte(changes), receive: pattern(receive) };
}

function anyByte(changes: Partial<SimpleTcpSpec> = {}): SimpleTcpSpec {
  return { kind: 'simpletcp', transport: 'tcp', request: 'PING\\n', timeoutMs: 3000, ...changes };
}

/** Answers once the other side has closed its half, as many servers do. */
const atTheEnd =
  (answer: string | Buffer): Answer =>
  (socket) => {
    socket.on('end', () => socket.end(answer));
  };
const said =
  (bytes: string | Buffer): Answer =>
  (socket) =>
    void socket.write(bytes);

/** Keeps the connection when the other side closes its half, and does then what it is told. */
const staying =
  (answer: (socket: Socket) => void): Answer =>
  (socket) => {
    socket.allowHalfOpen = true;
    answer(socket);
  };

/** Says one piece after another, and keeps the connection. */
function pieces(...texts: string[]): Answer {
  return staying((socket) => {
    const timer = setInterval(() => socket.write(texts.shift() ?? ''), 5);
    socket.once('close', () => clearInterval(timer));
  });
}

/** A server that keeps its half of the connection cannot see that ours, which ended with the request, is closed. */
function ourSideClosed(server: Listener): Promise<boolean> {
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  return until('our side closed', () => sockets() === server.open(), sockets, 1000);
}

describe('up', () => {
  test.each<[string, Answer, string, string]>([
    ['a line', said('PONG\n'), 'PONG', 'got "PONG\\n"'],
    ['the second line', said('hello\r\nPONG 1\r\nmore\n'), '^PONG', 'got "PONG 1\\r\\n"'],
    ['a last line without its end', atTheEnd('hello\nPONG'), '^PONG$', 'got "PONG"'],
    ['once the request has ended', atTheEnd('PONG\n'), 'PONG$', 'got "PONG\\n"'],
    ['a line in pieces', pieces('PO', 'NG', '\n'), '^PONG\\n$', 'got "PONG\\n"'],
    ['before the connection is closed', pieces('PONG\n', 'x', 'x'), 'PONG', 'got "PONG\\n"'],
    ['an endless talker who says it', endless('PONG\n', Buffer.alloc(65_536, '\n')), 'PONG', 'got "PONG\\n"'],
    ['bytes', said(Buffer.from([0, 255, 131, 10])), '\\xff\\x83', 'got "\\x00\\xff\\x83\\n"'],
    ['a line of 64 KiB', atTheEnd(`${'x'.repeat(65_531)}PONG\n`), 'xPONG$', `got "${'x'.repeat(100)}…"`],
    ['a cut line', atTheEnd(`${'x'.repeat(65_536)}PONG\n`), '^PONG$', 'got "PONG\\n"'],
    ['an empty pattern and an empty line', said('\n'), '', 'got "\\n"'],
  ])('%s', async (_name, answer, receive, detail) => {
    const server = await listen(answer, { atOnce: true });
    expect(await check(server.target, simpleSpec(receive))).toMatchObject({ outcome: 'up', detail });
    await ourSideClosed(server);
  });

  test.each<[string, Answer]>([
    ['a byte', said('x')],
    ['a byte, and a close', atTheEnd('x')],
    ['much', endless('x', Buffer.alloc(65_536, 'x'))],
  ])('without receive: %s', async (_name, answer) => {
    const server = await listen(answer, { atOnce: true });
    expect(await check(server.target, anyByte())).toMatchObject({
      outcome: 'up',
      detail: expect.stringMatching(/^got "x/),
    });
    await ourSideClosed(server);
  });

  test.runIf(ipv6)('IPv6', async () => {
    const server = await listen(atTheEnd('PONG\n'), { host: '::1', atOnce: true });
    expect((await check(server.target, simpleSpec())).outcome).toBe('up');
  });
});

describe('the request', () => {
  test.each([
    ['PING\\n', 'PING\n'],
    ['a\\nb\\n\\n', 'a\nb\n\n'],
    ['a\\rb\\t\\\\n', 'a\\rb\\t\\\n'],
    ['größer', 'größer'],
    ['', ''],
  ])('%j is sent as %j, and ended', async (request, sent) => {
    const got: Buffer[] = [];
    const server = await listen(
      (socket) => {
        socket.on('data', (chunk) => got.push(chunk));
        socket.on('end', () => socket.end('PONG'));
      },
      { atOnce: true },
    );
    const traced: string[] = [];
    await check(server.target, simpleSpec('PONG', { request }), services({}, { trace: (line) => traced.push(line) }));
    expect(Buffer.concat(got).toString()).toBe(sent);
    expect(traced.length).toBe(2);
    expect(traced[1]).toMatch(/< 4 bytes: "PONG"$/);
  });
});

describe('a line is matched with its newline, as Perl reads it', () => {
  const lines = ['OK\n', 'OK\r\n', 'OK', 'OKAY\n'];
  const patterns = ['OK$', '^OK\\r$', 'OK\\z', 'OK\\Z', 'OK.$', 'OK\\s', '^OK\\n', 'OK\\s+$'];
  test.each(patterns)('/%s/', async (receive) => {
    const ours: boolean[] = [];
    for (const line of lines) {
      const server = await listen(atTheEnd(line), { atOnce: true });
      ours.push((await check(server.target, simpleSpec(receive))).outcome === 'up');
    }
    expect(ours).toEqual(lines.map((line) => inPerl(line, receive)));
  });

  function inPerl(line: string, receive: string): boolean {
    const script = 'my $p = shift; my $up = 0; while (<STDIN>) { $up = 1 if /$p/ } print $up';
    return execFileSync('perl', ['-e', script, receive], { input: line }).toString() === '1';
  }
});

describe('down', () => {
  test.each<[string, Answer, string]>([
    ['another line', atTheEnd('hello\n'), 'no line matches /PONG/ (got 6 bytes: "hello\\n")'],
    ['two lines that match only together', atTheEnd('PO\nNG\n'), 'no line matches /PONG/ (got 6 bytes: "PO\\nNG\\n")'],
    ['noise', atTheEnd(Buffer.from([0, 255, 10])), 'no line matches /PONG/ (got 3 bytes: "\\x00\\xff\\n")'],
    ['much', atTheEnd('x'.repeat(200_000)), `no line matches /PONG/ (got 200000 bytes: "${'x'.repeat(100)}…")`],
    ['nothing', atTheEnd(''), 'connection closed without an answer'],
    ['closed at once', (socket) => void socket.end(), 'connection closed without an answer'],
    ['reset', (socket) => void socket.resetAndDestroy(), 'connection reset'],
    [
      'reset after another line',
      staying((socket) => {
        socket.write('hello\n');
        setTimeout(() => socket.resetAndDestroy(), 30);
      }),
      'connection reset',
    ],
  ])('%s', async (_name, answer, detail) => {
    const server = await listen(answer, { atOnce: true });
    expect(await check(server.target, simpleSpec())).toMatchObject({ outcome: 'down', detail });
    await ourSideClosed(server);
  });

  test('without receive: nothing', async () => {
    const server = await listen(atTheEnd(''), { atOnce: true });
    const result = await check(server.target, anyByte());
    expect(result).toMatchObject({ outcome: 'down', detail: 'connection closed without an answer' });
  });

  test.each<[string, Buffer]>([
    ['an endless line', Buffer.alloc(65_536, 'x')],
    ['endless empty lines', Buffer.alloc(65_536, '\n')],
  ])('%s', async (_name, bytes) => {
    const server = await listen(endless('', bytes), { atOnce: true });
    const { detail } = await check(server.target, simpleSpec('PONG', { timeoutMs: 10_000 }));
    expect(detail).toMatch(
      /^no line of the first 1 MiB matches \/PONG\/ \(got 1\d{6} bytes: "(x{100}|(\\n){100})…"\)$/,
    );
    await ourSideClosed(server);
  });

  test('a pattern that is too much work', async () => {
    const server = await listen(atTheEnd(`${'a'.repeat(100)}\n`), { atOnce: true });
    expect((await check(server.target, simpleSpec('^(a+)+b'))).detail).toContain('the pattern is too much work');
  });

  test('much work in many lines holds up nobody, and ends with the deadline', async () => {
    const server = await listen(endless('', Buffer.from('aaaaaaaaaaaaaaaaa\n'.repeat(3000))), { atOnce: true });
    const spec = simpleSpec('^(a+)+b', { timeoutMs: 500 });
    const [longest = 0] = await holds(async () => {
      const { detail, durationMs } = await check(server.target, spec, services(), SYSTEM_CLOCK);
      expect(detail).toMatch(/no answer within 500 ms|the pattern is too much work/);
      expect(durationMs).toBeLessThan(500 + NOISE_MS);
    });
    expect(longest).toBeLessThan(250);
    await ourSideClosed(server);
  });

  test('refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, simpleSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, Answer, string]>([
    ['silence', staying(() => {}), 'got 0 bytes'],
    ['a line without its end', staying((socket) => void socket.write('PONG')), 'got 4 bytes: "PONG"'],
    ['dripping', pieces(...new Array<string>(100).fill('drip\n')), 'got '],
  ])('at the deadline: %s', async (_name, answer, progress) => {
    const server = await listen(answer, { atOnce: true });
    const { outcome, detail, durationMs } = await check(server.target, simpleSpec('PONG', { timeoutMs: 200 }));
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 200 ms (connected, sent the request, ${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(180);
    expect(durationMs).toBeLessThan(200 + NOISE_MS);
    await ourSideClosed(server);
  });
});

describe('over UDP', () => {
  const overUdp = simpleSpec('PONG', { transport: 'udp' });

  test.each<[string, UdpAnswer]>([
    ['a datagram', 'PONG\n'],
    ['another first', () => ['hello\n', '', 'PONG\n']],
    ['lost first', ((_request, { requests }) => (requests.length > 1 ? 'PONG\n' : undefined)) satisfies UdpAnswer],
  ])('up: %s', async (_name, answer) => {
    const server = await listenUdp(answer);
    expect(await check(server.target, overUdp)).toMatchObject({ outcome: 'up', detail: 'got 5 bytes: "PONG\\n"' });
    expect(String(server.requests[0])).toBe('PING\n');
  });

  test.each(HOSTS)('from %s without receive', async (host) => {
    const server = await listenUdp('x', { host });
    const spec = anyByte({ transport: 'udp', request: '' });
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail: 'got 1 byte: "x"' });
    expect(server.requests[0]?.length).toBe(0);
  });

  test.each(HOSTS)('down: a closed port of %s', async (host) => {
    const target = {
      address: host,
      family: host === '::1' ? (6 as const) : (4 as const),
      port: await closedUdpPort(),
    };
    expect(await check(target, overUdp)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, UdpAnswer, SimpleTcpSpec, string]>([
    ['silence', () => undefined, overUdp, 'sent 2 requests; got nothing'],
    ['another answer', 'hello', overUdp, 'sent 2 requests; no answer matches /PONG/, the last: got 5 bytes: "hello"'],
    ['an empty answer', '', anyByte({ transport: 'udp' }), 'sent 2 requests; got 0 bytes: ""'],
  ])('down at the deadline: %s', async (_name, answer, spec, progress) => {
    const server = await listenUdp(answer);
    const { outcome, detail, durationMs } = await check(server.target, { ...spec, timeoutMs: 1200 });
    expect({ outcome, detail }).toEqual({ outcome: 'down', detail: `no answer within 1.2 s (${progress})` });
    expect(durationMs).toBeLessThan(1200 + NOISE_MS);
  });
});
