// How bytes and times from outside are shown in a one-line reason: bounded, and nothing in it that a terminal or a log obeys.

/** Text as a reason may hold it: control and other invisible characters escaped, at most `limit` characters, then "…". */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? text.slice(0, limit) : text;
  const shown = cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
  return cut.length < text.length ? `${shown}…` : shown;
}

/** Text of any length, its ends of lines and tabs as they are, everything else that `printable` escapes escaped. */
export function visible(text: string): string {
  return text.replace(/[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu, escaped);
}

/** The start of a body between quotes: printable ASCII as it is, every other byte escaped, at most `limit` bytes. */
export function quoted(bytes: Buffer, limit = 60): string {
  const start = bytes.toString('latin1', 0, limit).replace(/[^\x20-\x7e]/g, escaped);
  return `"${start}${bytes.length > limit ? '…' : ''}"`;
}

/** The last line that holds anything, bounded and printable; undefined when none does. */
export function lastLine(text: string): string | undefined {
  const line = text
    .trimEnd()
    .split(/[\r\n]/)
    .at(-1)
    ?.trim();
  return line ? printable(line) : undefined;
}

/** "10 s", "1.5 s", "300 ms". */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

/** "1 byte", "123 bytes". */
export function byteCount(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
