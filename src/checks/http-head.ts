// What stands between the socket and the parser: bounds the header, says clearly what is not HTTP, passes over "100 Continue" (not yet
// the answer), and repairs what that parser refuses though ldirectord's and browsers' do not.
import { CheckFailure } from '../errors.ts';
import { quoted } from './text.ts';

/** An answer's header may be this long; browsers stop at about as much. */
export const MAX_HEAD_BYTES = 64 * 1024;

const PROTOCOL = Buffer.from('HTTP/');
const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
const CR = 0x0d;

/** Takes an answer's bytes as they come and gives on those that the parser shall see. */
export interface HeadGate {
  /** The bytes that may pass now; null when more must come first. Throws CheckFailure when no HTTP answer can come of them. */
  pass(chunk: Buffer): Buffer | null;
  /** The status line and the fields that have passed. */
  readonly lines: readonly string[];
}

export function createHeadGate(): HeadGate {
  let held: Buffer = NOTHING;
  /** Of what is held, how much has been searched for the header's end. */
  let searched = 0;
  let skipped = 0;
  let lines: readonly string[] = [];

  function skip(count: number): void {
    if (count === 0) return;
    skipped += count;
    if (skipped > MAX_HEAD_BYTES) throw new CheckFailure(`the server sent ${MAX_HEAD_BYTES / 1024} KiB and no answer`);
    held = held.subarray(count);
    searched = 0;
  }

  return {
    get lines() {
      return lines;
    },
    pass(chunk) {
      if (lines.length > 0) return chunk;
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (;;) {
        skip(blankLines(held));
        requireHttp(held);
        const end = headEnd(held, searched);
        if (end === -1) {
          if (held.length > MAX_HEAD_BYTES)
            throw new CheckFailure(`the answer's header is over ${MAX_HEAD_BYTES / 1024} KiB`);
          searched = Math.max(0, held.length - '\n\r'.length);
          return null;
        }
        const status = statusOf(held);
        requireAnswer(status);
        if (!isInterim(status)) {
          const head = held.toString('latin1', 0, end);
          lines = fieldLines(head);
          const fixed = `${lines.join('\r\n')}\r\n\r\n`;
          return fixed === head ? held : Buffer.concat([Buffer.from(fixed, 'latin1'), held.subarray(end)]);
        }
        skip(end);
      }
    },
  };
}

/** How many bytes of empty lines stand at the start. */
function blankLines(bytes: Buffer): number {
  let count = 0;
  while (bytes[count] === CR || bytes[count] === LF) count += 1;
  return count;
}

function requireHttp(bytes: Buffer): void {
  const known = Math.min(bytes.length, PROTOCOL.length);
  if (bytes.compare(PROTOCOL, 0, known, 0, known) !== 0) throw new CheckFailure(`not an HTTP answer: ${quoted(bytes)}`);
}

/** Where the body begins: after the first empty line, whose line feeds stand at `from` or behind it. -1 when it has not come yet. */
function headEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LF, from); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

/** NaN where there is none; the parser says what is wrong with the line. */
function statusOf(head: Buffer): number {
  return Number(/^HTTP\/\d\.\d (\d{3})(?!\d)/.exec(head.toString('latin1', 0, 16))?.[1]);
}

/** What the parser takes, and no server means. */
function requireAnswer(status: number): void {
  if (status < 100) throw new CheckFailure(`not an HTTP answer: status ${String(status).padStart(3, '0')}`);
  if (status === 101) throw new CheckFailure('HTTP 101: another protocol begins, which nobody asked for');
}

/** 1xx, which another answer follows. */
function isInterim(status: number): boolean {
  return status < 200;
}

/** The header's lines, without those that are no fields, and with one Content-Length at most (none beside chunked encoding). */
function fieldLines(head: string): readonly string[] {
  const lines = head.split(/\r?\n/).slice(0, -2);
  const chunked = lines.some((line) => /^transfer-encoding:/i.test(line));
  let lengths = chunked ? 1 : 0;
  return lines.filter((line, index) => {
    if (index === 0) return true;
    if (/^content-length:/i.test(line)) return /:[ \t]*\d+[ \t]*$/.test(line) && lengths++ === 0;
    return /^[\w!#$%&'*+.^`|~-]+:/.test(line);
  });
}

/** The value of the first field of this name, without the blanks around it; undefined when there is none. */
export function fieldOf(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((each) => each.slice(0, name.length + 1).toLowerCase() === `${name}:`);
  return line?.slice(name.length + 1).trim();
}
