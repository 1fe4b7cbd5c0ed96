// Mails that cannot be sent: when they are tried again, what is logged, what is given up, and how an end is not held up.
import { expect, test } from 'vitest';
import { Outbox } from '../src/outbox.ts';
import { type Mail, MailFailure, type SendMail } from '../src/system/mail.ts';
import { FakeClock } from './fake-clock.ts';
import { LogLines } from './log-lines.ts';

const SERVER = 'mail.example.com';
const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function mail(subject: string, to = 'ops@example.com'): Mail {
  return { to, subject, text: '', date: new Date(0), messageId: `<${subject}@director>` };
}

/** An outbox whose attempts a test answers; a sender that never answers ends when it is told to. */
function setUp(
  answer: (mail: Mail, server: string | undefined) => Promise<void> | Error | undefined = () => undefined,
) {
  const clock = new FakeClock();
  const log = new LogLines();
  const attempts: string[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const send: SendMail = async (sent, server, signal) => {
    attempts.push(`${clock.now() / 1000} s: ${sent.subject} to ${sent.to}`);
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    const ended = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(new MailFailure('the server does not answer'))),
    );
    try {
      const said = answer(sent, server);
      if (said instanceof Error) throw said;
      await Promise.race([said, ended]);
    } finally {
      atOnce -= 1;
    }
  };
  const outbox = new Outbox({ send, log: () => log, clock });
  return { clock, log, attempts, outbox, mostAtOnce: () => mostAtOnce };
}

const never = (): Promise<void> => new Promise(() => {});

