// Where a reply of Redis ends (RESP2), however deep it is. Measured before ioredis sees it, whose parser allocates what a server
// tells it to expect.
import { CheckFailure } from '../errors.ts';
import type { Framing } from './guard.ts';

const [CR, LF] = [0x0d, 0x0a];
/** Of all arrays of an answer together: more of them would hold the event loop for longer than other checks may wait. */
const MAX_ELEMENTS = 10_000;

export function createRedisFraming(): Framing {
  // How far the reply has been read, and how many values it still lacks there.
  let at = 0;
  let missing = 1;
  let announced = 0;
  return {
    protocol: 'Redis',
    measure(bytes) {
      while (missing > 0) {
        if (at > bytes.length) return at;
        const value = valueAt(bytes, at);
        if (value === 'unknown' || value === 'wrong') return value;
        at += value.size;
        missing += value.elements - 1;
        announced += value.elements;
        if (announced > MAX_ELEMENTS) {
          throw new CheckFailure(`the server announces ${announced} elements in one answer (limit ${MAX_ELEMENTS})`);
        }
      }
      const length = at;
      at = 0;
      missing = 1;
      announced = 0;
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
