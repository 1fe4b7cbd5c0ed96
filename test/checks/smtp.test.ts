// SMTP: what an answer means, HELO for servers that know no EHLO, and STARTTLS.
import { hostname } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import type { SmtpSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { authorities, converse, type Rule, type Turn, thenEnd, thenTls, traced } from './dialogue.ts';
import { certificate, check, closeListeners, dripping, endless, hasIPv6, services } from './listeners.ts';

afterEach(closeListeners);

const LIMIT = 300;
const spec: SmtpSpec = { kind: 'smtp', timeoutMs: 3000 };
const startTls: SmtpSpec = {
  ...spec,
  tls: { start: 'starttls', authorities: authorities('authority'), serverName: 'mail.example.com' },
};
const hello: Rule = [/^EHLO /, '250-mail.example.com\r\n250-SIZE 1000\r\n250 HELP'];
const helloWithTls: Rule = [/^EHLO /, '250-mail.example.com\r\n250-StartTLS\r\n250 HELP'];
const secure: Rule = [/^STARTTLS$/, thenTls('220 go ahead')];

describe('up', () => {
  test.each<[string, Turn, Rule[], string]>([
    ['one line', '220 mail.example.com ESMTP', [hello], '220 mail.example.com ESMTP'],
    [
      'several lines',
      '220-mail.example.com\r\n220-no spam\r\n220 please',
      [hello],
      '220 mail.example.com no spam please',
    ],
    ['only a code', '220', [[/^EHLO/, '250']], '220'],
    ['bare line feeds', Buffer.from('220-one\n220 two\n'), [[/^EHLO/, Buffer.from('250-a\n250 b\n')]], '220 one two'],
    ['another 2xx', '250 here', [hello], '250 here'],
    [
      'no EHLO',
      '220 old',
      [
        [/^EHLO/, '502 unknown'],
        [/^HELO/, '250 hello'],
      ],
      '220 old',
    ],
    [
      'EHLO fails for now',
      '220 old',
      [
        [/^EHLO/, '451 later'],
        [/^HELO/, '250 hello'],
      ],
      '220 old',
    ],
  ])('%s', async (_name, greeting, rules, detail) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail });
    await server.allClosed();
  });

  test('the name told is this host’s, or its address', async () => {
    const server = await converse('220 mail', [hello]);
    await check(server.target, spec);
    await server.allClosed();
    const name = hostname().includes('.') ? hostname() : '[127.0.0.1]';
    expect(server.heard()).toBe(`EHLO ${name}\r\nQUIT\r\n`);
  });

  test('an IPv6 address is told as such', async () => {
    if (!(await hasIPv6())) return;
    const server = await converse('220 mail', [hello], { host: '::1' });
    await check(server.target, spec);
    await server.allClosed();
    const name = hostname().includes('.') ? hostname() : '[IPv6:::1]';
    expect(server.heard()).toBe(`EHLO ${name}\r\nQUIT\r\n`);
  });

  test('a long greeting is cut', async () => {
    const server = await converse(`220-${'a'.repeat(150)}\r\n220 ${'b'.repeat(150)}`, [hello]);
    expect((await check(server.target, spec)).detail).toMatch(/^220 a{150} b{45}…$/);
  });
});

