// Answers made to keep a regex busy, against each shape that a pattern can have: the search ends, with a verdict or in words, before other
// checks notice. More patterns are made up.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matches, PatternTimeout } from '../../src/checks/match.ts';
import { type Pattern, translatePattern } from '../../src/config/perl-regex.ts';
import { IS_LONG, runsOf, SEED } from './runs.ts';

const RUNS = runsOf(300, 3_000);
const MEBIBYTE = 2 ** 20;
/** What an answer may keep other checks waiting, on a machine that is never quite idle. */
const DELAY_MS = 75;
/** A machine that pauses makes anything slow once; a pattern is slow each time. */
const ATTEMPTS = 8;

const SHAPES: readonly (readonly [shape: string, pattern: string])[] = [
  ['a text', 'needle'],
  ['a text that almost comes', 'aaaaaaaaaaaaaaab'],
  ['the empty pattern', ''],
  ['an anchor at the start', '^a*b'],
  ['an anchor at the end', 'a*$'],
  ['an anchor at the end, behind a text', 'ab$'],
  ['anything, twice', 'a.*a.*b'],
  ['anything, many times', 'a.*a.*a.*a.*a.*b'],
  ['anything at the start', '.*b.*c'],
  ['lazily', 'a.*?a.*?a.*?b'],
  ['repetitions of repetitions', '(a+)+$'],
  ['repetitions of repetitions of repetitions', '((a*)*)*b'],
  ['a choice that overlaps', '(a|a)*b'],
  ['a choice of one and two', '(?:a|aa)+$'],
  ['a choice of dots', '(.|.)*c'],
  ['a choice of many texts', '(?:aaaa|aaab|aaac|aaad)x'],
  ['blanks before the end', '\\s+$'],
  ['blanks, twice', '\\s*\\s*x'],
  ['words', '(\\w+\\s*)+:'],
  ['an address', '^(([a-z])+.)+[A-Z]([a-z])+$'],
  ['numbers', '(\\d+)*x'],
  ['numbers with points', '^(\\d+\\.?)+$'],
  ['counted', '(a{1,30}){1,30}b'],
  ['counted, without a limit', '(?:a{2,}){2,}b'],
  ['optional, many times', `${'a?'.repeat(25)}${'a'.repeat(25)}`],
  ['a reference back', '(.+)\\1b'],
  ['references back', '(.*)(.*)(.*)\\3\\2\\1x'],
  ['looking ahead', '(?=(a+))a*b'],
  ['looking ahead at all', '(?:(?!b).)*c'],
  ['classes', '[a-z]+[a-z]+[0-9]'],
  ['classes that exclude', '[^b]*[^c]*b\\z'],
  ['without regard to case', '(?i)(a|A)*b'],
  ['over lines', '(?s).*\\n.*\\n.*x'],
  ['at the start of lines', '(?m)^(\\s*a*)*$x'],
  ['edges of words', '(\\b\\w*\\b)*x'],
  ['HTML', '<(\\w+)[^>]*>.*</\\1>'],
  ['a status', 'status["\':\\s]+(ok|up|healthy)+\\s*$'],
];

/** Each is repeated to a length, and ends in something else. */
const UNITS = ['a', ' ', 'a\n', ...(IS_LONG ? ['\n', 'ab', 'aa b', 'A', '1', '1.', '<a>', '\xe9', 'status: ok '] : [])];
const LENGTHS = [2_000, MEBIBYTE, ...(IS_LONG ? [30, 65_536] : [])];

function bodiesOf(unit: string): Buffer[] {
  return LENGTHS.map((length) => Buffer.concat([Buffer.alloc(length, unit, 'latin1'), Buffer.from('\x01')]));
}

function pattern(text: string): Pattern {
  const translated = translatePattern(text);
  if ('problem' in translated) throw new Error(`${text}: ${translated.problem.message}`);
  return translated.pattern;
}

/** Milliseconds of the quickest of some attempts. */
function timeOf(searched: Pattern, body: Buffer): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && least > DELAY_MS; attempt += 1) {
    const began = performance.now();
    try {
      matches(searched, body);
    } catch (error) {
      if (!(error instanceof PatternTimeout)) throw error;
    }
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

describe.each(SHAPES)('%s', (_shape, text) => {
  test.each(UNITS)('against %j', { timeout: 60_000 }, (unit) => {
    const searched = pattern(text);
    for (const body of bodiesOf(unit)) expect(timeOf(searched, body)).toBeLessThan(DELAY_MS);
  });
});

/** Any pattern of a few parts. */
const patterns: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '\\s', '\\w', '[ab]', '[^b]', '\\d', '^', '$', '\\b', ' '),
    fc.tuple(tie('node'), tie('node')).map((parts) => parts.join('')),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(?:${one}|${other})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '*?', '+?', '{2,}', '{1,20}', '{3}'))
      .map(([node, times]) => `(${node})${times}`),
    tie('node').map((node) => `(?=${node})`),
  ),
})).node;

test('any other', { timeout: 60_000 + 200 * RUNS }, () => {
  const units = fc.array(fc.constantFrom('a', 'b', ' ', '\n', '1', 'ab', 'x'), { minLength: 1, maxLength: 3 });
  const property = fc.property(
    patterns,
    units,
    fc.constantFrom(...LENGTHS),
    fc.boolean(),
    (text, unit, length, ends) => {
      const translated = translatePattern(text);
      if ('problem' in translated) return;
      const body = Buffer.concat([Buffer.alloc(length, unit.join('')), Buffer.from(ends ? '\x01' : '')]);
      expect(timeOf(translated.pattern, body)).toBeLessThan(DELAY_MS);
    },
  );
  fc.assert(property, { numRuns: RUNS, ...SEED });
});
