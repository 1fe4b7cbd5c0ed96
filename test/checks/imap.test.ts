// IMAP: the greeting, LOGIN as quoted strings or literals, STARTTLS, and a password that nobody sees.
import { afterEach, describe, expect, test } from 'vitest';
import type { MailboxSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { authorities, converse, type Rule, type Turn, thenEnd, thenTls, traced } from './dialogue.ts';
import { check, closeListeners, dripping, endless, services } from './listeners.ts';

afterEach(closeListeners);

const LIMIT = 300;
const plain: MailboxSpec<'imap'> = { kind: 'imap', timeoutMs: 3000 };
const withLogin = (user: string, password: string): MailboxSpec<'imap'> => ({ ...plain, login: { user, password } });
const login = withLogin('probe', 'Hunter2');
const secured: MailboxSpec<'imap'> = { ...login, tls: { start: 'starttls', authorities: authorities('authority') } };
const starttls: Rule = [/^a1 STARTTLS$/, thenTls('a1 OK begin')];
const capability: Rule = [/^a1 CAPABILITY$/, '* CAPABILITY IMAP4rev1\r\na1 OK done'];
const capabilityAfterTls: Rule = [/^a2 CAPABILITY$/, '* CAPABILITY IMAP4rev1\r\na2 OK done'];
const noop: Rule = [/^a\d NOOP$/, (socket, line) => void socket.write(`${line.replace('NOOP', 'OK done')}\r\n`)];
const loginAs = (answer: Turn): Rule => [/^a\d LOGIN "probe" "Hunter2"$/, answer];

describe('up', () => {
  test.each<[string, MailboxSpec<'imap'>, string, Rule[], string, string]>([
    ['the greeting', plain, '* OK mail.example.com ready', [], 'OK mail.example.com ready', 'a1 LOGOUT\r\n'],
    ['a greeting without words', plain, '* OK', [], 'OK', 'a1 LOGOUT\r\n'],
    ['in lower case', plain, '* ok ready', [], 'OK ready', 'a1 LOGOUT\r\n'],
    ['capabilities in the greeting', plain, '* OK [CAPABILITY IMAP4rev1 IDLE] ready', [], 'OK ready', 'a1 LOGOUT\r\n'],
    ['logged in already', plain, '* PREAUTH hello root', [], 'PREAUTH hello root', 'a1 LOGOUT\r\n'],
    ['logged in already, with a login', login, '* PREAUTH hello root', [], 'PREAUTH hello root', 'a1 LOGOUT\r\n'],
    [
      'a login',
      login,
      '* OK ready',
      [capability, loginAs('a2 OK [CAPABILITY IMAP4rev1] Logged in')],
      'OK Logged in',
      'a1 CAPABILITY\r\na2 LOGIN "probe" "Hunter2"\r\na3 NOOP\r\na4 LOGOUT\r\n',
    ],
    [
      'untagged lines before each answer',
      login,
      '* OK ready',
      [
        [/^a1 /, '* OK [ALERT] a1 OK\r\n* CAPABILITY IMAP4rev1\r\na1 OK'],
        loginAs('* NO [ALERT] disk nearly full\r\n* BAD x\r\na2 ok in'),
      ],
      'OK in',
      'a1 CAPABILITY\r\na2 LOGIN "probe" "Hunter2"\r\na3 NOOP\r\na4 LOGOUT\r\n',
    ],
    [
      'CAPABILITY unknown',
      login,
      '* OK ready',
      [[/^a1 /, 'a1 BAD what?'], loginAs('a2 OK in')],
      'OK in',
      'a1 CAPABILITY\r\na2 LOGIN "probe" "Hunter2"\r\na3 NOOP\r\na4 LOGOUT\r\n',
    ],
    [
      'STARTTLS and a login',
      secured,
      '* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready',
      [starttls, capabilityAfterTls, loginAs('a3 OK in')],
      'OK in',
      'a1 STARTTLS\r\na2 CAPABILITY\r\na3 LOGIN "probe" "Hunter2"\r\na4 NOOP\r\na5 LOGOUT\r\n',
    ],
  ])('%s', async (_name, spec, greeting, rules, detail, heard) => {
    const server = await converse(greeting, [noop, ...rules]);
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail });
    await server.allClosed();
    expect(server.heard()).toBe(heard);
  });

  test.each([
    ['quotes and backslashes', 'do"main\\u', '"x\\', ['LOGIN "do\\"main\\\\u" "\\"x\\\\"']],
    ['blanks and braces', 'a b', ' {3}* ', ['LOGIN "a b" " {3}* "']],
    ['nothing', '', '', ['LOGIN "" ""']],
    ['8-bit characters in the password', 'probe', 'Übergröße', ['LOGIN "probe" {12}', 'Übergröße']],
    ['8-bit characters in the user', 'ü', 'x', ['LOGIN {2}', 'ü "x"']],
    ['both', 'ü', '€', ['LOGIN {2}', 'ü {3}', '€']],
    ['line breaks', 'a\r\nb', 'x\ra3 DELETE INBOX\n', ['LOGIN {4}', 'a\r\nb {18}', 'x\ra3 DELETE INBOX\n']],
  ])('%s', async (_name, user, password, expected) => {
    const consent: Turn = '* OK wait\r\n+ go ahead';
    const server = await converse('* OK', [
      noop,
      capability,
      [/\{\d+\}$/, consent],
      [/^a$/, () => {}],
      [/./, 'a2 OK in'],
    ]);
    expect(await check(server.target, withLogin(user, password))).toMatchObject({ outcome: 'up', detail: 'OK in' });
    await server.allClosed();
    const heard = Buffer.from(server.heard(), 'latin1').toString();
    expect(heard).toBe(`a1 CAPABILITY\r\na2 ${expected.join('\r\n')}\r\na3 NOOP\r\na4 LOGOUT\r\n`);
  });
});

