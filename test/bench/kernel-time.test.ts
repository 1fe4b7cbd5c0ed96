// The processor time of a group of processes, from outside: written each second, read as what each second took.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { usedMs } from '../../bench/kernel-time.ts';
import { startMeter } from '../kernel/host/meter.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

/** So many seconds are waited for. */
const SECONDS = 3;

async function metered(script: string): Promise<number[]> {
  const dir = scratch();
  const child = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void process.kill(-(child.pid as number), 'SIGKILL'));
  const stop = startMeter(child.pid as number, dir);
  onTestFinished(stop);
  const written = (): number[] => readdirSync(dir).map((name) => Number(/^cpu-(\d+)$/.exec(name)?.[1]));
  await until('some seconds', () => written().length >= SECONDS);
  stop();
  const [first = 0, last = 0] = [Math.min(...written()), Math.max(...written())];
  return usedMs(first * 1000, last * 1000 + 999, dir);
}

test('a process at work, its child, and one that sleeps', async () => {
  // The child is at work, too, and not waited for.
  const [busy, idle] = await Promise.all([metered('while :; do :; done & while :; do :; done'), metered('sleep 60')]);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  expect(busy.every((ms) => ms > 0)).toBe(true);
  expect(sum(busy)).toBeGreaterThan(10 * (1 + sum(idle)));
});

test('where nobody counts there is nothing', async () => {
  expect(await usedMs(0, 5000)).toEqual([]);
});
