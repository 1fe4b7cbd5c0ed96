// POP3: the greeting, a login that must succeed, STLS, and a password that nobody sees.
import { afterEach, describe, expect, test } from 'vitest';
import type { MailboxSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { authorities, converse, type Rule, type Turn, thenEnd, thenTls, traced } from './dialogue.ts';
import { check, closeListeners, dripping, services } from './listeners.ts';

afterEach(closeListeners);

const LIMIT = 300;
const plain: MailboxSpec<'pop'> = { kind: 'pop', timeoutMs: 3000 };
const login: MailboxSpec<'pop'> = { ...plain, login: { user: 'probe', password: 'Hunter2 "x\\' } };
const secured: MailboxSpec<'pop'> = {
  ...login,
  tls: { start: 'starttls', authorities: authorities('authority') },
};
const user: Rule = [/^USER probe$/, '+OK send the password'];
const pass: Rule = [/^PASS Hunter2 "x\\$/, '+OK 3 messages'];
const stls: Rule = [/^STLS$/, thenTls('+OK begin')];

describe('up', () => {
  test.each<[string, MailboxSpec<'pop'>, string, Rule[], string, string]>([
    ['the greeting', plain, '+OK ready <1@mail.example.com>', [], '+OK ready <1@mail.example.com>', 'QUIT\r\n'],
    ['a greeting without words', plain, '+OK', [], '+OK', 'QUIT\r\n'],
    ['in lower case', plain, '+ok ready', [], '+ok ready', 'QUIT\r\n'],
    ['a login', login, '+OK', [user, pass], '+OK 3 messages', 'USER probe\r\nPASS Hunter2 "x\\\r\nQUIT\r\n'],
    [
      'STLS and a login',
      secured,
      '+OK',
      [stls, user, pass],
      '+OK 3 messages',
      'STLS\r\nUSER probe\r\nPASS Hunter2 "x\\\r\nQUIT\r\n',
    ],
  ])('%s', async (_name, spec, greeting, rules, detail, heard) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail });
    await server.allClosed();
    expect(server.heard()).toBe(heard);
  });

  test('a password goes out as UTF-8', async () => {
    const server = await converse('+OK', [user, [/^PASS /, '+OK']]);
    expect((await check(server.target, { ...plain, login: { user: 'probe', password: 'ü€' } })).outcome).toBe('up');
    await server.allClosed();
    expect(Buffer.from(server.heard(), 'latin1').toString()).toContain('PASS ü€\r\n');
  });
});

describe('down', () => {
  test.each<[string, Turn, Rule[], string]>([
    ['busy', '-ERR too many connections', [], '-ERR too many connections'],
    ['a status that is none', '+OKAY', [], 'not a POP3 greeting: "+OKAY"'],
    ['no USER here', '+OK', [[/^USER/, '-ERR [AUTH] only SASL PLAIN']], 'USER refused: -ERR [AUTH] only SASL PLAIN'],
    ['a wrong password', '+OK', [user, [/^PASS/, '-ERR [AUTH] failed']], 'login refused: -ERR [AUTH] failed'],
    ['refused without words', '+OK', [user, [/^PASS/, '-ERR']], 'login refused: -ERR'],
    ['an answer that is none', '+OK', [user, [/^PASS/, '535 no']], 'not a POP3 answer: "535 no"'],
    [
      'closed at the password',
      '+OK',
      [user, [/^PASS/, thenEnd('')]],
      'connection closed without an answer to PASS ***',
    ],
    ['canned answers', '+OK\r\n+OK\r\n+OK', [], 'the server spoke before it was asked: "+OK"'],
  ])('%s', async (_name, greeting, rules, detail) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, login)).toMatchObject({ outcome: 'down', detail });
    await server.allClosed();
  });

  test('a mailbox that somebody else has open: the password was right', async () => {
    const server = await converse('+OK', [user, [/^PASS/, '-ERR [IN-USE] locked']]);
    expect(await check(server.target, login)).toMatchObject({ outcome: 'up', detail: '-ERR [IN-USE] locked' });
  });

  test.each(['probe\r\nDELE 1', 'probe\nDELE 1', 'probe\rDELE 1', 'probe\0'])('%j is not sent', async (text) => {
    const server = await converse('+OK', [[/./, '+OK']]);
    for (const account of [
      { user: text, password: 'x' },
      { user: 'x', password: text },
    ]) {
      expect(await check(server.target, { ...plain, login: account })).toMatchObject({
        outcome: 'down',
        detail: 'POP3 cannot carry a login with a line break or NUL in it',
      });
    }
    expect(server.heard()).toBe('');
  });

  test.each<[string, Turn, string]>([
    ['silence', () => {}, 'sent PASS ***, got 0 bytes'],
    ['half a line', Buffer.from('+OK'), 'sent PASS ***, got 3 bytes, no whole line'],
  ])('at the deadline: PASS answered with %s', async (_name, answer, progress) => {
    const server = await converse('+OK', [user, [/^PASS/, answer]]);
    const { detail, durationMs } = await check(server.target, { ...login, timeoutMs: LIMIT });
    expect(detail).toBe(`no answer within 300 ms (${progress})`);
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('a byte every 20 ms does not move the deadline', async () => {
    const server = await converse('+OK', [[/^USER/, dripping('', '+OK ', 20)]]);
    const { outcome, durationMs } = await check(server.target, { ...login, timeoutMs: LIMIT });
    expect(outcome).toBe('down');
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });
});