test('a mail that is taken is sent at once, without a word', async () => {
  const { outbox, attempts, log, clock } = setUp();
  outbox.post(mail('one'), SERVER);
  await clock.pass(0);
  expect(attempts).toEqual(['0 s: one to ops@example.com']);
  expect(log.lines).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('an outage is told once, each mail is tried four times, and its end is told', async () => {
  let down = true;
  const { outbox, attempts, log, clock } = setUp(() => (down ? refused() : undefined));
  outbox.post(mail('one'), SERVER);
  await clock.pass(20_000);
  outbox.post(mail('two'), SERVER);
  await clock.pass(600_000);
  expect(attempts.filter((each) => each.includes('one')).map((each) => each.split(':')[0])).toEqual([
    '0 s',
    '30 s',
    '150 s',
    '390 s',
  ]);
  expect(attempts).toHaveLength(8);
  expect(log.take()).toEqual([
    'warn: Cannot send mail to ops@example.com through mail.example.com: connection refused; trying again in 30 s',
    'warn: Given up: mail to ops@example.com through mail.example.com (one): connection refused',
  ]);
  outbox.post(mail('three'), SERVER);
  down = false;
  await clock.pass(30_000);
  expect(log.take()).toEqual(['Mail goes through mail.example.com again; 2 mails could not be sent meanwhile']);
  expect(clock.pending).toBe(0);
});

test('greylisting of five minutes is outlasted', async () => {
  const greylisted = new MailFailure('450 4.2.0 greylisted', { aboutRecipient: true });
  let from = Number.NaN;
  const { outbox, attempts, log, clock } = setUp(() => {
    if (Number.isNaN(from)) from = clock.now();
    return clock.now() - from < 300_000 ? greylisted : undefined;
  });
  outbox.post(mail('one'), SERVER);
  await clock.pass(600_000);
  expect(attempts).toHaveLength(4);
  expect(log.take()).toEqual([
    'warn: Cannot send mail to ops@example.com through mail.example.com: 450 4.2.0 greylisted; trying again in 30 s',
    'Mail to ops@example.com goes through mail.example.com again',
  ]);
});

test('a recipient who is refused is told once, and is no outage of the server', async () => {
  const unknown = new MailFailure('550 5.1.1 no such user', { permanent: true, aboutRecipient: true });
  const { outbox, attempts, log, clock } = setUp(({ to }) => (to === 'gone@example.com' ? unknown : undefined));
  for (const to of ['gone@example.com', 'ops@example.com', 'gone@example.com']) {
    outbox.post(mail('one', to), SERVER);
    await clock.pass(600_000);
  }
  expect(attempts).toHaveLength(3);
  expect(log.lines).toEqual([
    'warn: Cannot send mail to gone@example.com through mail.example.com: 550 5.1.1 no such user; it is not tried again',
  ]);
});

test('a server that does not answer has thirty seconds, four at once, and holds up no other', async () => {
  const { outbox, attempts, log, clock, mostAtOnce } = setUp((_, server) => (server === SERVER ? never() : undefined));
  for (let index = 0; index < 6; index++) outbox.post(mail(`dead ${index}`), SERVER);
  outbox.post(mail('local'), undefined);
  await clock.pass(29_999);
  expect(attempts).toHaveLength(5);
  expect(attempts[4]).toBe('0 s: local to ops@example.com');
  expect(mostAtOnce()).toBe(5);
  await clock.pass(1);
  expect(attempts.slice(5)).toEqual(['30 s: dead 4 to ops@example.com', '30 s: dead 5 to ops@example.com']);
  expect(log.take()).toEqual([
    'warn: Cannot send mail to ops@example.com through mail.example.com: the server does not answer; trying again in 30 s',
  ]);
});

test('a thousand wait, then the oldest go, with one warning', async () => {
  const { outbox, attempts, log, clock } = setUp(never);
  for (let index = 0; index < 1_007; index++) outbox.post(mail(`${index}`), undefined);
  expect(log.take()).toEqual(['warn: 1000 mails wait to be sent: the oldest are given up']);
  await clock.pass(30_000);
  // The four that were being sent wait for their next attempt now; 4, 5 and 6 are gone.
  expect(attempts.slice(4).map((each) => each.split(' ')[2])).toEqual(['7', '8', '9', '10']);
});

test('a fault of the sender is a failure like any other', async () => {
  const { outbox, log, clock } = setUp(() => new TypeError('oops'));
  outbox.post(mail('one'), undefined);
  await clock.pass(0);
  expect(log.take()).toEqual([
    expect.stringMatching(
      /^warn: Cannot send mail to ops@example.com through sendmail: TypeError: oops .*; trying again in 30 s$/,
    ),
  ]);
});

test('a sender that throws at once loses nothing', async () => {
  const clock = new FakeClock();
  const log = new LogLines();
  let calls = 0;
  const send = (): Promise<void> => {
    calls += 1;
    throw new MailFailure('no');
  };
  const outbox = new Outbox({ send, log: () => log, clock });
  outbox.post(mail('one'), undefined);
  outbox.post(mail('two'), undefined);
  await clock.pass(600_000);
  expect(calls).toBe(8);
});

test('close sends what waits, also what waited for another attempt', async () => {
  let down = true;
  const { outbox, attempts, log, clock } = setUp(() => (down ? refused() : undefined));
  outbox.post(mail('one'), SERVER);
  await clock.pass(1_000);
  down = false;
  await outbox.close(5_000);
  expect(attempts).toHaveLength(2);
  expect(log.take()).toEqual([
    'warn: Cannot send mail to ops@example.com through mail.example.com: connection refused; trying again in 30 s',
    'Mail goes through mail.example.com again',
  ]);
  expect(clock.pending).toBe(0);
});

test('close with nothing to send returns at once', async () => {
  const { outbox, clock } = setUp();
  await outbox.close(5_000);
  expect(clock.pending).toBe(0);
});

test('close gives up at the deadline, ends what is under way, and says what was not sent', async () => {
  const { outbox, log, clock } = setUp((sent) => (sent.subject === 'refused' ? refused() : never()));
  outbox.post(mail('refused'), undefined);
  for (let index = 0; index < 6; index++) outbox.post(mail(`dead ${index}`), SERVER);
  await clock.pass(0);
  log.take();
  let closed = false;
  const closing = outbox.close(5_000).then(() => {
    closed = true;
  });
  await clock.pass(4_999);
  expect(closed).toBe(false);
  await clock.pass(1);
  await closing;
  expect(log.take()).toEqual([
    'warn: 7 mails were not sent before the end: to ops@example.com through sendmail (refused); ' +
      [0, 1, 2, 3].map((index) => `to ops@example.com through mail.example.com (dead ${index})`).join('; ') +
      '; and 2 more',
  ]);
  expect(clock.pending).toBe(0);
  outbox.post(mail('late'), SERVER);
  await clock.pass(600_000);
  expect(log.take()).toEqual([]);
});
