// Which bytes one step of a Perl pattern accepts, as a set of 256 bits, and how JavaScript writes that set.

/** A set of bytes: bit n is set when byte n belongs to it. */
export type ByteSet = bigint;

const ALL: ByteSet = (1n << 256n) - 1n;

/** The bytes from `low` to `high`, both included. */
export function byteRange(low: number, high: number): ByteSet {
  return ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

/** The bytes of a latin1 string. */
export function bytesOf(text: string): ByteSet {
  let set = 0n;
  for (let index = 0; index < text.length; index++) set |= byte(text.charCodeAt(index));
  return set;
}

/** A set of one byte. */
export function byte(value: number): ByteSet {
  return 1n << BigInt(value);
}

/** Every byte that is not in the set. */
export function not(set: ByteSet): ByteSet {
  return ALL ^ set;
}

const UPPER = byteRange(0x41, 0x5a);
const LOWER = byteRange(0x61, 0x7a);
const DIGIT = byteRange(0x30, 0x39);
const ALPHA = UPPER | LOWER;
const WORD = ALPHA | DIGIT | bytesOf('_');
const SPACE = bytesOf('\t\n\v\f\r ');
// Unlike \s, these two know the bytes above 127 even where Perl has no Unicode rules.
const HORIZONTAL = bytesOf('\t \xa0');
const VERTICAL = bytesOf('\n\v\f\r\x85');

/** `\d` and its like. */
export const classEscapes: Readonly<Record<string, ByteSet>> = {
  d: DIGIT,
  D: not(DIGIT),
  w: WORD,
  W: not(WORD),
  s: SPACE,
  S: not(SPACE),
  h: HORIZONTAL,
  H: not(HORIZONTAL),
  v: VERTICAL,
  V: not(VERTICAL),
};

/** `[:alpha:]` and its like. On byte strings Perl keeps all of them to ASCII. */
export const posixClasses: Readonly<Record<string, ByteSet>> = {
  alpha: ALPHA,
  digit: DIGIT,
  alnum: ALPHA | DIGIT,
  upper: UPPER,
  lower: LOWER,
  punct: bytesOf('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'),
  print: byteRange(0x20, 0x7e),
  graph: byteRange(0x21, 0x7e),
  cntrl: byteRange(0x00, 0x1f) | byte(0x7f),
  space: SPACE,
  blank: bytesOf('\t '),
  word: WORD,
  xdigit: DIGIT | bytesOf('ABCDEFabcdef'),
  ascii: byteRange(0x00, 0x7f),
};

export const newline: ByteSet = bytesOf('\n');
export const notNewline: ByteSet = not(newline);
export const anyByte: ByteSet = ALL;
export const verticalSpace: ByteSet = VERTICAL;

/** The set with the other case of every letter: on byte strings `(?i)` folds ASCII only, where JavaScript's i flag also folds é. */
export function foldCase(set: ByteSet): ByteSet {
  return set | ((set & UPPER) << 32n) | ((set & LOWER) >> 32n);
}

/** The byte of a set that has just one; undefined for any other set. */
export function onlyByte(set: ByteSet): number | undefined {
  if (set === 0n || (set & (set - 1n)) !== 0n) return undefined;
  return set.toString(2).length - 1;
}

/** The set as JavaScript source: one character or one class. */
export function setSource(set: ByteSet): string {
  const single = onlyByte(set);
  if (single !== undefined) return characterSource(single, /[\^$\\.*+?()[\]{}|/]/);
  if (set === ALL) return '[^]';
  // A set that holds byte 255 is nearly always written shorter as what it leaves out.
  return (set & byte(255)) === 0n ? `[${rangesSource(set)}]` : `[^${rangesSource(not(set))}]`;
}

function rangesSource(set: ByteSet): string {
  let source = '';
  for (let low = 0; low < 256; low++) {
    if ((set & byte(low)) === 0n) continue;
    let high = low;
    while (high < 255 && (set & byte(high + 1)) !== 0n) high++;
    const first = characterSource(low, /[\\\]^-]/);
    const last = characterSource(high, /[\\\]^-]/);
    if (high === low) source += first;
    else source += high === low + 1 ? first + last : `${first}-${last}`;
    low = high;
  }
  return source;
}

function characterSource(value: number, special: RegExp): string {
  const character = String.fromCharCode(value);
  if (special.test(character)) return `\\${character}`;
  if (value >= 0x20 && value < 0x7f) return character;
  if (value === 0x0a) return '\\n';
  if (value === 0x0d) return '\\r';
  return `\\x${value.toString(16).padStart(2, '0')}`;
}
