// What systemd is told over the life of a daemon, and when its watchdog is not. Time passes only when a test says so.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ServiceNotices, type Tally } from '../src/service-notices.ts';
import type { ServiceManager } from '../src/system/service-manager.ts';
import { LogLines } from './log-lines.ts';

beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
);
afterEach(() => void vi.useRealTimers());

type Notice = Parameters<ServiceManager['tell']>[0];

/** A manager that keeps what it is told, and a daemon that says what the test wants. */
function setUp(watchdogMs?: number) {
  const told: Notice[] = [];
  const log = new LogLines();
  const daemon = {
    now: { virtuals: 1, up: 0, reals: 2 } as Tally,
    trouble: undefined as string | undefined,
    tally: () => daemon.now,
    stuck: () => daemon.trouble,
  };
  const manager = { watchdogMs, tell: (notice: Notice) => void told.push(notice), told: async () => {} };
  const notices = new ServiceNotices(manager, () => log);
  const up = (count: number): void => {
    daemon.now = { ...daemon.now, up: count };
    notices.checked();
  };
  return { log, daemon, manager, notices, up, take: () => told.splice(0) };
}

const ALIVE = { alive: true };

describe('status', () => {
  test.each<[Tally, string]>([
    [{ virtuals: 0, up: 0, reals: 0 }, '0 virtual services, 0 of 0 real servers up'],
    [{ virtuals: 1, up: 0, reals: 1 }, '1 virtual service, 0 of 1 real server up'],
    [{ virtuals: 2, up: 5, reals: 6 }, '2 virtual services, 5 of 6 real servers up'],
  ])('%o', (tally, status) => {
    const { daemon, notices, take } = setUp();
    daemon.now = tally;
    notices.ready(daemon);
    expect(take()).toEqual([{ state: 'READY', status, alive: true }]);
  });

  test('changes of one moment are told together, and what has not changed is not told', () => {
    const { daemon, notices, up, take } = setUp();
    notices.ready(daemon);
    take();
    up(1);
    vi.advanceTimersByTime(999);
    expect(take()).toEqual([]);
    up(2);
    vi.advanceTimersByTime(1);
    expect(take()).toEqual([{ status: '1 virtual service, 2 of 2 real servers up' }]);
    up(2);
    vi.advanceTimersByTime(5_000);
    up(1);
    up(2);
    vi.advanceTimersByTime(5_000);
    expect(take()).toEqual([]);
    up(0);
    vi.advanceTimersByTime(1_000);
    expect(take()).toEqual([{ status: '1 virtual service, 0 of 2 real servers up' }]);
  });

  test('a server that goes into maintenance changes it without a check', () => {
    const { daemon, notices, take } = setUp();
    notices.ready(daemon);
    take();
    daemon.now = { virtuals: 1, up: 1, reals: 1 };
    notices.changed();
    vi.advanceTimersByTime(1_000);
    expect(take()).toEqual([{ status: '1 virtual service, 1 of 1 real server up' }]);
  });

  test('checks before the start is told are not', () => {
    const { daemon, notices, up, take } = setUp();
    up(1);
    vi.advanceTimersByTime(5_000);
    expect([take(), vi.getTimerCount()]).toEqual([[], 0]);
    notices.ready(daemon);
    expect(take()).toHaveLength(1);
  });
});

describe('a reload', () => {
  test('is told when it begins and when it has ended, with what it changed', () => {
    const { daemon, notices, take } = setUp();
    notices.ready(daemon);
    take();
    notices.reloading();
    expect(take()).toEqual([{ state: 'RELOADING' }]);
    daemon.now = { virtuals: 3, up: 0, reals: 9 };
    notices.reloaded();
    expect(take()).toEqual([{ state: 'READY' }]);
    vi.advanceTimersByTime(1_000);
    expect(take()).toEqual([{ status: '3 virtual services, 0 of 9 real servers up' }]);
  });

  test('that failed ends in the same state, and with the same status', () => {
    const { daemon, notices, take } = setUp();
    notices.ready(daemon);
    notices.reloading();
    notices.reloaded();
    vi.advanceTimersByTime(5_000);
    expect(take().slice(1)).toEqual([{ state: 'RELOADING' }, { state: 'READY' }]);
  });
});

