// Which servers get an idle connection, when it is opened again, and when its end has a server checked; connections are made up here.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckResult } from '../src/checks/check.ts';
import { type Config, formatEndpoint } from '../src/config/model.ts';
import type { State } from '../src/health/health.ts';
import type { Member } from '../src/observer.ts';
import type { IdleConnectionOptions, IdleEnd } from '../src/system/idle-connection.ts';
import { type Rechecking, Tripwire } from '../src/tripwire.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class FakeConnection {
  readonly name: string;
  readonly #onEnd: IdleConnectionOptions['onEnd'];
  isClosed = false;

  constructor(name: string, { onEnd }: IdleConnectionOptions) {
    this.name = name;
    this.#onEnd = onEnd;
  }

  end(kind: IdleEnd['kind'], heldMs: number): void {
    this.isClosed = true;
    this.#onEnd({ kind, heldMs, reason: 'closed' });
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A tripwire of a daemon in which every server has the state that `states` gives it ("up" when none). */
function tripwireOf(
  text: string,
  { states = {}, maxConnections }: { states?: Record<string, State>; maxConnections?: number } = {},
) {
  const log = new LogLines();
  const made: FakeConnection[] = [];
  const rechecked: string[] = [];
  /** What checks find; undefined while they find nothing. */
  const verdict: { outcome: CheckResult['outcome'] | undefined } = { outcome: 'up' };
  let config: Config = configOf(text);
  const name = ({ virtual, real }: Member): string => `${virtual.port} > ${formatEndpoint(real.address, real.port)}`;
  const tripwire = new Tripwire({
    log: () => log,
    hold: ({ address, port }, options) => {
      const connection = new FakeConnection(formatEndpoint(address, port), options);
      made.push(connection);
      return connection;
    },
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  const daemon: Rechecking = {
    facts: () => ({
      config,
      healthOf: (virtual, real) => ({
        state: states[name({ virtual, real })] ?? 'up',
        failures: 0,
        reason: '',
        since: 0,
      }),
    }),
    recheck(members) {
      rechecked.push(...members.map(name));
      setTimeout(() => {
        const { outcome } = verdict;
        if (outcome === undefined) return;
        for (const member of members) tripwire.checked(member, { outcome, detail: '', durationMs: 1 });
      }, 1);
    },
  };
  onTestFinished(() => tripwire.close());
  const turn = (member: string, state: 'up' | 'down'): void => {
    states[member] = state;
    for (const virtual of config.virtuals)
      for (const real of virtual.reals)
        if (name({ virtual, real }) === member) tripwire.turned({ virtual, real }, { state, at: 0, reason: '' });
  };
  return {
    ...{ tripwire, daemon, log, made, rechecked, verdict, turn },
    /** Those that are open now. */
    open: () => made.filter(({ isClosed }) => !isClosed).map((connection) => connection.name),
    last: () => made.at(-1) as FakeConnection,
    reload(next: string): void {
      config = configOf(next);
      tripwire.follow();
    },
  };
}

const membersOf = ({ virtuals }: Config): Member[] =>
  virtuals.flatMap((virtual) => virtual.reals.map((real) => ({ virtual, real })));

/** Lets everything happen that is due within this time. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

const ON = 'tripwire = yes\n';
const virtual = (port: number, reals: readonly string[], more = ''): string =>
  [
    `virtual = 10.0.0.1:${port}\n\tchecktype = connect\n${more}`,
    ...reals.map((real) => `\treal = ${real} masq\n`),
  ].join('');
const A = '10.0.0.7:80';
const B = '10.0.0.8:80';

describe('who gets one', () => {
  test.for<[string, string, string[]]>([
    ['nobody by default', virtual(80, [A]), []],
    ['each server of a virtual that asks for it', `${virtual(80, [A], '\ttripwire = yes\n')}${virtual(81, [B])}`, [A]],
    [
      'all, where it is the default, but for those who do not want it',
      `${ON}${virtual(80, [A])}${virtual(81, [B], '\ttripwire = no\n')}`,
      [A],
    ],
    ['one server behind two virtuals: one', ON + virtual(80, [A]) + virtual(81, [A]), [A]],
    ['two ports of a server: two', ON + virtual(80, [A, '10.0.0.7:81']), [A, '10.0.0.7:81']],
    ['where the check asks', ON + virtual(80, [A], '\tcheckport = 8080\n'), ['10.0.0.7:8080']],
    [
      'IPv6',
      `${ON}virtual6 = [2001:db8::1]:80\n\tchecktype = connect\n\treal6 = [2001:db8::7]:80 masq\n`,
      ['[2001:db8::7]:80'],
    ],
    ['an external check', `${ON}virtual = 10.0.0.1:80\n\tchecktype = external\n\treal = ${A} masq\n`, [A]],
    ['a combined check', `${ON}virtual = 10.0.0.1:80\n\tchecktype = 3\n\treal = ${A} masq\n`, [A]],
    ['a mark with a port', `${ON}virtual = 1\n\tservice = http\n\treal = ${A} gate\n`, [A]],
    ['not a mark without one', `${ON}virtual = 1\n\tchecktype = external\n\treal = 10.0.0.7 gate\n`, []],
    ['not a ping', `${ON}virtual = 10.0.0.1:80\n\tchecktype = ping\n\treal = ${A} masq\n`, []],
    ['not where nothing is checked', `${ON}virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = ${A} masq\n`, []],
    ['not a service that is none', `${ON}virtual = 10.0.0.1:1234\n\treal = ${A} masq\n`, []],
    ['not UDP', `${ON}virtual = 10.0.0.1:53\n\trequest = "a.example"\n\treal = 10.0.0.7:53 masq\n`, []],
    [
      'not RADIUS by a mark',
      `${ON}virtual = 1\n\tservice = radius\n\tlogin = "u"\n\tsecret = "s"\n\treal = 10.0.0.7:1812 gate\n`,
      [],
    ],
  ])('%s', async ([, text, expected]) => {
    const { tripwire, daemon, open } = tripwireOf(text);
    tripwire.attend(daemon);
    await pass();
    expect(open()).toEqual(expected);
  });

  test('none is held to a server that is down, from the moment on when it is', async () => {
    const { tripwire, daemon, open, turn, made } = tripwireOf(ON + virtual(80, [A, B]), {
      states: { [`80 > ${B}`]: 'down' },
    });
    tripwire.attend(daemon);
    await pass();
    expect(open()).toEqual([A]);
    turn(`80 > ${A}`, 'down');
    turn(`80 > ${B}`, 'up');
    await pass(600_000);
    expect(open()).toEqual([B]);
    turn(`80 > ${A}`, 'up');
    await pass(10);
    expect(open()).toEqual([B, A]);
    expect(made).toHaveLength(3);
  });

  test('one that is down in one virtual of two keeps it', async () => {
    const { tripwire, daemon, open, turn } = tripwireOf(ON + virtual(80, [A]) + virtual(81, [A]));
    tripwire.attend(daemon);
    await pass();
    turn(`80 > ${A}`, 'down');
    expect(open()).toEqual([A]);
    turn(`81 > ${A}`, 'down');
    expect(open()).toEqual([]);
  });

  test('more than may be held: the others are told of, and checked as ever', async () => {
    const reals = ['10.0.0.1->10.0.0.5:80'];
    const { tripwire, daemon, open, log, reload } = tripwireOf(ON + virtual(80, reals), { maxConnections: 3 });
    tripwire.attend(daemon);
    await pass();
    expect(open()).toHaveLength(3);
    expect(log.take()).toEqual([
      'warn: tripwire: 2 of 5 servers get no idle connection, because no more than 3 are held; they are checked at their interval',
    ]);
    reload(ON + virtual(80, ['10.0.0.1->10.0.0.3:80']));
    await pass(1_000);
    expect(open()).toHaveLength(3);
    expect(log.take()).toEqual([]);
  });

  test('thousands are opened in groups', async () => {
    const { tripwire, daemon, open } = tripwireOf(ON + virtual(80, ['10.1.0.0->10.1.3.231:80']));
    tripwire.attend(daemon);
    await pass(1);
    expect(open()).toHaveLength(50);
    await pass(50);
    expect(open()).toHaveLength(300);
    await pass(1_000);
    expect(open()).toHaveLength(1_000);
  });
});

describe('its end', () => {
  test('has the server checked in all virtuals at once, and another connection soon', async () => {
    const { tripwire, daemon, rechecked, last, made, open } = tripwireOf(ON + virtual(80, [A, B]) + virtual(81, [B]));
    tripwire.attend(daemon);
    await pass(20);
    last().end('lost', 30_000);
    await pass();
    expect(rechecked).toEqual([`80 > ${B}`, `81 > ${B}`]);
    await pass(49);
    expect(open()).toEqual([A]);
    await pass(11);
    expect(open()).toEqual([A, B]);
    expect(made).toHaveLength(3);
  });

  test('while failures are counted, nothing is tried and no further check asked for', async () => {
    const { tripwire, daemon, last, rechecked, verdict, made, open } = tripwireOf(ON + virtual(80, [A]));
    const check = (): void => daemon.recheck(membersOf(daemon.facts().config));
    tripwire.attend(daemon);
    await pass(20);
    verdict.outcome = 'down';
    last().end('lost', 30_000);
    await pass(600_000);
    expect([rechecked.length, made.length]).toEqual([1, 1]);
    // A check that was under way, and has not seen it yet.
    verdict.outcome = 'up';
    check();
    await pass(5);
    verdict.outcome = 'down';
    check();
    await pass(600_000);
    expect([rechecked.length, made.length]).toEqual([3, 1]);
    verdict.outcome = 'up';
    check();
    await pass(70);
    expect(open()).toEqual([A]);
    expect(rechecked).toHaveLength(4);
  });

  test('the next connection waits for the check, however long that takes, and across a reload', async () => {
    const text = ON + virtual(80, [A]);
    const { tripwire, daemon, last, verdict, made, reload } = tripwireOf(text);
    tripwire.attend(daemon);
    await pass(20);
    verdict.outcome = undefined;
    last().end('lost', 30_000);
    await pass(30_000);
    reload(text);
    await pass(30_000);
    expect(made).toHaveLength(1);
    verdict.outcome = 'up';
    daemon.recheck(membersOf(daemon.facts().config));
    await pass(70);
    expect(made).toHaveLength(2);
  });

  test('what is found of a server where it is down does not count where it is up', async () => {
    const { tripwire, daemon, last, turn, made } = tripwireOf(ON + virtual(80, [A]) + virtual(81, [A]));
    tripwire.attend(daemon);
    await pass(20);
    turn(`80 > ${A}`, 'down');
    last().end('lost', 30_000);
    await pass(10);
    const [down] = membersOf(daemon.facts().config);
    tripwire.checked(down as Member, { outcome: 'down', detail: '', durationMs: 1 });
    await pass(70);
    expect(made).toHaveLength(2);
  });

  test('a server that the check finds down is not connected to any more until it is up, and begins anew then', async () => {
    const { tripwire, daemon, last, turn, verdict, made, rechecked } = tripwireOf(ON + virtual(80, [A]));
    tripwire.attend(daemon);
    await pass(20);
    last().end('lost', 1_000);
    await pass(70);
    last().end('lost', 1_000);
    await pass(1_070);
    verdict.outcome = 'down';
    last().end('lost', 1_000);
    await pass(1);
    turn(`80 > ${A}`, 'down');
    await pass(600_000);
    expect([made.length, rechecked.length]).toEqual([3, 3]);
    verdict.outcome = 'up';
    turn(`80 > ${A}`, 'up');
    await pass(20);
    expect(made).toHaveLength(4);
    last().end('lost', 1_000);
    await pass(70);
    expect(made).toHaveLength(5);
  });

  test('habits are learnt: a server that closes after twenty seconds costs a connection each time, and no check', async () => {
    const { tripwire, daemon, last, rechecked, made, log } = tripwireOf(ON + virtual(80, [A]));
    tripwire.attend(daemon);
    await pass(20);
    for (const _ of Array.from({ length: 5 })) {
      last().end('lost', 20_000);
      await pass(100);
    }
    expect([rechecked.length, made.length, log.lines.length]).toEqual([1, 6, 0]);
    // Nobody listens there when its time is over.
    last().end('lost', 20_000);
    await pass(20);
    last().end('failed', 0);
    await pass(1);
    expect(rechecked).toHaveLength(2);
  });

  test('a server that closes after a second is left alone more and more, and that is told once', async () => {
    const { tripwire, daemon, last, rechecked, made, log } = tripwireOf(ON + virtual(80, [A]));
    tripwire.attend(daemon);
    await pass(20);
    const began = Date.now();
    while (Date.now() - began < 3_600_000) {
      if (!last().isClosed) last().end('lost', 1_000);
      await pass(1_000);
    }
    expect(made.length).toBeLessThan(70);
    expect(rechecked.length).toBeLessThan(70);
    expect(log.lines).toEqual([
      `The tripwire of ${A} is mostly absent, because the server closes idle connections (the last one after 1 s): tried every minute at most; its checks go on as ever`,
    ]);
  });

  test.for<[IdleEnd['kind'], number, string]>([
    ['failed', 3, 'no connection comes about (closed), although its check succeeds'],
    ['flooded', 0, 'the server talks without being asked'],
  ])('%s: a check is asked for %i times out of three', async ([kind, checks, words]) => {
    const { tripwire, daemon, last, rechecked, log } = tripwireOf(ON + virtual(80, [A]));
    tripwire.attend(daemon);
    await pass(20);
    for (const pauseMs of [70, 1_020, 2_020]) {
      last().end(kind, 0);
      await pass(pauseMs);
    }
    expect(rechecked).toHaveLength(checks);
    expect(log.lines).toEqual([expect.stringContaining(words)]);
  });

  test('of a thousand at once: they are checked in groups', async () => {
    const { tripwire, daemon, made, rechecked } = tripwireOf(ON + virtual(80, ['10.1.0.0->10.1.3.231:80']));
    tripwire.attend(daemon);
    await pass(1_000);
    for (const connection of made.slice()) connection.end('lost', 60_000);
    await pass(1);
    expect(rechecked).toHaveLength(50);
    await pass(200);
    expect(rechecked).toHaveLength(1_000);
    await pass(1_000);
    expect(made).toHaveLength(2_000);
  });
});

describe('reload and end', () => {
  test('what is wanted still is kept, what is new is opened, what is not wanted is closed', async () => {
    const { tripwire, daemon, open, made, reload, rechecked, last } = tripwireOf(ON + virtual(80, [A, B]));
    tripwire.attend(daemon);
    await pass(20);
    reload(ON + virtual(81, [B, '10.0.0.9:80']));
    expect(open()).toEqual([B]);
    await pass(20);
    expect(open()).toEqual([B, '10.0.0.9:80']);
    expect(made).toHaveLength(3);
    made[1]?.end('lost', 60_000);
    await pass(1);
    expect(rechecked).toEqual([`81 > ${B}`]);
    await pass(100);
    expect(last().name).toBe(B);
    reload(virtual(80, [A, B]));
    await pass(100_000);
    expect(open()).toEqual([]);
  });

  test('a server that the reload before took for down is followed as what it is now', async () => {
    const states: Record<string, State> = {};
    const { tripwire, daemon, open, reload } = tripwireOf(ON + virtual(80, [A]), { states });
    tripwire.attend(daemon);
    await pass(20);
    states[`80 > ${A}`] = 'down';
    reload(ON + virtual(80, [A]));
    expect(open()).toEqual([]);
    states[`80 > ${A}`] = 'up';
    reload(ON + virtual(80, [A]));
    await pass(20);
    expect(open()).toEqual([A]);
  });

  test('nothing is left', async () => {
    const { tripwire, daemon, open, last, made, rechecked, turn, reload } = tripwireOf(ON + virtual(80, [A, B]));
    tripwire.attend(daemon);
    await pass(20);
    last().end('lost', 60_000);
    turn(`80 > ${A}`, 'down');
    turn(`80 > ${A}`, 'up');
    tripwire.close();
    expect(vi.getTimerCount()).toBe(0);
    reload(ON + virtual(80, [A]));
    await pass(100_000);
    expect([open(), made.length, rechecked.length]).toEqual([[], 2, 0]);
  });

  test('before the daemon has started nothing happens', () => {
    const { tripwire } = tripwireOf(ON + virtual(80, [A]));
    tripwire.follow();
    tripwire.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
