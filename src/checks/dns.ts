// DNS: up when the server answers a question with a record of the type asked for, which `receive` matches.
import { randomInt } from 'node:crypto';
import type { DnsSpec, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { ask, type Judged } from './datagram.ts';
import { broken, isAnswerTo, isTruncated, rcodeText, recordsOf } from './dns-answer.ts';
import { received } from './match.ts';
import { explain } from './reasons.ts';
import { openSocket } from './socket.ts';
import { byteCount, printable } from './text.ts';

const RECURSION_DESIRED = 0x0100;
const RESENT_AFTER_MS = [1000, 2000, 4000] as const;
const MAX_SHOWN = 3;

export const dns: Check<'dns'> = async (target, spec, ctx) => {
  const { encode, decode } = await import('dns-packet');
  const { name, type, transport } = spec;
  const query = encode({
    type: 'query',
    id: randomInt(0x10000),
    flags: RECURSION_DESIRED,
    questions: [{ type, name }],
  });
  ctx.trace?.(`> ${type} of ${printable(name)}, over ${transport}`);
  const answer = await (transport === 'udp' ? overUdp : overTcp)(target, query, ctx);
  const rcode = rcodeText(answer);
  ctx.trace?.(`< ${rcode}, ${byteCount(answer.length)}`);
  if (rcode !== 'NOERROR') throw new CheckFailure(`${rcode} for ${printable(name)}`);
  const records = recordsOf(answer, query, type, decode);
  if (records.length > 0) ctx.trace?.(`< ${listed(records)}`);
  return verdict(records, spec);
};

async function overUdp(target: Target, query: Buffer, ctx: CheckContext): Promise<Buffer> {
  const judge = (message: Buffer): Judged<Buffer> =>
    isAnswerTo(query, message)
      ? { answer: message }
      : { ignored: `got ${byteCount(message.length)} that are no answer to the question` };
  const answer = await ask(target, { compose: () => query, waitsMs: RESENT_AFTER_MS, judge }, ctx);
  if (!isTruncated(answer)) return answer;
  ctx.trace?.('< truncated: asking again over tcp');
  return overTcp(target, query, ctx).catch((error: unknown) => {
    const { outcome, detail } = explain(error);
    throw outcome === 'error'
      ? error
      : new CheckFailure(`${detail}, over TCP after a truncated answer over UDP`, { cause: error });
  });
}

async function overTcp(target: Target, query: Buffer, ctx: CheckContext): Promise<Buffer> {
  const socket = await openSocket(target, ctx);
  let got: Buffer = Buffer.alloc(0);
  ctx.progress(() => `connected, sent the question, got ${byteCount(got.length)}`);
  socket.write(Buffer.concat([lengthOf(query), query]));
  for await (const chunk of socket) {
    got = Buffer.concat([got, chunk]);
    if (got.length < 2) continue;
    const length = got.readUInt16BE(0);
    if (got.length < 2 + length) continue;
    const message = got.subarray(2, 2 + length);
    if (isAnswerTo(query, message)) return message;
    throw broken('it answers another question');
  }
  throw new CheckFailure(
    got.length === 0
      ? 'connection closed without an answer'
      : `connection closed after ${byteCount(got.length)} of the answer`,
  );
}

/** Over TCP each message is preceded by its length. */
function lengthOf(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return length;
}

function verdict(records: readonly string[], { type, name, receive }: DnsSpec): string {
  if (records.length === 0) throw new CheckFailure(`no ${type} record for ${printable(name)}`);
  const found = receive === undefined ? records[0] : records.find((record) => received(receive, Buffer.from(record)));
  if (found !== undefined) return printable(found);
  throw new CheckFailure(
    `no ${type} record of ${printable(name)} matches /${printable(receive?.text ?? '')}/: got ${listed(records)}`,
  );
}

function listed(records: readonly string[]): string {
  const shown = records.slice(0, MAX_SHOWN).map((record) => printable(record, 100));
  const more = records.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
