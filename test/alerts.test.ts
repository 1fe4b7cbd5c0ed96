// Mail alerts: the words of a mail, who gets it, what is gathered into one, and repeats. Time passes only when a test says so.
import { describe, expect, test } from 'vitest';
import { Alerts } from '../src/alerts.ts';
import { type Virtual, virtualKey, virtualName } from '../src/config/model.ts';
import { realDestination } from '../src/ipvs/desired.ts';
import { destinationKey } from '../src/ipvs/table.ts';
import type { DaemonState, ServerChange } from '../src/observer.ts';
import { type Clock, SYSTEM_CLOCK } from '../src/outbox.ts';
import { type Mail, mailer } from '../src/system/mail.ts';
import { configOf } from './config-of.ts';
import { FakeClock } from './fake-clock.ts';
import { LogLines } from './log-lines.ts';
import { usedMs } from './loop-holds.ts';
import { NOISE_MS } from './noise.ts';
import { type RecorderOptions, smtpRecorder } from './system/smtp-recorder.ts';
import { until } from './until.ts';

const ONE = `emailalert = ops@example.com
virtual = 10.8.8.45:80
    real = 10.8.8.48:80 gate
    real = 10.8.8.49:80 gate
    fallback = 127.0.0.1:80 gate
`;

/** Alerts of a configuration, the mails they sent, and the changes that a daemon would tell them. */
function setUp(text: string) {
  const clock = new FakeClock();
  const log = new LogLines();
  const mails: (Mail & { server: string | undefined })[] = [];
  let config = configOf(text);
  const alerts = new Alerts(config, {
    send: async (mail, server) => {
      mails.push({ ...mail, server });
    },
    log: () => log,
    host: 'director',
    clock,
  });
  const names = (virtual: Virtual, index: number): string => {
    const real = virtual.reals[index];
    if (real === undefined) throw new Error(`no real server ${index}`);
    return `${destinationKey(realDestination(virtual, real))} (${virtualName(virtual)})`;
  };
  const tell = (change: Partial<ServerChange>, virtualIndex: number, index: number): void => {
    const virtual = config.virtuals[virtualIndex];
    if (virtual === undefined) throw new Error(`no virtual ${virtualIndex}`);
    const id = names(virtual, index);
    const message = change.inService
      ? `Restored real server: ${id} (Weight set to 1)`
      : `Quiescent real server: ${id} (Weight set to 0)`;
    alerts.changed({ virtual, id, role: 'real', message, inService: false, state: 'running', ...change });
  };
  return {
    clock,
    log,
    mails,
    alerts,
    change: tell,
    down: (index: number, virtual = 0, state: DaemonState = 'running') => tell({ state }, virtual, index),
    up: (index: number, virtual = 0) => tell({ inService: true }, virtual, index),
    reconfigure: (next: string) => {
      config = configOf(next);
      alerts.reconfigure(config);
    },
    /** Subjects of the mails since the last call, after this time. */
    subjectsAfter: async (ms: number) => {
      await clock.pass(ms);
      return mails.splice(0).map(({ subject }) => subject);
    },
  };
}

test('one change is the mail that ldirectord sends', async () => {
  const { down, clock, mails, log } = setUp(`emailalertfrom = LVS <lvs@example.com>
emailalert = ops@example.com
virtual = 10.8.8.45:80
    real = 10.8.8.48:80 gate
    servicename = shop
    comment = call 555-1234
    smtp = mail.example.com
`);
  down(0);
  await clock.pass(999);
  expect(mails).toEqual([]);
  await clock.pass(1);
  expect(mails).toEqual([
    {
      from: 'LVS <lvs@example.com>',
      to: 'ops@example.com',
      server: 'mail.example.com',
      subject: '[shop] Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)',
      text: [
        'ldirectord host: director',
        'Log-Message: [shop] Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)',
        'Daemon-Status: running',
        '',
        'Service name: shop',
        'Comment: call 555-1234',
        '',
      ].join('\n'),
      date: new Date('2026-11-23T01:13:17Z'),
      messageId: expect.stringMatching(/^<[0-9a-f-]{36}@director>$/),
    },
  ]);
  expect(log.lines).toEqual(['emailalert: Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)']);
});

