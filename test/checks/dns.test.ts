// What a DNS server may answer, and what the check makes of it; and messages that are none.
import type { Socket } from 'node:net';
import { type Answer as DnsRecord, decode, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { isAnswerTo, recordsOf } from '../../src/checks/dns-answer.ts';
import type { DnsSpec } from '../../src/config/model.ts';
import { CheckFailure } from '../../src/errors.ts';
import { usedMs } from '../loop-holds.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { type Answer, check, closedPort, closeListeners, hasIPv6, listen, pattern, services } from './listeners.ts';
import { closedUdpPort, closeUdpListeners, listenUdp, type UdpAnswer } from './udp-listeners.ts';

afterEach(async () => {
  await closeListeners();
  await closeUdpListeners();
});

const ipv6 = await hasIPv6();
const NAME = 'www.example.com';

function dnsSpec(changes: Partial<DnsSpec> = {}): DnsSpec {
  return { kind: 'dns', transport: 'udp', type: 'A', name: NAME, timeoutMs: 3000, ...changes };
}

const address = (data: string, name = NAME): DnsRecord => ({ type: 'A', name, data, ttl: 60 });
const alias = (name: string, data: string): DnsRecord => ({ type: 'CNAME', name, data, ttl: 60 });

const TRUNCATED = 0x0200;
const [SERVFAIL, NXDOMAIN, REFUSED] = [2, 3, 5];

/** A whole answer to the query with these records. `flags` holds the response code, too. */
function answered(query: Buffer, answers: DnsRecord[], flags = 0, more: Packet = {}): Buffer {
  const { id = 0, questions = [] } = decode(query);
  return encode({ type: 'response', id, flags: 0x0180 | flags, questions, answers, ...more });
}

function answering(answers: DnsRecord[], flags = 0, more: Packet = {}): UdpAnswer {
  return (query) => answered(query, answers, flags, more);
}

/** The bytes of an answer, changed. */
function changed(change: (message: Buffer) => Buffer): UdpAnswer {
  return (query) => change(answered(query, [address('192.0.2.1')]));
}

describe('up', () => {
  test.each<[string, UdpAnswer, string | undefined, string]>([
    ['one address', answering([address('192.0.2.1')]), undefined, '192.0.2.1'],
    ['the first of several', answering([address('192.0.2.1'), address('192.0.2.2')]), undefined, '192.0.2.1'],
    ['the one that matches', answering([address('192.0.2.1'), address('192.0.2.2')]), '^192\\.0\\.2\\.2$', '192.0.2.2'],
    [
      'through aliases',
      answering([
        alias(NAME, 'a.example.net'),
        alias('a.example.net', 'b.example.net'),
        address('192.0.2.1', 'b.example.net'),
      ]),
      undefined,
      '192.0.2.1',
    ],
    [
      'beside records of all kinds',
      answering(
        [
          { type: 'AAAA', name: NAME, data: '2001:db8::1' },
          { type: 'TXT', name: NAME, data: ['some', 'text'] },
          { type: 'HINFO', name: NAME, data: { cpu: 'x', os: 'y' } },
          address('192.0.2.1'),
        ],
        0,
        {
          authorities: [{ type: 'NS', name: 'example.com', data: 'ns.example.com' }],
          additionals: [address('10.0.0.1', 'ns.example.com')],
        },
      ),
      undefined,
      '192.0.2.1',
    ],
    [
      'the question in another case',
      (query) =>
        answered(encode({ ...decode(query), questions: [{ type: 'A', name: 'WWW.Example.COM' }] }), [
          address('192.0.2.1'),
        ]),
      undefined,
      '192.0.2.1',
    ],
    [
      'bytes after the message',
      changed((message) => Buffer.concat([message, Buffer.alloc(20, 0xff)])),
      undefined,
      '192.0.2.1',
    ],
    [
      'noise first',
      (query) => ['', 'noise', Buffer.alloc(600, 0xc0), query, answered(query, [address('192.0.2.1')])],
      undefined,
      '192.0.2.1',
    ],
  ])('%s', async (_name, answer, receive, detail) => {
    const server = await listenUdp(answer);
    const spec = dnsSpec(receive === undefined ? {} : { receive: pattern(receive) });
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail });
  });

  test('a name for an address', async () => {
    const name = '1.2.0.192.in-addr.arpa';
    const server = await listenUdp(
      answering([
        { type: 'PTR', name, data: 'mail.example.com' },
        { type: 'PTR', name, data: 'www.example.com' },
      ]),
    );
    const spec = dnsSpec({ type: 'PTR', name, receive: pattern('^www\\.') });
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail: 'www.example.com' });
  });

  test('the question', async () => {
    const server = await listenUdp(answering([address('192.0.2.1')]));
    const traced: string[] = [];
    await check(server.target, dnsSpec(), services({}, { trace: (line) => traced.push(line.replace(/^\S+ /, '')) }));
    await check(server.target, dnsSpec());
    const [first, second] = server.requests.map((request) => decode(request));
    expect(first).toMatchObject({ type: 'query', flag_rd: true, questions: [{ type: 'A', class: 'IN', name: NAME }] });
    expect([first?.id, server.clients[0]?.port]).not.toEqual([second?.id, server.clients[1]?.port]);
    expect(traced).toEqual([`> A of ${NAME}, over udp`, '< NOERROR, 64 bytes', '< 192.0.2.1']);
  });

  test('a lost datagram is sent again', async () => {
    const server = await listenUdp([() => undefined, answering([address('192.0.2.1')])]);
    const { outcome, durationMs } = await check(server.target, dnsSpec());
    expect(outcome).toBe('up');
    expect(durationMs).toBeGreaterThan(900);
    expect(server.requests[0]).toEqual(server.requests[1]);
  });

  test.runIf(ipv6)('IPv6', async () => {
    const server = await listenUdp(answering([address('192.0.2.1')]), { host: '::1' });
    expect((await check(server.target, dnsSpec())).outcome).toBe('up');
    const stream = await listen(overStream(answering([address('192.0.2.1')])), { host: '::1', atOnce: true });
    expect((await check(stream.target, dnsSpec({ transport: 'tcp' }))).outcome).toBe('up');
  });
});

