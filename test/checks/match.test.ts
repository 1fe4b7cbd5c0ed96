// How a pattern is run: on bytes, and never for longer than its limit.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { matches, PatternTimeout } from '../../src/checks/match.ts';
import { type Pattern, translatePattern } from '../../src/config/perl-regex.ts';
import { usedMs } from '../loop-holds.ts';

function pattern(text: string): Pattern {
  const result = translatePattern(text);
  if ('problem' in result) throw new Error(result.problem.message);
  return result.pattern;
}

const MEBIBYTE = 2 ** 20;

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  ['found', 'it was found here', true],
  ['found', 'it was lost', false],
  ['', '', true],
  ['', 'anything', true],
  ['.*', '', true],
  ['^OK', 'OK\r\n', true],
  ['^OK', 'not OK', false],
  ['OK$', 'OK\n', true],
  ['OK.*found', 'OK, it is found', true],
  ['OK.*found', 'OK\nfound', false],
  ['(.)\\1', 'abba', true],
])('%s in %j: %s', (text, body, expected) => {
  expect(matches(pattern(text), Buffer.from(body))).toBe(expected);
});

test.each([
  ['é', Buffer.from('café'), true],
  ['é', Buffer.from('café', 'latin1'), false],
  ['\\xe9$', Buffer.from('café', 'latin1'), true],
  ['[\\x80-\\xff]\\x00', Buffer.from([0xff, 0x00]), true],
  ['^[^\\x00]*x', Buffer.from([0x01, 0x00, 0x78]), false],
])('%s sees bytes', (text, body, expected) => {
  expect(matches(pattern(text), body)).toBe(expected);
});

describe('a pattern that backtracks without end', () => {
  test.each([
    ['(a+)+$', 'a'.repeat(40).concat('b')],
    ['(?:a|aa)+$', 'a'.repeat(100).concat('b')],
    ['x\\s*\\s*y', `x${' '.repeat(MEBIBYTE)}`],
    ['(.*)(.*)(.*)(.*)\\4\\3x', 'a'.repeat(1000)],
    ['a.*b.*c.*d', 'abc'.repeat(5000)],
  ])('%s is stopped', (text, body) => {
    expect(() => matches(pattern(text), Buffer.from(body))).toThrow(PatternTimeout);
  });

  test('says so in a way that can be told apart', () => {
    expect(() => matches(pattern('(a+)+$'), Buffer.from(`${'a'.repeat(40)}b`), 5)).toThrow(
      expect.objectContaining({
        name: 'PatternTimeout',
        code: 'PATTERN_TIMEOUT',
        message: 'the pattern is too much work for an answer of 41 bytes (limit 5 ms): use fewer *, + and {n,} in it',
      }),
    );
  });

  test('is stopped when it needs more memory than V8 gives', () => {
    const body = Buffer.alloc(8 * MEBIBYTE, 'a');
    expect(() => matches(pattern('(?:a|b|aa)*c'), body, 10_000)).toThrow(PatternTimeout);
  });

  test('is tried again while the process does not get to run', () => {
    const usage = vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 0, system: 0 });
    expect(() => matches(pattern('(a+)+$'), Buffer.from(`${'a'.repeat(40)}b`), 2)).toThrow(PatternTimeout);
    // Before each of ten attempts, and after all of them but the first and the last.
    expect(usage).toHaveBeenCalledTimes(18);
  });

  test('does no harm to the next one', () => {
    const bad = pattern('(a+)+$');
    expect(() => matches(bad, Buffer.from(`${'a'.repeat(40)}b`), 5)).toThrow(PatternTimeout);
    expect(matches(bad, Buffer.from('aaa'))).toBe(true);
    expect(matches(pattern('OK.*found'), Buffer.from('OK found'))).toBe(true);
  });
});

test('an answer larger than a pattern is safe for runs under the limit', () => {
  const safe = pattern('[Ff]ound');
  const body = Buffer.concat([Buffer.alloc(2 * MEBIBYTE, 'x'), Buffer.from('Found')]);
  expect(safe.safe).toBe(true);
  expect(matches(safe, body, 1000)).toBe(true);
});

test('a safe pattern is quick on the worst answers', () => {
  for (const text of ['[ab]{4}c', 'a?a?c', '^[ab]*c', '^\\s*OK', '(?i)content-type: text/(html|plain)']) {
    const safe = pattern(text);
    expect(safe.safe).toBe(true);
    for (const unit of ['a', 'ab', ' ', 'Content-Type: text/']) {
      const body = Buffer.alloc(MEBIBYTE, unit);
      const start = usedMs();
      matches(safe, body);
      // Some 15 ms.
      expect(usedMs() - start).toBeLessThan(500);
    }
  }
});
