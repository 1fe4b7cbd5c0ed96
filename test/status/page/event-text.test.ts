// Server-sent events, however the stream cuts them.
import { expect, test } from 'vitest';
import { EventText } from '../../../src/status/page/client/event-text.ts';

function heard(...pieces: readonly string[]): unknown[] {
  const all: unknown[] = [];
  const text = new EventText((name, data) => all.push([name, data]));
  for (const piece of pieces) text.add(piece);
  return all;
}

const STREAM = 'retry: 2000\nevent: hello\ndata: {"pid":1}\n\n: nothing\n\nevent: alive\ndata: {"now":2}\n\n';
const HEARD = [
  ['hello', { pid: 1 }],
  ['alive', { now: 2 }],
];

test.for([1, 2, 3, 7, 50])('in pieces of %i characters', (size) => {
  const crlf = STREAM.replaceAll('\n', '\r\n');
  for (const stream of [STREAM, crlf]) {
    const pieces = stream.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
    expect(heard(...pieces)).toEqual(HEARD);
  }
});

test.for([
  ['data over lines', 'event: a\ndata: [1,\ndata: 2]\n\n', [['a', [1, 2]]]],
  ['no name', 'data: 1\n\n', [['message', 1]]],
  ['no data', 'event: a\n\n', []],
  ['no blank after the colon', 'event:a\ndata:1\n\n', [['a', 1]]],
  ['not ended', 'event: a\ndata: 1\n', []],
] as const)('%s', ([, text, expected]) => {
  expect(heard(text)).toEqual(expected);
});

test('what is no stream of ours is an error, and takes no memory', () => {
  expect(() => heard('data: <html>\n\n')).toThrow();
  expect(() => heard(...Array.from({ length: 20 }, () => 'x'.repeat(100_000)))).toThrow('without an end');
});