describe('down', () => {
  test.each<[string, Turn, Rule[], string | RegExp]>([
    ['not now', '421 too busy', [], '421 too busy'],
    ['never', '554 no', [], '554 no'],
    ['never, in several lines', '554-no\r\n554 see http://example.com/', [], '554 no see http://example.com/'],
    ['a code that is none', '2200 mail', [], 'not an SMTP greeting: "2200 mail"'],
    ['a second line of something else', '220-mail\r\nHello', [], 'not an SMTP greeting: "Hello"'],
    ['codes that differ: the last counts', '220-mail\r\n554 no', [], '554 mail no'],
    [
      'EHLO and HELO refused',
      '220 mail',
      [
        [/^EHLO/, '550 no'],
        [/^HELO/, '550 still no'],
      ],
      'HELO refused: 550 still no',
    ],
    ['a goodbye to EHLO', '220 mail', [[/^EHLO/, '421 shutting down']], 'EHLO refused: 421 shutting down'],
    ['an answer that is none', '220 mail', [[/^EHLO/, '+OK']], 'not an SMTP answer: "+OK"'],
    [
      'answers before the questions',
      '220 mail\r\n250 hello\r\n221 bye',
      [],
      'the server spoke before it was asked: "250 hello"',
    ],
    ['garbage behind the greeting', '220 mail\r\n\0\x01', [], 'the server spoke before it was asked: "\\x00\\x01"'],
    [
      'an answer without end',
      '220 mail',
      [[/^EHLO/, endless('', Buffer.from('250-x\r\n'.repeat(1000)))]],
      /^the server does not stop talking \(over 2000 lines\)$/,
    ],
    [
      'half an answer',
      '220 mail',
      [[/^EHLO/, thenEnd('250-mail\r\n250 SI')]],
      'connection closed in the middle of a line',
    ],
    [
      'a line of an answer',
      '220 mail',
      [[/^EHLO/, thenEnd('250-mail\r\n')]],
      'connection closed in the middle of an answer',
    ],
    [
      'closed behind its greeting',
      thenEnd('220 mail\r\n'),
      [],
      /^connection closed without an answer to EHLO |^connection closed while sending$/,
    ],
  ])('%s', async (_name, greeting, rules, detail) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, spec)).toMatchObject({
      outcome: 'down',
      detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    });
    await server.allClosed();
  });

  test.each<[string, Turn]>([
    ['silence', () => {}],
    ['a line that drips', dripping('250-', 'mail', 20)],
    ['lines that drip', dripping('', '250-mail\r\n', 20)],
  ])('at the deadline: EHLO answered with %s', async (_name, answer) => {
    const server = await converse('220 mail', [[/^EHLO/, answer]]);
    const { outcome, detail, durationMs } = await check(server.target, { ...spec, timeoutMs: LIMIT });
    expect(outcome).toBe('down');
    expect(detail).toMatch(/^no answer within 300 ms \(sent EHLO \S+, got \d+ bytes?(, no whole line)?\)$/);
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });
});

