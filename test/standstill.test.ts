// A process that stands still, and a clock that is set: what is known of it, and what it means for checks that were under way.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckResult, RunnableCheck } from '../src/checks/check.ts';
import { Scheduler } from '../src/scheduler.ts';
import { Standstill } from '../src/standstill.ts';
import { until } from './until.ts';

function stand(ms: number): void {
  const began = performance.now();
  while (performance.now() - began < ms);
}

function watched() {
  const told: string[] = [];
  const standstill = new Standstill({
    onEnd: (ms) => told.push(`stood still for ${Math.round(ms / 1000)} s`),
    onJump: (ms) => told.push(`jumped by ${Math.round(ms / 1000)} s`),
  });
  standstill.begin();
  onTestFinished(() => standstill.close());
  return { standstill, told };
}

describe('what is known', () => {
  test('a standstill, by the first who asks; before and after it there was none', () => {
    const { standstill, told } = watched();
    const before = performance.now();
    expect(standstill.since(before)).toBe(false);
    stand(2_100);
    expect(standstill.since(before)).toBe(true);
    expect(standstill.since(performance.now())).toBe(false);
    expect(told).toEqual(['stood still for 2 s']);
  });

  test('a clock that goes forward, as after a suspend, is one; one that is set back is not', () => {
    const { standstill, told } = watched();
    const before = performance.now();
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now');
    onTestFinished(() => clock.mockRestore());
    clock.mockImplementation(() => now() - 86_400_000);
    expect(standstill.since(before)).toBe(false);
    clock.mockImplementation(now);
    expect(standstill.since(before)).toBe(true);
    expect(told).toEqual(['jumped by -86400 s', 'jumped by 86400 s']);
  });

  test('where it happens all the time that is told once', () => {
    const { standstill, told } = watched();
    for (let count = 0; count < 2; count++) {
      stand(2_050);
      standstill.look();
    }
    expect(told).toHaveLength(1);
  });

  test('who looks often enough does so for it; then it looks by itself', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { standstill } = watched();
    const looks = vi.spyOn(standstill, 'look');
    for (let count = 0; count < 20; count++) {
      vi.advanceTimersByTime(100);
      standstill.look();
    }
    expect(looks).toHaveBeenCalledTimes(20);
    vi.advanceTimersByTime(1_000);
    expect(looks.mock.calls.length - 20).toBeOneOf([3, 4]);
    expect(vi.getTimerCount()).toBe(1);
  });
});

/** A check that ends as it is told to, and counts its runs. */
class Told implements RunnableCheck {
  readonly limitMs = 500;
  starts = 0;
  readonly #run: (start: number) => CheckResult['outcome'];
  constructor(run: (start: number) => CheckResult['outcome']) {
    this.#run = run;
  }
  async run(startedAt: number): Promise<CheckResult> {
    this.starts++;
    await null;
    return { outcome: this.#run(this.starts), detail: '', durationMs: performance.now() - startedAt };
  }
  close(): void {}
}

/** The results of checks that are made once a minute. */
function resultsOf(...checks: readonly Told[]): string[] {
  const results: string[] = [];
  const scheduler = new Scheduler((_, { outcome }) => results.push(outcome));
  onTestFinished(() => scheduler.close());
  scheduler.update(new Map(checks.map((check, index) => [`${index}`, { intervalMs: 60_000, prepare: () => check }])));
  return results;
}

describe('a check that was under way', () => {
  test.each<[string, (start: number) => CheckResult['outcome'], string, number]>([
    ['and failed is made again at once', (start) => (start === 1 ? 'down' : 'up'), 'up', 2],
    ['and succeeded, has', () => 'up', 'up', 1],
    ['and could not be made, could not', () => 'error', 'error', 1],
  ])('%s', async (_, outcome, result, starts) => {
    const check = new Told((start) => {
      if (start === 1) stand(800);
      return outcome(start);
    });
    const results = resultsOf(check);
    await until('a result', () => results.length > 0);
    expect([results, check.starts]).toEqual([[result], starts]);
  });

  test('each time, fails in the end: a server that is gone is seen on a machine without time, too', async () => {
    const check = new Told(() => {
      stand(800);
      return 'down';
    });
    const results = resultsOf(check);
    await until('a result', () => results.length > 0);
    expect([results, check.starts]).toEqual([['down'], 4]);
  });
});

test('runs that were missed are left out, and the others keep their places', async () => {
  const starts: number[][] = [];
  const scheduler = new Scheduler(() => {});
  onTestFinished(() => scheduler.close());
  const jobs = Array.from({ length: 4 }, (_, index) => {
    const own: number[] = [];
    starts.push(own);
    const check = new Told(() => {
      own.push(performance.now());
      return 'up';
    });
    return [`${index}`, { intervalMs: 400, prepare: () => check }] as const;
  });
  scheduler.update(new Map(jobs));
  await until('two runs of each', () => starts.every(({ length }) => length >= 2));
  stand(1_500);
  const woken = performance.now();
  const after = () => starts.map((own) => own.filter((at) => at > woken - 1));
  await until('two runs of each since then', () => after().every(({ length }) => length >= 2));
  const seconds = after().map((own) => own[1] ?? 0);
  // Spread over the interval, and not all in one moment: by about 100 ms each.
  expect(Math.max(...seconds) - Math.min(...seconds)).toBeGreaterThan(150);
});
