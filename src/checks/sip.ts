// SIP: up when OPTIONS is answered with 200. Answers that only announce the real one (1xx) are waited past.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { formatEndpoint, type Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { ask, type Endpoint, type Judged } from './datagram.ts';
import { openSocket } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

/** RFC 3261, timer E: T1, doubled until it is T2. */
const RESENT_AFTER_MS = [500, 1000, 2000, 4000] as const;
/** All that a server may say over TCP; an answer has about 1 KiB. */
const MAX_BYTES = 64 * 1024;

interface Request {
  /** `user@host`, as it may stand in a URI. */
  readonly user: string;
  /** An answer copies it, and is known to be ours by it. */
  readonly callId: string;
}

interface Status {
  readonly code: number;
  /** "SIP/2.0 200 OK", printable. */
  readonly line: string;
}

export const sip: Check<'sip'> = async (target, { transport, user }, ctx) => {
  const request = { user: inUri(user ?? `ldirectord@${hostname()}`), callId: random() };
  const { code, line } = await (transport === 'udp' ? overUdp : overTcp)(target, request, ctx);
  if (code !== 200) throw new CheckFailure(line);
  return line;
};

function overUdp(target: Target, request: Request, ctx: CheckContext): Promise<Status> {
  const judge = (datagram: Buffer): Judged<Status> => {
    const text = withoutEmptyLines(datagram.toString('latin1'));
    const status = statusOf(text);
    if (status === undefined) return { ignored: `got what is not SIP: ${quoted(datagram)}` };
    if (callIdOf(text) !== request.callId) return { ignored: `got "${status.line}" for another request` };
    if (!isFinal(status)) return { ignored: `got "${status.line}" and no final answer` };
    ctx.trace?.(`< ${status.line}`);
    return { answer: status };
  };
  const compose = (local: Endpoint) => options(request, 'UDP', local, ctx);
  return ask(target, { compose, waitsMs: RESENT_AFTER_MS, judge }, ctx);
}

async function overTcp(target: Target, request: Request, ctx: CheckContext): Promise<Status> {
  const socket = await openSocket(target, ctx);
  let total = 0;
  let rest = '';
  let announced = '';
  const heard = () => `${byteCount(total)}${total > 0 ? `: ${announced || quoted(Buffer.from(rest, 'latin1'))}` : ''}`;
  ctx.progress(() => `connected, sent the request, got ${heard()}`);
  const { localAddress = '', localPort = 0 } = socket;
  socket.write(options(request, 'TCP', { address: localAddress, port: localPort }, ctx));
  for await (const chunk of socket) {
    total += chunk.length;
    rest += chunk.toString('latin1');
    for (let next = firstAnswer(rest); next !== undefined; next = firstAnswer(rest)) {
      ctx.trace?.(`< ${next.status.line}`);
      if (isFinal(next.status)) return next.status;
      announced = `"${next.status.line}" and no final answer`;
      rest = next.rest;
    }
    if (total > MAX_BYTES) throw new CheckFailure(`the server does not stop talking (${heard()})`);
  }
  throw new CheckFailure(total === 0 ? 'connection closed without an answer' : `connection closed after ${heard()}`);
}

/** The first answer of a stream and what follows it; undefined while too little of it has come. Throws when it is not SIP. */
function firstAnswer(stream: string): { status: Status; rest: string } | undefined {
  const text = withoutEmptyLines(stream);
  if (!text.includes('\n')) return undefined;
  const status = statusOf(text);
  if (status === undefined) throw new CheckFailure(`not a SIP answer: ${quoted(Buffer.from(text, 'latin1'))}`);
  // The first line of a final answer says it all; of any other the end must be known.
  if (isFinal(status)) return { status, rest: '' };
  const head = headOf(text);
  if (head === undefined) return undefined;
  const end = head.length + Number(fieldOf(head, CONTENT_LENGTH) ?? 0);
  return end <= text.length ? { status, rest: text.slice(end) } : undefined;
}

const STATUS_LINE = /^SIP\/2\.0 (\d{3})(?![^ \r\n])[^\r\n]*/;
const CONTENT_LENGTH = /^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)/im;
const CALL_ID = /^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)/im;

function statusOf(text: string): Status | undefined {
  const [line, code] = STATUS_LINE.exec(text) ?? [];
  return line === undefined ? undefined : { code: Number(code), line: printable(line.trimEnd()) };
}

function isFinal({ code }: Status): boolean {
  return code >= 200;
}

function callIdOf(datagram: string): string | undefined {
  return fieldOf(headOf(datagram) ?? datagram, CALL_ID);
}

/** First line and fields, up to the empty line and with it. */
function headOf(text: string): string | undefined {
  const end = /\r?\n\r?\n/.exec(text);
  return end === null ? undefined : text.slice(0, end.index + end[0].length);
}

function fieldOf(head: string, field: RegExp): string | undefined {
  return field.exec(head)?.[1];
}

/** Empty lines before a message keep a connection open, and mean nothing (RFC 3261, 7.5). */
function withoutEmptyLines(text: string): string {
  return text.replace(/^[\r\n]+/, '');
}

function options({ user, callId }: Request, transport: 'UDP' | 'TCP', local: Endpoint, ctx: CheckContext): Buffer {
  const here = formatEndpoint(local.address, local.port);
  ctx.trace?.(`> OPTIONS sip:${printable(user)} SIP/2.0, from ${here} over ${transport}`);
  return Buffer.from(
    [
      `OPTIONS sip:${user} SIP/2.0`,
      // RFC 3261, 8.1.1.7: a branch begins so.
      `Via: SIP/2.0/${transport} ${here};branch=z9hG4bK${random()};rport`,
      'Max-Forwards: 70',
      `To: <sip:${user}>`,
      `From: <sip:${user}>;tag=${random()}`,
      `Call-ID: ${callId}`,
      'CSeq: 1 OPTIONS',
      `Contact: <sip:tsdirectord@${here};transport=${transport.toLowerCase()}>`,
      'Accept: application/sdp',
      'User-Agent: tsdirectord',
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );
}

function random(): string {
  return randomBytes(12).toString('hex');
}

/** What could end a URI, its brackets or its line is escaped. */
function inUri(user: string): string {
  return Buffer.from(user)
    .toString('latin1')
    .replace(/[^\x21-\x7e]|[<>"]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
}
