// How often a quantifier such as * or {2,3} repeats what stands before it.
import { type Reader, take } from './escapes.ts';
import { Refusal } from './tree.ts';

/** Perl's own limit. */
const MAX_REPEAT = 65_534;

/** A { } that is none of these is text. */
export const QUANTIFIER = /\*|\+|\?|\{[ \t]*(?:(\d+)[ \t]*(,)?[ \t]*(\d+)?|(,)[ \t]*(\d+))[ \t]*\}/;

export interface Bounds {
  readonly min: number;
  /** Infinity when unbounded. */
  readonly max: number;
}

/** Reads a quantifier without the ? or + that may follow; undefined when there is none. */
export function readBounds(reader: Reader): Bounds | undefined {
  const offset = reader.pos;
  const quantifier = take(reader, QUANTIFIER);
  if (quantifier === undefined) return undefined;
  const [written] = quantifier;
  const { min, max } = boundsOf(quantifier);
  const at = { offset, length: written.length };
  if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Number.POSITIVE_INFINITY)) {
    throw new Refusal(at, `${written} repeats more often than Perl can: at most ${MAX_REPEAT} times`);
  }
  if (min > max) {
    throw new Refusal(at, `${written} can never match: the first number is greater than the second`);
  }
  return { min, max };
}

function boundsOf(quantifier: RegExpExecArray): Bounds {
  const [written, low, comma, high, leadingComma, onlyHigh] = quantifier;
  if (written === '*') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (written === '+') return { min: 1, max: Number.POSITIVE_INFINITY };
  if (written === '?') return { min: 0, max: 1 };
  if (leadingComma !== undefined) return { min: 0, max: Number(onlyHigh) };
  const min = Number(low);
  if (high !== undefined) return { min, max: Number(high) };
  return { min, max: comma === undefined ? min : Number.POSITIVE_INFINITY };
}
