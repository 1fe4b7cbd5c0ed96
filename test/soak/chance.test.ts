// The soak's chance: the same seed is the same soak, which servers fail for how long, and with what the daemon is reloaded.
import { expect, test } from 'vitest';
import { directorConfig } from '../../bench/sites.ts';
import { configOf } from '../config-of.ts';
import { Chances } from './chances.ts';
import { BREAKS, Configurations } from './configurations.ts';
import { Failures } from './failures.ts';

const ADDRESSES = Array.from({ length: 100 }, (_, index) => `127.1.0.${index}`);
const many = (seed: number): number[] => {
  const chances = new Chances(seed);
  return Array.from({ length: 1_000 }, () => chances.number(10));
};

test('a seed gives the same numbers again, another one others, and each number comes', () => {
  expect(many(7)).toEqual(many(7));
  expect(many(7)).not.toEqual(many(8));
  for (let number = 0; number < 10; number++)
    expect(many(7).filter((each) => each === number).length).toBeGreaterThan(60);
  const chances = new Chances(1);
  expect(new Set(Array.from({ length: 100 }, () => chances.between(2, 4)))).toEqual(new Set([2, 3, 4]));
  expect(() => chances.pick([])).toThrow('nothing to pick from');
});

test('as many fail as are wanted, each for as long as it should', () => {
  const options = { addresses: ADDRESSES, count: 5, leastMs: 4_000, mostMs: 10_000 };
  const failures = new Failures({ ...options, chances: new Chances(3) });
  const since = new Map<string, number>();
  const over = new Map<string, number>();
  const lasted: number[] = [];
  for (let now = 0; now < 200_000; now += 1_000) {
    const { mended, failed } = failures.at(now);
    for (const address of mended) {
      lasted.push(now - (since.get(address) ?? NaN));
      since.delete(address);
      over.set(address, now);
    }
    for (const { address } of failed) {
      expect(since.has(address)).toBe(false);
      expect(now - (over.get(address) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(4_000);
      since.set(address, now);
    }
    expect(failures.failing.sort()).toEqual([...since.keys()].sort());
    expect(since.size).toBe(5);
  }
  failures.end();
  expect(failures.at(300_000).failed).toEqual([]);
  expect(failures.failing).toEqual([]);
  expect(Math.min(...lasted)).toBeGreaterThanOrEqual(4_000);
  expect(Math.max(...lasted)).toBeLessThanOrEqual(11_000);
});

function configurations(): Configurations {
  return new Configurations({ chances: new Chances(5), port: 80, intervalS: 3, timeoutS: 10, further: [] });
}

const serversOf = (text: string): string[] =>
  configOf(text).virtuals.flatMap(({ reals }) => reals.map(({ address }) => address));

test('from one configuration to the next a server comes and goes and a weight changes; every fourth is broken', () => {
  const all = configurations();
  const residents = new Set(all.residents);
  expect(residents.size).toBe(2_000);
  const visitors: (string | undefined)[] = [];
  for (let reload = 1; reload <= 8; reload++) {
    const before = all.text;
    const { text, isBroken, visitor } = all.next();
    expect(isBroken).toBe(reload % 4 === 0);
    if (isBroken) {
      expect(() => configOf(text)).toThrow();
      expect(all.text).toBe(before);
    } else {
      expect(text).toBe(directorConfig(all.site, []));
      expect(serversOf(text).filter((address) => !residents.has(address))).toEqual([visitor?.address]);
      visitors.push(visitor?.address);
    }
  }
  expect(new Set(visitors).size).toBe(6);
  expect(all.names.get('127.2.0.0')).toMatch(/^127\.2\.0\.0:80 \(10\.9\.0\.\d+:80\)$/);
  expect(new Set(all.text.match(/gate \d/g)).size).toBeGreaterThan(1);
});

test.for(BREAKS.map((_, index) => [index] as const))('breach %i is refused', ([index]) => {
  expect(() => configOf(BREAKS[index]?.(configurations().text) ?? '')).toThrow();
});
