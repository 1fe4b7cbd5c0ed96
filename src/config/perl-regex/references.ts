// Which group \g and \k refer to.
import { type Reader, take } from './escapes.ts';
import { Refusal } from './tree.ts';

const RELATIVE = /\\g(?:-(\d+)|\{[ \t]*-(\d+)[ \t]*\})/;
const NUMBER = /\\g(?:(\d+)|\{[ \t]*(\d+)[ \t]*\})/;
const NAME = /\\(?:[gk]\{[ \t]*([A-Za-z_]\w*)[ \t]*\}|k<([A-Za-z_]\w*)>|k'([A-Za-z_]\w*)')/;

/** Reads a back-reference; the reader stands on its backslash. `groupCount` is how many groups have been opened so far. */
export function readReference(reader: Reader, groupCount: number): number | string {
  const offset = reader.pos;
  const relative = take(reader, RELATIVE);
  // A relative number of 0, or of more groups than there are, leads to a group that does not exist.
  if (relative !== undefined) return groupCount + 1 - Number(relative[1] ?? relative[2]);
  const number = take(reader, NUMBER);
  if (number !== undefined) return Number(number[1] ?? number[2]);
  const name = take(reader, NAME);
  if (name !== undefined) return name[1] ?? name[2] ?? name[3] ?? '';
  const written = reader.text.slice(offset, offset + 2);
  throw new Refusal(
    { offset, length: 2 },
    `${written} is not followed by a group's number or name`,
    written === '\\g' ? 'write \\g{1} or \\g{name}' : 'write \\k<name>',
  );
}
