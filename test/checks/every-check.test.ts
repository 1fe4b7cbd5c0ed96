// What must hold for every check alike, whatever it speaks: refused, silent, dripping, garbage, half-closed, reset, noisy and
// endless servers are down within the deadline, with a reason that holds no secret; nothing stays open, and nobody crashes.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../../src/checks/check.ts';
import { CHECKS } from '../../src/checks/index.ts';
import { loadParser } from '../../src/checks/llhttp.ts';
import type { NegotiateSpec, Target } from '../../src/config/model.ts';
import { configOf } from '../config-of.ts';
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

const IPV6 = await hasIPv6();
const LIMIT_MS = 150;
const SECRET = 'Sesam-öffne-dich';

/** One configuration for each thing that a check can do: over TLS or not, with a login or without. */
const ACCOUNT = `login = "joe"; passwd = "${SECRET}"`;
const TCP: Readonly<Record<string, string>> = {
  dns: 'service = dns; protocol = tcp; request = www.example.com',
  ftp: `service = ftp; ${ACCOUNT}; request = "/file"`,
  http: 'service = http',
  https: 'service = https',
  imap: `service = imap; ${ACCOUNT}`,
  imaps: `service = imaps; ${ACCOUNT}`,
  'imap with STARTTLS': `service = imap; starttls = yes; ${ACCOUNT}`,
  ldap: `service = ldap; ${ACCOUNT}; request = "dc=x"`,
  ldaps: `service = ldaps; ${ACCOUNT}; request = "dc=x"`,
  'ldap with STARTTLS': `service = ldap; starttls = yes; ${ACCOUNT}; request = "dc=x"`,
  mysql: `service = mysql; ${ACCOUNT}; request = "SELECT 1"`,
  nntp: 'service = nntp',
  oracle: `service = oracle; ${ACCOUNT}; database = XE; request = "SELECT 1 FROM dual"`,
  pgsql: `service = pgsql; ${ACCOUNT}; request = "SELECT 1"`,
  pop: `service = pop; ${ACCOUNT}`,
  pops: `service = pops; ${ACCOUNT}`,
  'pop with STARTTLS': `service = pop; starttls = yes; ${ACCOUNT}`,
  redis: `service = redis; ${ACCOUNT}`,
  simpletcp: 'service = simpletcp; request = "hello\\n"; receive = "^well$"',
  sip: 'service = sip',
  smtp: 'service = smtp',
  'smtp with STARTTLS': 'service = smtp; starttls = yes',
};
const UDP: Readonly<Record<string, string>> = {
  dns: 'service = dns; request = www.example.com',
  radius: `service = radius; ${ACCOUNT}; secret = "${SECRET}"`,
  simpletcp: 'service = simpletcp; request = "hello\\n"; receive = "^well$"',
  sip: 'service = sip',
};

function specOf(options: string, protocol: 'tcp' | 'udp'): NegotiateSpec {
  const lines = `protocol = ${protocol}; ${options}`.replaceAll('; ', '\n\t');
  const [virtual] = configOf(`virtual = 10.0.0.1:9\n\treal = 10.0.0.2:9 gate\n\t${lines}\n`).virtuals;
  return { ...(virtual?.reals[0]?.check.spec as NegotiateSpec), timeoutMs: LIMIT_MS };
}

interface Seen extends CheckResult {
  readonly trace: readonly string[];
}

/** One run, and what it would show to somebody who looks on. */
async function run(target: Target, spec: NegotiateSpec): Promise<Seen> {
  const trace: string[] = [];
  const result = await check(target, spec, services({}, { trace: (line) => trace.push(line) }));
  return { ...result, trace };
}

function expectDown({ outcome, detail, durationMs, trace }: Seen): void {
  expect(outcome, detail).toBe('down');
  expect(detail).toMatch(/^[^\p{C}]{3,600}$/u);
  expect(durationMs).toBeLessThan(LIMIT_MS + NOISE_MS);
  const shown = [detail, ...trace].join('\n');
  for (const secret of [SECRET, Buffer.from(SECRET).toString('latin1'), Buffer.from(SECRET).toString('base64')]) {
    expect(shown).not.toContain(secret);
  }
}

/** Whatever is sent comes back, as a server does that quotes what it did not understand. */
const echo: Answer = (socket) => void socket.pipe(socket);
const noise: Answer = (socket) => void socket.write(randomBytes(3000));

