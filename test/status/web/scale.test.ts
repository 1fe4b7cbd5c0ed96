// Ten thousand servers, of a thousand services or of one: quick answers, and an event loop that is never held for long.
import { describe, expect, test } from 'vitest';
import type { CheckResult } from '../../../src/checks/check.ts';
import type { Config } from '../../../src/config/model.ts';
import { Latencies, MOST_LATENCIES } from '../../../src/status/latencies.ts';
import { Metrics } from '../../../src/status/metrics.ts';
import { snapshotText } from '../../../src/status/view.ts';
import type { WebSource } from '../../../src/status/web/web.ts';
import { configOf } from '../../config-of.ts';
import { holds, usedMs } from '../../loop-holds.ts';
import { until } from '../../until.ts';
import { siteOf } from './site.ts';

const SERVERS = 10_000;

function large(services = 1_000): Config {
  const block = (index: number): string => {
    const [high, low] = [index >> 8, index & 255];
    return `virtual = 10.1.${high}.${low}:80\n\tchecktype = on\n\treal = 10.2.${high}.${low}->10.2.${high}.${low}:80 gate 5\n`;
  };
  const { virtuals, ...globals } = configOf(Array.from({ length: services }, (_, index) => block(index)).join(''));
  const many = virtuals.map((virtual, index) => ({
    ...virtual,
    reals: virtual.reals.flatMap((real) =>
      Array.from({ length: SERVERS / services }, (_, number) => ({
        ...real,
        address: `10.${3 + (number & 127)}.${(number >> 7) + (index >> 8)}.${index & 255}`,
      })),
    ),
  }));
  return { ...globals, virtuals: many };
}

const rounded = (times: readonly number[]): string => times.map((time) => `${time.toFixed(0)} ms`).join(', ');

describe.each([
  ['a thousand services', 1_000],
  ['one service', 1],
])('ten thousand servers of %s', (what, services) => {
  test('are answered in time', { timeout: 60_000 }, async () => {
    const { client } = await siteOf(large(services), { isStarted: false });
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const began = performance.now();
      const { json } = await client.get('/api/v1/status');
      times.push(performance.now() - began);
      expect(json.virtuals).toHaveLength(services);
      expect(json.virtuals[0].servers).toHaveLength(SERVERS / services);
    }
    console.log(`the status of ten thousand servers of ${what}: ${rounded(times)}`);
    // A tenth of a second where nothing else runs.
    expect(Math.min(...times)).toBeLessThan(5_000);
  });

  test.each<[string, (source: WebSource) => AsyncIterable<unknown> | Promise<unknown>]>([
    [
      'the snapshot',
      (source) => snapshotText(source.head(), source.virtuals(), (each) => source.viewOf(each, new Map())),
    ],
    ['the metrics', (source) => new Metrics(source).text()],
  ])('%s holds nobody up', { timeout: 60_000 }, async (name, make) => {
    const { source } = await siteOf(large(services), { isStarted: false });
    const work = async (): Promise<void> => {
      const made = make(source);
      if (made instanceof Promise) await made;
      else for await (const _ of made);
    };
    // Not what the compiler of a fresh process takes.
    await work();
    const held = await holds(work);
    console.log(`${name} of ten thousand servers of ${what} held the event loop for ${rounded(held.slice(0, 5))}`);
    // All in one go is one turn.
    expect(held.length).toBeGreaterThan(3);
    expect(held[0]).toBeLessThan(50);
  });
});

test('many who ask at once hold it up no longer than one', { timeout: 60_000 }, async () => {
  const { source } = await siteOf(large(), { isStarted: false });
  const work = async (): Promise<void> => {
    const text = snapshotText(source.head(), source.virtuals(), (each) => source.viewOf(each, new Map()));
    for await (const _ of text);
  };
  await work();
  const held = await holds(() => Promise.all(Array.from({ length: 16 }, work)));
  console.log(`sixteen at once: ${rounded(held.slice(0, 5))}`);
  expect(held.length).toBeGreaterThan(30);
  expect(held[held.length >> 1]).toBeLessThan(15);
});

test('a change among ten thousand servers is told at once', { timeout: 60_000 }, async () => {
  const { client } = await siteOf(large(), { gatherMs: 200 });
  const events = await client.events();
  const began = performance.now();
  const order = { op: 'drain', virtual: '10.1.1.1:80', real: '10.3.1.1:80' };
  expect((await client.order(order)).status).toBe(200);
  await until('told', () => events.of('server').some(({ server }) => server.override?.kind === 'drain'));
  console.log(`a change among ten thousand servers was told after ${rounded([performance.now() - began])}`);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('a check costs next to nothing', () => {
  const latencies = new Latencies();
  const config = large();
  const members = config.virtuals.flatMap((virtual) => virtual.reals.map((real) => ({ virtual, real })));
  const result: CheckResult = { outcome: 'up', detail: 'found', durationMs: 1.5 };
  for (const member of members) for (let round = 0; round < MOST_LATENCIES; round++) latencies.checked(member, result);
  const began = usedMs();
  for (let round = 0; round < 10; round++) for (const member of members) latencies.checked(member, result);
  const microseconds = ((usedMs() - began) * 1_000) / (10 * members.length);
  console.log(`what a check costs: ${microseconds.toFixed(2)} µs`);
  expect(microseconds).toBeLessThan(50);
});

test('the latest sixty are kept, in order, and across a reload', () => {
  let now = 0;
  const latencies = new Latencies(() => now);
  const read = () => {
    const [virtual] = configOf('virtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate\n').virtuals;
    const [real] = virtual?.reals ?? [];
    if (virtual === undefined || real === undefined) throw new Error('no server');
    return { virtual, real };
  };
  const before = read();
  expect(latencies.of(before)).toEqual([]);
  for (now = 1; now <= 100; now++)
    latencies.checked(before, { outcome: now % 2 === 0 ? 'up' : 'down', detail: '', durationMs: now / 10 });
  const after = read();
  latencies.keepOnly([after.virtual]);
  expect(latencies.of(after)).toHaveLength(MOST_LATENCIES);
  expect(latencies.of(after)[0]).toEqual({ at: 41, durationMs: 4.1, outcome: 'down' });
  expect(latencies.of(after).at(-1)).toEqual({ at: 100, durationMs: 10, outcome: 'up' });
  now = 101;
  latencies.checked(after, { outcome: 'up', detail: '', durationMs: 1 });
  expect(latencies.of(after)[0]?.at).toBe(42);
  latencies.keepOnly([]);
  expect(latencies.of(read())).toEqual([]);
});
