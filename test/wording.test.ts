// Numbers and lists in words.
import { expect, test } from 'vitest';
import { counted, named } from '../src/wording.ts';

test('one is not many', () => {
  expect([0, 1, 2].map((count) => counted(count, 'server'))).toEqual(['0 servers', '1 server', '2 servers']);
});

test.for([
  [[], 2, ''],
  [['a'], 2, 'a'],
  [['a', 'b'], 2, 'a, b'],
  [['a', 'b', 'c'], 2, 'a, b, and 1 more'],
] as const)('%j, at most %i', ([names, most, expected]) => {
  expect(named(names, most)).toBe(expected);
});
