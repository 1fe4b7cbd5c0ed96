// What an HTTP server may answer, and what the check makes of it.
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { prepareCheck } from '../../src/checks/run.ts';
import {
  type Answer,
  anyBody,
  check,
  closedPort,
  closeListeners,
  endless,
  hasIPv6,
  httpSpec,
  listen,
  ok,
  pattern,
  services,
} from './listeners.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';

afterEach(closeListeners);

const noise = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 73 + 131) % 256));

describe('up', () => {
  test.each<[string, Answer]>([
    ['a length', ok('it was found')],
    ['no length, closed at the end', 'HTTP/1.1 200 OK\r\n\r\nit was found'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nfound'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfo\r\n3\r\nund\r\n0\r\n\r\n'],
    ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nfound'],
    ['another 2xx', 'HTTP/1.1 206 Partial Content\r\n\r\nfound'],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Type: text/plain\n\nfound\n'],
    ['an empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\nfound'],
    ['100 Continue first', `HTTP/1.1 100 Continue\r\n\r\n${ok('found')}`],
    [
      'several interim answers',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('found')}`,
    ],
    [
      'folded and malformed fields',
      'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nB ad: x\r\nnothing\r\nContent-Length: 5\r\n\r\nfound',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nfound'],
    ['no number for a length', 'HTTP/1.1 200 OK\r\nContent-Length: some\r\n\r\nfound'],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfound\r\n0\r\n\r\n',
    ],
    ['an offer to upgrade', ok('found', 'Upgrade: h2,h2c\r\nConnection: Upgrade\r\n')],
    ['fewer bytes than promised, closed in order', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nfound'],
    ['binary noise round it', ok(Buffer.concat([noise, Buffer.from('found'), noise]))],
    ['a large body', ok(`found${'x'.repeat(3_000_000)}`)],
    ['a header of 40 KiB', ok('found', `X-Large: ${'x'.repeat(40_000)}\r\n`)],
    ['byte by byte', (socket) => void bytewise(socket, ok('found'))],
    ['the other half closed', (socket) => void setTimeout(() => socket.end(ok('found')), 30)],
  ])('%s', async (_name, answer) => {
    const server = await listen(answer);
    expect(await check(server.target, httpSpec())).toMatchObject({
      outcome: 'up',
      detail: expect.stringMatching(/^HTTP 20[06]/),
    });
    await server.allClosed();
  });

  test('any 2xx without receive, 204 too', async () => {
    const server = await listen('HTTP/1.1 204 No Content\r\n\r\n');
    expect(await check(server.target, anyBody())).toMatchObject({ outcome: 'up', detail: 'HTTP 204 No Content' });
  });

  test('bytes are matched as they come', async () => {
    const server = await listen(ok(noise));
    expect((await check(server.target, httpSpec({ receive: pattern('\\x83\\xcc') }))).outcome).toBe('up');
    const zipped = await listen(ok(gzipSync('found'), 'Content-Encoding: gzip\r\n'));
    expect((await check(zipped.target, httpSpec({ receive: pattern('^\\x1f\\x8b') }))).outcome).toBe('up');
    expect((await check(zipped.target, httpSpec())).outcome).toBe('down');
  });
});

describe('down', () => {
  test.each<[string, Answer, string | RegExp]>([
    ['500', 'HTTP/1.1 500 Internal Server Error\r\n\r\nfound', 'HTTP 500 Internal Server Error'],
    ['404 without a reason', 'HTTP/1.1 404\r\n\r\n', 'HTTP 404'],
    ['a hostile reason', 'HTTP/1.1 500 \x1b[2Jgone\r\n\r\n', /HTTP 500 .x1b\[2Jgone|broken HTTP answer/],
    ['another text', ok('lost\n'), 'body does not match /found/ (got 5 bytes: "lost\\n")'],
    ['an empty body', ok(''), 'body does not match /found/ (got an empty body)'],
    ['much else', ok('x'.repeat(100)), `body does not match /found/ (got 100 bytes: "${'x'.repeat(60)}…")`],
    ['noise', ok(noise.subarray(0, 3)), 'body does not match /found/ (got 3 bytes: "\\x83\\xcc\\x15")'],
    [
      'found too late',
      ok(`${'x'.repeat(2 ** 20)}found`),
      /\(got 1048581 bytes, of which the first 1 MiB was searched: "xxx/,
    ],
    [
      'cut short',
      'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nfou',
      'body does not match /found/ (got 3 bytes, cut short: "fou")',
    ],
    ['not modified', 'HTTP/1.1 304 Not Modified\r\n\r\n', 'HTTP 304 Not Modified'],
    ['silence and a close', '', 'connection closed without an answer'],
    ['half a header', 'HTTP/1.1 200 OK\r\nConte', 'connection closed after 22 bytes of the answer'],
    ['text that is not HTTP', 'found\n', 'not an HTTP answer: "found\\n"'],
    ['an SMTP greeting', '220 mail ESMTP\r\n', 'not an HTTP answer: "220 mail ESMTP\\r\\n"'],
    ['binary noise', noise.subarray(0, 4), 'not an HTTP answer: "\\x83\\xcc\\x15^"'],
    ['a status that is none', 'HTTP/1.1 000 OK\r\n\r\n', 'not an HTTP answer: status 000'],
    [
      'another protocol',
      `HTTP/1.1 101 Switching Protocols\r\n\r\n${ok('found')}`,
      'HTTP 101: another protocol begins, which nobody asked for',
    ],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\nfound', 'broken HTTP answer: Invalid response status'],
    [
      'garbage for a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfound\r\nzz\r\n',
      'broken HTTP answer: Invalid character in chunk size',
    ],
    [
      'chunks without an end',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfound\r\n',
      'connection closed after 57 bytes of the answer',
    ],
    ['a reset at once', (socket) => void socket.resetAndDestroy(), 'connection reset'],
    [
      'a reset in a body with a length',
      (socket) => reset(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nfound'),
      'connection reset',
    ],
    ['a reset in a body without one', (socket) => reset(socket, 'HTTP/1.1 200 OK\r\n\r\nfound'), 'connection reset'],
    [
      'a header that never ends',
      endless('HTTP/1.1 200 OK\r\n', Buffer.from('X-Again: and again\r\n'.repeat(500))),
      "the answer's header is over 64 KiB",
    ],
    [
      'a line that never ends',
      endless('HTTP/1.1 200 ', Buffer.alloc(10_000, 'O')),
      "the answer's header is over 64 KiB",
    ],
    [
      'announcements without an end',
      endless('', Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'.repeat(500))),
      'the server sent 64 KiB and no answer',
    ],
    ['empty lines without an end', endless('', Buffer.alloc(10_000, '\r\n')), 'the server sent 64 KiB and no answer'],
    [
      'trailers without an end',
      endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', Buffer.from('T: x\r\n'.repeat(500))),
      'the answer does not end (its trailers)',
    ],
    [
      'a chunk extension without an end',
      endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;', Buffer.alloc(65_536, 'x')),
      'the answer does not end (over 64 MiB)',
    ],
  ])('%s', async (_name, answer, reason) => {
    const server = await listen(answer);
    const { outcome, detail } = await check(server.target, httpSpec());
    expect({ outcome, detail }).toEqual({
      outcome: 'down',
      detail: reason instanceof RegExp ? expect.stringMatching(reason) : reason,
    });
    await server.allClosed();
  });

  test('nobody listens', async () => {
    const target = { address: '127.0.0.1', family: 4, port: await closedPort() } as const;
    expect(await check(target, httpSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test('a pattern that backtracks without end is down, and named', async () => {
    const server = await listen(ok('a'.repeat(5000)));
    const { outcome, detail } = await check(server.target, httpSpec({ receive: pattern('(a*)*b') }));
    expect(outcome).toBe('down');
    expect(detail).toContain('(a*)*b');
  });
});

describe('the request', () => {
  test.each<[string, Parameters<typeof httpSpec>[0], (port: number) => string[]]>([
    ['as ldirectord: the bare address for a host', {}, () => ['GET /lbcheck.html HTTP/1.1', 'host: 127.0.0.1']],
    [
      'a virtual host as it is',
      { virtualHost: 'www.example.com:8080' },
      () => ['GET /lbcheck.html HTTP/1.1', 'host: www.example.com:8080'],
    ],
    ['HEAD', { method: 'HEAD' }, () => ['HEAD /lbcheck.html HTTP/1.1', 'host: 127.0.0.1']],
    [
      'a query; no fragment',
      { request: '/a//b/../c?d=%20&e#f' },
      () => ['GET /a//b/../c?d=%20&e HTTP/1.1', 'host: 127.0.0.1'],
    ],
    ['what HTTP cannot carry is escaped', { request: '/ä b' }, () => ['GET /%C3%A4%20b HTTP/1.1', 'host: 127.0.0.1']],
    ['two leading slashes', { request: '//x/y' }, () => ['GET //x/y HTTP/1.1', 'host: 127.0.0.1']],
  ])('%s', async (_name, changes, expected) => {
    const server = await listen(ok('found'));
    await check(server.target, httpSpec(changes));
    const lines = (server.requests[0] ?? '').split('\r\n');
    expect(lines.slice(0, 2)).toEqual(expected(server.port));
    expect(lines.slice(2).sort()).toEqual(
      ['', '', 'accept-encoding: identity', 'accept: */*', 'connection: close', 'user-agent: tsdirectord'].sort(),
    );
  });

  test('HEAD has no body: up without receive, down with it', async () => {
    const server = await listen('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
    expect((await check(server.target, anyBody({ method: 'HEAD' }))).outcome).toBe('up');
    const { outcome, detail } = await check(server.target, httpSpec({ method: 'HEAD' }));
    expect([outcome, detail]).toEqual(['down', 'body does not match /found/ (got an empty body)']);
  });

  test("a real's own URL replaces the target's address and port", async () => {
    const real = await listen(ok('wrong'));
    const other = await listen(ok('found'));
    const request = `http://other.example:${other.port}/own?x`;
    const world = services({ 'other.example': '127.0.0.1' });
    expect((await check(real.target, httpSpec({ request }), world)).outcome).toBe('up');
    expect(real.requests).toEqual([]);
    expect(other.requests[0]).toContain(`GET /own?x HTTP/1.1\r\nhost: other.example:${other.port}\r\n`);
    await check(real.target, httpSpec({ request, virtualHost: 'www.example.com' }), world);
    expect(other.requests[1]).toContain('host: www.example.com\r\n');
  });

  test('a URL may hold a login', async () => {
    const other = await listen(ok('found'));
    await check(other.target, httpSpec({ request: `http://me:p%40ss@127.0.0.1:${other.port}/` }));
    expect(other.requests[0]).toContain(`authorization: Basic ${Buffer.from('me:p@ss').toString('base64')}\r\n`);
  });

  test('a proxy is asked in absolute form, under the name in the URL', async () => {
    const proxy = await listen(ok('found'));
    const spec = httpSpec({ proxy: true, request: 'http://www.example.com:8080/x?y', virtualHost: 'not.used' });
    expect((await check(proxy.target, spec)).outcome).toBe('up');
    expect(proxy.requests[0]).toContain(
      'GET http://www.example.com:8080/x?y HTTP/1.1\r\nhost: www.example.com:8080\r\n',
    );
  });

  test('each run makes a connection of its own, and none stays', async () => {
    const server = await listen((socket) => socket.write(ok('found', 'Connection: keep-alive\r\n')));
    const prepared = prepareCheck({ target: server.target, spec: httpSpec() }, services(), PATIENT_CLOCK);
    for (let run = 1; run <= 3; run += 1) {
      expect((await prepared.run()).outcome).toBe('up');
      await server.allClosed();
      expect(server.requests).toHaveLength(run);
    }
    prepared.close();
  });

  test('a server that fails and recovers is seen to', async () => {
    const server = await listen([
      'HTTP/1.1 503 Busy\r\n\r\n',
      '',
      (socket) => void socket.resetAndDestroy(),
      ok('found'),
    ]);
    const prepared = prepareCheck({ target: server.target, spec: httpSpec() }, services(), PATIENT_CLOCK);
    const outcomes = [];
    for (let run = 1; run <= 5; run += 1) outcomes.push((await prepared.run()).outcome);
    expect(outcomes).toEqual(['down', 'down', 'down', 'up', 'up']);
    prepared.close();
  });

  test('is traced, with what came', async () => {
    const server = await listen(ok('found\n'));
    const lines: string[] = [];
    await check(server.target, httpSpec(), services({}, { trace: (line) => lines.push(line) }));
    const name = `127.0.0.1:${server.port}`;
    expect(lines).toEqual([
      `${name} > GET /lbcheck.html HTTP/1.1`,
      `${name} > Host: 127.0.0.1`,
      `${name} < 200 OK, 6 bytes: "found\\n"`,
    ]);
  });
});

test.runIf(await hasIPv6())('IPv6', async () => {
  const server = await listen(ok('found'), { host: '::1' });
  expect((await check(server.target, httpSpec())).outcome).toBe('up');
  expect(server.requests[0]).toContain('host: [::1]\r\n');
  const request = `http://[::1]:${server.port}/own`;
  const elsewhere = { address: '127.0.0.1', family: 4, port: 1 } as const;
  expect((await check(elsewhere, httpSpec({ request }))).outcome).toBe('up');
});

async function bytewise(socket: import('node:net').Socket, bytes: Buffer): Promise<void> {
  socket.setNoDelay();
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  socket.end();
}

function reset(socket: import('node:net').Socket, after: string): void {
  socket.write(after);
  setTimeout(() => socket.resetAndDestroy(), 30);
}
