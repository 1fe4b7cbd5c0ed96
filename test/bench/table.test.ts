// The bench's Markdown table.
import { expect, test } from 'vitest';
import { markdown, type Row, type Unit } from '../../bench/table.ts';

const row = (value: number | undefined, unit: Unit): Row => ({ what: 'x', values: [value], unit, limitMs: 60_000 });

test.for<[value: number | undefined, unit: Unit, expected: string]>([
  [1_234, 's', '1.23 s'],
  [0.784, 'ms', '0.78 ms'],
  [-3.5, 'ms', '-3.50 ms'],
  [123.4, 'ms', '123 ms'],
  [34.6, 'MB', '35 MB'],
  [41.23, '%', '41.2 %'],
  [12, '', '12'],
  [2.66, '', '2.7'],
  [Infinity, 's', 'not within 60 s'],
  [undefined, 's', '–'],
  [NaN, 'ms', '–'],
])('%s in %s is written %s', ([value, unit, expected]) => {
  expect(markdown(['a'], [row(value, unit)]).split('\n')[2]).toBe(`| x | ${expected} |`);
});

test('ratios are to the reference, where both were measured and are not mere counts; goals say whether they are met', () => {
  const rows: Row[] = [
    { what: 'up', values: [20_000, 2_000, 500], unit: 's', goal: { text: '≤ 1 s', met: true } },
    { what: 'cpu', values: [undefined, 0.5, 1.5], unit: 'ms', goal: { text: '≤ b', met: false } },
    { what: 'never', values: [1, Infinity, 1], unit: 's' },
    { what: 'count', values: [5, 10, 20], unit: '' },
  ];
  expect(markdown(['a', 'b', 'c'], rows, 1).split('\n')).toEqual([
    '|  | a | b | c | goal |',
    '|---|---|---|---|---|',
    '| up | 20.00 s (×10) | 2.00 s | 0.50 s (×0.25) | ≤ 1 s: met |',
    '| cpu | – | 0.50 ms | 1.50 ms (×3.0) | ≤ b: **not met** |',
    '| never | 0.00 s | never | 0.00 s |  |',
    '| count | 5 | 10 | 20 |  |',
  ]);
});
