// Orders to a running daemon: one reload at a time, each that waits learns how the one that began after its call went.
import { expect, test } from 'vitest';
import { Orders } from '../src/orders.ts';
import { until } from './until.ts';

/** Reloads that end when they are told to. */
function carriedOut(orders: Orders) {
  const begun: { done(error?: Error): void }[] = [];
  const ended = orders.untilEnd(
    () =>
      new Promise((resolve, reject) => {
        begun.push({ done: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
  );
  return { begun, ended, reaches: (count: number) => until(`reload ${count}`, () => begun.length === count) };
}

test('a reload is waited for, and its failure is told', async () => {
  const orders = new Orders();
  const { begun, ended, reaches } = carriedOut(orders);
  const first = orders.reload();
  await reaches(1);
  begun[0]?.done();
  await first;
  const second = orders.reload();
  await reaches(2);
  begun[1]?.done(new Error('it has errors'));
  await expect(second).rejects.toThrow('it has errors');
  orders.end('SIGTERM');
  expect(await ended).toBe('SIGTERM');
});

test('an order that waits to be carried out is known', () => {
  const orders = new Orders();
  expect(orders.isGiven).toBe(false);
  void orders.reload().catch(() => {});
  expect(orders.isGiven).toBe(true);
  const stopped = new Orders();
  stopped.end('SIGTERM');
  expect(stopped.isGiven).toBe(true);
});

test('any number of orders during a reload are one more', async () => {
  const orders = new Orders();
  const { begun, ended, reaches } = carriedOut(orders);
  const first = orders.reload();
  await reaches(1);
  const storm = Promise.all(Array.from({ length: 1000 }, () => orders.reload()));
  begun[0]?.done();
  await first;
  await reaches(2);
  begun[1]?.done();
  await storm;
  orders.end('SIGINT');
  expect(await ended).toBe('SIGINT');
  expect(begun).toHaveLength(2);
});

test('an end during a reload waits for it, the first signal counts, and nobody is left waiting', async () => {
  const orders = new Orders();
  const { begun, ended, reaches } = carriedOut(orders);
  const first = orders.reload();
  await reaches(1);
  const late = orders.reload();
  late.catch(() => {});
  orders.end('SIGTERM');
  orders.end('SIGINT');
  begun[0]?.done();
  await first;
  expect(await ended).toBe('SIGTERM');
  await expect(late).rejects.toThrow('this daemon is stopping');
  await expect(orders.reload()).rejects.toThrow('this daemon is stopping');
  expect(begun).toHaveLength(1);
});

test('a storm of orders is a few reloads, the last of which began after the last order; an end does not wait', async () => {
  const orders = new Orders();
  let count = 0;
  const began: number[] = [];
  const ended = orders.untilEnd(async () => {
    began.push(count);
  });
  const start = performance.now();
  const waiting: Promise<void>[] = [];
  while (performance.now() - start < 500) {
    count++;
    waiting.push(orders.reload());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(waiting);
  // One at once, and then one for each 200 ms.
  expect(began.length).toBeLessThanOrEqual(Math.ceil((performance.now() - start) / 200) + 1);
  expect([began[0], began.at(-1)]).toEqual([1, count]);
  orders.reload().catch(() => {});
  orders.end('SIGTERM');
  expect(await ended).toBe('SIGTERM');
});
