// When checks run, with checks whose end the test decides.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckResult, RunnableCheck } from '../src/checks/check.ts';
import { type Job, Scheduler } from '../src/scheduler.ts';
import { until as really } from './until.ts';

// Time passes only when a test lets it pass, a millisecond at a time.
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass until it is so; throws after `mostMs`. */
async function until(what: string, so: () => boolean, mostMs = 8_000): Promise<void> {
  for (let ms = 0; !so(); ms++) {
    if (ms > mostMs) throw new Error(`not within ${mostMs} ms: ${what}`);
    await vi.advanceTimersByTimeAsync(1);
  }
}

/** A check that notes when it starts, and ends at once or when told to. */
class Probe implements RunnableCheck {
  readonly limitMs = 500;
  readonly starts: number[] = [];
  running = 0;
  most = 0;
  closed = false;
  finish: () => void = () => {};
  readonly #hangs: boolean;

  constructor(hangs = false) {
    this.#hangs = hangs;
  }

  async run(startedAt: number): Promise<CheckResult> {
    this.starts.push(performance.now());
    this.running++;
    this.most = Math.max(this.most, this.running);
    if (this.#hangs)
      await new Promise<void>((resolve) => {
        this.finish = resolve;
      });
    this.running--;
    return { outcome: 'up', detail: 'ok', durationMs: performance.now() - startedAt };
  }

  close(): void {
    this.closed = true;
    this.finish();
  }
}

const job = (probe: Probe, intervalMs: number): Job => ({ intervalMs, prepare: () => probe });

function schedulerOf(jobs: Record<string, Job>): { scheduler: Scheduler; results: string[] } {
  const results: string[] = [];
  const scheduler = new Scheduler((key) => results.push(key));
  onTestFinished(() => scheduler.close());
  scheduler.update(new Map(Object.entries(jobs)));
  return { scheduler, results };
}

/** When each was run for the second time, the first of them first. */
function secondStarts(probes: readonly Probe[]): number[] {
  return probes.map(({ starts }) => starts[1] ?? 0).sort((a, b) => a - b);
}

describe('rhythm', () => {
  test('all checks start at once, then every interval, counted from start to start', async () => {
    const probes = [new Probe(), new Probe(), new Probe()];
    const began = performance.now();
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 100)])));
    await until('five runs of each', () => probes.every(({ starts }) => starts.length >= 5));
    for (const [index, { starts }] of probes.entries()) {
      expect((starts[0] ?? 0) - began).toBeLessThan(80);
      const spread = ((index + 1) * 100) / 3;
      // Never before its beat; that one of them was late moves none of the others.
      for (const [run, start] of starts.slice(1).entries())
        expect(start - began).toBeGreaterThan(spread + run * 100 - 2);
    }
  });

  test('what a check takes does not lengthen its interval', async () => {
    const slow = new Probe(true);
    schedulerOf({ slow: job(slow, 300) });
    for (const run of [1, 2, 3]) {
      await until('a run', () => slow.starts.length === run);
      setTimeout(slow.finish, 200);
    }
    // Two intervals, and not two times 500 ms.
    expect((slow.starts[2] ?? 0) - (slow.starts[0] ?? 0)).toBeLessThan(900);
  });

  test('the second round is spread over the interval', async () => {
    const probes = [new Probe(), new Probe(), new Probe(), new Probe()];
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 400)])));
    await until('two runs of each', () => probes.every(({ starts }) => starts.length >= 2));
    const seconds = secondStarts(probes);
    for (const [index, at] of seconds.slice(1).entries()) expect(at - (seconds[index] ?? 0)).toBeGreaterThan(50);
  });

  test('for a quarter of the interval after the first round nothing is asked again', async () => {
    const probes = Array.from({ length: 12 }, () => new Probe());
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 1_200)])));
    await until('two runs of each', () => probes.every(({ starts }) => starts.length >= 2));
    const rests = probes.map(({ starts }) => (starts[1] ?? 0) - (starts[0] ?? 0));
    // Timers of node may be a millisecond early.
    expect(Math.min(...rests)).toBeGreaterThan(1_200 / 4 - 5);
    const order = rests.map((rest, index) => ({ rest, index })).sort((a, b) => a.rest - b.rest);
    expect(order.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1]);
  });

  test('where many are due within a tenth of a second, ten of them are due together', async () => {
    const probes = Array.from({ length: 100 }, () => new Probe());
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 1_000)])));
    await until('two runs of each', () => probes.every(({ starts }) => starts.length >= 2));
    const seconds = secondStarts(probes);
    const groups = Array.from({ length: 10 }, (_, group) => seconds.slice(group * 10, group * 10 + 10));
    // What one turn of the event loop takes is less than the tenth to the next group.
    for (const group of groups) expect(Math.max(...group) - Math.min(...group)).toBeLessThan(50);
    for (const [index, group] of groups.slice(1).entries())
      expect(Math.min(...group) - Math.max(...(groups[index] ?? []))).toBeGreaterThan(20);
  });

  test('a group stays together, whatever the groups are that the first runs begin in', async () => {
    const probes = Array.from({ length: 198 }, () => new Probe());
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 2_000)])));
    await until('two runs of each', () => probes.every(({ starts }) => starts.length >= 2));
    expect(new Set(secondStarts(probes)).size).toBe(198 / 9);
  });

  test('runs that are late leave the event loop to others in between', async () => {
    vi.useRealTimers();
    const probes = Array.from({ length: 500 }, () => new Probe());
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 600_000)])));
    // The loop is held until all of them are due.
    const began = performance.now();
    while (performance.now() - began < 150);
    let turns = 0;
    const count = (): void => {
      turns++;
      if (probes.some(({ starts }) => starts.length === 0)) setImmediate(count);
    };
    setImmediate(count);
    await really('a first run of each', () => probes.every(({ starts }) => starts.length === 1));
    expect(turns).toBeGreaterThanOrEqual(8);
  });

  test('a check never overlaps itself; one that took longer than its interval starts again at once', async () => {
    const slow = new Probe(true);
    schedulerOf({ slow: job(slow, 20) });
    await until('a start', () => slow.starts.length === 1);
    const began = performance.now();
    await until('several intervals', () => performance.now() - began > 100);
    expect(slow.starts).toHaveLength(1);
    slow.finish();
    await until('the next start', () => slow.starts.length === 2);
    expect(slow.most).toBe(1);
  });

  test('one that hangs delays no other', async () => {
    const [hung, quick] = [new Probe(true), new Probe()];
    const { results } = schedulerOf({ hung: job(hung, 20), quick: job(quick, 20) });
    await until('many runs of the other', () => quick.starts.length >= 10);
    expect(new Set(results)).toEqual(new Set(['quick']));
    expect(hung.starts).toHaveLength(1);
  });

  test('two hundred checks all start within a moment', async () => {
    const probes = Array.from({ length: 200 }, () => new Probe());
    schedulerOf(Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 60_000)])));
    await until('a first run of each', () => probes.every(({ starts }) => starts.length === 1), 1_000);
  });
});