test('without a name and a comment the body ends with the state', async () => {
  const { down, clock, mails } = setUp(ONE);
  down(0, 0, 'reloading');
  await clock.pass(1_000);
  expect(mails[0]).not.toHaveProperty('from');
  expect(mails[0]?.text).toBe(
    'ldirectord host: director\nLog-Message: Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)\nDaemon-Status: reloading\n',
  );
});

test.each([
  ['all by default', '', ['starting', 'running', 'stopping', 'reloading']],
  ['none', 'emailalertstatus = none\n', []],
  ['some', 'emailalertstatus = starting, stopping\n', ['starting', 'stopping']],
] as const)('states of the daemon: %s', async (_name, line, expected) => {
  const { down, clock, mails } = setUp(line + ONE);
  const told: string[] = [];
  for (const state of ['starting', 'running', 'stopping', 'reloading'] as const) {
    down(0, 0, state);
    await clock.pass(1_000);
    if (mails.splice(0).length > 0) told.push(state);
  }
  expect(told).toEqual(expected);
});

test('each recipient gets a mail of its own, and the log one line', async () => {
  const { down, clock, mails, log } = setUp(
    `emailalert = "a@example.com, b@example.com,a@example.com"\n${ONE.slice(ONE.indexOf('\n') + 1)}`,
  );
  down(0);
  await clock.pass(1_000);
  expect(mails.map(({ to }) => to)).toEqual(['a@example.com', 'b@example.com']);
  expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(2);
  expect(log.lines).toHaveLength(1);
});

test('nobody to tell: no mail and no line', async () => {
  const { down, clock, mails, log } = setUp(ONE.slice(ONE.indexOf('\n') + 1));
  down(0);
  await clock.pass(10_000);
  expect([mails, log.lines]).toEqual([[], []]);
});

test('two hundred servers down at once are one mail for each recipient, which lists them', async () => {
  const { down, clock, mails, log } = setUp(`emailalert = "a@example.com, b@example.com"
virtual = 10.8.8.45:80
    real = 10.9.0.1->10.9.0.200:80 gate
    servicename = shop
    comment = front end
`);
  for (let index = 0; index < 200; index++) {
    down(index);
    await clock.pass(5);
  }
  await clock.pass(1_000);
  expect(mails.map(({ to, subject }) => `${to}: ${subject}`)).toEqual([
    'a@example.com: [shop] 200 real servers down (10.8.8.45:80)',
    'b@example.com: [shop] 200 real servers down (10.8.8.45:80)',
  ]);
  const lines = mails[0]?.text.split('\n') ?? [];
  expect(lines.slice(0, 6)).toEqual([
    'ldirectord host: director',
    'Log-Message: [shop] 200 real servers down (10.8.8.45:80)',
    'Daemon-Status: running',
    '',
    'Quiescent real server: 10.9.0.1:80 (10.8.8.45:80) (Weight set to 0)',
    'Quiescent real server: 10.9.0.2:80 (10.8.8.45:80) (Weight set to 0)',
  ]);
  expect(lines.slice(203)).toEqual([
    'Quiescent real server: 10.9.0.200:80 (10.8.8.45:80) (Weight set to 0)',
    'Service name: shop',
    'Comment: front end',
    '',
  ]);
  expect(log.lines).toEqual(['emailalert: 200 real servers down (10.8.8.45:80)']);
});

const TWO = `emailalert = ops@example.com
virtual = 10.8.8.45:80
    real = 10.8.8.48->10.8.8.50:80 gate
    servicename = shop
virtual = 10.8.8.45:443
    real = 10.8.8.48->10.8.8.50:443 gate
    emailalert = "shop@example.com"
    servicename = shop
    comment = TLS
virtual = 10.8.8.46:25
    real = 10.8.8.51:25 gate
`;

test('what a mail is about decides its subject; who is told by both gets both in one', async () => {
  const { down, up, clock, mails } = setUp(TWO.replace('"shop@example.com"', '"ops@example.com, shop@example.com"'));
  down(0);
  down(0, 1);
  up(1, 1);
  await clock.pass(1_000);
  expect(mails.map(({ to, subject }) => `${to}: ${subject}`)).toEqual([
    'ops@example.com: [shop] 2 real servers down, 1 up',
    'shop@example.com: [shop] 1 real server down, 1 up (10.8.8.45:443)',
  ]);
  expect(mails[0]?.text).toBe(`ldirectord host: director
Log-Message: [shop] 2 real servers down, 1 up
Daemon-Status: running

Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)
Service name: shop

Quiescent real server: 10.8.8.48:443 (10.8.8.45:443) (Weight set to 0)
Restored real server: 10.8.8.49:443 (10.8.8.45:443) (Weight set to 1)
Service name: shop
Comment: TLS
`);
});

