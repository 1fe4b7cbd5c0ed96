// Reads a Perl pattern, given as bytes, into nodes by the rules of Perl 5.34 and later ({,n} is a repetition).
import { anyByte, byte, bytesOf, foldCase, newline, notNewline, verticalSpace } from './bytes.ts';
import { readClass } from './char-class.ts';
import { peek, type Reader, readEscape, readOctal, take } from './escapes.ts';
import { defaultFlags, type Flags, readFlags, readOpening } from './groups.ts';
import { QUANTIFIER, readBounds } from './quantifiers.ts';
import { readReference } from './references.ts';
import { type Node, type ParsedPattern, type Place, Refusal, type Span } from './tree.ts';

/** Deep enough for any pattern a person writes, and no risk for the stack here or in V8. */
const MAX_DEPTH = 100;
const EMPTY: Node = { kind: 'sequence', items: [] };

/** Reads a pattern; throws a Refusal. */
export function parsePattern(text: string): ParsedPattern {
  const first = new Parser(text, undefined);
  const parsed = first.parse();
  // \10 is a group or an octal number, depending on how many groups the whole pattern has.
  return first.sawLongNumber ? new Parser(text, parsed.groupCount).parse() : parsed;
}

class Parser implements Reader {
  readonly text: string;
  pos = 0;
  sawLongNumber = false;
  private readonly totalGroups: number | undefined;
  private flags: Flags = defaultFlags;
  private groupCount = 0;
  private readonly names = new Map<string, number[]>();
  private hasReferences = false;
  private depth = 0;
  private lookDepth = 0;

  constructor(text: string, totalGroups: number | undefined) {
    this.text = text;
    this.totalGroups = totalGroups;
  }

  parse(): ParsedPattern {
    const root = this.choice();
    if (this.pos < this.text.length) {
      throw new Refusal({ offset: this.pos, length: 1 }, ') closes nothing', 'write \\) to match the bracket itself');
    }
    return { root, groupCount: this.groupCount, names: this.names, hasReferences: this.hasReferences };
  }

  private choice(): Node {
    const branches = [this.sequence()];
    while (take(this, /\|/) !== undefined) branches.push(this.sequence());
    const [only] = branches;
    return branches.length === 1 && only !== undefined ? only : { kind: 'choice', branches };
  }

