// Widths, cutting, filling, breaking; what a terminal is taken to have.
import { describe, expect, test } from 'vitest';
import { columnsOf, cut, fill, lookOf, plain, wantsColor, wrap } from '../../src/status/columns.ts';

test.for([
  ['', 0],
  ['abc', 3],
  ['größe', 5],
  ['e\u0301', 1],
  ['日本', 4],
  ['한', 2],
  ['ａ', 2],
  ['✅ ok', 5],
  ['🚀', 2],
  ['🩷', 2],
  ['…▶', 2],
] as const)('%s takes %i columns', ([text, columns]) => {
  expect(columnsOf(text)).toBe(columns);
});

test.for([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['abc', 1, '…'],
  ['abc', 0, ''],
  ['abc', -5, ''],
  ['', 0, ''],
  ['日本語', 6, '日本語'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['日本語', 2, '…'],
] as const)('%j cut to %i is %j', ([text, width, expected]) => {
  expect(cut(text, width, true)).toBe(expected);
  expect(columnsOf(cut(text, width, false))).toBe(columnsOf(expected));
});

test('without UTF-8 a tilde says that something is cut off', () => {
  expect(cut('abcd', 3, false)).toBe('ab~');
});

test.for([
  ['a', 3, 'start', 'a  '],
  ['a', 3, 'end', '  a'],
  ['日', 3, 'start', '日 '],
  ['abcd', 3, 'start', 'abcd'],
] as const)('%j filled up to %i at the %s', ([text, width, side, expected]) => {
  expect(fill(text, width, side)).toBe(expected);
});

test.for([
  ['one two', 7, ['one two']],
  ['one two', 6, ['one', 'two']],
  ['one two three', 7, ['one two', 'three']],
  ['abcdefgh', 3, ['abc', 'def', 'gh']],
  ['x abcdefgh y', 3, ['x', 'abc', 'def', 'gh', 'y']],
  ['日本語', 3, ['日', '本', '語']],
  ['日本', 1, ['日', '本']],
  ['', 5, ['']],
  ['a b', Number.POSITIVE_INFINITY, ['a b']],
] as const)('%j in lines of %i', ([text, width, lines]) => {
  expect(wrap(text, width)).toEqual(lines);
});

describe('text from outside', () => {
  test.for([
    ['plain', true, 'plain'],
    ['\x1b[2Jgone', true, '\\x1b[2Jgone'],
    ['\x9b2J', true, '\\x9b2J'],
    ['a\nb\tc', true, 'a\\nb\\tc'],
    ['\u202egnp.exe', true, '\\u{202e}gnp.exe'],
    ['größe', true, 'größe'],
    ['größe', false, 'gr??e'],
    ['🚀', false, '?'],
    ['x'.repeat(400), true, `${'x'.repeat(300)}…`],
    ['x'.repeat(400), false, `${'x'.repeat(300)}...`],
  ] as const)('%j, unicode %s', ([text, unicode, expected]) => {
    expect(plain(text, { unicode })).toBe(expected);
  });
});

describe('what a terminal has', () => {
  const TTY = { isTTY: true, columns: 100, hasColors: () => true };
  test.for<[string, Parameters<typeof wantsColor>[0], Record<string, string>, boolean]>([
    ['a terminal', TTY, { TERM: 'xterm' }, true],
    ['NO_COLOR', TTY, { TERM: 'xterm', NO_COLOR: '1' }, false],
    ['NO_COLOR that is empty', TTY, { TERM: 'xterm', NO_COLOR: '' }, true],
    ['dumb', TTY, { TERM: 'dumb' }, false],
    ['no TERM', TTY, {}, false],
    ['a terminal without colours', { ...TTY, hasColors: () => false }, { TERM: 'vt100' }, false],
    ['a pipe', { columns: 100 }, { TERM: 'xterm' }, false],
  ])('colours: %s', ([, stream, env, expected]) => {
    expect(wantsColor(stream, env)).toBe(expected);
  });

  test.for<[Record<string, string>, boolean]>([
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'de_DE.utf8' }, true],
    [{ LANG: 'C.UTF-8', LC_ALL: 'C' }, false],
    [{ LANG: 'C.UTF-8', LC_CTYPE: 'POSIX' }, false],
    [{}, false],
  ])('UTF-8: %j', ([env, unicode]) => {
    expect(lookOf(TTY, env)).toMatchObject({ width: 100, unicode });
  });

  test('80 columns when it does not tell; no width at all for a file', () => {
    expect(lookOf({ isTTY: true, columns: 0 }, {}).width).toBe(80);
    expect(lookOf({}, {})).toEqual({ width: Number.POSITIVE_INFINITY, color: false, unicode: true });
  });
});