describe('down', () => {
  test.each<[string, Turn, Rule[], string | RegExp]>([
    ['a goodbye', '* BYE too many connections', [], 'BYE too many connections'],
    ['a greeting that is none', '* NO', [], 'not an IMAP greeting: "* NO"'],
    ['another that is none', '* OKAY', [], 'not an IMAP greeting: "* OKAY"'],
    [
      'LOGINDISABLED',
      '* OK',
      [[/^a1 /, '* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK']],
      'the server takes no LOGIN without TLS: set starttls = yes (LOGINDISABLED)',
    ],
    [
      'a wrong password',
      '* OK',
      [capability, loginAs('a2 NO [AUTHENTICATIONFAILED] Authentication failed.')],
      'login refused: NO [AUTHENTICATIONFAILED] Authentication failed.',
    ],
    ['LOGIN unknown', '* OK', [capability, loginAs('a2 BAD unknown command')], 'login refused: BAD unknown command'],
    ['thrown out', '* OK', [capability, loginAs('* BYE shutting down')], 'BYE shutting down'],
    ['the answer to something else', '* OK', [capability, loginAs('a1 OK')], 'not an IMAP answer: "a1 OK"'],
    ['an answer without a tag', '* OK', [capability, loginAs('OK in')], 'not an IMAP answer: "OK in"'],
    ['an answer that is none', '* OK', [capability, loginAs('+OK in')], 'not an IMAP answer: "+OK in"'],
    ['asked to go on', '* OK', [capability, loginAs('+ go on')], 'login refused: + go on'],
    [
      'a mailbox that cannot be opened, as Dovecot says it',
      '* OK',
      [capability, loginAs('a2 OK Logged in, but initialization failed.\r\n* BYE Internal error occurred.')],
      'BYE Internal error occurred.',
    ],
    ['no NOOP', '* OK', [capability, loginAs('a2 OK in'), [/NOOP/, 'a3 NO locked']], 'NOOP refused: NO locked'],
    [
      'closed at the password',
      '* OK',
      [capability, loginAs(thenEnd(''))],
      'connection closed without an answer to a2 LOGIN "probe" ***',
    ],
    [
      'untagged lines without end',
      '* OK',
      [[/^a1 /, endless('', Buffer.from('* OK wait\r\n'.repeat(1000)))]],
      /^the server does not stop talking \(over 2000 lines\)$/,
    ],
  ])('%s', async (_name, greeting, rules, detail) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, login)).toMatchObject({
      outcome: 'down',
      detail: typeof detail === 'string' ? detail : expect.stringMatching(detail),
    });
    await server.allClosed();
    expect(server.heard()).not.toContain('LOGOUT');
  });

  test('LOGINDISABLED is obeyed: nothing of the login is sent', async () => {
    const disabled: Rule = [/^a2 CAPABILITY/, '* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na2 OK'];
    const server = await converse('* OK', [starttls, disabled]);
    expect(await check(server.target, secured)).toMatchObject({
      outcome: 'down',
      detail: 'the server takes no LOGIN (LOGINDISABLED)',
    });
    expect(server.heard()).not.toContain('probe');
  });

  test('a literal refused', async () => {
    const server = await converse('* OK', [capability, [/\{3\}$/, 'a2 NO [AUTHENTICATIONFAILED] no 8-bit passwords']]);
    expect((await check(server.target, withLogin('probe', '€'))).detail).toBe(
      'login refused: NO [AUTHENTICATIONFAILED] no 8-bit passwords',
    );
    await server.allClosed();
    expect(server.heard()).not.toContain('\xe2\x82\xac');
  });

  test('a NUL is not sent', async () => {
    const server = await converse('* OK', [[/./, 'a1 OK']]);
    expect(await check(server.target, withLogin('probe', 'a\0b'))).toMatchObject({
      outcome: 'down',
      detail: 'IMAP cannot carry a login with a NUL in it',
    });
    expect(server.heard()).toBe('');
  });

  test.each<[string, Rule[], RegExp]>([
    ['silence at LOGIN', [capability, loginAs(() => {})], /^sent a2 LOGIN "probe" \*\*\*, got 0 bytes$/],
    ['untagged lines that drip', [[/^a1 /, dripping('', '* OK wait\r\n', 20)]], /^sent a1 CAPABILITY, got \d+ bytes?/],
  ])('at the deadline: %s', async (_name, rules, progress) => {
    const server = await converse('* OK', rules);
    const { outcome, detail, durationMs } = await check(server.target, { ...login, timeoutMs: LIMIT });
    expect(outcome).toBe('down');
    expect(/^no answer within 300 ms \((.*)\)$/.exec(detail)?.[1]).toMatch(progress);
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('at the deadline: a literal that is never asked for', async () => {
    const server = await converse('* OK', [capability]);
    const { detail } = await check(server.target, { ...withLogin('probe', '€uro'), timeoutMs: LIMIT });
    expect(detail).toBe('no answer within 300 ms (sent a2 LOGIN "probe" ***, got 0 bytes)');
    await server.allClosed();
  });
});

