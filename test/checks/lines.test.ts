// What no server of a line protocol may do to us, whichever of the four it speaks.
import { afterEach, describe, expect, test } from 'vitest';
import type { CheckSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { converse, type Turn, thenEnd, thenReset, traced } from './dialogue.ts';
import {
  certificate,
  check,
  closedPort,
  closeListeners,
  dripping,
  endless,
  hasIPv6,
  listen,
  services,
} from './listeners.ts';

afterEach(closeListeners);

const LIMIT = 300;
const noise = Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 73 + 131) % 256));
const greetings = { imap: '* OK ready', nntp: '200 ready', pop: '+OK ready', smtp: '220 ready' };
type Kind = keyof typeof greetings;
const kinds = Object.keys(greetings) as Kind[];
const specOf = (kind: Kind, timeoutMs = 3000): CheckSpec => ({ kind, timeoutMs });
const protocols: Record<Kind, string> = { imap: 'an IMAP', nntp: 'an NNTP', pop: 'a POP3', smtp: 'an SMTP' };

describe.each(kinds)('%s', (kind) => {
  const greeting = greetings[kind];
  const other = kind === 'pop' ? '220 mail' : '+OK ready';

  test.each<[string, Turn, string]>([
    ['another protocol', other, `not ${protocols[kind]} greeting: "${other}"`],
    ['an empty line', '', `not ${protocols[kind]} greeting: ""`],
    [
      'HTTP',
      thenEnd('HTTP/1.1 400 Bad Request\r\n\r\n'),
      `not ${protocols[kind]} greeting: "HTTP/1.1 400 Bad Request"`,
    ],
    [
      'NULs and control characters',
      Buffer.from('\0\x1b[2J\x07\r\n'),
      `not ${protocols[kind]} greeting: "\\x00\\x1b[2J\\x07"`,
    ],
    ['the end at once', thenEnd(''), 'connection closed without a greeting'],
    ['half a line', thenEnd('Hello, w'), 'connection closed in the middle of a line: "Hello, w"'],
    ['a greeting without its end', thenEnd(greeting), `connection closed in the middle of a line: "${greeting}"`],
    ['a reset', thenReset(''), 'connection reset'],
    [
      'a line of 9 KiB',
      `${greeting} ${'x'.repeat(9000)}`,
      `the server sent a line of more than 8192 bytes: "${`${greeting} ${'x'.repeat(60)}`.slice(0, 60)}…"`,
    ],
    [
      'a line without end',
      endless(`${greeting} `, Buffer.alloc(65536, 'x')),
      `the server sent a line of more than 8192 bytes: "${`${greeting} ${'x'.repeat(60)}`.slice(0, 60)}…"`,
    ],
  ])('down: %s', async (_name, turn, detail) => {
    const server = await converse(turn);
    expect(await check(server.target, specOf(kind))).toMatchObject({ outcome: 'down', detail });
    await server.allClosed();
  });

  test('down: noise', async () => {
    const server = await converse(noise);
    const { outcome, detail } = await check(server.target, specOf(kind, LIMIT));
    expect(outcome).toBe('down');
    expect(detail).toMatch(/^not an? \S+ greeting: "[^\p{C}]*"$/u);
    await server.allClosed();
  });

  test.each<[string, Turn, string | RegExp]>([
    ['silence', () => {}, 'connected, got 0 bytes'],
    ['half a line', Buffer.from(greeting.slice(0, 3)), 'connected, got 3 bytes, no whole line'],
    ['a carriage return for a line end', Buffer.from('220 \r+OK\r'), 'connected, got 9 bytes, no whole line'],
    ['a byte every 20 ms', dripping('', 'drip', 20), /^connected, got \d+ bytes?, no whole line$/],
  ])('down at the deadline: %s', async (_name, turn, progress) => {
    const server = await converse(turn);
    const { outcome, detail, durationMs } = await check(server.target, specOf(kind, LIMIT));
    expect(outcome).toBe('down');
    const [, came] = /^no answer within 300 ms \((.*)\)$/.exec(detail) ?? [];
    expect(came).toEqual(typeof progress === 'string' ? progress : expect.stringMatching(progress));
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('a closed port is down', async () => {
    const target = { address: '127.0.0.1', family: 4, port: await closedPort() } as const;
    expect(await check(target, specOf(kind))).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test('an endless talker costs neither memory nor time', async () => {
    const lines = Buffer.from(`${'220-x\r\n'.repeat(1000)}`);
    const server = await listen(endless(kind === 'smtp' ? '' : `${greeting}\r\n`, lines), { atOnce: true });
    const before = process.memoryUsage.rss();
    const spec =
      kind === 'imap' || kind === 'pop' ? { ...specOf(kind), login: { user: 'u', password: 'p' } } : specOf(kind);
    const { detail, durationMs } = await check(server.target, spec as CheckSpec);
    // NNTP is up with its greeting; none of the others takes what follows.
    if (kind === 'smtp') expect(detail).toMatch(/^the server does not stop talking \(over 2000 lines\)$/);
    else if (kind !== 'nntp') expect(detail).toMatch(/^not an IMAP answer|^the server spoke before it was asked/);
    expect(durationMs).toBeLessThan(NOISE_MS);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(64);
    await server.allClosed();
  });
});

describe('up', () => {
  const hello: [RegExp, Turn] = [/^(EHLO|HELO) /, '250 hello'];

  test.each(kinds)('%s: byte by byte, with a bare line feed', async (kind) => {
    const greet: Turn = (socket) => {
      const timers = [...greetings[kind], '\n'].map((byte, at) => setTimeout(() => socket.write(byte), at * 2));
      socket.once('close', () => timers.forEach(clearTimeout));
    };
    const server = await converse(greet, [hello]);
    const detail = greetings[kind].replace('* ', '');
    expect(await check(server.target, specOf(kind))).toMatchObject({ outcome: 'up', detail });
    await server.allClosed();
  });

  test.each(['imap', 'pop', 'smtp'] as const)('%s: TLS from the first byte', async (kind) => {
    const server = await converse(greetings[kind], [hello], { tls: certificate() });
    const spec = { ...specOf(kind), tls: { start: 'at once', serverName: 'mail.example.com' } } as CheckSpec;
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up' });
    expect(server.serverNames).toEqual(['mail.example.com']);
    await server.allClosed();
  });

  test.each(kinds)('%s: IPv6', async (kind) => {
    if (!(await hasIPv6())) return;
    const server = await converse(greetings[kind], [hello], { host: '::1' });
    expect(await check(server.target, specOf(kind))).toMatchObject({ outcome: 'up' });
    await server.allClosed();
  });

  test.each(kinds)('%s: the goodbye needs no answer', async (kind) => {
    const goodbye = kind === 'imap' ? 'a1 LOGOUT' : 'QUIT';
    const silent = await converse(greetings[kind], [hello]);
    const { outcome, durationMs } = await check(silent.target, specOf(kind, 3 * NOISE_MS));
    expect(outcome).toBe('up');
    expect(durationMs).toBeLessThan(NOISE_MS);
    await silent.allClosed();
    expect(silent.heard()).toMatch(new RegExp(`${goodbye}\r\n$`));
    const rude = await converse(greetings[kind], [hello, [/^(a1 LOGOUT|QUIT)$/, (socket) => socket.resetAndDestroy()]]);
    expect((await check(rude.target, specOf(kind))).outcome).toBe('up');
    await rude.allClosed();
  });

  test.each(['imap', 'nntp', 'pop'] as const)('%s: a server that closes behind its greeting', async (kind) => {
    const server = await converse(thenEnd(`${greetings[kind]}\r\n`));
    expect(await check(server.target, specOf(kind))).toMatchObject({ outcome: 'up' });
    await server.allClosed();
  });
});

test('a trace shows both sides, and nothing that a terminal obeys', async () => {
  const { trace, text } = traced();
  const server = await converse('220 mail\x1b[31m caf\u00e9', [[/^EHLO/, '250 hello']]);
  await check(server.target, specOf('smtp'), services({}, { trace }));
  const lines = text().replaceAll(`127.0.0.1:${server.port} `, '');
  expect(lines).toMatch(/^< 220 mail\\x1b\[31m café\n> EHLO \S+\n< 250 hello\n> QUIT$/);
});

test('nothing stays open after a check', async () => {
  const busy = () =>
    process.getActiveResourcesInfo().filter((name) => /Timeout|TCPSocketWrap|TLSWrap/.test(name)).length;
  const server = await converse('+OK ready', [], { tls: certificate() });
  const before = busy();
  for (let run = 0; run < 5; run += 1) {
    await check(server.target, { kind: 'pop', tls: { start: 'at once' }, timeoutMs: 1000 });
  }
  await server.allClosed();
  await until('everything is closed', () => busy() <= before, busy);
});
