// How a diagnostic looks.
import { expect, test } from 'vitest';
import {
  errorAt,
  formatDiagnostic,
  inFileOrder,
  Problem,
  problemToError,
  warningAt,
} from '../../src/config/diagnostic.ts';

const at = (column: number, length = 1, line = 1) => ({ line, column, length });
const underline = (source: string, column: number, length: number) =>
  formatDiagnostic(errorAt(at(column, length), 'x'), { file: 'f', lines: [source] })
    .split('\n')
    .slice(1)
    .map((row) => row.slice(8));

test('file, line and column; the line; the underline; the hint', () => {
  const found = errorAt(at(5, 3), 'what is wrong', 'what to do');
  expect(formatDiagnostic(found, { file: 'a.cf', lines: ['abc def ghi'] })).toBe(
    `a.cf:1:5: error: what is wrong
    1 | abc def ghi
      |     ^^^
      = what to do`,
  );
});

test.each([
  ['abc', 1, 1, '^'],
  ['abc', 2, 9, ' ^^'],
  ['abc', 4, 1, '   ^'],
  ['', 1, 1, '^'],
  ['\tabc', 2, 3, '\t^^^'],
  ['\t\ta\tb', 5, 1, '\t\t \t^'],
  ['é\u4e16x', 3, 1, '  ^'],
])('%j is underlined at %d for %d', (source, column, length, expected) => {
  expect(underline(source, column, length)).toEqual([source, expected]);
});

test('control characters do not reach the terminal', () => {
  expect(underline('a\u001b[31mb\u009b\u0007', 2, 1)).toEqual(['a\ufffd[31mb\ufffd\ufffd', ' ^']);
});

test.each([
  [1, 0],
  [100, 60],
  [500, 60],
  [1000, 200],
])('of a long line the part round column %d is shown', (column, expected) => {
  const source = Array.from({ length: 1000 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join('');
  const [shown = '', marks = ''] = underline(source, column, 1);
  expect(shown.length).toBeLessThanOrEqual(202);
  expect(shown[marks.indexOf('^')]).toBe(source[column - 1]);
  expect(marks.indexOf('^')).toBe(expected);
});

test('long quotations are cut', () => {
  expect(errorAt(at(1), `"${'x'.repeat(500)}" is too much`).message).toBe(`"${'x'.repeat(59)}…" is too much`);
});

test('a line that is not there is left out', () => {
  expect(formatDiagnostic(warningAt(at(1, 1, 9), 'x'), { file: 'f', lines: [] })).toBe('f:9:1: warning: x');
});

test.each([
  [errorAt(at(2), 'x'), '\x1b[1mf:1:2:\x1b[0m \x1b[1;31merror:\x1b[0m x\n    1 | ab\n      |  \x1b[1;31m^\x1b[0m'],
  [warningAt(at(2), 'x'), '\x1b[1mf:1:2:\x1b[0m \x1b[1;33mwarning:\x1b[0m x\n    1 | ab\n      |  \x1b[1;33m^\x1b[0m'],
])('in colour', (found, expected) => {
  expect(formatDiagnostic(found, { file: 'f', lines: ['ab'], color: true })).toBe(expected);
});

test('in the order of the file', () => {
  const found = [at(1, 1, 3), at(5, 1, 1), at(2, 1, 1)].map((place) => errorAt(place, 'x'));
  expect(inFileOrder(found).map(({ line, column }) => [line, column])).toEqual([
    [1, 2],
    [1, 5],
    [3, 1],
  ]);
});

test('only problems become diagnostics', () => {
  expect(problemToError(new Problem(at(1), 'x', 'y'))).toEqual({
    severity: 'error',
    ...at(1),
    message: 'x',
    hint: 'y',
  });
  expect(() => problemToError(new TypeError('a bug'))).toThrow('a bug');
});
