// What a backslash and what follows it mean, where that is one byte or one set of bytes.
import { type ByteSet, classEscapes } from './bytes.ts';
import { Refusal } from './tree.ts';

/** A place in the pattern's bytes; reading moves `pos` on. */
export interface Reader {
  readonly text: string;
  pos: number;
}

/** One byte can start or end a range in a class, a set cannot. */
export type Escape =
  | { readonly kind: 'byte'; readonly value: number }
  | { readonly kind: 'set'; readonly set: ByteSet };

const CONTROLS: Readonly<Record<string, number>> = { a: 0x07, e: 0x1b, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 };

/** What a pattern (its flags do not count) matches at the reader's place, which moves past it; undefined when it does not. */
export function take(reader: Reader, pattern: RegExp): RegExpExecArray | undefined {
  const sticky = new RegExp(pattern.source, 'y');
  sticky.lastIndex = reader.pos;
  const match = sticky.exec(reader.text);
  if (match !== null) reader.pos += match[0].length;
  return match ?? undefined;
}

/** Whether a pattern matches at the reader's place, which stays where it is. */
export function peek(reader: Reader, pattern: RegExp): boolean {
  const before = reader.pos;
  const found = take(reader, pattern) !== undefined;
  reader.pos = before;
  return found;
}

/** Reads an escape that means the same inside and outside of a class; the reader stands on the backslash. */
export function readEscape(reader: Reader): Escape {
  const start = reader.pos;
  const letter = reader.text.charAt(start + 1);
  reader.pos += 2;
  if (letter === '') {
    throw new Refusal(
      { offset: start, length: 1 },
      'the pattern ends in a backslash',
      'write \\\\ to match a backslash',
    );
  }
  const control = CONTROLS[letter];
  if (control !== undefined) return { kind: 'byte', value: control };
  const set = classEscapes[letter];
  if (set !== undefined) return { kind: 'set', set };
  if (letter === 'x') return readHex(reader, start);
  if (letter === 'o') return readBracedOctal(reader, start);
  if (letter === 'c') return readControl(reader, start);
  if (letter === '0') {
    reader.pos = start + 1;
    return readOctal(reader);
  }
  refuseLetter(letter, start);
  // Perl takes a backslash before anything else, also before a letter that means nothing, as that character itself.
  return { kind: 'byte', value: letter.charCodeAt(0) };
}

/** Reads up to three octal digits. */
export function readOctal(reader: Reader): Escape {
  const start = reader.pos;
  const digits = take(reader, /[0-7]{1,3}/)?.[0] ?? '';
  return byteEscape(Number.parseInt(digits, 8), reader, start - 1);
}

function readHex(reader: Reader, start: number): Escape {
  if (reader.text[reader.pos] !== '{') {
    const digits = take(reader, /[0-9A-Fa-f]{0,2}/)?.[0] ?? '';
    return { kind: 'byte', value: digits === '' ? 0 : Number.parseInt(digits, 16) };
  }
  const digits = take(reader, /\{[ \t]*([0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)[ \t]*\}/)?.[1];
  if (digits === undefined) {
    throw new Refusal(
      { offset: start, length: 3 },
      '\\x{ is not followed by hexadecimal digits and }',
      'write \\x{41}',
    );
  }
  return byteEscape(Number.parseInt(digits.replaceAll('_', ''), 16), reader, start);
}

function readBracedOctal(reader: Reader, start: number): Escape {
  const digits = take(reader, /\{[ \t]*([0-7]+(?:_[0-7]+)*)[ \t]*\}/)?.[1];
  if (digits === undefined) {
    throw new Refusal({ offset: start, length: 2 }, '\\o is not followed by octal digits in { }', 'write \\o{101}');
  }
  return byteEscape(Number.parseInt(digits.replaceAll('_', ''), 8), reader, start);
}

function readControl(reader: Reader, start: number): Escape {
  const letter = take(reader, /[A-Za-z@[\]^_?]/)?.[0];
  if (letter === undefined) {
    throw new Refusal({ offset: start, length: 2 }, '\\c is not followed by a letter', 'write \\cA for control-A');
  }
  return { kind: 'byte', value: letter.toUpperCase().charCodeAt(0) ^ 64 };
}

function byteEscape(value: number, reader: Reader, start: number): Escape {
  if (value <= 255) return { kind: 'byte', value };
  const length = reader.pos - start;
  throw new Refusal(
    { offset: start, length },
    `${reader.text.slice(start, reader.pos)} is not a byte: an answer is matched byte by byte, 0 to 255`,
    'write the character itself: its UTF-8 bytes are matched',
  );
}

function refuseLetter(letter: string, start: number): void {
  const at = { offset: start, length: 2 };
  if ('QELUFlu'.includes(letter)) {
    throw new Refusal(
      at,
      `\\${letter} does nothing in a pattern that is read from a file: Perl takes it as the letter ${letter}`,
      'write a backslash before each special character instead',
    );
  }
  if (letter === 'p' || letter === 'P') {
    throw new Refusal(
      at,
      `\\${letter} asks for Unicode properties, but an answer is matched byte by byte`,
      'write a class such as [[:alpha:]] or [A-Za-z]',
    );
  }
}
