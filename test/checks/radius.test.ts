// What a RADIUS server may answer. The server here finds the password and signs by its own code, written from RFC 2865 and 3579.
import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { accessRequest, CODE, hiddenPassword, isGenuine, parseAnswer } from '../../src/checks/radius-packet.ts';
import type { RadiusSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { check, hasIPv6, services } from './listeners.ts';
import { closedUdpPort, closeUdpListeners, listenUdp, type UdpAnswer } from './udp-listeners.ts';

const fips = vi.hoisted(() => ({ on: false }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  const refuse = () => {
    throw Object.assign(new Error('error:0308010C:digital envelope routines::unsupported'), {
      code: 'ERR_OSSL_EVP_UNSUPPORTED',
    });
  };
  return { ...crypto, createHash: (name: string) => (fips.on ? refuse() : crypto.createHash(name)) };
});

afterEach(async () => {
  fips.on = false;
  await closeUdpListeners();
});

const ipv6 = await hasIPv6();
const HOSTS = ['127.0.0.1', ...(ipv6 ? ['::1'] : [])];
const SECRET = 'xyzzy5461';
const PASSWORD = 'arctangent';

function radiusSpec(changes: Partial<RadiusSpec> = {}): RadiusSpec {
  return { kind: 'radius', login: { user: 'nemo', password: PASSWORD }, secret: SECRET, timeoutMs: 3000, ...changes };
}

interface Read {
  readonly code: number;
  readonly identifier: number;
  readonly authenticator: Buffer;
  /** Type and value, in their order. */
  readonly attributes: readonly (readonly [number, Buffer])[];
}

function read(packet: Buffer): Read {
  expect(packet.readUInt16BE(2)).toBe(packet.length);
  const attributes: [number, Buffer][] = [];
  let rest = packet.subarray(20);
  while (rest.length > 0) {
    const length = rest.readUInt8(1);
    expect(length).toBeGreaterThanOrEqual(2);
    attributes.push([rest.readUInt8(0), rest.subarray(2, length)]);
    rest = rest.subarray(length);
  }
  return {
    code: packet.readUInt8(0),
    identifier: packet.readUInt8(1),
    authenticator: packet.subarray(4, 20),
    attributes,
  };
}

function attribute({ attributes }: Read, type: number): Buffer {
  const found = attributes.filter(([each]) => each === type);
  expect(found.length).toBe(1);
  return found[0]?.[1] ?? Buffer.alloc(0);
}

function password(request: Read, secret: string): string {
  const hidden = attribute(request, 2);
  let plain = '';
  for (let block = 0; block < hidden.length / 16; block += 1) {
    const salt = block === 0 ? request.authenticator : hidden.subarray(16 * (block - 1), 16 * block);
    const pad = createHash('md5').update(secret).update(salt).digest();
    plain += String.fromCharCode(...pad.map((byte, index) => byte ^ (hidden[16 * block + index] ?? 0)));
  }
  return Buffer.from(plain.replace(/\0+$/, ''), 'latin1').toString();
}

/** Signed as RFC 3579, 3.2 has it: the packet with zeros for the signature, which stands at `at`. */
function signature(packet: Buffer, at: number, secret: string): Buffer {
  const zeroed = Buffer.concat([packet.subarray(0, at), Buffer.alloc(16), packet.subarray(at + 16)]);
  return createHmac('md5', secret).update(zeroed).digest();
}

type Attributes = readonly (readonly [number, string | Buffer])[];

/** An answer with a right authenticator. */
function answered(
  request: Buffer,
  code: number,
  attributes: Attributes = [],
  { secret = SECRET, signed = false } = {},
): Buffer {
  const all: Attributes = signed ? [[80, Buffer.alloc(16)], ...attributes] : attributes;
  const body = Buffer.concat(
    all.map(([type, value]) =>
      Buffer.concat([Buffer.from([type, 2 + Buffer.byteLength(value)]), Buffer.from(value as string)]),
    ),
  );
  const packet = Buffer.concat([
    Buffer.from([code, request.readUInt8(1), 0, 20 + body.length]),
    request.subarray(4, 20),
    body,
  ]);
  if (signed) signature(packet, 22, secret).copy(packet, 22);
  createHash('md5').update(packet).update(secret).digest().copy(packet, 4);
  return packet;
}

/** A server that knows the login, and accepts nobody else. */
const server: UdpAnswer = (bytes) => {
  const request = read(bytes);
  const signed = bytes.subarray(22, 38).equals(signature(bytes, 22, SECRET));
  const right =
    request.code === 1 && signed && String(attribute(request, 1)) === 'nemo' && password(request, SECRET) === PASSWORD;
  return right ? answered(bytes, 2, [], { signed: true }) : answered(bytes, 3, [[18, 'who are you?']]);
};
const saying =
  (...args: [code: number, attributes?: Attributes, options?: { secret?: string; signed?: boolean }]): UdpAnswer =>
  (request) =>
    answered(request, ...args);

describe('up', () => {
  test.each<[string, UdpAnswer, string]>([
    ['a login that the server verifies', server, 'Access-Accept'],
    ['an unsigned answer', saying(2), 'Access-Accept'],
    [
      'a message',
      saying(
        2,
        [
          [18, 'welcome'],
          [6, '\0\0\0\u0001'],
          [18, ' back'],
        ],
        { signed: true },
      ),
      'Access-Accept: welcome back',
    ],
    ['padding after the packet', (request) => Buffer.concat([answered(request, 2), Buffer.alloc(30)]), 'Access-Accept'],
    [
      'noise and forgeries first',
      (request) => ['', 'noise', request, answered(request, 3, [], { secret: 'guessed' }), answered(request, 2)],
      'Access-Accept',
    ],
  ])('%s', async (_name, answer, detail) => {
    const { target } = await listenUdp(answer);
    expect(await check(target, radiusSpec())).toMatchObject({ outcome: 'up', detail });
  });

  test('a lost datagram is sent again, the same', async () => {
    const { target, requests } = await listenUdp([() => undefined, server]);
    expect((await check(target, radiusSpec())).outcome).toBe('up');
    expect(requests.length).toBe(2);
    expect(requests[0]).toEqual(requests[1]);
  });
});

describe('the request', () => {
  test.each(HOSTS)('from %s', async (host) => {
    const { target, requests } = await listenUdp(server, { host });
    expect((await check(target, radiusSpec())).outcome).toBe('up');
    const request = read(requests[0] ?? Buffer.alloc(0));
    expect(request.attributes.map(([type]) => type)).toEqual([80, 1, 2, host === '::1' ? 95 : 4, 32]);
    if (host === '::1') expect(attribute(request, 95).toString('hex')).toBe(`${'0'.repeat(31)}1`);
    else expect([...attribute(request, 4)]).toEqual([127, 0, 0, 1]);
    expect(String(attribute(request, 32))).toBe('tsdirectord');
  });

  test.each([
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['::', '00000000000000000000000000000000'],
    ['fe80::', 'fe800000000000000000000000000000'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ])('from %s', (from, hex) => {
    const drawn = { identifier: 0, authenticator: Buffer.alloc(16) };
    const request = read(accessRequest({ ...drawn, user: 'u', password: 'p', secret: 's', from }));
    expect(attribute(request, 95).toString('hex')).toBe(hex);
  });

  test.each([
    ['', 16],
    ['a', 16],
    ['exactly 16 bytes', 16],
    ['seventeen bytes !', 32],
    ['größer als man denkt', 32],
    ['x'.repeat(127), 128],
    ['x'.repeat(128), 128],
  ])('the password %j', async (given, bytes) => {
    const { target, requests } = await listenUdp(saying(2));
    expect((await check(target, radiusSpec({ login: { user: 'nemo', password: given } }))).outcome).toBe('up');
    const request = read(requests[0] ?? Buffer.alloc(0));
    expect(attribute(request, 2).length).toBe(bytes);
    expect(password(request, SECRET)).toBe(given);
  });

  test('no two are alike', async () => {
    const { target, requests } = await listenUdp(server);
    for (let run = 0; run < 3; run += 1) await check(target, radiusSpec());
    expect(new Set(requests.map((request) => request.toString('hex', 4, 20))).size).toBe(3);
  });

  test.each([
    [
      'passwd',
      { user: 'nemo', password: 'ä'.repeat(65) },
      'passwd is longer than the 128 bytes that RADIUS has for it',
    ],
    ['login', { user: 'x'.repeat(254), password: '' }, 'login is longer than the 253 bytes that RADIUS has for it'],
  ])('what is too long is not sent: %s', async (_name, login, detail) => {
    const { target, requests } = await listenUdp(server);
    expect(await check(target, radiusSpec({ login }))).toMatchObject({ outcome: 'down', detail });
    expect(requests).toEqual([]);
  });

  test('an empty secret', async () => {
    const { target } = await listenUdp(saying(2, [], { secret: '', signed: true }));
    expect((await check(target, radiusSpec({ secret: '' }))).outcome).toBe('up');
  });
});

// RFC 2865, 7.1
test("the RFC's own example", () => {
  const authenticator = Buffer.from('0f403f9473978057bd83d5cb98f4227a', 'hex');
  expect(hiddenPassword(PASSWORD, SECRET, authenticator).toString('hex')).toBe('0dbe708d93d413ce3196e43f782a0aee');
  const request = Buffer.from(
    '010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003',
    'hex',
  );
  const reply = Buffer.from('0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103', 'hex');
  const answer = parseAnswer(reply, request);
  expect(answer?.code).toBe(CODE.accessAccept);
  expect(answer && isGenuine(answer, request, SECRET)).toBe(true);
  expect(answer && isGenuine(answer, request, 'xyzzy5462')).toBe(false);
  for (let at = 4; at < reply.length; at += 1) {
    const forged = Buffer.from(reply);
    forged[at] = (forged[at] ?? 0) ^ 1;
    const read = parseAnswer(forged, request);
    expect(read !== undefined && isGenuine(read, request, SECRET), `byte ${at}`).toBe(false);
  }
});

describe('down', () => {
  test.each<[string, UdpAnswer, string]>([
    ['a reject', saying(3), 'Access-Reject'],
    [
      'a reject with a message',
      saying(3, [[18, 'account\r\nlocked \u001b[2J']], { signed: true }),
      'Access-Reject: account\\r\\nlocked \\x1b[2J',
    ],
    [
      'a long message',
      saying(3, [
        [18, 'x'.repeat(200)],
        [18, 'y'],
      ]),
      `Access-Reject: ${'x'.repeat(200)}…`,
    ],
    [
      'a challenge',
      saying(11, [
        [18, 'enter the code'],
        [24, 'state'],
      ]),
      'Access-Challenge (more than a password is asked for): enter the code',
    ],
  ])('%s', async (_name, answer, detail) => {
    const { target } = await listenUdp(answer);
    expect(await check(target, radiusSpec())).toMatchObject({ outcome: 'down', detail });
  });

  test('another password', async () => {
    const { target } = await listenUdp(server);
    const result = await check(target, radiusSpec({ login: { user: 'nemo', password: 'another' } }));
    expect(result).toMatchObject({ outcome: 'down', detail: 'Access-Reject: who are you?' });
  });

  test.each([2, 3, 11])('secrets that the server says (code %i) are not shown', async (code) => {
    const { target } = await listenUdp(
      saying(code, [
        [18, `no ${PASSWORD}, `],
        [18, `no xyzzy`],
        [18, '5461!'],
      ]),
    );
    const traced: string[] = [];
    const { detail } = await check(target, radiusSpec(), services({}, { trace: (line) => traced.push(line) }));
    expect(detail).toContain(': no ***, no ***!');
    expect(traced[0]).toMatch(/> Access-Request \d+ for nemo$/);
    expect(traced.join('\n')).not.toMatch(/arctangent|xyzzy/);
  });

  test.each(HOSTS)('a closed port of %s', async (host) => {
    const target = {
      address: host,
      family: host === '::1' ? (6 as const) : (4 as const),
      port: await closedUdpPort(),
    };
    expect(await check(target, radiusSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  const forged = 'an answer came whose authenticator is wrong: is the secret right?';
  const noAnswer = (bytes: number) => `got ${bytes} bytes that are no answer to the request`;
  const changed =
    (change: (answer: Buffer) => void, signed = false): UdpAnswer =>
    (request) => {
      const answer = answered(request, 2, [[18, 'hello']], { signed });
      change(answer);
      return answer;
    };
  test.each<[string, UdpAnswer, string]>([
    ['silence', () => undefined, 'got nothing: does the server know this machine as a client, and with this secret?'],
    ['another secret', saying(2, [], { secret: 'another', signed: true }), forged],
    ['a reject under another secret', saying(3, [[18, 'no']], { secret: 'another' }), forged],
    ['a forged authenticator', changed((answer) => answer.fill(0, 4, 20)), forged],
    ['a forged signature', (request) => answered(request, 2, [[80, Buffer.alloc(16, 1)]]), forged],
    ['a short signature', (request) => answered(request, 2, [[80, 'short']]), forged],
    ['another identifier', changed((answer) => answer.writeUInt8((answer.readUInt8(1) + 1) % 256, 1)), noAnswer(27)],
    ['cut short', (request) => answered(request, 2, [[18, 'hello']]).subarray(0, 25), noAnswer(25)],
    ['a length below the header', changed((answer) => answer.writeUInt16BE(19, 2)), noAnswer(27)],
    ['a length beyond the datagram', changed((answer) => answer.writeUInt16BE(4000, 2)), noAnswer(27)],
    ['an attribute of no length', changed((answer) => answer.writeUInt8(0, 21)), noAnswer(27)],
    ['an attribute beyond the packet', changed((answer) => answer.writeUInt8(8, 21)), noAnswer(27)],
    [
      'half an attribute',
      (request) => Buffer.concat([answered(request, 2), Buffer.from([18])]).fill(21, 3, 4),
      noAnswer(21),
    ],
    ['an empty datagram', '', noAnswer(0)],
    ['the request itself', (request) => request, 'got a RADIUS packet of code 1'],
    ['another kind of packet', saying(5), 'got a RADIUS packet of code 5'],
  ])('at the deadline: %s', async (_name, answer, progress) => {
    const { target } = await listenUdp(answer);
    const { outcome, detail, durationMs } = await check(target, radiusSpec({ timeoutMs: 200 }));
    expect({ outcome, detail }).toEqual({
      outcome: 'down',
      detail: `no answer within 200 ms (sent 1 request; ${progress})`,
    });
    expect(durationMs).toBeGreaterThanOrEqual(180);
    expect(durationMs).toBeLessThan(200 + NOISE_MS);
  });
});

test('a machine that refuses MD5 says nothing about the server', async () => {
  const { target, requests } = await listenUdp(server);
  fips.on = true;
  const { outcome, detail } = await check(target, radiusSpec());
  fips.on = false;
  expect(outcome).toBe('error');
  expect(detail).toMatch(/^Error: RADIUS needs MD5, which OpenSSL refuses on this machine \(FIPS mode\?\)/);
  expect(detail).not.toMatch(/arctangent|xyzzy/);
  expect(requests).toEqual([]);
});
