// Lines: what is indented, where key, value and comment stand.
import { expect, test } from 'vitest';
import { readLines, splitLines } from '../../src/config/lines.ts';

/** `>` when indented, key and value with their columns, then what was wrong. */
function shown(raw: string): string {
  const { lines, diagnostics } = readLines([raw]);
  const [entry] = lines;
  const told = diagnostics.map(({ column, length, message }) => ` ${column}+${length} ${message}`).join('');
  if (entry === undefined || entry.broken) return `${entry === undefined ? 'nothing' : 'broken'}${told}`;
  const { indented, key, value } = entry;
  return `${indented ? '>' : ''}${key.text}@${key.column} ${value === undefined ? '-' : `${value.text}@${value.column}+${value.length}`}${told}`;
}

test.each([
  ['a=b', 'a@1 b@3+1'],
  ['a = b c  ', 'a@1 b c@5+3'],
  ['a\t=\tb', 'a@1 b@5+1'],
  ['\ta = b', '>a@2 b@6+1'],
  ['    a = b', '>a@5 b@9+1'],
  ['  \ta = b', '>a@4 b@8+1'],
  ['a = b = c', 'a@1 b = c@5+5'],
  ['a =', 'a@1 @3+1'],
  ['a = # b', 'a@1 @3+1'],
  ['a', 'a@1 -'],
  ['a = b # c', 'a@1 b@5+1'],
  ['a = "b # c" # d', 'a@1 "b # c"@5+7'],
  ['a = "b\\" # c" # d', 'a@1 "b\\" # c"@5+9'],
  ['a = "b # c', 'a@1 "b # c@5+6'],
  ['a = b#c', 'a@1 b@5+1 6+2 everything from this # on is a comment'],
  ['a = "b"# c', 'a@1 "b"@5+3 8+3 everything from this # on is a comment'],
  ['', 'nothing'],
  [' \t ', 'nothing'],
  ['# a = b', 'nothing'],
  ['  # a = b', 'nothing'],
  ['# \u0007\ufffd', 'nothing'],
  [' a = b', 'broken 1+1 this line is indented by 1 space'],
  ['   a = b', 'broken 1+3 this line is indented by 3 spaces'],
  ['= b', 'broken 1+1 the name before the = is missing'],
  ['\t= b', 'broken 2+1 the name before the = is missing'],
  ['a b = c', 'broken 1+3 this is not a directive'],
  ['a b', 'broken 1+3 this is not a directive'],
  ['a = b\u0007c', 'broken 6+1 this line holds a control character'],
  ['a = b\u009bc', 'broken 6+1 this line holds a control character'],
  ['a = b\ufffdc', 'broken 6+1 this line holds bytes that are not UTF-8'],
])('%j', (raw, expected) => {
  expect(shown(raw)).toBe(expected);
});

test.each([
  ['a\nb', ['a', 'b']],
  ['a\r\nb\r\n', ['a', 'b', '']],
  ['\ufeffa', ['a']],
  ['', ['']],
])('%j is split', (text, expected) => {
  expect(splitLines(text)).toEqual(expected);
});