describe('update', () => {
  test('what stays is not disturbed, what goes is closed, what is new starts at once', async () => {
    const [stays, goes, comes] = [new Probe(), new Probe(true), new Probe()];
    const { scheduler, results } = schedulerOf({ stays: job(stays, 60_000), goes: job(goes, 60_000) });
    await until('both started', () => stays.starts.length === 1 && goes.starts.length === 1);
    let asked = 0;
    scheduler.update(
      new Map([
        [
          'stays',
          {
            intervalMs: 60_000,
            prepare: () => {
              asked++;
              return stays;
            },
          },
        ],
        ['comes', job(comes, 60_000)],
      ]),
    );
    await until('the new one started', () => comes.starts.length === 1);
    expect({ asked, starts: stays.starts.length, closed: stays.closed }).toEqual({
      asked: 0,
      starts: 1,
      closed: false,
    });
    expect(goes.closed).toBe(true);
    await until('the result of the new one', () => results.includes('comes'));
    expect(results).not.toContain('goes');
  });

  test('the result of a check that was dropped while it ran does not count, even when its key is new again', async () => {
    const [old, fresh] = [new Probe(true), new Probe(true)];
    const { scheduler, results } = schedulerOf({ server: job(old, 60_000) });
    await until('the old one runs', () => old.running === 1);
    scheduler.update(new Map());
    scheduler.update(new Map([['server', job(fresh, 60_000)]]));
    await until('the new one runs', () => fresh.running === 1);
    await until('the old one ended', () => old.running === 0);
    expect(results).toEqual([]);
    fresh.finish();
    await until('the new result', () => results.length === 1);
  });

  test('close ends everything', async () => {
    const probe = new Probe();
    const { scheduler } = schedulerOf({ job: job(probe, 10) });
    await until('a run', () => probe.starts.length > 0);
    scheduler.close();
    const runs = probe.starts.length;
    const began = performance.now();
    await until('several intervals', () => performance.now() - began > 60);
    expect(probe.starts).toHaveLength(runs);
    expect(probe.closed).toBe(true);
  });
});

