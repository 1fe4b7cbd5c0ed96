// Translates the Perl regex of `receive` to an ECMAScript one that means exactly the same on bytes, or says why it cannot.
import { isCheap } from './perl-regex/cost.ts';
import { emitPattern, literalOf } from './perl-regex/emit.ts';
import { checkExactness } from './perl-regex/exactness.ts';
import { parsePattern } from './perl-regex/parser.ts';
import { simplify } from './perl-regex/simplify.ts';
import { Refusal, type Span } from './perl-regex/tree.ts';

/** What an answer is searched for. It is matched against the answer's bytes, read as latin1. */
export interface Pattern {
  /** The Perl regex as written. */
  readonly text: string;
  /** The ECMAScript regex. */
  readonly source: string;
  readonly flags: string;
  /** Set when the whole pattern is a plain string (bytes as latin1): search with indexOf. */
  readonly literal?: string;
  /** True when a search through up to 1 MiB cannot take long: run directly; otherwise under a time limit. */
  readonly safe: boolean;
}

/** Why a pattern is not taken, and where: `offset` and `length` count characters of the text as written. */
export interface PatternProblem {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
}

/** Nobody writes a longer one; keeps the time to compile within a few milliseconds. */
const MAX_BYTES = 4096;

/**
 * Translates a Perl regex as Perl applies it to a byte string: unanchored, without flags, interpolated from a variable
 * (so `\Q`, `$x` and `@x` are not expanded). The empty regex matches everything.
 */
export function translatePattern(text: string): { pattern: Pattern } | { problem: PatternProblem } {
  const { bytes, offsets } = encode(text);
  try {
    if (bytes.length > MAX_BYTES) {
      throw new Refusal({ offset: 0, length: bytes.length }, `a pattern can be at most ${MAX_BYTES} bytes long`);
    }
    const parsed = parsePattern(bytes);
    const groups = checkExactness(parsed);
    const root = simplify(parsed.root, new Set(groups.values()));
    const literal = literalOf(root);
    return {
      pattern: {
        text,
        source: emitPattern(root, groups),
        flags: '',
        ...(literal === undefined ? {} : { literal }),
        safe: isCheap(root),
      },
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { hint } = error;
    const message = printable(error.message);
    return { problem: { ...inCharacters(error.at, offsets), message, ...(hint === undefined ? {} : { hint }) } };
  }
}

/** Perl sees the UTF-8 bytes of the configuration file; `offsets` leads from each byte back to its character. */
function encode(text: string): { bytes: string; offsets: readonly number[] } {
  let bytes = '';
  const offsets: number[] = [];
  const encoder = new TextEncoder();
  let offset = 0;
  for (const character of text) {
    for (const value of encoder.encode(character)) {
      bytes += String.fromCharCode(value);
      offsets.push(offset);
    }
    offset += character.length;
  }
  offsets.push(offset);
  return { bytes, offsets };
}

/** A message may quote the pattern's bytes, of which one alone may be half a character. */
function printable(message: string): string {
  return message.replace(/[^ -~]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function inCharacters(at: Span, offsets: readonly number[]): { offset: number; length: number } {
  const offset = offsets[at.offset] ?? 0;
  let last = at.offset + at.length;
  // A span that ends amid the bytes of a character covers that character.
  while (last < offsets.length - 1 && offsets[last] === offsets[last - 1]) last++;
  return { offset, length: (offsets[last] ?? offset) - offset };
}
