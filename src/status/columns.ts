// Text in the columns of a terminal: how wide it is, cut, filled up, and broken into lines.
import { printable } from '../checks/text.ts';

/** What a terminal can show. */
export interface Look {
  /** Columns; Infinity where nobody counts them (a pipe, a file). */
  readonly width: number;
  readonly color: boolean;
  /** Whether characters beyond ASCII are shown. */
  readonly unicode: boolean;
}

/** The part of a stream that matters: a terminal's width and colours. */
interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(): boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** How to write to `stream`: plain and without a width where it is no terminal. */
export function lookOf(stream: Output, env: Environment): Look {
  if (stream.isTTY !== true) return { width: Number.POSITIVE_INFINITY, color: false, unicode: true };
  // A terminal that does not tell its size says 0.
  return { width: stream.columns || 80, color: wantsColor(stream, env), unicode: isUtf8(env) };
}

/** Colours only on a terminal that has them, unless NO_COLOR says no. */
export function wantsColor(stream: Output, env: Environment): boolean {
  if (stream.isTTY !== true || env.NO_COLOR || !env.TERM || env.TERM === 'dumb') return false;
  return stream.hasColors?.() ?? true;
}

function isUtf8({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

const ASCII = /^[\x20-\x7e]*$/;

/** Text from outside as the terminal may get it: bounded, one line, nothing that it obeys. */
export function plain(text: string, { unicode }: Pick<Look, 'unicode'>, limit = 300): string {
  // Nearly all text is: thousands of servers have a reason each.
  if (text.length <= limit && ASCII.test(text)) return text;
  const shown = printable(text, limit);
  return unicode ? shown : shown.replaceAll('…', '...').replace(/[^\x20-\x7e]/gu, '?');
}

// What East Asian Width calls wide, in blocks; a character that is taken for too wide costs a blank.
const WIDE =
  /[\p{Emoji_Presentation}\u{1100}-\u{115f}\u{2329}\u{232a}\u{2e80}-\u{303e}\u{3041}-\u{a4cf}\u{a960}-\u{a97f}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{1b000}-\u{1b2ff}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const MARK = /[\p{Mn}\p{Me}]/u;

/** How many columns a text takes, which holds no control characters. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return columns;
}

/** The text where it fits, else its beginning and an ellipsis. */
export function cut(text: string, width: number, unicode: boolean): string {
  if (columnsOf(text) <= width) return text;
  const ellipsis = unicode ? '…' : '~';
  let kept = '';
  let columns = 0;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width - 1) break;
    kept += character;
  }
  return width < 1 ? '' : kept + ellipsis;
}

/** Filled up with blanks on the right, or on the left (`'end'`), to `width` columns. */
export function fill(text: string, width: number, side: 'start' | 'end' = 'start'): string {
  const blanks = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return side === 'start' ? text + blanks : blanks + text;
}

/** Broken at blanks into lines of at most `width` columns; a word that is longer is broken too. */
export function wrap(text: string, width: number): string[] {
  if (columnsOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    const together = line === '' ? word : `${line} ${word}`;
    if (columnsOf(together) <= width) {
      line = together;
      continue;
    }
    if (line !== '') lines.push(line);
    while (columnsOf(word) > width) {
      const start = startOf(word, width);
      if (start === word) break;
      lines.push(start);
      word = word.slice(start.length);
    }
    line = word;
  }
  return [...lines, line];
}

/** As many characters as fit, at least one. */
function startOf(word: string, width: number): string {
  let start = '';
  let columns = 0;
  for (const character of word) {
    columns += columnsOf(character);
    if (columns > width && start !== '') break;
    start += character;
  }
  return start;
}
