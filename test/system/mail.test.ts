// One mail: what a mail server is told and gets, what sendmail is called with, and what is said when neither takes it.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { localIdentity, type Mail, type MailFailure, mailer, serverOf } from '../../src/system/mail.ts';
import { closedPort, hasIPv6 } from '../checks/listeners.ts';
import { isAlive } from '../is-alive.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { type RecorderOptions, smtpRecorder } from './smtp-recorder.ts';

const HOST = 'director.example.com';
const SENDER = `root@${HOST}`;
const never = new AbortController().signal;
const send = mailer({ host: HOST, sender: SENDER });

const MAIL: Mail = {
  from: 'LVS <lvs@example.com>',
  to: 'ops@example.com',
  subject: 'Deleted real server: 10.8.8.48:80 (10.8.8.45:80)',
  text: 'ldirectord host: director\n.\n..dots\nDaemon-Status: running\n',
  date: new Date('2026-11-23T01:13:17Z'),
  messageId: '<one@director.example.com>',
};

/** The failure that a sending ends with. */
async function failure(sending: Promise<void>): Promise<Partial<MailFailure> & { code?: string }> {
  return sending.then(
    () => {
      throw new Error('it was sent');
    },
    (error) => error,
  );
}

/** The headers and the body of a message. */
function partsOf(message: string): { headers: string[]; body: string } {
  const unfolded = message.replaceAll('\r\n', '\n');
  const end = unfolded.indexOf('\n\n');
  return {
    headers: unfolded
      .slice(0, end)
      .replace(/\n[ \t]+/g, ' ')
      .split('\n'),
    body: unfolded.slice(end + 2),
  };
}

test.each([
  ['mail.example.com', 'mail.example.com', 25],
  ['mail.example.com:587', 'mail.example.com', 587],
  ['192.0.2.1', '192.0.2.1', 25],
  ['192.0.2.1:2525', '192.0.2.1', 2525],
  ['2001:db8::25', '2001:db8::25', 25],
  ['[2001:db8::25]', '2001:db8::25', 25],
  ['[2001:db8::25]:2525', '2001:db8::25', 2525],
])('smtp = %s', (text, host, port) => {
  expect(serverOf(text)).toEqual({ host, port });
});

