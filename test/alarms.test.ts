// Alarms: one timer for all of a millisecond, in the order in which they were set; and none is left behind.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Alarms } from '../src/alarms.ts';

describe('alarms', () => {
  let rung: string[][];
  let alarms: Alarms<string>;
  beforeEach(() => {
    vi.useFakeTimers();
    rung = [];
    alarms = new Alarms((items) => rung.push([...items]));
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
  const at = (ms: number): number => performance.now() + ms;

  test('those of one millisecond ring together, by one timer, in order', () => {
    const now = performance.now();
    for (const [item, ms] of [
      ['b', 9.2],
      ['a', 9.9],
      ['c', 20],
      ['d', 10],
    ] as const)
      alarms.set(item, now + ms);
    expect(vi.getTimerCount()).toBe(2);
    vi.advanceTimersByTime(9);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual([['b', 'a', 'd']]);
    vi.advanceTimersByTime(10);
    expect(rung).toEqual([['b', 'a', 'd'], ['c']]);
  });

  test('an item has one alarm: the last', () => {
    alarms.set('a', at(5));
    alarms.set('a', at(50));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(49);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual([['a']]);
  });

  test('what is deleted does not ring; its timer goes with the last of a group', () => {
    alarms.set('a', at(5));
    alarms.set('b', at(5));
    alarms.delete('a');
    alarms.delete('nobody');
    expect(vi.getTimerCount()).toBe(1);
    alarms.delete('b');
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10);
    expect(rung).toEqual([]);
  });

  test('one that is set while others ring, and one in the past', () => {
    const again = new Alarms<string>((items) => {
      rung.push([...items]);
      if (rung.length === 1) again.set('a', at(-5));
    });
    again.set('a', at(1));
    vi.advanceTimersByTime(3);
    expect(rung).toEqual([['a'], ['a']]);
  });
});
