// Where a reply of Redis ends (RESP2), however deep it is. Measured before ioredis sees it, whose parser allocates what a server
// tells it to expect.
import { type Framing, MAX_BYTES } from './guard.ts';

const [CR, LF] = [0x0d, 0x0a];
/** A server could not send more elements than that: the shortest has a sign and an end of line. */
const MAX_ELEMENTS = MAX_BYTES / 3;

export function createRedisFraming(): Framing {
  // How far the reply has been read, and how many values it still lacks there.
  let at = 0;
  let missing = 1;
  return {
    protocol: 'Redis',
    measure(bytes) {
      while (missing > 0) {
        if (at > bytes.length) return at;
        const value = valueAt(bytes, at);
        if (value === 'unknown' || value === 'wrong') return value;
        at += value.size;
        missing += value.elements - 1;
        if (missing > MAX_ELEMENTS) return 'wrong';
      }
      const length = at;
      at = 0;
      missing = 1;
      return length;
    },
  };
}

/** @returns an array's size is that of its first line, and its elements follow */
function valueAt(bytes: Buffer, at: number): { size: number; elements: number } | 'unknown' | 'wrong' {
  if (at === bytes.length) return 'unknown';
  const type = String.fromCharCode(bytes[at] ?? 0);
  if (!'+-:$*'.includes(type)) return 'wrong';
  const end = bytes.indexOf(CR, at);
  if (end < 0 || end + 1 === bytes.length) return 'unknown';
  if (bytes[end + 1] !== LF) return 'wrong';
  const size = end + 2 - at;
  if (type !== '$' && type !== '*') return { size, elements: 0 };
  const number = bytes.toString('latin1', at + 1, end);
  if (number === '-1') return { size, elements: 0 };
  if (!/^\d{1,9}$/.test(number)) return 'wrong';
  return type === '*' ? { size, elements: Number(number) } : { size: size + Number(number) + 2, elements: 0 };
}
