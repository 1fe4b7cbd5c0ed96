// Text -> lines that say something: what is indented, where key and value stand, where a comment begins.
import { type Diagnostic, errorAt, type Place, type Spot, warningAt } from './diagnostic.ts';

/** One `key = value` line (the `=` may be missing: bare `supervised`). */
export interface ConfigLine {
  readonly line: number;
  readonly indented: boolean;
  readonly key: Spot;
  /** Trimmed, comment removed; undefined without a `=`. */
  readonly value: Spot | undefined;
  /** A diagnostic says why nothing but its indentation can be taken from this line. */
  readonly broken: boolean;
}

/** The lines of a configuration file as an editor counts them. */
export function splitLines(text: string): string[] {
  return text.replace(/^\uFEFF/, '').split(/\r?\n/);
}

/** Reads every line that is not empty; what cannot be read as `key = value` becomes a diagnostic, too. */
export function readLines(lines: readonly string[]): { lines: ConfigLine[]; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const read = lines.flatMap((raw, index) => readLine(raw, index + 1, diagnostics) ?? []);
  return { lines: read, diagnostics };
}

function readLine(raw: string, line: number, diagnostics: Diagnostic[]): ConfigLine | undefined {
  const end = commentStart(raw);
  const content = raw.slice(0, end).trimEnd();
  const start = content.search(/\S/);
  if (start < 0) return undefined;
  const at = (column: number, length: number) => ({ line, column: column + 1, length });
  const indent = content.slice(0, start).replaceAll('\t', '    ').length;
  const equals = content.indexOf('=', start);
  const key = content.slice(start, equals < 0 ? undefined : equals).trimEnd();
  const entry = (broken: boolean): ConfigLine => ({
    line,
    indented: indent >= 4,
    key: { ...at(start, Math.max(1, key.length)), text: key },
    value: valueSpot(content, equals, line),
    broken,
  });
  const fail = (place: Place, message: string, hint: string): ConfigLine => {
    diagnostics.push(errorAt(place, message, hint));
    return entry(true);
  };

  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const stray = content.search(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/);
  if (stray >= 0) {
    const what = content[stray] === '\ufffd' ? 'bytes that are not UTF-8' : 'a control character';
    return fail(at(stray, 1), `this line holds ${what}`, 'save the file as plain UTF-8 text');
  }
  if (end < raw.length && end > 0 && !/\s/.test(raw[end - 1] ?? '')) {
    const hint = 'write a blank before # for a comment, or put the value in "double quotes" when # belongs to it';
    diagnostics.push(warningAt(at(end, raw.trimEnd().length - end), 'everything from this # on is a comment', hint));
  }
  if (indent > 0 && indent < 4) {
    return fail(
      at(0, start),
      `this line is indented by ${indent} ${indent === 1 ? 'space' : 'spaces'}`,
      'indent the lines of a virtual block by a tab or at least four spaces; start all others in the first column',
    );
  }
  if (key === '') return fail(at(equals, 1), 'the name before the = is missing', 'expected: name = value');
  if (!/^[\w-]+$/.test(key)) return fail(at(start, key.length), 'this is not a directive', 'expected: name = value');
  return entry(false);
}

function valueSpot(content: string, equals: number, line: number): Spot | undefined {
  if (equals < 0) return undefined;
  const after = content.slice(equals + 1);
  const text = after.trim();
  const column = equals + 1 + (after.length - after.trimStart().length);
  return { line, column: (text === '' ? equals : column) + 1, length: Math.max(1, text.length), text };
}

/** Where the comment begins: the first `#` outside double quotes; the end of the line without one. */
function commentStart(raw: string): number {
  let quoted = false;
  for (let i = 0; i < raw.length; i++) {
    const char = raw[i];
    if (char === '\\' && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (char === '#' && !quoted) return i;
  }
  // An odd quote reaches to the end of the line, where the value parser finds it unclosed.
  return raw.length;
}
