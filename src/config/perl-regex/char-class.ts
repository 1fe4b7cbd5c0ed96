// What a bracketed class such as [a-z\d[:punct:]] accepts.
import { type ByteSet, byte, byteRange, foldCase, not, posixClasses } from './bytes.ts';
import { type Escape, peek, type Reader, readEscape, readOctal, take } from './escapes.ts';
import { Refusal } from './tree.ts';

export interface ClassFlags {
  /** `(?i)` */
  readonly ignoreCase: boolean;
  /** `(?xx)`: blanks inside a class do not count. */
  readonly skipBlanks: boolean;
}

const MINUS = byte(0x2d);

/** Reads a class; the reader stands on its `[`. */
export function readClass(reader: Reader, flags: ClassFlags): ByteSet {
  const open = reader.pos;
  const skipBlanks = (): void => {
    if (flags.skipBlanks) take(reader, /[ \t]*/);
  };
  reader.pos += 1;
  skipBlanks();
  const negated = take(reader, /\^/) !== undefined;
  // Case folds what is listed; a set such as \w or [:alpha:] is complete as it is.
  let listed: ByteSet = 0n;
  let sets: ByteSet = 0n;
  const addSet = (set: ByteSet): void => {
    sets |= set;
    skipBlanks();
    // A set starts no range: the - behind it is itself.
    if (take(reader, /-/) !== undefined) listed |= MINUS;
  };
  for (let first = true; ; first = false) {
    skipBlanks();
    if (!first && take(reader, /\]/) !== undefined) break;
    const start = reader.pos;
    const item = readItem(reader, open, flags);
    if (item.kind === 'set') {
      addSet(item.set);
      continue;
    }
    listed |= byte(item.value);
    skipBlanks();
    // A - before the closing bracket is itself.
    if (take(reader, flags.skipBlanks ? /-(?![ \t]*\])/ : /-(?!\])/) === undefined) continue;
    skipBlanks();
    const last = readItem(reader, open, flags);
    if (last.kind === 'set') {
      // [a-\d] is no range: Perl takes the a, the - and the set.
      listed |= MINUS;
      addSet(last.set);
    } else if (last.value < item.value) {
      const written = reader.text.slice(start, reader.pos);
      throw new Refusal(
        { offset: start, length: written.length },
        `the range ${written} runs backwards`,
        'write the lower end first, or \\- to match a minus sign',
      );
    } else {
      listed |= byteRange(item.value, last.value);
    }
  }
  const set = (flags.ignoreCase ? foldCase(listed) : listed) | sets;
  return negated ? not(set) : set;
}

function readItem(reader: Reader, open: number, flags: ClassFlags): Escape {
  const character = reader.text.charAt(reader.pos);
  if (character === '' || reader.pos + (character === '\\' ? 1 : 0) >= reader.text.length) {
    throw new Refusal({ offset: open, length: 1 }, '[ is never closed', 'write \\[ to match the bracket itself');
  }
  if (character === '[') {
    const set = readPosixClass(reader, flags.ignoreCase);
    if (set !== undefined) return { kind: 'set', set };
  }
  if (character === '\\') return readClassEscape(reader);
  reader.pos += 1;
  return { kind: 'byte', value: character.charCodeAt(0) };
}

function readClassEscape(reader: Reader): Escape {
  const start = reader.pos;
  const letter = reader.text.charAt(start + 1);
  if (letter === 'b') {
    reader.pos += 2;
    return { kind: 'byte', value: 0x08 };
  }
  if (/[1-7]/.test(letter)) {
    reader.pos += 1;
    return readOctal(reader);
  }
  if (letter === 'N') {
    throw new Refusal(
      { offset: start, length: 2 },
      '\\N cannot stand inside [ ]',
      'write [^\\n] for any byte but a newline',
    );
  }
  return readEscape(reader);
}

function readPosixClass(reader: Reader, ignoreCase: boolean): ByteSet | undefined {
  const start = reader.pos;
  const reserved = take(reader, /\[([=.])[\s\S]*?\1\]/)?.[0];
  if (reserved !== undefined) {
    throw new Refusal(
      { offset: start, length: reserved.length },
      `${reserved} is not a class that Perl has`,
      'write \\[ to match the bracket itself',
    );
  }
  if (!peek(reader, /\[:/)) return undefined;
  const [written = '[:', caret, name = ''] = take(reader, /\[:(\^?)(\w*):\]/) ?? [];
  const set = Object.hasOwn(posixClasses, name) ? posixClasses[name] : undefined;
  if (set === undefined) {
    // Perl takes some of these as text, silently: never what was meant.
    throw new Refusal(
      { offset: start, length: written.length },
      written === '[:' ? '[: starts a class such as [:alpha:], but no :] ends it' : `there is no class ${written}`,
      `known are ${Object.keys(posixClasses).join(', ')}; write \\[ to match the bracket itself`,
    );
  }
  // With (?i) Perl makes "any letter" of these two before it negates.
  const cased = ignoreCase && (name === 'upper' || name === 'lower') ? posixClasses.alpha : undefined;
  return caret === '^' ? not(cased ?? set) : (cased ?? set);
}