describe('STLS', () => {
  test.each<[string, Rule[], string]>([
    ['refused', [[/^STLS/, '-ERR unknown command']], 'STLS refused: -ERR unknown command'],
    [
      'injected words behind the consent',
      [[/^STLS/, thenTls('+OK begin\r\n+OK\r\n+OK')], user, pass],
      'the server sent something in the clear after it agreed to STARTTLS',
    ],
    [
      'a stranger’s certificate: no password for him',
      [[/^STLS/, thenTls('+OK begin', 'tls/expired')], user, pass],
      'certificate has expired',
    ],
  ])('down: %s', async (_name, rules, detail) => {
    const server = await converse('+OK', rules);
    expect(await check(server.target, secured)).toMatchObject({ outcome: 'down', detail });
    await server.allClosed();
    expect(server.heard()).not.toMatch(/USER|PASS/);
  });

  test.each(['close', 'reset'] as const)('down: a %s at any step', async (cut) => {
    for (let cutAt = 0; cutAt < 4; cutAt += 1) {
      const server = await converse('+OK', [stls, user, pass], { cutAt, cut });
      const { outcome, detail } = await check(server.target, secured);
      expect(outcome, `step ${cutAt}: ${detail}`).toBe('down');
      expect(detail).toMatch(/^connection (closed without an? (greeting|answer to )|reset$)/);
      await server.allClosed();
    }
  });
});

test.each<[string, Turn]>([
  ['as it is', '-ERR unknown command "PASS Hunter2 "x\\"'],
  ['escaped', '-ERR unknown command PASS Hunter2 \\"x\\\\'],
  ['in capitals', '-ERR UNKNOWN COMMAND PASS HUNTER2 "X\\'],
  ['cut', '-ERR unknown command PASS Hunter'],
  ['without a status', 'what is PASS Hunter2 "x\\ ?'],
  ['over two lines', '-ERR PASS Hunter2\r\n"x\\'],
  ['in success', '+OK your password is Hunter2 "x\\'],
  ['half a line', thenEnd('-ERR unknown command PASS Hun')],
  ['a long line', `-ERR PASS Hunter2 "x\\${'x'.repeat(9000)}`],
])('a password sent back %s is not shown', async (_name, answer) => {
  const { trace, text } = traced();
  const server = await converse('+OK', [user, [/^PASS/, answer]]);
  const { detail } = await check(server.target, login, services({}, { trace }));
  expect(text()).toContain('> PASS ***');
  expect(`${detail}\n${text()}`).not.toMatch(/hunt|nter2|"x|PASS Hun/i);
  await server.allClosed();
});

test('the status is shown when the words are not', async () => {
  const server = await converse('+OK', [user, [/^PASS/, '-ERR not Hunter2']]);
  expect((await check(server.target, login)).detail).toBe(
    'login refused: -ERR (not shown: it holds a part of the password)',
  );
});