describe('lateness', () => {
  const wait = async (ms: number): Promise<void> => {
    const began = performance.now();
    await until(`${ms} ms`, () => performance.now() - began >= ms);
  };

  test('none without checks, before the first runs, and between two', async () => {
    const { scheduler } = schedulerOf({});
    expect(scheduler.lateMs()).toBe(0);
    const probe = new Probe();
    scheduler.update(new Map([['job', job(probe, 60_000)]]));
    expect(scheduler.lateMs()).toBeLessThan(50);
    await until('a run', () => probe.starts.length === 1);
    await wait(300);
    expect(scheduler.lateMs()).toBe(0);
  });

  test('a check may take as long as its limit; from then on it is late, until it ends', async () => {
    const [hung, quick] = [new Probe(true), new Probe()];
    const { scheduler } = schedulerOf({ hung: job(hung, 60_000), quick: job(quick, 60_000) });
    await until('both run', () => hung.running === 1 && quick.starts.length === 1);
    expect(scheduler.lateMs()).toBe(0);
    await until('it is late', () => scheduler.lateMs() > 100);
    expect(performance.now() - (hung.starts[0] ?? 0)).toBeGreaterThan(hung.limitMs + 100 - 5);
    hung.finish();
    await until('its end', () => hung.running === 0);
    expect(scheduler.lateMs()).toBe(0);
  });

  test('one that is dropped is late no more', async () => {
    const hung = new Probe(true);
    const { scheduler } = schedulerOf({ hung: job(hung, 60_000) });
    await until('it is late', () => scheduler.lateMs() > 0);
    scheduler.update(new Map());
    expect(scheduler.lateMs()).toBe(0);
  });

  test('a check whose time passes while nothing runs is late, until it runs', async () => {
    const probe = new Probe();
    const { scheduler } = schedulerOf({ job: job(probe, 1_000) });
    await until('a run', () => probe.starts.length === 1);
    // The event loop, held: the time is another one, and nothing has run.
    const held = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_400);
    expect(scheduler.lateMs()).toBeGreaterThan(300);
    held.mockRestore();
    await until('the next', () => probe.starts.length > 1);
    expect(scheduler.lateMs()).toBeLessThan(300);
  });

  test('the latest of several counts', async () => {
    const [early, late] = [new Probe(true), new Probe(true)];
    const { scheduler } = schedulerOf({ early: job(early, 60_000) });
    await until('it is late', () => scheduler.lateMs() > 200);
    scheduler.update(
      new Map([
        ['early', job(early, 60_000)],
        ['late', job(late, 60_000)],
      ]),
    );
    await until('the other runs', () => late.running === 1);
    expect(scheduler.lateMs()).toBeGreaterThan(200);
  });
});