describe('STARTTLS', () => {
  test.each<[string, string, Rule[], string]>([
    ['unknown', '* OK', [[/^a1 /, 'a1 BAD unknown command']], 'STARTTLS refused: BAD unknown command'],
    ['refused', '* OK', [[/^a1 /, 'a1 NO not now']], 'STARTTLS refused: NO not now'],
    [
      'refused to who is logged in already',
      '* PREAUTH root',
      [[/^a1 /, 'a1 BAD not in this state']],
      'STARTTLS refused: BAD not in this state',
    ],
    [
      'injected words behind the consent',
      '* OK',
      [[/^a1 /, thenTls('a1 OK begin\r\n* CAPABILITY IMAP4rev1\r\na2 OK\r\na3 OK')]],
      'the server sent something in the clear after it agreed to STARTTLS',
    ],
    [
      'a stranger’s certificate: no password for him',
      '* OK',
      [[/^a1 /, thenTls('a1 OK begin', 'tls/self-signed')], capabilityAfterTls],
      'certificate is self-signed, and not among the authorities of sslverify',
    ],
  ])('down: %s', async (_name, greeting, rules, detail) => {
    const server = await converse(greeting, rules);
    expect(await check(server.target, secured)).toMatchObject({ outcome: 'down', detail });
    await server.allClosed();
    expect(server.heard()).toBe('a1 STARTTLS\r\n');
  });

  test('what was said before TLS does not count after it', async () => {
    const beforehand: Rule = [/^a1 /, thenTls('* CAPABILITY LOGINDISABLED\r\na1 OK begin')];
    const server = await converse('* OK', [noop, beforehand, capabilityAfterTls, loginAs('a3 OK in')]);
    expect((await check(server.target, secured)).outcome).toBe('up');
  });

  test.each(['close', 'reset'] as const)('down: a %s at any step', async (cut) => {
    for (let cutAt = 0; cutAt < 5; cutAt += 1) {
      const server = await converse('* OK', [noop, starttls, capabilityAfterTls, loginAs('a3 OK')], { cutAt, cut });
      const { outcome, detail } = await check(server.target, secured);
      expect(outcome, `step ${cutAt}: ${detail}`).toBe('down');
      expect(detail).toMatch(/^connection (closed without an? (greeting|answer to )|reset$)/);
      await server.allClosed();
    }
  });
});

test.each<[string, Turn]>([
  ['in a refusal', 'a2 BAD what is LOGIN "probe" "Hunter2"'],
  ['in an untagged line', '* NO "Hunter2"\r\na2 NO'],
  ['in a line that is none', 'a2 LOGIN "probe" "Hunter2"'],
  ['in a goodbye', '* BYE LOGIN "probe" "Hunter2"'],
  ['in success', 'a2 OK HUNTER2'],
  ['in a continuation', '+ Hunter2'],
  ['in half a line', thenEnd('a2 BAD "Hun')],
])('a password sent back %s is not shown', async (_name, answer) => {
  const { trace, text } = traced();
  const server = await converse('* OK', [capability, loginAs(answer)]);
  const { detail } = await check(server.target, login, services({}, { trace }));
  expect(text()).toContain('> a2 LOGIN "probe" ***');
  expect(`${detail}\n${text()}`).not.toMatch(/hun|nter|ter2/i);
  await server.allClosed();
});

test('neither a literal nor its length is shown', async () => {
  const { trace, text } = traced();
  const server = await converse('* OK', [capability, [/\{\d+\}$/, '+'], [/./, 'a2 NO "Übergröße"']]);
  const spec = withLogin('probe', 'Übergröße');
  const { detail } = await check(server.target, spec, services({}, { trace }));
  expect(detail).toBe('login refused: NO (not shown: it holds a part of the password)');
  expect(text()).not.toMatch(/berg|\{/i);
});