describe('STARTTLS', () => {
  test('up, with EHLO before and after', async () => {
    const server = await converse('220 mail', [helloWithTls, secure]);
    const { trace, text } = traced();
    expect(await check(server.target, startTls, services({}, { trace }))).toMatchObject({
      outcome: 'up',
      detail: '220 mail',
    });
    await server.allClosed();
    expect(server.heard()).toMatch(/^EHLO (\S+)\r\nSTARTTLS\r\nEHLO \1\r\nQUIT\r\n$/);
    expect(text()).toContain('> STARTTLS');
  });

  test('nobody is verified without authorities', async () => {
    const server = await converse('220 mail', [helloWithTls, [/^STARTTLS$/, thenTls('220 go ahead', 'tls/expired')]]);
    expect((await check(server.target, { ...spec, tls: { start: 'starttls' } })).outcome).toBe('up');
    await server.allClosed();
  });

  test.each<[string, Rule[], string | RegExp]>([
    ['not offered', [hello], 'the server does not offer STARTTLS'],
    [
      'offered in no word of its own',
      [[/^EHLO/, '250-STARTTLS\r\n250-STARTTLSX\r\n250 X']],
      'the server does not offer STARTTLS',
    ],
    [
      'only HELO',
      [
        [/^EHLO/, '500 what?'],
        [/^HELO/, '250 STARTTLS'],
      ],
      'the server does not offer STARTTLS',
    ],
    ['refused', [helloWithTls, [/^STARTTLS/, '454 TLS not available']], 'STARTTLS refused: 454 TLS not available'],
    [
      'injected words behind the consent',
      [helloWithTls, [/^STARTTLS/, thenTls('220 go ahead\r\n250-evil.example.com\r\n250 AUTH PLAIN')]],
      'the server sent something in the clear after it agreed to STARTTLS',
    ],
    [
      'injected half a line',
      [helloWithTls, [/^STARTTLS/, Buffer.from('220 go ahead\r\n2')]],
      'the server sent something in the clear after it agreed to STARTTLS',
    ],
    [
      'consent, then plain text',
      [
        helloWithTls,
        [
          /^STARTTLS/,
          (socket) => {
            socket.write('220 go ahead\r\n');
            socket.on('data', () => socket.write('250 hello again, in the clear\r\n'));
          },
        ],
      ],
      'the port does not speak TLS',
    ],
    ['consent, then the end', [helloWithTls, [/^STARTTLS/, thenEnd('220 go ahead\r\n')]], /^connection closed/],
    [
      'a stranger’s certificate',
      [helloWithTls, [/^STARTTLS/, thenTls('220 go ahead', 'tls/self-signed')]],
      'certificate is self-signed, and not among the authorities of sslverify',
    ],
  ])('down: %s', async (_name, rules, detail) => {
    const server = await converse('220 mail', rules);
    expect(await check(server.target, startTls)).toMatchObject({
      outcome: 'down',
      detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    });
    await server.allClosed();
  });

  test('a handshake that does not end is down at the deadline', async () => {
    const server = await converse('220 mail', [helloWithTls, [/^STARTTLS/, '220 go ahead']]);
    const { detail, durationMs } = await check(server.target, { ...startTls, timeoutMs: LIMIT });
    expect(detail).toBe('no answer within 300 ms (connected, but the TLS handshake did not end)');
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  /** The first EHLO is answered well, the next as told. */
  function onceThen(next: string): Rule {
    const answers = ['250-mail\r\n250 STARTTLS\r\n'];
    return [/^EHLO/, (socket) => void socket.write(answers.pop() ?? next)];
  }

  test('EHLO refused after TLS is down', async () => {
    const server = await converse('220 mail', [onceThen('550 no\r\n'), secure, [/^HELO/, '550 not that']]);
    expect(await check(server.target, startTls)).toMatchObject({
      outcome: 'down',
      detail: 'HELO refused: 550 not that',
    });
    await server.allClosed();
  });

  test('silence after TLS is down at the deadline', async () => {
    const server = await converse('220 mail', [onceThen(''), secure]);
    const { detail } = await check(server.target, { ...startTls, timeoutMs: LIMIT });
    expect(detail).toMatch(/^no answer within 300 ms \(sent EHLO \S+, got 0 bytes\)$/);
    await server.allClosed();
  });

  test.each(['close', 'reset'] as const)('down: a %s at any step', async (cut) => {
    for (let cutAt = 0; cutAt < 4; cutAt += 1) {
      const server = await converse('220 mail', [helloWithTls, secure], { cutAt, cut });
      const { outcome, detail } = await check(server.target, startTls);
      expect(outcome, `step ${cutAt}: ${detail}`).toBe('down');
      expect(detail).toMatch(/^connection (closed without an? (greeting|answer to )|reset$)/);
      await server.allClosed();
    }
  });
});

test('TLS from the first byte is verified, too', async () => {
  const tls = { start: 'at once', authorities: authorities('authority') } as const;
  const good = await converse('220 mail', [hello], { tls: certificate('tls/good') });
  expect((await check(good.target, { ...spec, tls })).outcome).toBe('up');
  const bad = await converse('220 mail', [hello], { tls: certificate('tls/expired') });
  expect(await check(bad.target, { ...spec, tls })).toMatchObject({
    outcome: 'down',
    detail: 'certificate has expired',
  });
  await bad.allClosed();
});

test('plain text where TLS is wanted is said so', async () => {
  const server = await converse('220 mail', [hello]);
  const detail = 'the port does not speak TLS';
  expect(await check(server.target, { ...spec, tls: { start: 'at once' } })).toMatchObject({ outcome: 'down', detail });
});
