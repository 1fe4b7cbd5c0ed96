// The words for how a server is, and for times.
import { describe, expect, test } from 'vitest';
import type { ServerSnapshot } from '../../src/status/snapshot.ts';
import {
  checkWords,
  checkWordsOf,
  healthWord,
  isUp,
  notesOf,
  ordersOf,
  painter,
  shortSpan,
  shortTally,
  span,
  tallyWords,
  took,
  wordSince,
} from '../../src/status/words.ts';
import { ago, DAEMON, daemon, server, virtual, without } from './snapshots.ts';

const kernel = (activeConnections: number) => ({
  kernel: { forwarding: 'masq', weight: 0, activeConnections, inactiveConnections: 9 } as const,
});
const drain = { override: { kind: 'drain', at: ago(30) }, heldDown: 'drained by the operator' } as const;
const disable = { override: { kind: 'disable', at: ago(31) }, heldDown: 'disabled by the operator' } as const;
const weight = { override: { kind: 'weight', weight: 9, at: ago(32) } } as const;
const maintenance = { heldDown: 'maintenance: file 10.0.0.2' } as const;
const failing = { outcome: 'down', detail: 'HTTP 500', at: ago(1), durationMs: 3 } as const;

const damping = (successesNeeded: number, successes: number) => ({
  ...{ downs: 3, firstDownAt: ago(50), lastDownAt: ago(10), successesNeeded, successes },
});
const FLAPS = (needed: number, soFar = ''): string =>
  `flaps: went down 3 times in 40 s; comes back after ${needed} successes in a row${soFar}`;

describe('a server', () => {
  test.for<[Partial<ServerSnapshot>, string, string, boolean, string[], number | undefined]>([
    [{}, 'up', 'green', true, [], 60],
    [{ failures: 2 }, 'up 2/3', 'yellow', true, ['2 of 3 failures in a row'], 60],
    [{ state: 'down' }, 'DOWN', 'red', false, [], 60],
    [{ state: 'down', damping: damping(4, 2) }, 'DOWN 2/4', 'red', false, [FLAPS(4, ' (2 so far)')], 60],
    [{ state: 'down', damping: damping(32, 0) }, 'DOWN 0/32', 'red', false, [FLAPS(32)], 60],
    [{ state: 'down', damping: damping(32, 31) }, 'DOWN31/32', 'red', false, [FLAPS(32, ' (31 so far)')], 60],
    [
      { damping: damping(32, 0), failures: 1 },
      ...(['up 1/3', 'yellow', true] as const),
      ['flapped: went down 3 times in 40 s; counts as steady after 32 successes in a row', '1 of 3 failures in a row'],
      60,
    ],
    [{ state: 'unknown' }, 'new', 'yellow', false, [], 60],
    [{ ...drain, ...kernel(3) }, 'draining', 'yellow', false, ['drained by the operator'], 30],
    [{ ...drain, ...kernel(0) }, 'drained', 'yellow', false, ['drained by the operator'], 30],
    [{ ...drain, state: 'down' }, 'drained', 'yellow', false, ['drained by the operator'], 30],
    [disable, 'disabled', 'yellow', false, ['disabled by the operator'], 31],
    [weight, 'up', 'green', true, ['weight 9 ordered, 1 configured'], 60],
    [{ ...weight, state: 'down' }, 'DOWN', 'red', false, ['weight 9 ordered, 1 configured'], 60],
    [maintenance, 'maint', 'yellow', false, ['maintenance: file 10.0.0.2'], undefined],
    [
      { ...weight, ...maintenance },
      'maint',
      'yellow',
      false,
      ['maintenance: file 10.0.0.2', 'weight 9 ordered, 1 configured'],
      undefined,
    ],
    [
      { ...drain, ...maintenance },
      'drained',
      'yellow',
      false,
      ['maintenance: file 10.0.0.2', 'drained by the operator'],
      30,
    ],
  ])('%j', ([more, word, tone, up, notes, since]) => {
    const shown = server('10.0.0.2:80', more);
    expect(healthWord(shown, 3)).toEqual({ word, tone });
    expect(isUp(shown)).toBe(up);
    expect(notesOf(shown, 3)).toEqual(notes);
    expect(wordSince(shown)).toBe(since === undefined ? undefined : ago(since));
  });

  test.for([
    [1, 10, 'up 1/10'],
    [99, 100, 'up 99/100'],
    [100, 1000, 'up, fails'],
  ] as const)('%i of %i failures are a word of nine characters at most', ([failures, of, word]) => {
    expect(healthWord(server('x', { failures }), of).word).toBe(word);
  });

  test.for<[ServerSnapshot, string, string]>([
    [server('x'), 'HTTP 200 OK', 'HTTP 200 OK'],
    [server('x', { failures: 1, lastCheck: failing }), 'fails: HTTP 500', 'fails: HTTP 500'],
    [server('x', { state: 'down', lastCheck: failing }), 'HTTP 500', 'HTTP 500'],
    [server('x', { state: 'down' }), 'passes: HTTP 200 OK', 'passes: HTTP 200 OK'],
    [server('x', { ...maintenance, state: 'down', lastCheck: failing }), 'HTTP 500', 'its checks say down: HTTP 500'],
    [
      without(server('x', { state: 'unknown', reason: 'not checked yet' }), 'lastCheck'),
      'not checked yet',
      'not checked yet',
    ],
  ])('what its check says %#', ([shown, words, wordsOfHeld]) => {
    expect(checkWords(shown)).toBe(words);
    expect(checkWordsOf(shown)).toBe(wordsOfHeld);
  });

  test('its failures are no order', () => {
    expect(ordersOf(server('x', { failures: 1, ...weight }))).toEqual(['weight 9 ordered, 1 configured']);
  });
});

