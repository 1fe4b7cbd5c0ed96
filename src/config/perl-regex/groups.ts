// What ( opens: which kind of group, or which flags from here on.
import { type Reader, take } from './escapes.ts';
import { Refusal } from './tree.ts';

export interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  /** 0 none, 1 (?x), 2 (?xx) */
  readonly extended: 0 | 1 | 2;
  /** (?n): plain brackets do not capture. */
  readonly noCapture: boolean;
}

/** What `$body =~ /$receive/` starts with. */
export const defaultFlags: Flags = {
  ignoreCase: false,
  dotAll: false,
  multiline: false,
  extended: 0,
  noCapture: false,
};

export type Opening =
  | { readonly kind: 'plain'; readonly flags: Flags }
  | { readonly kind: 'capture'; readonly name?: string }
  | { readonly kind: 'look'; readonly behind: boolean; readonly negative: boolean }
  | { readonly kind: 'atomic' }
  /** `(?P=name)`, complete with its bracket. */
  | { readonly kind: 'reference'; readonly name: string };

const FLAG_LETTERS = /\(\?(\^?)([a-z]*)(-[a-z]*)?/;
const BYTES_ONLY = 'an answer is matched byte by byte';

/** Reads `(?i)` and its like; undefined, with the reader where it was, when something else is there. */
export function readFlags(reader: Reader, current: Flags): Flags | undefined {
  const start = reader.pos;
  const letters = take(reader, FLAG_LETTERS);
  if (letters === undefined) return undefined;
  if (take(reader, /\)/) === undefined) {
    reader.pos = start;
    return undefined;
  }
  return changedFlags(letters, current, start);
}

/** Reads what opens a group; the reader stands on its `(` and goes behind what belongs to the opening. */
export function readOpening(reader: Reader, current: Flags): Opening {
  const start = reader.pos;
  if (take(reader, /\(\*/) !== undefined) {
    throw new Refusal(
      { offset: start, length: 2 },
      '(* starts a Perl verb, which cannot be translated',
      'write (\\* to match a bracket and a star, or (?=...) for (*pla:...) and (?>...) for (*atomic:...)',
    );
  }
  const simple = take(reader, /\(\?(?:>|=|!|<=|<!)/)?.[0];
  if (simple === '(?>') return { kind: 'atomic' };
  if (simple !== undefined) {
    return { kind: 'look', behind: simple.includes('<'), negative: simple.endsWith('!') };
  }
  const named = take(reader, /\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/);
  if (named !== undefined) return { kind: 'capture', name: named[1] ?? named[2] ?? '' };
  const reference = take(reader, /\(\?P=([A-Za-z_]\w*)\)/)?.[1];
  if (reference !== undefined) return { kind: 'reference', name: reference };
  refuseUntranslatable(reader);
  const letters = take(reader, FLAG_LETTERS);
  if (letters !== undefined) {
    if (take(reader, /:/) !== undefined) return { kind: 'plain', flags: changedFlags(letters, current, start) };
    throw new Refusal(
      { offset: start, length: letters[0].length },
      `${letters[0]} starts no group that Perl has`,
      'write \\( to match the bracket itself, or (?: ) for a group',
    );
  }
  reader.pos += 1;
  return current.noCapture ? { kind: 'plain', flags: current } : { kind: 'capture' };
}

function refuseUntranslatable(reader: Reader): void {
  const start = reader.pos;
  const refuse = (pattern: RegExp, message: string, hint?: string): void => {
    const written = take(reader, pattern)?.[0];
    if (written === undefined) return;
    throw new Refusal({ offset: start, length: written.length }, `${written} ${message}`, hint);
  };
  refuse(
    /\(\?(?:P?<|'|P=)/,
    'is not followed by a name',
    'write (?<name>...): a letter or _, then letters, digits and _',
  );
  refuse(/\(\?\|/, 'numbers groups anew in each branch, which cannot be translated', 'write (?: ) and no reference');
  refuse(
    /\(\?(?:R|&|P>|[+-]?\d)/,
    'runs another part of the pattern, which cannot be translated',
    'write that part out',
  );
  refuse(/\(\?\(/, 'chooses by a condition, which cannot be translated', 'write the cases as (?:this|that)');
  refuse(/\(\?(?:\?|p)?\{/, 'runs Perl code, which Perl itself refuses here');
}

function changedFlags(letters: RegExpExecArray, current: Flags, start: number): Flags {
  const [written, caret = '', on = '', off = ''] = letters;
  const at = { offset: start, length: written.length };
  if (caret !== '' && off !== '') {
    throw new Refusal(at, 'after (?^ no flag can be taken away with -', 'leave the - part out: (?^ already clears all');
  }
  for (const letter of on + off.slice(1)) {
    if ('imsxn'.includes(letter)) continue;
    if (letter === 'd' && caret === '' && !off.includes('d')) continue;
    if ('aul'.includes(letter)) {
      throw new Refusal(at, `the flag ${letter} chooses a character set, but ${BYTES_ONLY}`, 'leave it out');
    }
    throw new Refusal(at, `${letter} is not a flag that can be used here`, 'known are i, m, s, x and n');
  }
  const base = caret === '' ? current : defaultFlags;
  const decide = (letter: string, before: boolean): boolean =>
    off.includes(letter) ? false : on.includes(letter) ? true : before;
  // One x turns xx off again; two anywhere among the letters make xx.
  const count = on.split('x').length - 1;
  return {
    ignoreCase: decide('i', base.ignoreCase),
    multiline: decide('m', base.multiline),
    dotAll: decide('s', base.dotAll),
    noCapture: decide('n', base.noCapture),
    extended: off.includes('x') ? 0 : count > 1 ? 2 : count === 1 ? 1 : base.extended,
  };
}