describe('down', () => {
  const many = ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4', '203.0.113.5'].map((data) => address(data));
  const brokenRecord = (change: (record: Buffer) => void) =>
    changed((message) => {
      // Name, type, class and time to live come before the length of the data.
      change(message.subarray(-16));
      return message;
    });
  test.each<[string, UdpAnswer, string]>([
    ['no such name', answering([], NXDOMAIN), 'NXDOMAIN for www.example.com'],
    ['an alias to no such name', answering([alias(NAME, 'a.example.net')], NXDOMAIN), 'NXDOMAIN for www.example.com'],
    ['a failure', answering([], SERVFAIL), 'SERVFAIL for www.example.com'],
    [
      'a failure with garbage',
      (query) => Buffer.concat([answered(query, [], SERVFAIL), Buffer.alloc(9, 0xff)]),
      'SERVFAIL for www.example.com',
    ],
    ['refused', answering([], REFUSED), 'REFUSED for www.example.com'],
    [
      'refused, the header alone',
      (query) => answered(query, [], REFUSED, { questions: [] }),
      'REFUSED for www.example.com',
    ],
    ['a code without a name', answering([], 11), 'RCODE 11 for www.example.com'],
    ['nothing', answering([]), 'no A record for www.example.com'],
    ['nothing but an alias', answering([alias(NAME, 'a.example.net')]), 'no A record for www.example.com'],
    [
      'an address beside the answer',
      answering([], 0, { additionals: [address('192.0.2.1')] }),
      'no A record for www.example.com',
    ],
    [
      'another class',
      answering([{ ...address('192.0.2.1'), class: 'CH' } as DnsRecord]),
      'no A record for www.example.com',
    ],
    [
      'another address',
      answering([address('203.0.113.9')]),
      'no A record of www.example.com matches /^192\\.0\\.2\\./: got 203.0.113.9',
    ],
    [
      'two that match only together',
      answering([address('19.0.0.1'), address('2.0.2.1')]),
      'no A record of www.example.com matches /^192\\.0\\.2\\./: got 19.0.0.1, 2.0.2.1',
    ],
    [
      'many other addresses',
      answering(many),
      'no A record of www.example.com matches /^192\\.0\\.2\\./: got 203.0.113.1, 203.0.113.2, 203.0.113.3 and 2 more',
    ],
    ['cut short', changed((message) => message.subarray(0, -3)), 'broken DNS answer: it ends in record 1 of 1'],
    ['more records promised', changed((message) => setCount(message, 3)), 'broken DNS answer: it ends in a name'],
    [
      'a record longer than the message',
      brokenRecord((record) => record.writeUInt16BE(500, 10)),
      'broken DNS answer: it ends in record 1 of 1',
    ],
    [
      'an address of three bytes',
      brokenRecord((record) => record.writeUInt16BE(3, 10)),
      'broken DNS answer: record 1 is no A record',
    ],
    ['a name that points to itself', changed(pointingToItself), 'broken DNS answer: Cannot decode name (bad pointer)'],
    [
      'an answer too long',
      changed((message) => Buffer.concat([message, Buffer.alloc(20_000)])),
      'broken DNS answer: 20064 bytes long',
    ],
  ])('%s', async (_name, answer, detail) => {
    const server = await listenUdp(answer);
    const result = await check(server.target, dnsSpec({ receive: pattern('^192\\.0\\.2\\.') }));
    expect(result).toMatchObject({ outcome: 'down', detail });
  });

  test('another name for the address', async () => {
    const name = '1.2.0.192.in-addr.arpa';
    const server = await listenUdp(answering([{ type: 'PTR', name, data: 'evil\u001b[2J.example.com' }]));
    const spec = dnsSpec({ type: 'PTR', name, receive: pattern('^www\\.') });
    expect((await check(server.target, spec)).detail).toBe(
      'no PTR record of 1.2.0.192.in-addr.arpa matches /^www\\./: got evil\\x1b[2J.example.com',
    );
  });

  test('a pattern that is too much work', async () => {
    const name = '1.2.0.192.in-addr.arpa';
    const server = await listenUdp(answering([{ type: 'PTR', name, data: `${'a'.repeat(60)}.${'a'.repeat(60)}` }]));
    const spec = dnsSpec({ type: 'PTR', name, receive: pattern('^([a.]+)+$b') });
    expect(await check(server.target, spec)).toMatchObject({
      outcome: 'down',
      detail: expect.stringContaining('the pattern is too much work'),
    });
  });

  test.each(['127.0.0.1', ...(ipv6 ? ['::1'] : [])])('a closed port of %s', async (host) => {
    const target = {
      address: host,
      family: host === '::1' ? (6 as const) : (4 as const),
      port: await closedUdpPort(),
    };
    expect(await check(target, dnsSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });
});

describe('down at the deadline', () => {
  const nothing = 'sent 1 request; got nothing';
  const other = (bytes: number) => `sent 1 request; got ${bytes} bytes that are no answer to the question`;
  test.each<[string, UdpAnswer, string]>([
    ['silence', () => undefined, nothing],
    ['an empty datagram', '', other(0)],
    ['the question sent back', (query) => query, other(33)],
    ['another ID', changed((message) => setId(message)), other(64)],
    [
      'another question',
      (query) =>
        answered(encode({ ...decode(query), questions: [{ type: 'A', name: 'ww2.example.com' }] }), [
          address('192.0.2.1'),
        ]),
      other(64),
    ],
    [
      'another type',
      (query) => answered(encode({ ...decode(query), questions: [{ type: 'AAAA', name: NAME }] }), []),
      other(33),
    ],
    ['no question', answering([address('192.0.2.1')], 0, { questions: [] }), other(43)],
    ['a header cut short', changed((message) => message.subarray(0, 11)), other(11)],
  ])('%s', async (_name, answer, progress) => {
    const server = await listenUdp(answer);
    const { outcome, detail, durationMs } = await check(server.target, dnsSpec({ timeoutMs: 200 }));
    expect({ outcome, detail }).toEqual({ outcome: 'down', detail: `no answer within 200 ms (${progress})` });
    expect(durationMs).toBeGreaterThanOrEqual(180);
    expect(durationMs).toBeLessThan(200 + NOISE_MS);
  });

  test('asked three times within 3.5 s', async () => {
    const server = await listenUdp(() => undefined);
    const { detail } = await check(server.target, dnsSpec({ timeoutMs: 3500 }));
    expect(detail).toBe('no answer within 3.5 s (sent 3 requests; got nothing)');
    expect(server.requests.length).toBe(3);
  });

  test('a flood of noise ends it before', async () => {
    const server = await listenUdp(() => undefined);
    const running = check(server.target, dnsSpec());
    await until('a request', () => server.clients.length > 0);
    const [client] = server.clients;
    const flood = setInterval(() => {
      for (let count = 0; count < 100; count += 1) server.socket.send('noise', client?.port, client?.address);
    }, 5);
    const { detail } = await running;
    clearInterval(flood);
    expect(detail).toBe('1001 datagrams came, but no answer; the last: got 5 bytes that are no answer to the question');
  });
});

type Send = (socket: Socket, bytes: Buffer) => void;

/** A TCP server that answers the question with the message, as `send` sends it. */
function overStream(answer: UdpAnswer, send: Send = (socket, bytes) => void socket.write(bytes)): Answer {
  return (socket) => {
    let got = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      const message = typeof answer === 'function' ? answer(got.subarray(2), undefined as never) : answer;
      send(socket, framed(message as Buffer));
      got = Buffer.alloc(0);
    });
  };
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function bytewise(socket: Socket, bytes: Buffer): void {
  socket.setNoDelay(true);
  let at = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(at, at + 1));
    at += 1;
    if (at === bytes.length) clearInterval(timer);
  }, 1);
  socket.once('close', () => clearInterval(timer));
}

