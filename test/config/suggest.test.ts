// Which words are near enough to be meant.
import { expect, test } from 'vitest';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { nearest } from '../../src/config/suggest.ts';

test.each([
  ['recieve', 'receive'],
  ['virtaul', 'virtual'],
  ['chekinterval', 'checkinterval'],
  ['check-type', 'checktype'],
  ['Quiescent', 'quiescent'],
  ['real4', 'real'],
  ['password', 'passwd'],
  ['quiecent', 'quiescent'],
  ['schedular', 'scheduler'],
  ['persistant', 'persistent'],
  ['frobnicate', undefined],
  ['x', undefined],
  ['', undefined],
])('%j -> %j', (word, expected) => {
  expect(nearest(word, Object.keys(DIRECTIVES))).toBe(expected);
});

test('every directive is nearest to itself', () => {
  const names = Object.keys(DIRECTIVES);
  expect(names.map((name) => nearest(name, names))).toEqual(names);
});