const BAD: Readonly<Record<string, Answer>> = {
  silent: () => {},
  'closing at once': (socket) => void socket.end(),
  resetting: (socket) => void socket.resetAndDestroy(),
  'one that closes half, and says nothing': (socket) => void socket.end().resume(),
  'one that says a byte and closes': (socket) => void socket.end('\x2a'),
  noisy: noise,
  'noisy, and closing': (socket) => void socket.end(randomBytes(3000)),
  'sending zeros': (socket) => void socket.write(Buffer.alloc(3000)),
  'sending 0xff': (socket) => void socket.write(Buffer.alloc(3000, 0xff)),
  dripping: dripping('', 'drip\r\n', 20),
  'dripping without an end of line': dripping('', 'drip', 20),
  'an endless talker': endless('', Buffer.from('blah blah\r\n'.repeat(5000))),
  'an endless line': endless('', Buffer.alloc(65_536, 'x')),
  'endless noise': endless('', randomBytes(65_536)),
  'an echo': echo,
};

// The first check that needs a library loads it, which takes longer than these deadlines on a busy machine.
beforeAll(() =>
  Promise.all([
    import('dns-packet'),
    import('ioredis'),
    import('mysql2'),
    import('oracledb'),
    import('pg'),
    loadParser(),
  ]),
);
afterEach(closeListeners);

test('every check is tried here', () => {
  const tried = [
    ...Object.values(TCP).map((each) => specOf(each, 'tcp')),
    ...Object.values(UDP).map((each) => specOf(each, 'udp')),
  ];
  const others = ['combined', 'connect', 'external', 'ping'];
  expect([...new Set([...tried.map(({ kind }) => kind), ...others])].sort()).toEqual(Object.keys(CHECKS).sort());
});

describe.each(Object.entries(TCP))('%s', (_service, options) => {
  const spec = specOf(options, 'tcp');

  test.each(Object.entries(BAD))('%s', async (_name, answer) => {
    const server = await listen(answer, { atOnce: true });
    expectDown(await run(server.target, spec));
    await server.allClosed();
  });

  test('refused', async () => {
    const seen = await run({ address: '127.0.0.1', family: 4, port: await closedPort() }, spec);
    expectDown(seen);
    expect(seen.detail).toBe('connection refused');
  });

  test('silence costs the deadline and no more, at every run', async () => {
    // simpletcp ends its side of the stream first: a server that closes then would not be silent.
    const allowHalfOpen = spec.kind === 'simpletcp';
    const server = await listen(() => {}, { atOnce: true, allowHalfOpen });
    for (let count = 0; count < 2; count += 1) {
      const { detail, durationMs } = await run(server.target, spec);
      expect(detail).toMatch(/^no answer within 150 ms \(/);
      expect(durationMs).toBeGreaterThanOrEqual(LIMIT_MS - 20);
    }
    if (!allowHalfOpen) await server.allClosed();
  });

  test.runIf(IPV6)('IPv6', async () => {
    const server = await listen((socket) => void socket.end('nonsense\r\n'), { host: '::1', atOnce: true });
    expectDown(await run(server.target, spec));
    await server.allClosed();
  });
});

describe.each(Object.entries(UDP))('%s over UDP', (_service, options) => {
  const spec = specOf(options, 'udp');

  const behaviours: Readonly<Record<string, (asked: Buffer) => readonly Buffer[]>> = {
    silent: () => [],
    'an echo': (asked) => [asked],
    noisy: () => [randomBytes(20), randomBytes(500), randomBytes(1400)],
    'sending zeros': () => [Buffer.alloc(600)],
    'sending nothing': () => [Buffer.alloc(0)],
    flooding: () => Array.from({ length: 300 }, () => randomBytes(1000)),
  };
  test.each(Object.entries(behaviours))('%s', async (_name, answer) => {
    const server = await datagramServer('127.0.0.1', answer);
    try {
      expectDown(await run({ address: '127.0.0.1', family: 4, port: server.address().port }, spec));
    } finally {
      server.close();
    }
  });

  test('refused', async () => {
    const seen = await run({ address: '127.0.0.1', family: 4, port: await closedPort() }, spec);
    expectDown(seen);
    expect(seen.detail).toBe('connection refused');
  });

  test.runIf(IPV6)('IPv6', async () => {
    const server = await datagramServer('::1', () => []);
    try {
      expectDown(await run({ address: '::1', family: 6, port: server.address().port }, spec));
    } finally {
      server.close();
    }
  });
});

async function datagramServer(host: string, answer: (asked: Buffer) => readonly Buffer[]): Promise<UdpSocket> {
  const server = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  server.on('error', () => {});
  server.on('message', (asked, { port, address }) => {
    for (const reply of answer(asked)) server.send(reply, port, address, () => {});
  });
  server.bind(0, host);
  await once(server, 'listening');
  return server;
}