describe('over TCP', () => {
  const good = answering([address('192.0.2.1')]);
  const overTcp = dnsSpec({ transport: 'tcp' });

  test.each<[string, Answer]>([
    ['in one piece', overStream(good)],
    ['byte by byte', overStream(good, bytewise)],
    ['closed after it', overStream(good, (socket, bytes) => void socket.end(bytes))],
    ['more after it', overStream(good, (socket, bytes) => void socket.write(Buffer.concat([bytes, bytes])))],
    ['longer than a datagram', overStream(answering(Array.from({ length: 200 }, () => address('192.0.2.1'))))],
  ])('up: %s', async (_name, answer) => {
    const server = await listen(answer, { atOnce: true });
    expect(await check(server.target, overTcp)).toMatchObject({ outcome: 'up', detail: '192.0.2.1' });
    await server.allClosed();
  });

  test.each<[string, Answer, string]>([
    ['no such name', overStream(answering([], NXDOMAIN)), 'NXDOMAIN for www.example.com'],
    ['closed at once', (socket) => void socket.end(), 'connection closed without an answer'],
    [
      'closed after the question',
      overStream(good, (socket) => void socket.end()),
      'connection closed without an answer',
    ],
    [
      'closed in the length',
      overStream(good, (socket) => void socket.end('\0')),
      'connection closed after 1 byte of the answer',
    ],
    [
      'closed in the answer',
      overStream(good, (socket, bytes) => void socket.end(bytes.subarray(0, 30))),
      'connection closed after 30 bytes of the answer',
    ],
    ['reset', overStream(good, (socket) => void socket.resetAndDestroy()), 'connection reset'],
    ['no message at all', overStream(Buffer.alloc(0)), 'broken DNS answer: it answers another question'],
    ['noise', overStream(Buffer.alloc(40, 0xab)), 'broken DNS answer: it answers another question'],
    ['another ID', overStream(changed((message) => setId(message))), 'broken DNS answer: it answers another question'],
    ['an SSH greeting', (socket) => void socket.end('SSH-2.0-x\r\n'), 'connection closed after 11 bytes of the answer'],
    [
      'much too long',
      overStream(changed((message) => Buffer.concat([message, Buffer.alloc(60_000)]))),
      'broken DNS answer: 60064 bytes long',
    ],
  ])('down: %s', async (_name, answer, detail) => {
    const server = await listen(answer, { atOnce: true });
    expect(await check(server.target, overTcp)).toMatchObject({ outcome: 'down', detail });
    await server.allClosed();
  });

  test('down: refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, overTcp)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, Answer, string]>([
    ['silence', () => {}, 'got 0 bytes'],
    [
      'dripping',
      overStream(
        changed((message) => Buffer.concat([message, Buffer.alloc(9000)])),
        bytewise,
      ),
      'got ',
    ],
    ['half an answer', overStream(good, (socket, bytes) => void socket.write(bytes.subarray(0, 20))), 'got 20 bytes'],
  ])('down at the deadline: %s', async (_name, answer, progress) => {
    const server = await listen(answer, { atOnce: true });
    const { outcome, detail, durationMs } = await check(server.target, { ...overTcp, timeoutMs: 200 });
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 200 ms (connected, sent the question, ${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(180);
    expect(durationMs).toBeLessThan(200 + NOISE_MS);
    await server.allClosed();
  });
});

describe('a truncated answer', () => {
  test('is asked for again over TCP', async () => {
    const port = await closedPort();
    const stream = await listen(overStream(answering([address('192.0.2.2')])), { atOnce: true, port });
    // A record cut in its middle, as some servers send it.
    const cut: UdpAnswer = (query) => answered(query, [address('192.0.2.1')], TRUNCATED).subarray(0, -5);
    const server = await listenUdp(cut, { port });
    expect(await check(server.target, dnsSpec())).toMatchObject({ outcome: 'up', detail: '192.0.2.2' });
    expect(server.requests.length).toBe(1);
    await stream.allClosed();
  });

  test('down when nobody listens there', async () => {
    const server = await listenUdp(answering([], TRUNCATED), { port: await closedPort() });
    expect(await check(server.target, dnsSpec())).toMatchObject({
      outcome: 'down',
      detail: 'connection refused, over TCP after a truncated answer over UDP',
    });
  });

  test('the deadline holds for both', async () => {
    const port = await closedPort();
    const stream = await listen(() => {}, { atOnce: true, port });
    const server = await listenUdp(answering([], TRUNCATED), { port });
    const { detail, durationMs } = await check(server.target, dnsSpec({ timeoutMs: 300 }));
    expect(detail).toBe('no answer within 300 ms (connected, sent the question, got 0 bytes)');
    expect(durationMs).toBeLessThan(300 + NOISE_MS);
    await stream.allClosed();
  });
});

function setCount(message: Buffer, answers: number): Buffer {
  message.writeUInt16BE(answers, 6);
  return message;
}

function setId(message: Buffer): Buffer {
  message.writeUInt16BE(message.readUInt16BE(0) ^ 1, 0);
  return message;
}

/** The name of the record, which stands before its last 14 bytes, becomes a pointer to where it stands. */
function pointingToItself(message: Buffer): Buffer {
  const at = message.length - 14;
  const name = Buffer.alloc(2);
  const start = 12 + NAME.length + 2 + 4;
  name.writeUInt16BE(0xc000 | start);
  return Buffer.concat([message.subarray(0, start), name, message.subarray(at)]);
}

describe('messages that are none', () => {
  const query = encode({ type: 'query', id: 4711, flags: 0x0100, questions: [{ type: 'A', name: NAME }] });
  const valid = answered(
    query,
    [
      alias(NAME, 'a.example.net'),
      address('192.0.2.1', 'a.example.net'),
      { type: 'TXT', name: NAME, data: ['some', 'text'] },
      { type: 'PTR', name: NAME, data: 'b.example.net' },
      {
        type: 'NAPTR',
        name: NAME,
        data: { order: 1, preference: 1, flags: 'u', services: 's', regexp: 'r', replacement: 'x' },
      },
    ],
    0,
    { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as unknown as DnsRecord] },
  );

  /** Never throws anything but a reason. */
  function read(message: Buffer): void {
    for (const type of ['A', 'PTR'] as const) {
      try {
        if (isAnswerTo(query, message)) recordsOf(message, query, type, decode);
      } catch (error) {
        if (!(error instanceof CheckFailure)) throw error;
        expect(error.message).toMatch(/^broken DNS answer: /);
      }
    }
  }

  test('random bytes after the header', () => {
    const counts = fc.tuple(fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff));
    fc.assert(
      fc.property(
        counts,
        fc.uint8Array({ maxLength: 600 }),
        fc.boolean(),
        ([answers, authorities, additionals], bytes, asked) => {
          const head = asked ? Buffer.from(query) : Buffer.from(query.subarray(0, 12));
          head.writeUInt16BE(asked ? 0x8180 : 0x8183, 2);
          head.writeUInt16BE(asked ? 1 : 0, 4);
          head.writeUInt16BE(answers, 6);
          head.writeUInt16BE(authorities, 8);
          head.writeUInt16BE(additionals, 10);
          read(Buffer.concat([head, bytes]));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('valid answers, changed', () => {
    const edit = fc.tuple(fc.nat(valid.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 12, 0xc0, 0xc1, 0xff)));
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 12 }), fc.nat(valid.length), (edits, length) => {
        const message = Buffer.from(valid);
        for (const [at, byte] of edits) message[at] = byte;
        read(message);
        read(message.subarray(0, length));
      }),
      { numRuns: 5000 },
    );
  });

  test('valid answers are read as dns-packet reads them', () => {
    const octet = fc.nat(255);
    const addresses = fc.array(
      fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(addresses, (data) => {
        const message = answered(
          query,
          data.map((each) => address(each)),
        );
        expect(recordsOf(message, query, 'A', decode)).toEqual(data);
      }),
    );
  });

  test('names that point to names that point to names', () => {
    const room = 8 * 1024 - query.length;
    const worst = Array.from({ length: 9 }, (_, tenth) => pointerChain(Math.floor((room * (tenth + 1)) / 10), room));
    const took = worst.map((message) => {
      const began = usedMs();
      expect(() => recordsOf(message, query, 'PTR', decode)).not.toThrow();
      return usedMs() - began;
    });
    expect(took.reduce((sum, ms) => sum + ms)).toBeLessThan(3000);
  });

  /** A record whose data is one pointer after another, each to the one before; then records whose names are the last of them. */
  function pointerChain(bytes: number, room: number): Buffer {
    const head = Buffer.from(query);
    head.writeUInt16BE(0x8180, 2);
    const chain = Buffer.alloc(bytes & ~1);
    const start = query.length + 11;
    for (let at = 0; at < chain.length; at += 2) chain.writeUInt16BE(0xc000 | (at === 0 ? 12 : start + at - 2), at);
    const opaque = Buffer.from([0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0]);
    opaque.writeUInt16BE(chain.length, 9);
    const record = Buffer.from([0, 0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0]);
    record.writeUInt16BE(0xc000 | (start + chain.length - 2), 0);
    record.writeUInt16BE(0xc000 | (start + chain.length - 2), 12);
    const count = Math.floor((room - chain.length - opaque.length) / record.length);
    head.writeUInt16BE(1 + count, 6);
    return Buffer.concat([head, opaque, chain, ...new Array<Buffer>(count).fill(record)]);
  }

  test('a text that leaves the message, for which dns-packet alone takes minutes', () => {
    // It then begins again at the header, whose ID it takes for a label of 40 bytes, and comes to the same text, 65535 times.
    const label = encode({ type: 'query', id: 0x2800, questions: [{ type: 'A', name: NAME }] });
    label.writeUInt16BE(0x8180, 2);
    label.writeUInt16BE(0xffff, 6);
    const again = Buffer.from([0, 0, 16, 0, 1, 0, 0, 0, 0, 0xff, 0xff]);
    const opaque = Buffer.concat([Buffer.from([0, 0, 10, 0, 1, 0, 0, 0]), again, Buffer.alloc(8)]);
    const message = Buffer.concat([label, opaque, again, Buffer.alloc(8000)]);
    expect(isAnswerTo(label, message)).toBe(true);
    const began = usedMs();
    expect(() => recordsOf(message, label, 'A', decode)).toThrow(/^broken DNS answer: it ends in /);
    expect(usedMs() - began).toBeLessThan(1000);
  });
});