describe('the watchdog', () => {
  test('gets a sign of life twice in its time, also during a reload', () => {
    const { daemon, notices, take } = setUp(30_000);
    notices.ready(daemon);
    take();
    vi.advanceTimersByTime(14_999);
    expect(take()).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(take()).toEqual([ALIVE]);
    notices.reloading();
    take();
    vi.advanceTimersByTime(30_000);
    expect(take()).toEqual([ALIVE, ALIVE]);
  });

  test('gets none where nobody watches', () => {
    const { daemon, notices, take } = setUp();
    notices.ready(daemon);
    vi.advanceTimersByTime(600_000);
    expect(take()).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gets none from a daemon that is stuck, which is logged once, and again when it is stuck anew', () => {
    const { log, daemon, notices, take } = setUp(20_000);
    notices.ready(daemon);
    take();
    daemon.trouble = 'a check has been due for 21 s';
    vi.advanceTimersByTime(20_001);
    expect(take()).toEqual([]);
    const line = 'error: The watchdog is not told that all is well: a check has been due for 21 s';
    expect(log.take()).toEqual([line]);
    daemon.trouble = undefined;
    vi.advanceTimersByTime(10_000);
    expect(take()).toEqual([ALIVE]);
    daemon.trouble = 'a check has been due for 21 s';
    vi.advanceTimersByTime(20_000);
    expect([take(), log.take()]).toEqual([[], [line]]);
  });

  test('asks after the checks that were due in the same moment: a machine that slept is not stuck', () => {
    const { log, daemon, notices, take } = setUp(20_000);
    notices.ready(daemon);
    take();
    daemon.trouble = 'a check has been due for 3600 s';
    // A timer of the same moment that comes after the watchdog's, as that of a check may.
    setTimeout(() => {
      daemon.trouble = undefined;
    }, 10_000);
    vi.advanceTimersByTime(10_001);
    expect([take(), log.lines]).toEqual([[ALIVE], []]);
  });
});

describe('the end', () => {
  test('is told, waited for, and the last thing that is', async () => {
    const { daemon, manager, notices, up, take } = setUp(20_000);
    notices.ready(daemon);
    up(1);
    take();
    let done = (): void => {};
    manager.told = () =>
      new Promise((resolve) => {
        done = resolve;
      });
    let ended = false;
    const stopping = notices.stopping().then(() => {
      ended = true;
    });
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(take()).toEqual([{ state: 'STOPPING' }]);
    expect(ended).toBe(false);
    done();
    await stopping;
    up(2);
    vi.advanceTimersByTime(60_000);
    expect([take(), vi.getTimerCount()]).toEqual([[], 0]);
  });

  test('in the moment of a sign of life is still the last thing', async () => {
    const { daemon, notices, take } = setUp(20_000);
    notices.ready(daemon);
    take();
    // The watchdog's timer has fired, what it put off to the end of the turn has not.
    setTimeout(() => void notices.stopping(), 10_000);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(take()).toEqual([{ state: 'STOPPING' }]);
  });

  test('of a start that failed: nothing was told, nothing is left', () => {
    const { notices, take } = setUp(20_000);
    notices.close();
    vi.advanceTimersByTime(60_000);
    expect([take(), vi.getTimerCount()]).toEqual([[], 0]);
  });
});

test('without a service manager nothing happens', async () => {
  const log = new LogLines();
  const notices = new ServiceNotices(undefined, () => log);
  notices.ready({ tally: () => ({ virtuals: 1, up: 1, reals: 1 }), stuck: () => 'for ever' });
  notices.reloading();
  notices.reloaded();
  notices.checked();
  vi.advanceTimersByTime(60_000);
  await notices.stopping();
  expect([log.lines, vi.getTimerCount()]).toEqual([[], 0]);
});