describe('a check out of the rhythm', () => {
  test('is made at once, and the next one when it would have been made anyway', async () => {
    const probe = new Probe();
    const { scheduler, results } = schedulerOf({ job: job(probe, 400) });
    await until('two runs', () => probe.starts.length === 2);
    const [, second = 0] = probe.starts;
    await until('half an interval', () => performance.now() > second + 200);
    scheduler.runNow(['job', 'no such job']);
    await until('a run', () => probe.starts.length === 3);
    expect((probe.starts[2] ?? 0) - second).toBeLessThan(300);
    expect(scheduler.lateMs()).toBe(0);
    await until('the next two', () => probe.starts.length === 5);
    expect((probe.starts[3] ?? 0) - second).toBeGreaterThan(390);
    expect((probe.starts[3] ?? 0) - second).toBeLessThan(500);
    expect((probe.starts[4] ?? 0) - second).toBeGreaterThan(790);
    expect(results).toHaveLength(5);
  });

  test('for all of them: they stay spread over the interval', async () => {
    const probes = [new Probe(), new Probe(), new Probe(), new Probe()];
    const names = probes.map((_, index) => `job ${index}`);
    const { scheduler } = schedulerOf(
      Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 800)])),
    );
    await until('the first runs', () => probes.every(({ starts }) => starts.length === 1));
    scheduler.runNow(names);
    scheduler.runNow(names);
    await until('the runs out of the rhythm', () => probes.every(({ starts }) => starts.length >= 2));
    await until('the runs in it', () => probes.every(({ starts }) => starts.length >= 4));
    const thirds = probes.map(({ starts }) => starts.at(-2) ?? 0);
    for (const [index, at] of thirds.slice(1).entries()) expect(at - (thirds[index] ?? 0)).toBeGreaterThan(100);
  });

  test('while it runs: once more when that run has ended, never two at once', async () => {
    const slow = new Probe(true);
    const { scheduler } = schedulerOf({ slow: job(slow, 60_000) });
    await until('it runs', () => slow.running === 1);
    scheduler.runNow(['slow']);
    scheduler.runNow(['slow']);
    expect(slow.starts).toHaveLength(1);
    slow.finish();
    await until('it runs again', () => slow.starts.length === 2);
    slow.finish();
    await until('its end', () => slow.running === 0);
    expect(slow.most).toBe(1);
    expect(scheduler.lateMs()).toBe(0);
  });

  test('one that lasts beyond the time of the next takes its place', async () => {
    const slow = new Probe(true);
    const { scheduler } = schedulerOf({ slow: job(slow, 300) });
    await until('it runs', () => slow.running === 1);
    slow.finish();
    await until('it runs a second time, in the rhythm', () => slow.starts.length === 2);
    const [, second = 0] = slow.starts;
    slow.finish();
    await until('its end', () => slow.running === 0);
    scheduler.runNow(['slow']);
    await until('it runs out of the rhythm', () => slow.starts.length === 3);
    await until('the time of the next is over', () => performance.now() > second + 400);
    expect(slow.starts).toHaveLength(3);
    slow.finish();
    await until('the one after it', () => slow.starts.length === 4);
    expect((slow.starts[3] ?? 0) - second).toBeGreaterThan(590);
    expect((slow.starts[3] ?? 0) - second).toBeLessThan(700);
  });

  test('thousands of them do not hold the event loop', async () => {
    const probes = Array.from({ length: 2_000 }, () => new Probe());
    const names = probes.map((_, index) => `job ${index}`);
    const { scheduler } = schedulerOf(
      Object.fromEntries(probes.map((probe, index) => [`job ${index}`, job(probe, 3_600_000)])),
    );
    await until('the first runs', () => probes.every(({ starts }) => starts.length === 1));
    scheduler.runNow(names);
    expect(probes.filter(({ starts }) => starts.length > 1)).toHaveLength(0);
    await until('a second run of each', () => probes.every(({ starts }) => starts.length === 2));
    const times = probes.map(({ starts }) => starts[1] ?? 0);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(200);
  });
});