describe('through a mail server', () => {
  test('envelope and message', async () => {
    const recorder = await smtpRecorder();
    await send(MAIL, recorder.server, never);
    const [mail] = recorder.mails;
    expect(mail).toMatchObject({
      hello: `EHLO ${HOST}`,
      tls: false,
      from: '<lvs@example.com>',
      to: ['<ops@example.com>'],
    });
    const { headers, body } = partsOf(mail?.message ?? '');
    expect(headers.sort()).toEqual([
      'Auto-Submitted: auto-generated',
      'Content-Transfer-Encoding: 7bit',
      'Content-Type: text/plain; charset=utf-8',
      'Date: Mon, 23 Nov 2026 01:13:17 +0000',
      'From: LVS <lvs@example.com>',
      'MIME-Version: 1.0',
      'Message-ID: <one@director.example.com>',
      'Subject: Deleted real server: 10.8.8.48:80 (10.8.8.45:80)',
      'To: ops@example.com',
    ]);
    expect(body).toBe(MAIL.text);
    await recorder.allClosed();
  });

  test('a line that is longer than a screen is left whole', async () => {
    const recorder = await smtpRecorder();
    const text = `Log-Message: ${'Quiescent real server: 10.8.8.48:80 '.repeat(5)}\n`;
    await send({ ...MAIL, text }, recorder.server, never);
    expect(partsOf(recorder.mails[0]?.message ?? '').body).toBe(text);
  });

  test.each([
    ['beyond ASCII', 'Störung: 伺服器\n', 'Störung: 伺服器\n'],
    ['longer than mail allows', `${'x'.repeat(5_000)}\n`, `${'x'.repeat(5_000)}\n`],
  ])('text %s', async (_name, text, expected) => {
    const recorder = await smtpRecorder();
    await send({ ...MAIL, subject: `[Läden] ${MAIL.subject}`, text }, recorder.server, never);
    const { headers, body } = partsOf(recorder.mails[0]?.message ?? '');
    const encoding = headers.find((line) => line.startsWith('Content-Transfer-Encoding: '))?.split(' ')[1];
    expect(Math.max(...(recorder.mails[0]?.message ?? '').split('\r\n').map((line) => line.length))).toBeLessThan(998);
    expect(decoded(body, encoding)).toBe(expected);
    expect(headers.find((line) => line.startsWith('Subject: '))).toMatch(/^Subject: =\?UTF-8\?Q\?.*L=C3=A4den/);
  });

  test.each([
    ['nobody', undefined, `<${SENDER}>`, SENDER],
    ['an address', 'lvs@example.com', '<lvs@example.com>', 'lvs@example.com'],
    ['a quoted name', '"LVS, alerts" <lvs@example.com>', '<lvs@example.com>', '"LVS, alerts" <lvs@example.com>'],
    ['an address and a comment', 'lvs@example.com (LVS)', '<lvs@example.com>', 'LVS <lvs@example.com>'],
    ['a local user', 'root', '<root>', '<root>'],
    ['no address at all', 'The LVS', `<${SENDER}>`, `The LVS <${SENDER}>`],
  ])('from %s', async (_name, from, envelope, header) => {
    const recorder = await smtpRecorder();
    const { from: _, ...mail } = MAIL;
    await send(from === undefined ? mail : { ...mail, from }, recorder.server, never);
    expect(recorder.mails[0]?.from).toBe(envelope);
    expect(partsOf(recorder.mails[0]?.message ?? '').headers).toContain(`From: ${header}`);
  });

  test.each([
    ['root', '<root>'],
    ['a;b@example.com', '<"a;b"@example.com>'],
    ['ops(1)@example.com', '<"ops(1)"@example.com>'],
  ])('%s is one recipient', async (to, envelope) => {
    const recorder = await smtpRecorder();
    await send({ ...MAIL, to }, recorder.server, never);
    expect(recorder.mails[0]?.to).toEqual([envelope]);
  });

  test('no text begins a header of its own', async () => {
    const recorder = await smtpRecorder();
    const evil = 'a\r\nBcc: victim@example.com\r\n\r\nbody';
    await send({ ...MAIL, from: `LVS${evil} <lvs@example.com>`, subject: evil }, recorder.server, never);
    const { headers } = partsOf(recorder.mails[0]?.message ?? '');
    expect(headers.filter((line) => /^(bcc|body)/i.test(line))).toEqual([]);
    expect(recorder.mails[0]?.to).toEqual(['<ops@example.com>']);
    const to = 'ops@example.com>\r\nRCPT TO:<victim@example.com';
    expect(await failure(send({ ...MAIL, to }, recorder.server, never))).toMatchObject({
      message: 'that is no mail address',
      permanent: true,
    });
  });

  test('a host without a full name calls itself by its address', async () => {
    const recorder = await smtpRecorder();
    await mailer({ host: 'director', sender: 'root@director' })(MAIL, recorder.server, never);
    expect(recorder.mails[0]?.hello).toBe('EHLO [127.0.0.1]');
  });

  test.skipIf(!hasIPv6())('IPv6', async () => {
    const recorder = await smtpRecorder({ host: '::1' });
    await mailer({ host: 'director', sender: 'root@director' })(MAIL, recorder.server, never);
    expect(recorder.mails[0]).toMatchObject({ hello: 'EHLO [IPv6:::1]', to: ['<ops@example.com>'] });
  });

  test('a name with several addresses, of which one answers', async () => {
    const recorder = await smtpRecorder();
    await send(MAIL, recorder.server.replace('127.0.0.1', 'localhost'), never);
    expect(recorder.mails).toHaveLength(1);
  });

  test('a server that knows no EHLO', async () => {
    const recorder = await smtpRecorder({ answer: (line) => (line.startsWith('EHLO') ? '502 what?' : undefined) });
    await send(MAIL, recorder.server, never);
    expect(recorder.mails[0]?.hello).toBe(`HELO ${HOST}`);
  });

  test.each([
    ['works, with a certificate of nobody', 'works', true, 1],
    ['is refused', 'refused', false, 1],
    ['breaks: in plain text on a new connection', 'broken', false, 2],
  ] as const)('STARTTLS %s', async (_name, startTls, tls, connections) => {
    const recorder = await smtpRecorder({ startTls });
    await send(MAIL, recorder.server, never);
    expect(recorder.mails).toMatchObject([{ tls, to: ['<ops@example.com>'] }]);
    expect(recorder.commands.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
    // After STARTTLS a client introduces itself again.
    expect(recorder.commands.filter((line) => line.startsWith('EHLO'))).toHaveLength(tls ? 2 : connections);
    await recorder.allClosed();
  });

  const to = (command: string, said: string): RecorderOptions => ({
    answer: (line) => (line.startsWith(command) ? said : undefined),
  });

  test.each<[string, RecorderOptions, Partial<MailFailure>]>([
    [
      'the recipient, for good',
      to('RCPT', '550 5.1.1 no such user'),
      { message: '550 5.1.1 no such user', permanent: true, aboutRecipient: true },
    ],
    [
      'the recipient, for now',
      to('RCPT', '450-4.2.0 greylisted,\r\n450 4.2.0 come back'),
      { message: '450-4.2.0 greylisted, 450 4.2.0 come back', permanent: false, aboutRecipient: true },
    ],
    ['the sender', to('MAIL', '553 not you'), { message: '553 not you', permanent: true, aboutRecipient: false }],
    ['the message', to('.', '554 spam'), { message: '554 spam', permanent: true, aboutRecipient: false }],
    ['the message, for now', to('.', '452 disk full'), { message: '452 disk full', permanent: false }],
    ['everybody', { greeting: '554 go away' }, { message: '554 go away', permanent: true, aboutRecipient: false }],
    ['everybody, for now', { greeting: '421 busy' }, { message: '421 busy', permanent: false }],
    ['an introduction', to('EHLO', '421 busy'), { message: '421 busy', permanent: false }],
    [
      'with binary noise',
      to('MAIL', '451 \0\x1b[31m\x07x'),
      { message: expect.stringMatching(/^451 +\[31m x$/) as unknown as string, permanent: false },
    ],
    ['with another protocol', { greeting: 'SSH-2.0-OpenSSH_9.2' }, { permanent: false, aboutRecipient: false }],
    ['by hanging up', to('DATA', 'close'), { message: 'the server closed the connection', permanent: false }],
  ])('refused: %s', async (_name, options, expected) => {
    const recorder = await smtpRecorder(options);
    expect(await failure(send(MAIL, recorder.server, never))).toMatchObject(expected);
    expect(recorder.mails).toEqual([]);
    await recorder.allClosed();
  });

  test('another protocol is shown', async () => {
    const { server } = await smtpRecorder({ greeting: 'SSH-2.0-OpenSSH_9.2' });
    expect((await failure(send(MAIL, server, never))).message).toContain('SSH-2.0-OpenSSH_9.2');
  });

  test('greylisted, then taken', async () => {
    let asked = 0;
    const recorder = await smtpRecorder({
      answer: (line) => (line.startsWith('RCPT') && asked++ === 0 ? '450 greylisted' : undefined),
    });
    expect(await failure(send(MAIL, recorder.server, never))).toMatchObject({ permanent: false });
    await send(MAIL, recorder.server, never);
    expect(recorder.mails).toHaveLength(1);
  });

  test('nobody listens', async () => {
    expect(await failure(send(MAIL, `127.0.0.1:${await closedPort()}`, never))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a name that does not exist', async () => {
    const { code } = await failure(send(MAIL, 'no-such-host.invalid', never));
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(code);
  });

  test.each<[string, RecorderOptions]>([
    ['never greets', { greeting: undefined }],
    ['greets without end', { greeting: '220-still\r\n220-talking' }],
    ['never answers EHLO', { answer: () => null }],
    ['never answers the message', { answer: (line) => (line === '.' ? null : undefined) }],
  ])('a server that %s is left when the time is over', async (_name, options) => {
    const recorder = await smtpRecorder(options);
    const started = performance.now();
    const sending = failure(send(MAIL, recorder.server, AbortSignal.timeout(200)));
    expect(await sending).toMatchObject({ message: 'the server does not answer', permanent: false });
    expect(performance.now() - started).toBeLessThan(200 + NOISE_MS);
    await recorder.allClosed();
  });

  test('a server that talks without end costs no memory', async () => {
    const recorder = await smtpRecorder({ greeting: `220-${'x'.repeat(200_000)}` });
    expect((await failure(send(MAIL, recorder.server, never))).message).toMatch(/maximum allowed size/);
    await recorder.allClosed();
  });

  test('a signal that is aborted already connects to nobody', async () => {
    const recorder = await smtpRecorder();
    await failure(send(MAIL, recorder.server, AbortSignal.abort()));
    expect(recorder.commands).toEqual([]);
  });
});

describe('through sendmail', () => {
  /** A sendmail that keeps its arguments and its input, then does what the script says. */
  function fakeSendmail(script = '') {
    const dir = scratch();
    const program = join(dir, 'sendmail');
    const lines = ['#!/bin/sh', `printf '%s\\n' "$@" > ${dir}/arguments`, `cat > ${dir}/input`, script];
    writeFileSync(program, `${lines.join('\n')}\n`);
    chmodSync(program, 0o755);
    return {
      dir,
      send: mailer({ host: HOST, sender: SENDER, sendmail: program }),
      arguments: () => readFileSync(join(dir, 'arguments'), 'utf8').trimEnd().split('\n'),
      input: () => readFileSync(join(dir, 'input'), 'utf8'),
    };
  }

  test('arguments and message', async () => {
    const sendmail = fakeSendmail();
    await sendmail.send(MAIL, undefined, never);
    expect(sendmail.arguments()).toEqual(['-oi', '-f', 'lvs@example.com', '--', 'ops@example.com']);
    expect(sendmail.input()).not.toContain('\r');
    const { headers, body } = partsOf(sendmail.input());
    expect(headers).toContain('From: LVS <lvs@example.com>');
    expect(headers).toContain('Message-ID: <one@director.example.com>');
    expect(body).toBe(MAIL.text);
  });

  test('nothing of an address is an option or a shell’s', async () => {
    const sendmail = fakeSendmail();
    await sendmail.send({ ...MAIL, from: SENDER, to: '-v;touch$IFS/tmp/x' }, undefined, never);
    expect(sendmail.arguments()).toEqual(['-oi', '-f', SENDER, '--', '-v;touch$IFS/tmp/x']);
  });

  test.each<[string, string, Partial<MailFailure>]>([
    [
      'not now',
      'echo "sendmail: warning" >&2; echo "sendmail: fatal: queue full" >&2; exit 75',
      { message: 'status 75, sendmail: fatal: queue full', permanent: false, aboutRecipient: false },
    ],
    ['no such user', 'exit 67', { message: 'status 67', permanent: true, aboutRecipient: true }],
    ['killed', 'kill -KILL $$', { message: 'ended by SIGKILL', permanent: false }],
    ['noise', 'printf "\\033[31m\\001no\\n" >&2; exit 1', { message: 'status 1, [31m no' }],
  ])('%s', async (_name, script, expected) => {
    expect(await failure(fakeSendmail(script).send(MAIL, undefined, never))).toMatchObject(expected);
  });

  test('none on this machine', async () => {
    const missing = mailer({ host: HOST, sender: SENDER, sendmail: '/no/such/sendmail' });
    expect(await failure(missing(MAIL, undefined, never))).toMatchObject({
      message: 'there is no /no/such/sendmail on this machine (install one, or configure smtp)',
      permanent: false,
    });
  });

  test('one that hangs is ended with its children', async () => {
    const sendmail = fakeSendmail('sleep 30 & echo $! > "$(dirname "$0")/child"; wait');
    const controller = new AbortController();
    const sending = failure(sendmail.send(MAIL, undefined, controller.signal));
    const child = join(sendmail.dir, 'child');
    const pid = Number(await until('it has begun', () => existsSync(child) && readFileSync(child, 'utf8').trim()));
    controller.abort();
    expect(await sending).toMatchObject({ message: 'it does not come to an end', permanent: false });
    await until('its child is gone', () => !isAlive(pid));
  });
});

test('who this host and its user are', () => {
  expect(localIdentity()).toEqual({ host: hostname(), sender: `${userInfo().username}@${hostname()}` });
});

function decoded(body: string, encoding: string | undefined): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  const bytes = body
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
