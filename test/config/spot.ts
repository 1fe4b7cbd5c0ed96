// A value as it stands behind `key = ` on line 1, and what a parser makes of it, for tables.
import { Problem, type Spot } from '../../src/config/diagnostic.ts';

export function spot(text: string, column = 1): Spot {
  return { line: 1, column, length: Math.max(1, text.length), text };
}

/** The value, or the text that a Problem underlines and its message. */
export function outcome<T>(parse: (value: Spot) => T, text: string): T | string {
  try {
    return parse(spot(text));
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    const { column, length } = thrown.place;
    return `[${text.slice(column - 1, column - 1 + length)}] ${thrown.message}`;
  }
}
