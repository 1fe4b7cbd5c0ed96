// What a Perl pattern becomes, and how it is refused. That it means the same as in Perl: perl-regex.perl.test.ts.
import { describe, expect, test } from 'vitest';
import { type Pattern, type PatternProblem, translatePattern } from '../../src/config/perl-regex.ts';

function translated(text: string): Pattern {
  const result = translatePattern(text);
  if ('problem' in result) throw new Error(result.problem.message);
  return result.pattern;
}

function refused(text: string): PatternProblem {
  const result = translatePattern(text);
  if ('pattern' in result) throw new Error(`${text} became ${result.pattern.source}`);
  return result.problem;
}

describe('translation', () => {
  test.each([
    ['found', 'found'],
    ['OK|found', 'OK|found'],
    ['^OK', '^OK'],
    ['OK$', 'OK(?=\\n?$)'],
    ['OK\\Z', 'OK(?=\\n?$)'],
    ['\\AOK\\z', '^OK$'],
    ['(?m)^OK$', '(?:^|(?<=\\n)(?=[^]))OK(?=\\n|$)'],
    ['a.b', 'a[^\\n]b'],
    ['(?s)a.b', 'a[^]b'],
    ['a\\sb', 'a[\\x09-\\r ]b'],
    ['\\w\\d', '[0-9A-Z_a-z][0-9]'],
    ['a\\Rb', 'a(?:[\\n-\\x0c\\x85]|\\r(?:\\n|(?!\\n)))b'],
    ['[[:alpha:]_]', '[A-Z_a-z]'],
    ['[^a-c]', '[^a-c]'],
    ['(?i)ok 1', '[Oo][Kk] 1'],
    ['a(?i:b)c', 'a[Bb]c'],
    ['(?x) a b # both', 'ab'],
    ['(?#note)a', 'a'],
    ['Status: (up|ok)', 'Status: (?:up|ok)'],
    ['(a)(b)\\2', 'a(b)(?:\\1)'],
    ['(?<q>["\'])x\\k<q>', '(["\'])x(?:\\1)'],
    ['xa++b', 'x(?=(a+))(?:\\1)b'],
    ['(a)(?>b|bc)\\1d', '(a)(?=(b|bc))(?:\\2)(?:\\1)d'],
    ['xa{,3}b', 'xa{0,3}b'],
    ['x{', 'x\\{'],
    ['\\x41\\x{42}\\103\\o{104}', 'ABCD'],
    ['é', '\\xc3\\xa9'],
    ['[é]', '[\\xa9\\xc3]'],
    ['a\\Kb', 'ab'],
    // What stands at either end and may be empty is not needed.
    ['.*OK.*', 'OK'],
    ['\\s*OK\\s+', 'OK[\\x09-\\r ]'],
    ['(.*)x\\1', '([^\\n]*)x(?:\\1)'],
    ['.*', ''],
  ])('%s becomes %s', (text, source) => {
    expect(translated(text)).toMatchObject({ text, source, flags: '' });
  });

  test.each([
    ['found', 'found'],
    ['HTTP/1\\.1 200', 'HTTP/1.1 200'],
    ['.*found.*', 'found'],
    ['é', '\xc3\xa9'],
    ['', ''],
    ['^found', undefined],
    ['[Ff]ound', undefined],
    ['(?i)found', undefined],
  ])('%s is the plain string %s', (text, literal) => {
    expect(translated(text).literal).toBe(literal);
  });

  test.each([
    'found',
    'OK|found',
    '^OK',
    'Status: (up|ok)',
    '[Ff]ound',
    '(?i)ok',
    '\\bOK\\b',
    '^HTTP/1\\.[01] 200',
    '^\\s*OK',
    '.*OK.*',
    '(?i)content-type: text/(html|plain)',
  ])('%s needs no time limit', (text) => {
    expect(translated(text).safe).toBe(true);
  });

  test.each([
    'a\\s*b',
    'OK.*found',
    '(a+)+$',
    '(.)\\1',
    '[ab]{30}c',
    '^(?:a|aa)*b',
    '^a*a*b',
    '(a?b?){20}c',
    'a'.repeat(100),
  ])('%s runs under a time limit', (text) => {
    expect(translated(text).safe).toBe(false);
  });
});

