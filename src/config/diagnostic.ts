// How a mistake in a configuration is told: where it is, what it says there, what was expected, what to do.
import { hideSecrets } from './secrets.ts';

/** A stretch of one line. Lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** For what is not about what the file says, but about the file. */
export const WHOLE_FILE: Place = { line: 0, column: 0, length: 0 };

export function isAboutFile({ line }: Place): boolean {
  return line === WHOLE_FILE.line;
}

/** Something a person should know about a configuration; an error keeps it from being used. */
export interface Diagnostic extends Place {
  readonly severity: 'error' | 'warning';
  /** What is wrong, in one sentence without a full stop. */
  readonly message: string;
  /** What was expected, or what to do about it. */
  readonly hint?: string;
  /** It may be right at another time, as a name that cannot be looked up now. */
  readonly passing?: true;
}

/** A piece of a configuration and where it stands. */
export interface Spot extends Place {
  readonly text: string;
}

/** Thrown by value parsers; the directive loop turns it into a Diagnostic and goes on with the next line. */
export class Problem extends Error {
  readonly place: Place;
  readonly hint: string | undefined;
  /** It may be none at another time. */
  readonly passes: boolean;
  constructor(place: Place, message: string, hint?: string, passes = false) {
    super(message);
    this.place = place;
    this.hint = hint;
    this.passes = passes;
  }
}

/** The diagnostic of a problem, or the thrown thing itself again when it is none. */
export function problemToError(thrown: unknown): Diagnostic {
  if (!(thrown instanceof Problem)) throw thrown;
  const error = errorAt(thrown.place, thrown.message, thrown.hint);
  return thrown.passes ? { ...error, passing: true } : error;
}

/** Runs a step; a Problem in it becomes a diagnostic. */
export function collect<T>(diagnostics: Diagnostic[], step: () => T): T | undefined {
  try {
    return step();
  } catch (thrown) {
    diagnostics.push(problemToError(thrown));
    return undefined;
  }
}

export function errorAt(place: Place, message: string, hint?: string): Diagnostic {
  return diagnostic('error', place, message, hint);
}

export function warningAt(place: Place, message: string, hint?: string): Diagnostic {
  return diagnostic('warning', place, message, hint);
}

function diagnostic(severity: Diagnostic['severity'], place: Place, message: string, hint?: string): Diagnostic {
  const { line, column, length } = place;
  return {
    severity,
    line,
    column,
    length,
    message: brief(message.replace(/"[^"]*"/g, (quote) => `"${hideSecrets(quote.slice(1, -1))}"`)),
    ...(hint === undefined ? {} : { hint: brief(hint) }),
  };
}

/** Quoted text of the file cut to a length that can be read. */
function brief(text: string): string {
  return text.replace(/"[^"]{80,}"/g, (quote) => `${quote.slice(0, 60)}…"`);
}

export interface FormatOptions {
  /** The file's name as it is to be shown. */
  readonly file: string;
  /** The configuration's lines, secrets already masked. */
  readonly lines: readonly string[];
  readonly color?: boolean;
}

/** The diagnostic as compilers show it: a headline with file, line and column, the line underlined, and the hint. */
export function formatDiagnostic(found: Diagnostic, { file, lines, color = false }: FormatOptions): string {
  const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const tone = found.severity === 'error' ? '31' : '33';
  const where = isAboutFile(found) ? `${file}:` : `${file}:${found.line}:${found.column}:`;
  const head = `${paint('1', where)} ${paint(`1;${tone}`, `${found.severity}:`)} ${found.message}`;
  const source = lines[found.line - 1];
  const out = [head];
  if (source !== undefined) {
    const gutter = String(found.line).padStart(5);
    const { shown, column } = excerpt(source, found.column);
    // The same tabs above and below, so that the underline stands right at any tab width.
    const indent = shown.slice(0, column - 1).replace(/[^\t]/g, ' ');
    const visible = Math.max(1, Math.min(found.length, shown.length - column + 1));
    out.push(`${gutter} | ${shown}`);
    out.push(`${' '.repeat(5)} | ${indent}${paint(`1;${tone}`, '^'.repeat(visible))}`);
  }
  if (found.hint !== undefined) out.push(`${' '.repeat(5)} = ${found.hint}`);
  return out.join('\n');
}

/** Longest line that is shown whole. */
const LONGEST = 200;

/** The line as a terminal may see it: control characters replaced, a long one cut round the column. */
function excerpt(source: string, column: number): { shown: string; column: number } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const visible = source.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\ufffd');
  if (visible.length <= LONGEST) return { shown: visible, column };
  const start = Math.max(0, Math.min(column - 60, visible.length - LONGEST));
  const [before, after] = [start > 0 ? '…' : '', start + LONGEST < visible.length ? '…' : ''];
  return { shown: before + visible.slice(start, start + LONGEST) + after, column: column - start + before.length };
}

/** Diagnostics in the order of the file. */
export function inFileOrder(found: readonly Diagnostic[]): Diagnostic[] {
  return [...found].sort((a, b) => a.line - b.line || a.column - b.column);
}