test('all of them in a sentence, and in a line', () => {
  expect(tallyWords(DAEMON)).toBe(
    '3 of 8 real servers of 3 virtual services are up, 2 down, 1 not checked yet, 2 held out of service',
  );
  expect(shortTally(DAEMON)).toBe('3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out');
  expect(shortTally(daemon([virtual('tcp:1.2.3.4:80', [server('x')])]))).toBe('1 service, 1 server: 1 up');
  expect(shortTally(daemon([]))).toBe('0 services, 0 servers: 0 up');
});

test.for([
  [-5, '0 s', '0s'],
  [0, '0 s', '0s'],
  [59, '59 s', '59s'],
  [60, '1 min', '1m'],
  [3_599, '59 min', '59m'],
  [3_600, '1 h 0 min', '1h00m'],
  [7_500, '2 h 5 min', '2h05m'],
  [86_399, '23 h 59 min', '23h59m'],
  [90_000, '1 d 1 h', '1d01h'],
  [86_400 * 99.99, '99 d 23 h', '99d23h'],
  [86_400 * 100, '100 d 0 h', '100d'],
  [86_400 * 99_999, '99999 d 0 h', '99999d'],
] as const)('%i s are %s, or %s', ([seconds, long, short]) => {
  expect(span(seconds * 1000)).toBe(long);
  expect(shortSpan(seconds * 1000)).toBe(short);
  expect(short.length).toBeLessThanOrEqual(6);
});

test.for([
  [0, '0 ms'],
  [0.4, '0 ms'],
  [12.3, '12 ms'],
  [999.4, '999 ms'],
  [999.6, '1 s'],
  [1_540, '1.5 s'],
  [10_000, '10 s'],
] as const)('%f ms took %s', ([ms, text]) => {
  expect(took(ms)).toBe(text);
});

test('colours end where they end, and are not there when they are not wanted', () => {
  expect(painter(true)('red', 'x')).toBe('\x1b[31mx\x1b[0m');
  expect(painter(true)(undefined, 'x')).toBe('x');
  expect(painter(false)('red', 'x')).toBe('x');
});
