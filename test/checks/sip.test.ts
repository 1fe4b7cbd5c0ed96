// What a SIP server may answer to OPTIONS, over UDP and TCP; and what it was asked.
import { hostname } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import type { SipSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import {
  type Answer,
  check,
  closedPort,
  closeListeners,
  dripping,
  endless,
  hasIPv6,
  listen,
  services,
} from './listeners.ts';
import { closedUdpPort, closeUdpListeners, listenUdp, type UdpAnswer } from './udp-listeners.ts';

afterEach(async () => {
  await closeListeners();
  await closeUdpListeners();
});

const ipv6 = await hasIPv6();
const HOSTS = ['127.0.0.1', ...(ipv6 ? ['::1'] : [])];

function sipSpec(changes: Partial<SipSpec> = {}): SipSpec {
  return { kind: 'sip', transport: 'udp', timeoutMs: 3000, ...changes };
}

/** The request's line, and its fields by their names. */
function parsed(request: string): { line: string; fields: Map<string, string>; rest: string } {
  const [head = '', rest = ''] = request.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const pairs = fields.map((field): [string, string] => {
    const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(field) ?? [];
    return [name, value];
  });
  return { line, fields: new Map(pairs), rest };
}

/** An answer as RFC 3261, 8.2.6 makes it. */
function answered(request: string, status: string, more = '', body = ''): string {
  const { fields } = parsed(request);
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => `${name}: ${fields.get(name)}\r\n`);
  return `SIP/2.0 ${status}\r\n${copied.join('')}${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const udp =
  (...statuses: string[]): UdpAnswer =>
  (request) =>
    statuses.map((status) => answered(String(request), status));
const tcp =
  (...statuses: string[]): Answer =>
  (socket, request) =>
    void socket.write(statuses.map((status) => answered(request, status)).join(''));

describe('up over UDP', () => {
  test.each<[string, UdpAnswer]>([
    ['200', udp('200 OK')],
    ['announced first', udp('100 Trying', '180 Ringing', '200 OK')],
    ['short field names', (request) => answered(String(request), '200 OK').replace('Call-ID', 'i')],
    ['bare line feeds', (request) => answered(String(request), '200 OK').replaceAll('\r', '')],
    ['an empty line first', (request) => `\r\n\r\n${answered(String(request), '200 OK')}`],
    ['without an end', (request) => answered(String(request), '200 OK').trimEnd()],
    [
      'noise and answers to others first',
      (request) => [
        '',
        '\r\n\r\n',
        'noise',
        String(request),
        'SIP/2.0 503 Service Unavailable\r\n\r\n',
        answered(String(request), '503 Service Unavailable').replace('Call-ID: ', 'Call-ID: x'),
        answered(String(request), '200 OK'),
      ],
    ],
  ])('%s', async (_name, answer) => {
    const server = await listenUdp(answer);
    expect(await check(server.target, sipSpec())).toMatchObject({ outcome: 'up', detail: 'SIP/2.0 200 OK' });
  });

  test('a lost datagram is sent again after half a second', async () => {
    const server = await listenUdp([() => undefined, udp('200 OK')]);
    const { outcome, durationMs } = await check(server.target, sipSpec());
    expect(outcome).toBe('up');
    expect(durationMs).toBeGreaterThanOrEqual(480);
    expect(server.requests[0]).toEqual(server.requests[1]);
  });
});

describe('the request', () => {
  test.each(HOSTS)('over UDP from %s', async (host) => {
    const server = await listenUdp(udp('200 OK'), { host });
    await check(server.target, sipSpec({ user: 'probe@pbx.example.com' }));
    const here = `${host === '::1' ? '[::1]' : host}:${server.clients[0]?.port}`;
    const { line, fields, rest } = parsed(String(server.requests[0]));
    expect(line).toBe('OPTIONS sip:probe@pbx.example.com SIP/2.0');
    expect(rest).toBe('');
    expect([...fields.keys()].sort()).toEqual(
      [
        'Accept',
        'CSeq',
        'Call-ID',
        'Contact',
        'Content-Length',
        'From',
        'Max-Forwards',
        'To',
        'User-Agent',
        'Via',
      ].sort(),
    );
    expect(Object.fromEntries(fields)).toMatchObject({
      To: '<sip:probe@pbx.example.com>',
      'Max-Forwards': '70',
      CSeq: '1 OPTIONS',
      Contact: `<sip:tsdirectord@${here};transport=udp>`,
      Accept: 'application/sdp',
      'User-Agent': 'tsdirectord',
      'Content-Length': '0',
    });
    expect(fields.get('Via')?.replace(/[0-9a-f]{24}/, '*')).toBe(`SIP/2.0/UDP ${here};branch=z9hG4bK*;rport`);
    expect(fields.get('From')).toMatch(/^<sip:probe@pbx\.example\.com>;tag=[0-9a-f]{24}$/);
    expect(fields.get('Call-ID')).toMatch(/^[0-9a-f]{24}$/);
  });

  test.each(HOSTS)('over TCP from %s', async (host) => {
    const server = await listen(tcp('200 OK'), { host });
    expect((await check(server.target, sipSpec({ transport: 'tcp' }))).outcome).toBe('up');
    const { line, fields } = parsed(server.requests[0] ?? '');
    expect(line).toBe(`OPTIONS sip:ldirectord@${hostname()} SIP/2.0`);
    expect(fields.get('Via')).toMatch(
      host === '::1' ? /^SIP\/2\.0\/TCP \[::1\]:\d+;branch=/ : /^SIP\/2\.0\/TCP 127\.0\.0\.1:\d+;branch=/,
    );
    expect(fields.get('Contact')).toMatch(/;transport=tcp>$/);
    await server.allClosed();
  });

  test('no two are alike', async () => {
    const server = await listenUdp(udp('200 OK'));
    await check(server.target, sipSpec());
    await check(server.target, sipSpec());
    const [first, second] = server.requests.map((request) => parsed(String(request)).fields);
    for (const name of ['Via', 'From', 'Call-ID']) expect(first?.get(name)).not.toBe(second?.get(name));
  });

  test.each([
    ['a\r\nX-Evil: 1@h', 'a%0D%0AX-Evil:%201@h'],
    ['a b<c>"@h', 'a%20b%3Cc%3E%22@h'],
    ['jürgen@h', 'j%C3%BCrgen@h'],
    ['\0\u2028\ud800@h', '%00%E2%80%A8%EF%BF%BD@h'],
  ])('a user cannot leave the URI: %j', async (user, escaped) => {
    const server = await listenUdp(udp('200 OK'));
    expect((await check(server.target, sipSpec({ user }))).outcome).toBe('up');
    const { line, fields } = parsed(String(server.requests[0]));
    expect(line).toBe(`OPTIONS sip:${escaped} SIP/2.0`);
    expect(fields.get('To')).toBe(`<sip:${escaped}>`);
    expect(fields.size).toBe(10);
  });

  test('as -d shows it', async () => {
    const server = await listenUdp(udp('100 Trying', '200 OK'));
    const traced: string[] = [];
    const world = services(
      {},
      { trace: (line) => traced.push(line.replace(/^\S+ /, '').replace(/:\d+ over/, ':PORT over')) },
    );
    await check(server.target, sipSpec({ user: 'x@h' }), world);
    expect(traced).toEqual([
      '> OPTIONS sip:x@h SIP/2.0, from 127.0.0.1:PORT over UDP',
      '< ignored: got "SIP/2.0 100 Trying" and no final answer',
      '< SIP/2.0 200 OK',
    ]);
  });
});

describe('down over UDP', () => {
  test.each<[string, UdpAnswer, string]>([
    ['503', udp('503 Service Unavailable'), 'SIP/2.0 503 Service Unavailable'],
    ['announced first', udp('100 Trying', '404 Not Found'), 'SIP/2.0 404 Not Found'],
    ['another success', udp('202 Accepted'), 'SIP/2.0 202 Accepted'],
    ['no reason', udp('486'), 'SIP/2.0 486'],
    ['a hostile reason', udp('500 \u001b[2J'), 'SIP/2.0 500 \\x1b[2J'],
    ['a long reason', udp(`500 ${'x'.repeat(3000)}`), `SIP/2.0 500 ${'x'.repeat(188)}…`],
  ])('%s', async (_name, answer, detail) => {
    const server = await listenUdp(answer);
    expect(await check(server.target, sipSpec())).toMatchObject({ outcome: 'down', detail });
  });

  test.each(HOSTS)('a closed port of %s', async (host) => {
    const target = {
      address: host,
      family: host === '::1' ? (6 as const) : (4 as const),
      port: await closedUdpPort(),
    };
    expect(await check(target, sipSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, UdpAnswer, string]>([
    ['silence', () => undefined, 'sent 1 request; got nothing'],
    ['noise', Buffer.from([0, 255, 10]), 'sent 1 request; got what is not SIP: "\\x00\\xff\\n"'],
    ['HTTP', 'HTTP/1.1 200 OK\r\n\r\n', 'sent 1 request; got what is not SIP: "HTTP/1.1 200 OK\\r\\n\\r\\n"'],
    ['a status of four digits', udp('2000 OK'), 'sent 1 request; got what is not SIP: "SIP/2.0 2000 OK'],
    ['without a Call-ID', 'SIP/2.0 200 OK\r\n\r\n', 'sent 1 request; got "SIP/2.0 200 OK" for another request'],
    [
      'a Call-ID in the body',
      (request) => `SIP/2.0 200 OK\r\n\r\nCall-ID: ${parsed(String(request)).fields.get('Call-ID')}\r\n`,
      'sent 1 request; got "SIP/2.0 200 OK" for another request',
    ],
    ['only an announcement', udp('100 Trying'), 'sent 1 request; got "SIP/2.0 100 Trying" and no final answer'],
    ['the request itself', (request) => request, 'sent 1 request; got what is not SIP: "OPTIONS sip:'],
  ])('at the deadline: %s', async (_name, answer, progress) => {
    const server = await listenUdp(answer);
    const { outcome, detail, durationMs } = await check(server.target, sipSpec({ timeoutMs: 300 }));
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 300 ms (${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(280);
    expect(durationMs).toBeLessThan(300 + NOISE_MS);
  });

  test('asked at 0, 0.5 and 1.5 s', async () => {
    const server = await listenUdp(() => undefined);
    const { detail } = await check(server.target, sipSpec({ timeoutMs: 2000 }));
    expect(detail).toBe('no answer within 2 s (sent 3 requests; got nothing)');
  });
});

describe('over TCP', () => {
  const overTcp = sipSpec({ transport: 'tcp' });

  test.each<[string, Answer]>([
    ['200', tcp('200 OK')],
    ['announced first', tcp('100 Trying', '180 Ringing', '200 OK')],
    [
      'announced with a body',
      (socket, request) => {
        const body = 'SIP/2.0 500 in a body\r\n\r\n';
        socket.write(`${answered(request, '183 Session Progress', '', body)}${answered(request, '200 OK')}`);
      },
    ],
    ['its first line alone', (socket) => void socket.write('SIP/2.0 200 OK\r\n')],
    ['closed after it', (socket, request) => void socket.end(answered(request, '200 OK'))],
    ['empty lines first', (socket, request) => void socket.write(`\r\n\r\n${answered(request, '200 OK')}`)],
    [
      'bare line feeds',
      (socket, request) =>
        void socket.write(`${answered(request, '100 Trying')}${answered(request, '200 OK')}`.replaceAll('\r', '')),
    ],
    ['byte by byte', dripping('', '\r\nSIP/2.0 100 Trying\r\nVia: x\r\n\r\nSIP/2.0 200 OK\r\n', 1)],
  ])('up: %s', async (_name, answer) => {
    const server = await listen(answer);
    expect(await check(server.target, overTcp)).toMatchObject({ outcome: 'up', detail: 'SIP/2.0 200 OK' });
    await server.allClosed();
  });

  const noise = Buffer.alloc(65_536, 'x');
  test.each<[string, Answer, string]>([
    ['503', tcp('503 Service Unavailable'), 'SIP/2.0 503 Service Unavailable'],
    ['announced first', tcp('100 Trying', '404 Not Found'), 'SIP/2.0 404 Not Found'],
    ['closed at once', (socket) => void socket.end(), 'connection closed without an answer'],
    ['reset', (socket) => void socket.resetAndDestroy(), 'connection reset'],
    ['closed in the first line', 'SIP/2.0 20', 'connection closed after 10 bytes: "SIP/2.0 20"'],
    [
      'closed after an announcement',
      'SIP/2.0 100 Trying\r\n\r\n',
      'connection closed after 22 bytes: "SIP/2.0 100 Trying" and no final answer',
    ],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'not a SIP answer: "HTTP/1.1 400 Bad Request\\r\\n\\r\\n"'],
    ['noise', Buffer.from([0, 255, 10]), 'not a SIP answer: "\\x00\\xff\\n"'],
    ['an endless line', endless('', noise), `the server does not stop talking (`],
    ['an endless header', endless('SIP/2.0 100 Trying\r\n', noise), `the server does not stop talking (`],
    [
      'endless announcements',
      endless('', Buffer.from('SIP/2.0 100 Trying\r\n\r\n'.repeat(100))),
      `the server does not stop talking (`,
    ],
    [
      'an endless body',
      endless('SIP/2.0 183 x\r\nContent-Length: 99999999999999999999\r\n\r\n', noise),
      `the server does not stop talking (`,
    ],
  ])('down: %s', async (_name, answer, detail) => {
    const server = await listen(answer);
    const result = await check(server.target, overTcp);
    expect(result.outcome).toBe('down');
    expect(result.detail.startsWith(detail) && (detail.endsWith('(') || result.detail === detail), result.detail).toBe(
      true,
    );
    await server.allClosed();
  });

  test('down: refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, overTcp)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, Answer, string]>([
    ['silence', () => {}, 'got 0 bytes'],
    ['half a line', (socket) => void socket.write('SIP/2.0 200'), 'got 11 bytes: "SIP/2.0 200"'],
    ['an announcement', tcp('100 Trying'), 'got '],
    ['dripping', dripping('SIP/2.0 ', 'drip', 10), 'got '],
    ['dripping empty lines', dripping('', '\r\n', 10), 'got '],
  ])('down at the deadline: %s', async (_name, answer, progress) => {
    const server = await listen(answer);
    const { outcome, detail, durationMs } = await check(server.target, { ...overTcp, timeoutMs: 200 });
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 200 ms (connected, sent the request, ${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(180);
    expect(durationMs).toBeLessThan(200 + NOISE_MS);
    await server.allClosed();
  });
});
