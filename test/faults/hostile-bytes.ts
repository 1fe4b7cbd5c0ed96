// What hostile servers make of a right answer: bytes changed, lost, repeated or put in, numbers that are too large, and noise.
import fc from 'fast-check';

/** What parsers stumble over: ends of lines and texts, signs, lengths, and what a terminal obeys. */
const TOKENS: readonly Buffer[] = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    ':',
    '-',
    '*',
    '(',
    '"',
    '\r\n\r\n',
    '100',
    '-1',
    '4294967295',
    '99999999999999999999',
  ],
  ...['\x1b[2J', '\x1b]0;x\x07', '\x9b31m', '\u2028', '\u202e', '\u{1f4a9}', '%s%n', '__proto__', '{{', 'NaN', '1e309'],
  ...[
    'HTTP/1.1 100 \r\n\r\n',
    '250-x\r\n',
    '* OK\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Location: \x00\r\n',
    '*3\r\n',
  ],
].map((text) => Buffer.from(text));
const NUMBERS: readonly Buffer[] = [
  ...[[0], [0x7f], [0x80], [0xff], [0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0]],
  ...[
    [0, 0, 0, 0],
    [0xc0, 0x0c],
    [0x84, 0xff, 0xff, 0xff, 0xff],
    [0x30, 0x80],
    [0xfb],
    [0xfe, 0, 0],
    [0xfd, 0xff, 0xff],
  ],
].map((bytes) => Buffer.from(bytes));

type Change = (bytes: Buffer) => Buffer;

/** A place in bytes of any length. */
const place = fc.nat(0xffff);
const at = (bytes: Buffer, where: number): number => (bytes.length === 0 ? 0 : where % (bytes.length + 1));

function splice(bytes: Buffer, start: number, end: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]);
}

export const noise: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

const replaced: fc.Arbitrary<Change> = noise.map((bytes) => () => bytes);
const cut: fc.Arbitrary<Change> = place.map((where) => (bytes) => bytes.subarray(0, at(bytes, where)));
const lost: fc.Arbitrary<Change> = fc.tuple(place, fc.integer({ min: 1, max: 20 })).map(
  ([where, length]) =>
    (bytes) =>
      splice(bytes, at(bytes, where), at(bytes, where) + length, Buffer.alloc(0)),
);
const put: fc.Arbitrary<Change> = fc
  .tuple(place, fc.oneof(fc.constantFrom(...TOKENS), fc.constantFrom(...NUMBERS), noise), fc.boolean())
  .map(([where, token, over]) => (bytes) => {
    const start = at(bytes, where);
    return splice(bytes, start, over ? start + token.length : start, token);
  });
const flipped: fc.Arbitrary<Change> = fc
  .tuple(place, fc.integer({ min: 1, max: 255 }))
  .map(([where, mask]) => (bytes) => {
    if (bytes.length === 0) return bytes;
    const changed = Buffer.from(bytes);
    const index = where % bytes.length;
    changed[index] = (changed[index] ?? 0) ^ mask;
    return changed;
  });
const repeated: fc.Arbitrary<Change> = fc
  .tuple(place, fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 2, 10, 100, 2000))
  .map(([where, length, times]) => (bytes) => {
    const start = at(bytes, where);
    const part = bytes.subarray(start, start + length);
    return splice(bytes, start, start, Buffer.concat(new Array<Buffer>(times).fill(part)));
  });

/** One to four changes, one after the other. */
export const changes: fc.Arbitrary<Change> = fc
  .array(
    fc.oneof(
      { arbitrary: flipped, weight: 4 },
      { arbitrary: put, weight: 4 },
      { arbitrary: cut, weight: 2 },
      { arbitrary: lost, weight: 2 },
      { arbitrary: repeated, weight: 1 },
      { arbitrary: replaced, weight: 1 },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((list) => (bytes) => list.reduce((changed, change) => change(changed), bytes));