describe('a check that is made sooner for a while', () => {
  /** A job whose results ask for `intervalsMs[run]`, as long as there are any. */
  function hastened(intervalMs: number, probe: Probe, soonMs: (run: number) => number | undefined): Scheduler {
    const scheduler: Scheduler = new Scheduler((key) => {
      const after = soonMs(probe.starts.length);
      if (after !== undefined) scheduler.runAfter(key, after);
    });
    onTestFinished(() => scheduler.close());
    scheduler.update(new Map([['job', job(probe, intervalMs)]]));
    return scheduler;
  }

  test('comes so long after the start of the last run, and falls back into its rhythm', async () => {
    const probe = new Probe();
    // Runs 1 and 2 are in the rhythm; 3 and 4 are fast.
    const scheduler = hastened(1_000, probe, (run) => (run === 2 || run === 3 ? 100 : undefined));
    await until('six runs', () => probe.starts.length === 6);
    const [, second = 0, ...later] = probe.starts;
    const offsets = later.map((at) => at - second);
    expect(offsets[0]).toBeGreaterThan(95);
    expect(offsets[1]).toBeGreaterThan(190);
    expect(offsets[1]).toBeLessThan(600);
    expect(offsets[2]).toBeGreaterThan(990);
    expect(offsets[2]).toBeLessThan(1_300);
    expect(offsets[3]).toBeGreaterThan(1_990);
    expect(offsets[3]).toBeLessThan(2_300);
    expect(scheduler.lateMs()).toBe(0);
  });

  test('is not made in between by the rhythm, which goes on behind it', async () => {
    const probe = new Probe();
    // Fast from 300 ms after the first run on: the time of the second, and of the third, falls into the fast phase.
    hastened(400, probe, (run) => (run < 4 ? 300 : undefined));
    await until('six runs', () => probe.starts.length === 6);
    const gaps = probe.starts.slice(1).map((at, index) => at - (probe.starts[index] ?? 0));
    for (const gap of gaps.slice(0, 3)) expect(gap).toBeGreaterThan(290);
    const first = probe.starts[0] ?? 0;
    // 0, 300, 600, 900, and then the beats: 1200, 1600.
    expect((probe.starts[4] ?? 0) - first).toBeGreaterThan(1_190);
    expect((probe.starts[5] ?? 0) - (probe.starts[4] ?? 0)).toBeGreaterThan(350);
  });

  test('one that lasts longer than that is made again at once, never two at once', async () => {
    const slow = new Probe(true);
    hastened(60_000, slow, () => 10);
    for (const run of [1, 2, 3]) {
      await until('it runs', () => slow.starts.length === run && slow.running === 1);
      const began = performance.now();
      await until('the interval is over', () => performance.now() - began > 30);
      expect(slow.starts).toHaveLength(run);
      slow.finish();
    }
    expect(slow.most).toBe(1);
  });

  test('one that is asked for meanwhile comes at once, and the fast one after it', async () => {
    const probe = new Probe();
    const scheduler = hastened(60_000, probe, () => 500);
    await until('it ran', () => probe.starts.length === 1);
    scheduler.runNow(['job']);
    await until('it ran again', () => probe.starts.length === 2);
    expect((probe.starts[1] ?? 0) - (probe.starts[0] ?? 0)).toBeLessThan(400);
    await until('the fast one', () => probe.starts.length === 3);
    expect((probe.starts[2] ?? 0) - (probe.starts[1] ?? 0)).toBeGreaterThan(490);
  });

  test('one that is asked for while it runs comes at once, too', async () => {
    const slow = new Probe(true);
    const scheduler = hastened(60_000, slow, () => 5_000);
    await until('it runs', () => slow.running === 1);
    scheduler.runNow(['job']);
    slow.finish();
    await until('it runs again', () => slow.starts.length === 2, 2_000);
  });

  test('what a check takes does not lengthen that interval either', async () => {
    const slow = new Probe(true);
    hastened(60_000, slow, () => 400);
    await until('it runs', () => slow.running === 1);
    setTimeout(slow.finish, 300);
    await until('it runs again', () => slow.starts.length === 2);
    expect((slow.starts[1] ?? 0) - (slow.starts[0] ?? 0)).toBeLessThan(650);
  });

  test('a job that is gone, runs, or is not known is left alone', async () => {
    const hung = new Probe(true);
    const { scheduler } = schedulerOf({ hung: job(hung, 60_000) });
    scheduler.runAfter('no such job', 10);
    await until('it runs', () => hung.running === 1);
    scheduler.runAfter('hung', 10);
    scheduler.close();
    scheduler.runAfter('hung', 10);
    const began = performance.now();
    await until('a while', () => performance.now() - began > 50);
    expect(hung.starts).toHaveLength(1);
  });
});