describe('refusal', () => {
  test.each([
    ['a(b', 1, 1, '( is never closed', 'write \\( to match the bracket itself'],
    ['a)b', 1, 1, ') closes nothing', 'write \\) to match the bracket itself'],
    ['a[bc', 1, 1, '[ is never closed', 'write \\[ to match the bracket itself'],
    ['*.html', 0, 1, '* has nothing to repeat', 'write \\* to match it as it stands'],
    [
      'ab**',
      3,
      1,
      '* repeats what is already repeated',
      'put the first repetition into (?: ), or write \\* to match it as it stands',
    ],
    ['ab\\', 2, 1, 'the pattern ends in a backslash', 'write \\\\ to match a backslash'],
    ['[z-a]', 1, 3, 'the range z-a runs backwards', 'write the lower end first, or \\- to match a minus sign'],
    [
      '[[:alhpa:]]',
      1,
      9,
      'there is no class [:alhpa:]',
      'known are alpha, digit, alnum, upper, lower, punct, print, graph, cntrl, space, blank, word, xdigit, ascii; ' +
        'write \\[ to match the bracket itself',
    ],
    ['\\d{x}', 2, 1, '{ is neither a repetition nor text here', 'write \\{ to match it'],
    ['a{3,2}', 1, 5, '{3,2} can never match: the first number is greater than the second', undefined],
    ['a{65535}', 1, 7, '{65535} repeats more often than Perl can: at most 65534 times', undefined],
    ['(a)\\2', 3, 2, 'there is no group 2: the pattern has 1', undefined],
    ['\\k<x>', 0, 5, 'there is no group named x', undefined],
    [
      '\\Qa.b\\E',
      0,
      2,
      '\\Q does nothing in a pattern that is read from a file: Perl takes it as the letter Q',
      'write a backslash before each special character instead',
    ],
    [
      '\\p{L}',
      0,
      2,
      '\\p asks for Unicode properties, but an answer is matched byte by byte',
      'write a class such as [[:alpha:]] or [A-Za-z]',
    ],
    [
      'a\\x{20ac}',
      1,
      8,
      '\\x{20ac} is not a byte: an answer is matched byte by byte, 0 to 255',
      'write the character itself: its UTF-8 bytes are matched',
    ],
    ['a(?{ 1 })', 1, 3, '(?{ runs Perl code, which Perl itself refuses here', undefined],
    ['(?R)', 0, 3, '(?R runs another part of the pattern, which cannot be translated', 'write that part out'],
    [
      '(?|a|b)',
      0,
      3,
      '(?| numbers groups anew in each branch, which cannot be translated',
      'write (?: ) and no reference',
    ],
    [
      '(a)|b\\1',
      5,
      2,
      'this back-reference can be reached before its group has matched, or in another turn of a repetition: ' +
        'that cannot be translated exactly',
      'put the group directly before it, outside of |, ? and *, or write out what it should match',
    ],
    [
      '(?i)(a)\\1',
      7,
      2,
      'a back-reference under (?i) cannot be translated exactly',
      'end (?i) before it, for instance as (?i:...)',
    ],
    ['x(?<=a*)b', 1, 7, 'a lookbehind can be at most 255 bytes long', 'leave out *, + and back-references inside it'],
    ['(?q)a', 0, 3, 'q is not a flag that can be used here', 'known are i, m, s, x and n'],
    // Counted in characters as written, not in bytes.
    ['é€(', 2, 1, '( is never closed', 'write \\( to match the bracket itself'],
    ['😀a**', 4, 1, '* repeats what is already repeated', expect.any(String)],
    ['é\\cé', 1, 2, '\\c is not followed by a letter', 'write \\cA for control-A'],
    ['[é-z]', 1, 3, 'the range \\xa9-z runs backwards', expect.any(String)],
    ['(?:é)?+(?=é|ü*', 7, 1, '( is never closed', expect.any(String)],
  ])('%s', (text, offset, length, message, hint) => {
    const problem = hint === undefined ? { offset, length, message } : { offset, length, message, hint };
    expect(refused(text)).toEqual(problem);
  });

  test('a pattern that is too long or too deep', () => {
    expect(refused('é'.repeat(2049))).toEqual({
      offset: 0,
      length: 2049,
      message: 'a pattern can be at most 4096 bytes long',
    });
    expect(refused('('.repeat(101)).message).toBe('groups are nested more than 100 deep');
  });
});
