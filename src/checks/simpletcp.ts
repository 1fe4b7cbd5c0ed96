// A text sent, and an answer of which a line must match `receive`; over UDP a datagram. Without `receive` any byte will do.
import type { SimpleTcpSpec, Target } from '../config/model.ts';
import type { Pattern } from '../config/perl-regex.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { ask, type Judged } from './datagram.ts';
import { received } from './match.ts';
import { openSocket } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

/** How much of an answer is searched. */
const MAX_BYTES = 1024 * 1024;
/** A longer line is cut, and its parts are taken for lines. */
const MAX_LINE_BYTES = 64 * 1024;
/** How much of an answer a reason shows. */
const SHOWN_BYTES = 100;
/** Many short lines can be much work: after so long the other checks have their turn. */
const TURN_MS = 10;
const RESENT_AFTER_MS = [1000] as const;

export const simpletcp: Check<'simpletcp'> = (target, spec, ctx) => {
  const request = Buffer.from(spec.request.replaceAll('\\n', '\n'));
  ctx.trace?.(`> ${byteCount(request.length)} over ${spec.transport}: ${quoted(request, SHOWN_BYTES)}`);
  return (spec.transport === 'udp' ? overUdp : overTcp)(target, request, spec, ctx);
};

async function overTcp(
  target: Target,
  request: Buffer,
  { receive }: SimpleTcpSpec,
  ctx: CheckContext,
): Promise<string> {
  const socket = await openSocket(target, ctx);
  let total = 0;
  let start: Buffer = Buffer.alloc(0);
  const got = () => `got ${byteCount(total)}${total === 0 ? '' : `: ${quoted(start, SHOWN_BYTES)}`}`;
  ctx.progress(() => `connected, sent the request, ${got()}`);
  // Our half of the connection ends with the request: many servers answer only then.
  socket.end(request);

  async function* answer(): AsyncGenerator<Buffer> {
    for await (const chunk of socket) {
      total += chunk.length;
      // One byte more than is shown, so that what is cut is shown as cut.
      if (start.length <= SHOWN_BYTES) start = Buffer.concat([start, chunk]).subarray(0, SHOWN_BYTES + 1);
      ctx.trace?.(`< ${byteCount(chunk.length)}: ${quoted(chunk, SHOWN_BYTES)}`);
      yield chunk;
      if (total >= MAX_BYTES) return;
    }
  }

  const found = await firstGood(receive === undefined ? answer() : linesOf(answer()), receive, ctx);
  if (found !== undefined) return `got ${quoted(found, SHOWN_BYTES)}`;
  if (total === 0) throw new CheckFailure('connection closed without an answer');
  const searched = total >= MAX_BYTES ? 'no line of the first 1 MiB' : 'no line';
  throw new CheckFailure(`${searched} matches /${printable(receive?.text ?? '')}/ (${got()})`);
}

async function firstGood(
  parts: AsyncIterable<Buffer>,
  receive: Pattern | undefined,
  ctx: CheckContext,
): Promise<Buffer | undefined> {
  let turnBegan = performance.now();
  for await (const part of parts) {
    if (isGood(part, receive)) return part;
    if (performance.now() - turnBegan < TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    ctx.signal.throwIfAborted();
    turnBegan = performance.now();
  }
  return undefined;
}

function isGood(answer: Buffer, receive: Pattern | undefined): boolean {
  return receive === undefined ? answer.length > 0 : received(receive, answer);
}

/** Each with its newline, which `$` stands before and `\s` matches; the last one may have none. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = lineEnd(rest); end !== undefined; end = lineEnd(rest)) {
      yield rest.subarray(0, end);
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) yield rest;
}

/** How long the first line is; undefined while its end has not come. */
function lineEnd(bytes: Buffer): number | undefined {
  const newline = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\n');
  if (newline >= 0) return newline + 1;
  return bytes.length >= MAX_LINE_BYTES ? MAX_LINE_BYTES : undefined;
}

async function overUdp(
  target: Target,
  request: Buffer,
  { receive }: SimpleTcpSpec,
  ctx: CheckContext,
): Promise<string> {
  const judge = (datagram: Buffer): Judged<string> => {
    const got = `got ${byteCount(datagram.length)}: ${quoted(datagram, SHOWN_BYTES)}`;
    if (isGood(datagram, receive)) return { answer: got };
    return {
      ignored: receive === undefined ? got : `no answer matches /${printable(receive.text)}/, the last: ${got}`,
    };
  };
  return ask(target, { compose: () => request, waitsMs: RESENT_AFTER_MS, judge }, ctx);
}
