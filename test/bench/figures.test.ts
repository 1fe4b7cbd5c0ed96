// What the bench makes of measured times.
import { describe, expect, test } from 'vitest';
import { latenesses, mean, offBeat, percentile, requests, scattered, worst } from '../../bench/figures.ts';

test.for<[name: string, found: number, expected: number]>([
  ['mean', mean([1, 2, 6]), 3],
  ['mean of none', mean([]), NaN],
  ['mean with one that never came', mean([1, Infinity]), Infinity],
  ['worst', worst([3, 9, 2]), 9],
  ['worst of negative ones', worst([-3, -9]), -3],
  ['worst of none', worst([]), NaN],
  ['median', percentile([5, 1, 3], 0.5), 3],
  ['median of an even number: the lower', percentile([4, 1, 3, 2], 0.5), 2],
  [
    '99th percentile of 100',
    percentile(
      Array.from({ length: 100 }, (_, index) => 100 - index),
      0.99,
    ),
    99,
  ],
  ['99th percentile of few: the worst', percentile([1, 2, 3], 0.99), 3],
  ['percentile of none', percentile([], 0.99), NaN],
])('%s', ([, found, expected]) => {
  expect(found).toBe(expected);
});

test('scattered numbers: one of each part, in any order', () => {
  const numbers = Array.from({ length: 50 }, () => scattered(20));
  for (const each of numbers)
    expect(each.map((number) => Math.floor(number * 20)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, part) => part),
    );
  expect(new Set(numbers.map((each) => each.map((number) => Math.floor(number * 20)).join())).size).toBeGreaterThan(40);
  expect(scattered(0)).toEqual([]);
});

describe('checks of servers', () => {
  const arrivals = { a: [0, 1_000, 2_030, 3_000], b: [500], c: [] };

  test('are counted', () => {
    expect(requests(arrivals)).toBe(5);
  });

  test('are late or early against the one before', () => {
    expect(latenesses(arrivals, 1_000)).toEqual([0, 30, -30]);
  });

  test('are off the beat that the others of that server keep: one that is late counts once', () => {
    expect(offBeat(arrivals, 1_000)).toEqual([0, 0, 30, 0, 0]);
  });

  test('that come later and later are off their beat', () => {
    expect(offBeat({ a: [0, 1_010, 2_020, 3_030, 4_040] }, 1_000)).toEqual([20, 10, 0, 10, 20]);
  });
});
