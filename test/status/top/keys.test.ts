// What a terminal sends -> keys; in one piece, in parts, and pasted.
import { describe, expect, test } from 'vitest';
import { type Key, KeyReader } from '../../../src/status/top/keys.ts';

test.for<[string, Key[]]>([
  ['q', ['q']],
  ['dy', ['d', 'y']],
  ['\r', ['enter']],
  ['\n', ['enter']],
  ['\x7f\b', ['backspace', 'backspace']],
  ['\x03\x1a\x0c', ['ctrl-c', 'ctrl-z', 'ctrl-l']],
  ['\x02\x06\x15\x04\x10\x0e', ['page-up', 'page-down', 'page-up', 'page-down', 'up', 'down']],
  ['\x1b[A\x1bOA\x1b[B\x1bOB', ['up', 'up', 'down', 'down']],
  ['\x1b[5~\x1b[6~', ['page-up', 'page-down']],
  ['\x1b[H\x1bOH\x1b[1~\x1b[F\x1bOF\x1b[4~', ['home', 'home', 'home', 'end', 'end', 'end']],
  ['ö日🚀', ['ö', '日', '🚀']],
  ['\x01\x05\x00', []],
  // Left and right, F5, Alt-d, a mouse, an answer about the terminal: nothing that we know, and no key d.
  ['\x1b[D\x1b[C\x1b[15~\x1bd\x1b[<0;3;4M\x1b[?62;22cq', ['q']],
  ['\x1b🚀q', ['q']],
  ['\x1b\x1b[A', ['escape', 'up']],
])('%j', ([text, keys]) => {
  const reader = new KeyReader();
  expect(reader.read(text)).toEqual(keys);
  expect(reader.patienceMs).toBeUndefined();
});

describe('in parts', () => {
  test.for<[string[], Key[]]>([
    [['\x1b', '[A'], ['up']],
    [['\x1b[', 'A'], ['up']],
    [
      ['\x1b[5', '~q'],
      ['page-up', 'q'],
    ],
    [
      ['j\x1bO', 'Bj'],
      ['j', 'down', 'j'],
    ],
    [
      ['\x1b[20', '0~dy\x1b[20', '1~q'],
      [{ pasted: 'dy' }, 'q'],
    ],
  ])('%j', ([parts, keys]) => {
    const reader = new KeyReader();
    expect(parts.flatMap((part) => reader.read(part))).toEqual(keys);
    expect(reader.patienceMs).toBeUndefined();
  });

  test('a character at a time is the same as all at once', () => {
    const text = 'j\x1b[A\x1b[200~a\x1b[Bdy🚀\x1b[201~\x1b[6~ö\x1bOHq';
    const reader = new KeyReader();
    expect([...text].flatMap((character) => reader.read(character))).toEqual(new KeyReader().read(text));
  });
});

describe('what nothing follows', () => {
  test('Escape is the key, soon', () => {
    const reader = new KeyReader();
    expect(reader.read('\x1b')).toEqual([]);
    expect(reader.patienceMs).toBeLessThanOrEqual(100);
    expect(reader.flush()).toEqual(['escape']);
    expect(reader.patienceMs).toBeUndefined();
    expect(reader.flush()).toEqual([]);
    expect(reader.read('[A')).toEqual(['[', 'A']);
  });

  test('the beginning of a sequence is none, later', () => {
    const reader = new KeyReader();
    expect(reader.read('\x1b[1')).toEqual([]);
    expect(reader.patienceMs).toBeGreaterThan(100);
    expect(reader.flush()).toEqual([]);
    expect(reader.read('q')).toEqual(['q']);
  });

  test('a sequence without an end is dropped, and so is what it holds', () => {
    const reader = new KeyReader();
    expect(reader.read(`\x1b[${'1'.repeat(5_000)}`)).toEqual([]);
    expect(reader.patienceMs).toBeUndefined();
    expect(reader.read('q')).toEqual(['q']);
  });
});

describe('pasted text holds no keys', () => {
  test.for<[string, string]>([
    ['dy\nq\x03', 'dy\nq\x03'],
    ['\x1b[A', '\x1b[A'],
    ['', ''],
    ['d'.repeat(10_000), 'd'.repeat(4_096)],
  ])('%#', ([text, pasted]) => {
    expect(new KeyReader().read(`\x1b[200~${text}\x1b[201~q`)).toEqual([{ pasted }, 'q']);
  });

  test('not when it is long, and comes slowly', () => {
    const reader = new KeyReader();
    const keys = reader.read('\x1b[200~');
    for (let part = 0; part < 1_000; part++) {
      keys.push(...reader.read('drain y\n'));
      expect(reader.patienceMs).toBeGreaterThan(1_000);
    }
    keys.push(...reader.read('\x1b[201'), ...reader.read('~q'));
    expect(keys).toEqual([{ pasted: 'drain y\n'.repeat(512) }, 'q']);
  });

  test('without an end it is nothing, and Ctrl-C is heard', () => {
    const reader = new KeyReader();
    expect(reader.read('\x1b[200~dy')).toEqual([]);
    expect(reader.read('\x03')).toEqual(['ctrl-c']);
    expect(reader.read('\x1b[200~dy')).toEqual([]);
    expect(reader.flush()).toEqual([]);
    expect(reader.read('q')).toEqual(['q']);
  });
});