test('services of different names share no name', async () => {
  const { down, subjectsAfter } = setUp(TWO);
  down(0);
  down(0, 2);
  expect(await subjectsAfter(1_000)).toEqual(['2 real servers down']);
});

test('each mail server gets its own', async () => {
  const { down, clock, mails } = setUp(
    TWO.replace('"shop@example.com"', '"ops@example.com"\n    smtp = mail.example.com'),
  );
  down(0);
  down(0, 1);
  await clock.pass(1_000);
  expect(mails.map(({ server, subject }) => [server, subject.slice(0, 33)])).toEqual([
    [undefined, '[shop] Quiescent real server: 10.'],
    ['mail.example.com', '[shop] Quiescent real server: 10.'],
  ]);
});

test.each<[string, (site: ReturnType<typeof setUp>) => void, string]>([
  [
    'the last server, and the fallback',
    ({ down, change }) => {
      down(0);
      change({ role: 'fallback', id: '127.0.0.1:80 (10.8.8.45:80)', inService: true }, 0, 0);
    },
    '1 real server down, 1 fallback server added (10.8.8.45:80)',
  ],
  [
    'and back',
    ({ up, change }) => {
      up(0);
      change({ role: 'fallback', id: '127.0.0.1:80 (10.8.8.45:80)', inService: false }, 0, 0);
    },
    '1 real server up, 1 fallback server deleted (10.8.8.45:80)',
  ],
  [
    'one server down and up again',
    ({ down, up }) => {
      down(0);
      up(0);
    },
    'Restored real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 1)',
  ],
  [
    'two, one of them up again',
    ({ down, up }) => {
      down(0);
      down(1);
      up(1);
    },
    '1 real server down, 1 up (10.8.8.45:80)',
  ],
  [
    'a stop',
    ({ down }) => {
      down(0, 0, 'stopping');
      down(1, 0, 'stopping');
    },
    '2 real servers removed (10.8.8.45:80)',
  ],
  [
    'a server that is not configured any more',
    ({ down, change }) => {
      down(0);
      change({ id: '10.8.8.99:80 (10.8.8.45:80)', message: 'Purged', state: 'reloading' }, 0, 0);
    },
    '1 real server down, 1 removed (10.8.8.45:80)',
  ],
])('subject of %s', async (_name, happen, subject) => {
  const site = setUp(ONE);
  happen(site);
  expect(await site.subjectsAfter(1_000)).toEqual([subject]);
});

test('states of the daemon in one mail', async () => {
  const { down, clock, mails } = setUp(ONE);
  down(0, 0, 'starting');
  down(1, 0, 'running');
  await clock.pass(1_000);
  expect(mails[0]?.text).toContain('\nDaemon-Status: starting, running\n');
});

test('a stream of changes is cut every five seconds', async () => {
  const { down, up, clock, mails } = setUp(ONE);
  const at: number[] = [];
  for (let step = 0; step < 20; step++) {
    if (step % 2 === 0) down(0);
    else up(0);
    await clock.pass(500);
    for (const _ of mails.splice(0)) at.push(clock.now());
  }
  await clock.pass(1_000);
  expect(at).toEqual([5_000, 10_000]);
});

test('a mail names a thousand lines at most', async () => {
  const { down, up, clock, mails } = setUp(ONE);
  for (let step = 0; step < 600; step++) {
    down(0);
    up(1);
  }
  await clock.pass(1_000);
  expect(mails[0]?.text.split('\n').slice(-3)).toEqual(['', 'and 200 more: see the log', '']);
});

test('nothing in a text can begin a line of its own', async () => {
  const { change, alerts, clock, mails } = setUp(ONE);
  const virtual = { ...(configOf(ONE).virtuals[0] as Virtual), serviceName: 'a\r\nBcc: x@y', comment: 'b\u2028c\0d' };
  change({ virtual, message: 'Restored\r\nX: y' }, 0, 0);
  await clock.pass(1_000);
  expect(mails[0]?.subject).toBe('[a Bcc: x@y] Restored X: y');
  expect(mails[0]?.text).toBe(
    'ldirectord host: director\nLog-Message: [a Bcc: x@y] Restored X: y\nDaemon-Status: running\n\nService name: a Bcc: x@y\nComment: b c d\n',
  );
  await alerts.close();
});