  private sequence(): Node {
    const items: Node[] = [];
    for (;;) {
      this.skipIgnored();
      if (this.pos >= this.text.length || /[|)]/.test(this.text.charAt(this.pos))) break;
      const flags = readFlags(this, this.flags);
      if (flags !== undefined) {
        this.flags = flags;
        continue;
      }
      const start = this.pos;
      const atom = this.atom();
      items.push(this.quantified(atom, start));
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: 'sequence', items };
  }

  /** Comments, and with (?x) whitespace: neither comes between an atom and its quantifier. */
  private skipIgnored(): void {
    for (;;) {
      const start = this.pos;
      if (take(this, /\(\?#/) !== undefined && take(this, /[^)]*\)/) === undefined) {
        throw new Refusal({ offset: start, length: 3 }, 'the comment (?# is never closed', 'end it with )');
      }
      if (this.flags.extended > 0) take(this, /(?:[\t-\r \x85]|#[^\n]*)*/);
      if (this.pos === start) return;
    }
  }

  private quantified(atom: Node, start: number): Node {
    this.skipIgnored();
    const bounds = readBounds(this);
    if (bounds === undefined) return atom;
    const { min, max } = bounds;
    refuseRepetition(atom, min !== max, { offset: start, length: this.pos - start });
    this.skipIgnored();
    const suffix = take(this, /[?+]/)?.[0];
    const at = { offset: start, length: this.pos - start };
    const body: Node = { kind: 'repeat', body: atom, min, max, lazy: suffix === '?', at };
    this.skipIgnored();
    const second = this.pos;
    if (take(this, QUANTIFIER) !== undefined) {
      const written = this.text.slice(second, this.pos);
      throw new Refusal(
        { offset: second, length: written.length },
        `${written} repeats what is already repeated`,
        `put the first repetition into (?: ), or write \\${written} to match it as it stands`,
      );
    }
    return suffix === '+' ? { kind: 'atomic', body, at } : body;
  }

  private atom(): Node {
    const start = this.pos;
    const character = this.text.charAt(start);
    switch (character) {
      case '(':
        return this.group();
      case '[': {
        const { ignoreCase, extended } = this.flags;
        return { kind: 'set', set: readClass(this, { ignoreCase, skipBlanks: extended > 1 }) };
      }
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
        throw new Refusal(
          { offset: start, length: 1 },
          `${character} has nothing to repeat`,
          `write \\${character} to match it as it stands`,
        );
      case '{':
        if (/\\[A-Za-z]$/.test(this.text.slice(0, start))) {
          throw new Refusal(
            { offset: start, length: 1 },
            '{ is neither a repetition nor text here',
            'write \\{ to match it',
          );
        }
        break;
    }
    this.pos += 1;
    switch (character) {
      case '.':
        return { kind: 'set', set: this.flags.dotAll ? anyByte : notNewline };
      case '^':
        return place(this.flags.multiline ? 'lineStart' : 'start');
      case '$':
        return place(this.flags.multiline ? 'lineEnd' : 'lastLine');
      default:
        return this.literal(character.charCodeAt(0));
    }
  }

  private literal(value: number): Node {
    return { kind: 'set', set: this.flags.ignoreCase ? foldCase(byte(value)) : byte(value) };
  }

  private group(): Node {
    const start = this.pos;
    const opening = readOpening(this, this.flags);
    if (opening.kind === 'reference') return this.reference(opening.name, start);
    const outer = this.flags;
    if (opening.kind === 'plain') this.flags = opening.flags;
    let group: number | undefined;
    if (opening.kind === 'capture') {
      group = ++this.groupCount;
      const { name } = opening;
      if (name !== undefined) this.names.set(name, [...(this.names.get(name) ?? []), group]);
    }
    if (++this.depth > MAX_DEPTH) {
      throw new Refusal({ offset: start, length: 1 }, `groups are nested more than ${MAX_DEPTH} deep`);
    }
    if (opening.kind === 'look') this.lookDepth++;
    const body = this.choice();
    if (take(this, /\)/) === undefined) {
      throw new Refusal({ offset: start, length: 1 }, '( is never closed', 'write \\( to match the bracket itself');
    }
    if (opening.kind === 'look') this.lookDepth--;
    this.depth--;
    this.flags = outer;
    const at = { offset: start, length: this.pos - start };
    if (group !== undefined) return { kind: 'capture', group, body };
    if (opening.kind === 'look') {
      return { kind: 'look', behind: opening.behind, negative: opening.negative, body, at };
    }
    return opening.kind === 'atomic' ? { kind: 'atomic', body, at } : body;
  }

  private escape(): Node {
    const start = this.pos;
    const letter = this.text.charAt(start + 1);
    if (/[1-9]/.test(letter)) return this.numbered();
    if (/[bBNXCKgk]/.test(letter)) return this.special(letter);
    const where = PLACES[letter];
    if (where !== undefined) {
      this.pos += 2;
      return place(where);
    }
    if (letter === 'R') {
      this.pos += 2;
      return LINE_BREAK;
    }
    const meaning = readEscape(this);
    return meaning.kind === 'byte' ? this.literal(meaning.value) : meaning;
  }

  /** \1 is always a group; \10 is a group when there are that many, else an octal number. */
  private numbered(): Node {
    const start = this.pos;
    const digits = take(this, /\\([1-9][0-9]*)/)?.[1] ?? '';
    if (digits.length > 1) {
      this.sawLongNumber = true;
      if (this.totalGroups === undefined) return EMPTY;
      if (Number(digits) > this.totalGroups && /^[1-7]/.test(digits)) {
        this.pos = start + 1;
        const octal = readOctal(this);
        return octal.kind === 'byte' ? this.literal(octal.value) : octal;
      }
    }
    return this.reference(Number(digits), start);
  }

  private special(letter: string): Node {
    const start = this.pos;
    const at = { offset: start, length: 2 };
    switch (letter) {
      case 'b':
      case 'B':
        this.pos += 2;
        if (this.text.charAt(this.pos) !== '{') return place(letter === 'b' ? 'word' : 'notWord');
        throw new Refusal({ ...at, length: 3 }, `\\${letter}{ } needs Unicode, but an answer is matched byte by byte`);
      case 'N':
        this.pos += 2;
        // With (?x) perl looks for the { behind whitespace, too.
        this.skipIgnored();
        if (this.text.charAt(this.pos) !== '{' || peek(this, QUANTIFIER)) {
          return { kind: 'set', set: notNewline };
        }
        throw new Refusal(
          { ...at, length: 3 },
          '\\N{ } names a Unicode character, but an answer is matched byte by byte',
          'write the character itself: its UTF-8 bytes are matched',
        );
      case 'K':
        this.pos += 2;
        return this.keep(at);
      case 'g':
      case 'k':
        return this.reference(readReference(this, this.groupCount), start);
      default:
        throw new Refusal(
          at,
          `\\${letter} matches a Unicode character, but an answer is matched byte by byte`,
          'write .',
        );
    }
  }

  /** \K changes what is replaced, never whether there is a match. */
  private keep(at: Span): Node {
    if (this.lookDepth > 0) throw new Refusal(at, '\\K cannot stand in a lookahead or lookbehind', 'leave it out');
    this.skipIgnored();
    if (peek(this, QUANTIFIER)) {
      throw new Refusal(at, '\\K cannot be repeated', 'leave it out: it never changes whether there is a match');
    }
    return EMPTY;
  }

  private reference(target: number | string, start: number): Node {
    this.hasReferences = true;
    const at = { offset: start, length: this.pos - start };
    return { kind: 'reference', target, ignoreCase: this.flags.ignoreCase, at };
  }
}

/** \G is where an earlier match ended: nowhere but at the start, since every answer is matched once. */
const PLACES: Readonly<Record<string, Place>> = { A: 'start', G: 'start', z: 'end', Z: 'lastLine' };

/** \R takes \r\n whole: a \r alone must not be followed by \n. */
const LINE_BREAK: Node = {
  kind: 'choice',
  branches: [
    { kind: 'set', set: verticalSpace & ~bytesOf('\r') },
    {
      kind: 'sequence',
      items: [
        { kind: 'set', set: bytesOf('\r') },
        {
          kind: 'choice',
          branches: [
            { kind: 'set', set: newline },
            {
              kind: 'look',
              behind: false,
              negative: true,
              body: { kind: 'set', set: newline },
              at: { offset: 0, length: 0 },
            },
          ],
        },
      ],
    },
  ],
};

/** Where perl has bugs of its own, which nobody means. */
function refuseRepetition(atom: Node, varies: boolean, at: Span): void {
  if (atom.kind === 'place' || atom.kind === 'look') {
    throw new Refusal(at, 'this repeats a condition, which takes no text', 'leave the repetition out');
  }
  if (atom === LINE_BREAK && varies) {
    throw new Refusal(
      at,
      'perl may stop a repeated \\R in the middle of \\r\\n: that cannot be translated',
      'write (?:\\r\\n|\\n) in place of \\R',
    );
  }
}

function place(where: Place): Node {
  return { kind: 'place', place: where };
}
