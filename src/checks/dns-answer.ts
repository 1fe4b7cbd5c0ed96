// What a DNS message answers: whether it is the answer to our question, and the records in it that were asked for.
import type { DecodedPacket } from 'dns-packet';
import type { DnsSpec } from '../config/model.ts';
import { CheckFailure, messageOf } from '../errors.ts';
import { printable } from './text.ts';

type RecordType = DnsSpec['type'];
type Decode = (message: Buffer) => DecodedPacket;

/** No answer to a sane question is longer; and names that point to names make a longer one expensive to read. */
const MAX_ANSWER_BYTES = 8 * 1024;

const HEADER_BYTES = 12;
const IS_RESPONSE = 0x8000;
const IS_TRUNCATED = 0x0200;
const RCODE = 0x000f;
const CODES: Readonly<Record<RecordType, number>> = { A: 1, PTR: 12 };
/** NULL: a record whose data nobody looks into. */
const OPAQUE = 10;
const INTERNET = 1;
const ADDRESS_BYTES = 4;
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** True for a response with the query's ID and question. An error may leave the question out: some servers send their header alone. */
export function isAnswerTo(query: Buffer, message: Buffer): boolean {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((message.readUInt16BE(2) & IS_RESPONSE) === 0) return false;
  const questions = message.readUInt16BE(4);
  if (questions === 0) return rcodeOf(message) !== 0;
  return questions === 1 && questionOf(message, query.length) === questionOf(query, query.length);
}

/** True when the server had more to say than a datagram holds. */
export function isTruncated(message: Buffer): boolean {
  return (message.readUInt16BE(2) & IS_TRUNCATED) !== 0;
}

/** "NOERROR", "NXDOMAIN", "RCODE 11". */
export function rcodeText(message: Buffer): string {
  const rcode = rcodeOf(message);
  return RCODES[rcode] ?? `RCODE ${rcode}`;
}

/**
 * The addresses or names in the answer to a query whose `isAnswerTo` is true, through aliases or not. Throws a CheckFailure when the
 * message is not a DNS message.
 */
export function recordsOf(message: Buffer, query: Buffer, type: RecordType, decode: Decode): string[] {
  if (message.length > MAX_ANSWER_BYTES) throw broken(`${message.length} bytes long`);
  const safe = onlyRecords(type, message, message.readUInt16BE(4) === 0 ? HEADER_BYTES : query.length);
  try {
    return (decode(safe).answers ?? []).flatMap((record) => (record.type === type ? [record.data] : []));
  } catch (error) {
    throw broken(printable(messageOf(error)), error);
  }
}

export function broken(what: string, cause?: unknown): CheckFailure {
  return new CheckFailure(`broken DNS answer: ${what}`, { cause });
}

function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & RCODE;
}

/** The bytes of the one question; in them nothing can be compressed, and a name's case means nothing. */
function questionOf(message: Buffer, end: number): string {
  return message.toString('latin1', HEADER_BYTES, end).toLowerCase();
}

/**
 * The message with no more in it than dns-packet reads safely. That believes a text to be as long as it says, and having left the
 * message begins again at its start, which can take minutes (5.6.1): so it gets no sections that we do not need, only records that
 * lie within the message, and looks into the data of none but those of the type asked for.
 */
function onlyRecords(type: RecordType, message: Buffer, start: number): Buffer {
  const safe = Buffer.from(message);
  const count = safe.readUInt16BE(6);
  let at = start;
  for (let number = 1; number <= count; number += 1) {
    const head = endOfName(safe, at);
    const data = head + 10;
    const end = data + (data <= safe.length ? safe.readUInt16BE(head + 8) : 0);
    if (end > safe.length) throw broken(`it ends in record ${number} of ${count}`);
    if (safe.readUInt16BE(head) !== CODES[type] || safe.readUInt16BE(head + 2) !== INTERNET) {
      safe.writeUInt16BE(OPAQUE, head);
    } else if (end !== (type === 'A' ? data + ADDRESS_BYTES : endOfName(safe, data))) {
      throw broken(`record ${number} is no ${type} record`);
    }
    at = end;
  }
  // No authorities, no additional records.
  safe.writeUInt32BE(0, 8);
  return safe.subarray(0, at);
}

/** Where the next thing stands after a name, which ends with an empty label or a pointer. */
function endOfName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw broken('it ends in a name');
    if (length >= 0xc0) return at + 2;
    if (length === 0) return at + 1;
    at += 1 + length;
  }
}