const REPEATING = `emailalertfreq = 60\n${ONE}`;
const AGAIN = 'Inaccessible real server: 10.8.8.48:80 (10.8.8.45:80)';

test('a server that stays down is told again until it is up', async () => {
  const { down, up, subjectsAfter, log, clock } = setUp(REPEATING);
  down(0);
  expect(await subjectsAfter(60_999)).toHaveLength(1);
  expect(await subjectsAfter(1)).toEqual([AGAIN]);
  expect(await subjectsAfter(59_999)).toEqual([]);
  expect(await subjectsAfter(1)).toEqual([AGAIN]);
  expect(log.lines.at(-1)).toBe(`emailalert: ${AGAIN}`);
  up(0);
  expect(await subjectsAfter(600_000)).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test('servers that went down one by one share the repeats', async () => {
  const { down, subjectsAfter } = setUp(REPEATING);
  down(0);
  await subjectsAfter(4_000);
  down(1);
  await subjectsAfter(2_000);
  expect(await subjectsAfter(55_000)).toEqual(['2 real servers still down (10.8.8.45:80)']);
  expect(await subjectsAfter(60_000)).toEqual(['2 real servers still down (10.8.8.45:80)']);
});

test.each([
  ['without emailalertfreq', ONE],
  ['when mail is only wanted while the daemon starts', `emailalertstatus = starting\n${REPEATING}`],
])('no repeats %s', async (_name, text) => {
  const { down, subjectsAfter } = setUp(text);
  down(0, 0, 'starting');
  expect(await subjectsAfter(600_000)).toHaveLength(1);
});

test('repeats begin also when the change itself was not to be told', async () => {
  const { down, subjectsAfter } = setUp(`emailalertstatus = running\n${REPEATING}`);
  down(0, 0, 'starting');
  expect(await subjectsAfter(61_000)).toEqual([AGAIN]);
});

test('neither a fallback nor a server that was removed is told again', async () => {
  const { down, change, subjectsAfter } = setUp(REPEATING);
  change({ role: 'fallback', id: '127.0.0.1:80 (10.8.8.45:80)' }, 0, 0);
  change({ id: '10.8.8.99:80 (10.8.8.45:80)' }, 0, 0);
  down(1, 0, 'stopping');
  await subjectsAfter(1_000);
  expect(await subjectsAfter(600_000)).toEqual([]);
});

test('a reload ends the repeats of servers that it removes, and changes the others', async () => {
  const { down, subjectsAfter, reconfigure } = setUp(REPEATING);
  down(0);
  down(1);
  await subjectsAfter(30_000);
  reconfigure(REPEATING.replace('    real = 10.8.8.49:80 gate\n', '').replace('ops@', 'new@').replace('60', '120'));
  expect(await subjectsAfter(90_999)).toEqual([]);
  expect(await subjectsAfter(1)).toEqual([AGAIN]);
  reconfigure(ONE);
  expect(await subjectsAfter(600_000)).toEqual([]);
  reconfigure(REPEATING);
  expect(await subjectsAfter(1_000)).toEqual([AGAIN]);
});

test('a very long time between repeats', async () => {
  const { down, subjectsAfter } = setUp(REPEATING.replace('60', '2678400'));
  down(0);
  expect(await subjectsAfter(1_000)).toHaveLength(1);
  expect(await subjectsAfter(2_678_400_000 - 1)).toEqual([]);
  expect(await subjectsAfter(1)).toEqual([AGAIN]);
});

test('the same address over tcp and udp is two services', async () => {
  const text = REPEATING.replace('    fallback', '    service = none\n    protocol = udp\n    fallback').replaceAll(
    ':80',
    ':53',
  );
  const both = `${text}${text.slice(text.indexOf('virtual')).replace('udp', 'tcp')}`;
  expect(configOf(both).virtuals.map(virtualKey)).toEqual(['udp:10.8.8.45:53', 'tcp:10.8.8.45:53']);
  const { down, up, subjectsAfter } = setUp(both);
  down(0, 0);
  down(0, 1);
  up(0, 0);
  expect(await subjectsAfter(1_000)).toEqual(['1 real server down, 1 up (10.8.8.45:53)']);
  expect(await subjectsAfter(60_000)).toEqual([AGAIN.replaceAll(':80', ':53')]);
});

test('close tells what was gathered, and nothing after it', async () => {
  const { down, alerts, mails, clock } = setUp(REPEATING);
  down(0);
  await alerts.close();
  expect(mails).toHaveLength(1);
  expect(clock.pending).toBe(0);
  down(1);
  await clock.pass(600_000);
  expect(mails).toHaveLength(1);
});

test('five thousand servers are no work to speak of', async () => {
  const { change, clock, mails } = setUp(`emailalertfreq = 60
emailalert = ops@example.com
${Array.from({ length: 20 }, (_, index) => `virtual = 10.8.${index}.45:80\n    real = 10.9.${index}.1->10.9.${index}.250:80 gate\n`).join('')}`);
  const started = usedMs();
  for (let virtual = 0; virtual < 20; virtual++) {
    for (let index = 0; index < 250; index++) change({}, virtual, index);
  }
  await clock.pass(1_000);
  expect(mails.map(({ subject }) => subject)).toEqual(['5000 real servers down']);
  expect(usedMs() - started).toBeLessThan(1_000);
});

describe('with a mail server', () => {
  /** Alerts that send for real, once 200 servers of one virtual have gone down. */
  async function twoHundredDown(options: RecorderOptions, clock: Clock) {
    const recorder = await smtpRecorder(options);
    const log = new LogLines();
    const config = configOf(`emailalert = "a@example.com, b@example.com"
smtp = ${recorder.server}
virtual = 10.8.8.45:80
    real = 10.9.0.1->10.9.0.200:80 gate
`);
    const host = 'director.example.com';
    const send = mailer({ host, sender: `root@${host}` });
    const alerts = new Alerts(config, { send, log: () => log, host, clock });
    for (const virtual of config.virtuals) {
      for (const real of virtual.reals) {
        const id = `${real.address}:80 (10.8.8.45:80)`;
        const message = `Quiescent real server: ${id} (Weight set to 0)`;
        alerts.changed({ virtual, id, role: 'real', message, inService: false, state: 'running' });
      }
    }
    return { recorder, log, alerts };
  }

  test('a burst is one mail for each recipient', async () => {
    const { recorder, alerts } = await twoHundredDown({}, SYSTEM_CLOCK);
    await until('both mails', () => recorder.mails.length === 2);
    expect(recorder.mails.map(({ from, to }) => [from, to[0]]).sort()).toEqual([
      ['<root@director.example.com>', '<a@example.com>'],
      ['<root@director.example.com>', '<b@example.com>'],
    ]);
    for (const { message } of recorder.mails) {
      expect(message).toContain('\r\nSubject: 200 real servers down (10.8.8.45:80)\r\n');
      expect(message.match(/^Quiescent real server: /gm)).toHaveLength(200);
    }
    await recorder.allClosed();
    await alerts.close();
  });

  test('greylisted at first, for one recipient', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const answer = (line: string) => (line.includes('RCPT TO:<a@') && asked++ === 0 ? '450 greylisted' : undefined);
    const { recorder, log, alerts } = await twoHundredDown({ answer }, clock);
    await clock.pass(1_000);
    await until('the refusal', () => log.lines.length === 2 && recorder.mails.length === 1);
    await clock.pass(30_000);
    await until('the other mail', () => recorder.mails.length === 2);
    await until('word of it', () => log.lines.length === 3);
    expect(log.take()).toEqual([
      'emailalert: 200 real servers down (10.8.8.45:80)',
      `warn: Cannot send mail to a@example.com through ${recorder.server}: 450 greylisted; trying again in 30 s`,
      `Mail to a@example.com goes through ${recorder.server} again`,
    ]);
    await alerts.close();
  });

  test('one that does not answer delays an end only as long as it may', async () => {
    const { recorder, log, alerts } = await twoHundredDown({ greeting: undefined }, SYSTEM_CLOCK);
    const started = performance.now();
    await alerts.close(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(180);
    expect(performance.now() - started).toBeLessThan(200 + NOISE_MS);
    const mail = (to: string) => `to ${to} through ${recorder.server} (200 real servers down (10.8.8.45:80))`;
    expect(log.take()).toEqual([
      'emailalert: 200 real servers down (10.8.8.45:80)',
      `warn: 2 mails were not sent before the end: ${mail('a@example.com')}; ${mail('b@example.com')}`,
    ]);
    await recorder.allClosed();
  });
});
