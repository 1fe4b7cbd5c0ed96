// A storm of HUPs: a few reloads, of which the last one counts, while the daemon does all else that it does.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { until } from '../until.ts';
import { Director } from './director.ts';

const HUPS = 1_000;

test('1,000 HUPs in a second', { timeout: 60_000 }, async () => {
  const director = await Director.start();
  const before = director.memory;
  let answered = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) answered += Number((await director.run('status')).code === 0);
  })();
  const began = performance.now();
  for (let count = 0; count < HUPS; count++) {
    if (count % 50 === 0) director.configure({ weight: 2 + count });
    director.signal('SIGHUP');
    // As many as there should be by now.
    while (performance.now() - began < count) await pause(1);
  }
  director.configure({ weight: 5 });
  director.signal('SIGHUP');
  const tookMs = performance.now() - began;
  await director.reaches([5, 5, 5]);
  await director.checksGoOn();
  isOver = true;
  await asking;
  const count = (text: string) => director.told(new RegExp(`^${text} `)).length;
  await until('the end of each reload', () => count('Reloading') === count('Reloaded'));
  expect(count('Reloaded')).toBeGreaterThanOrEqual(1);
  // Five a second at most, however quick they are.
  expect(count('Reloaded')).toBeLessThanOrEqual(2 + tookMs / 200);
  expect(answered).toBeGreaterThan(0);
  expect(director.failures).toEqual([]);
  expect(director.memory - before).toBeLessThan(80e6);
  await director.stop();
});
