// Scripted servers that speak in bytes: just enough of each protocol for the clients of ldirectord and of tsdirectord.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  decode,
  decodeAll,
  ENUMERATED,
  encode,
  encodeSmall,
  INTEGER,
  numberOf,
  OCTETS,
  SEQUENCE,
} from '../../../../src/checks/ber.ts';
import type { DatagramServer, StreamServer } from './switched.ts';
import { ACCOUNT } from './text.ts';

/** Takes the first message off what has been heard, as [message, rest]; undefined while it is not whole. */
type Framing = (heard: Buffer) => readonly [Buffer, Buffer] | undefined;

/** Answers message by message. */
function converse(socket: Socket, framing: Framing, answer: (message: Buffer) => Buffer | undefined): void {
  let heard: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk]);
    for (let framed = framing(heard); framed !== undefined; framed = framing(heard)) {
      const [message, rest] = framed;
      heard = rest;
      const said = answer(message);
      if (said !== undefined && !socket.destroyed) socket.write(said);
    }
  });
}

/** The message of `size` bytes, when so many have come. */
function cut(heard: Buffer, size: number): readonly [Buffer, Buffer] | undefined {
  return heard.length < size ? undefined : [heard.subarray(0, size), heard.subarray(size)];
}

// --- DNS (RFC 1035) ---

const PTR = 12;
const SERVFAIL = 2;

/** www.lab.example has the address 10.8.8.45, whose name it is. Unwell: SERVFAIL, or another name and address. */
export function dns(unwell: 'SERVFAIL' | 'other'): DatagramServer {
  return (query, well) => {
    const end = query.indexOf(0, 12) + 5;
    const question = query.subarray(12, end);
    const failed = !well && unwell === 'SERVFAIL';
    const header = Buffer.from([0, 0, 0x81, 0x80 | (failed ? SERVFAIL : 0), 0, 1, 0, failed ? 0 : 1, 0, 0, 0, 0]);
    query.copy(header, 0, 0, 2);
    if (failed) return Buffer.concat([header, question]);
    const type = question.readUInt16BE(question.length - 4);
    const data =
      type === PTR ? nameOf(well ? 'www.lab.example' : 'other.example') : Buffer.from([10, 8, 8, well ? 45 : 99]);
    const answer = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, data.length]);
    return Buffer.concat([header, question, answer, data]);
  };
}

/** The same over TCP. */
export function dnsStream(unwell: 'SERVFAIL' | 'other'): StreamServer {
  const answer = dns(unwell);
  return (socket, well) => {
    const framing: Framing = (heard) => (heard.length < 2 ? undefined : cut(heard, 2 + heard.readUInt16BE(0)));
    converse(socket, framing, (message) => {
      const said = answer(message.subarray(2), well) ?? Buffer.alloc(0);
      return Buffer.concat([Buffer.from([said.length >> 8, said.length & 255]), said]);
    });
  };
}

function nameOf(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

// --- RADIUS (RFC 2865) ---

export const RADIUS_SECRET = 'shared';
const ACCEPT = 2;
const REJECT = 3;
const USER_PASSWORD = 2;

/** Unwell, or asked with another password: Access-Reject. */
export const radius: DatagramServer = (request, well) => {
  const authenticator = request.subarray(4, 20);
  const accepted = well && passwordIn(request) === ACCOUNT.password;
  const head = Buffer.from([accepted ? ACCEPT : REJECT, request[1] ?? 0, 0, 20]);
  return Buffer.concat([head, md5(head, authenticator, RADIUS_SECRET)]);
};

function passwordIn(request: Buffer): string {
  for (let at = 20; at < request.length; at += request[at + 1] || 1) {
    if (request[at] !== USER_PASSWORD) continue;
    const key = md5(RADIUS_SECRET, request.subarray(4, 20));
    return xor(request.subarray(at + 2, at + 18), key)
      .toString('latin1')
      .replace(/\0+$/, '');
  }
  return '';
}

// --- LDAP (RFC 4511) ---

const BIND = 0x60;
const SEARCH = 0x63;
const UNBIND = 0x42;
const INVALID_CREDENTIALS = 49;
const NO_SUCH_OBJECT = 32;

/** One entry, dc=lab. Unwell: nobody may bind, or there is no entry. */
export function ldap(unwell: 'bind' | 'entry'): StreamServer {
  return (socket, well) => {
    const framing: Framing = (heard) => {
      const decoded = decode(heard, 9_999);
      return decoded && cut(heard, decoded.size);
    };
    converse(socket, framing, (message) => {
      const [id, operation] = decodeAll(decode(message, 9_999)?.element.content ?? Buffer.alloc(0));
      const say = (...part: Buffer[]) => encode(SEQUENCE, encodeSmall(INTEGER, numberOf(id, INTEGER)), ...part);
      const result = (tag: number, code: number) =>
        say(encode(tag, encodeSmall(ENUMERATED, code), encode(OCTETS), encode(OCTETS)));
      if (operation?.tag === BIND) {
        const [, name, password] = decodeAll(operation.content);
        const known = name?.content.length === 0 || password?.content.toString() === ACCOUNT.password;
        return result(0x61, known && (well || unwell !== 'bind') ? 0 : INVALID_CREDENTIALS);
      }
      if (operation?.tag === SEARCH) {
        const entry = say(encode(0x64, encode(OCTETS, 'dc=lab'), encode(SEQUENCE)));
        return well ? Buffer.concat([entry, result(0x65, 0)]) : result(0x65, NO_SUCH_OBJECT);
      }
      if (operation?.tag === UNBIND) socket.end();
      return undefined;
    });
  };
}

// --- MySQL's client/server protocol ---

const SALT = 'abcdefghijklmnopqrst';
const QUERY = 3;
const QUIT = 1;

/** One row for any SELECT. Unwell: access denied. */
export const mysql: StreamServer = (socket, well) => {
  const framing: Framing = (heard) => (heard.length < 4 ? undefined : cut(heard, 4 + heard.readUIntLE(0, 3)));
  let welcome = false;
  socket.write(mysqlGreeting());
  converse(socket, framing, (message) => {
    const body = message.subarray(4);
    if (!welcome) {
      welcome = well && mysqlKnows(body);
      return welcome ? mysqlOk(2) : mysqlPacket(2, [0xff, 1045 & 255, 1045 >> 8], '#28000Access denied');
    }
    if (body[0] === QUIT) socket.end();
    if (body[0] === QUIT) return undefined;
    return body[0] === QUERY && /^SELECT/i.test(body.toString('latin1', 1)) ? MYSQL_ROW : mysqlOk(1);
  });
};

function mysqlPacket(number: number, ...parts: (string | readonly number[])[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([Buffer.from([payload.length & 255, payload.length >> 8, 0, number]), payload]);
}

/** Long passwords, a database at once, protocol 4.1, transactions, authentication by name. */
const CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000;

function mysqlGreeting(): Buffer {
  const capability = (shift: number) => (CAPABILITIES >> shift) & 255;
  const low = [capability(0), capability(8), 45, 2, 0];
  const high = [capability(16), capability(24), SALT.length + 1, ...Buffer.alloc(10)];
  const salt = [`${SALT.slice(0, 8)}\0`, `${SALT.slice(8)}\0`] as const;
  return mysqlPacket(0, [10], '8.0.36\0', [1, 0, 0, 0], salt[0], low, high, salt[1], 'mysql_native_password\0');
}

/** mysql_native_password: SHA1(password) xor SHA1(salt SHA1(SHA1(password))). */
function mysqlKnows(login: Buffer): boolean {
  const end = login.indexOf(0, 32);
  const token = login.subarray(end + 2, end + 22);
  const once = sha1(ACCOUNT.password);
  return login.toString('latin1', 32, end) === ACCOUNT.user && token.equals(xor(once, sha1(SALT, sha1(once))));
}

const mysqlOk = (number: number) => mysqlPacket(number, [0, 0, 0, 2, 0, 0, 0]);
const mysqlEnd = (number: number) => mysqlPacket(number, [0xfe, 0, 0, 2, 0]);
const mysqlText = (text: string) => [text.length, ...Buffer.from(text)];
const MYSQL_ROW = Buffer.concat([
  mysqlPacket(1, [1]),
  mysqlPacket(2, ['def', '', '', '', 'n', ''].flatMap(mysqlText), [12, 45, 0, 20, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
  mysqlEnd(3),
  mysqlPacket(4, mysqlText('1')),
  mysqlEnd(5),
]);

// --- PostgreSQL's frontend/backend protocol 3 ---

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;

/** One row for any SELECT. Unwell: none. */
export const pgsql: StreamServer = (socket, well) => {
  let started = false;
  const framing: Framing = (heard) => {
    const at = started ? 1 : 0;
    return heard.length < at + 4 ? undefined : cut(heard, at + heard.readUInt32BE(at));
  };
  converse(socket, framing, (message) => {
    if (started) return pgAnswer(socket, message, well);
    const code = message.readUInt32BE(4);
    if (code === SSL_REQUEST || code === GSS_REQUEST) return Buffer.from('N');
    started = true;
    return pgMessage('R', [0, 0, 0, 3]);
  });
};

function pgAnswer(socket: Socket, message: Buffer, well: boolean): Buffer | undefined {
  const type = String.fromCharCode(message[0] ?? 0);
  const text = message.toString('latin1', 5);
  const rows = well ? pgMessage('D', [0, 1, 0, 0, 0, 1], '1') : Buffer.alloc(0);
  const done = pgMessage('C', `SELECT ${well ? 1 : 0}\0`);
  switch (type) {
    case 'p':
      return text === `${ACCOUNT.password}\0` ? PG_WELCOME : pgMessage('E', 'SFATAL\0C28P01\0Mwrong password\0\0');
    case 'Q':
      if (!/^SELECT/i.test(text)) return Buffer.concat([pgMessage('C', 'SET\0'), PG_READY]);
      return Buffer.concat([PG_COLUMNS, rows, done, PG_READY]);
    case 'P':
      return pgMessage('1');
    case 'B':
      return pgMessage('2');
    case 'D':
      return text.startsWith('S') ? Buffer.concat([pgMessage('t', [0, 0]), PG_COLUMNS]) : PG_COLUMNS;
    case 'E':
      return Buffer.concat([rows, done]);
    case 'C':
      return pgMessage('3');
    case 'S':
      return PG_READY;
    case 'X':
      socket.end();
  }
  return undefined;
}

function pgMessage(type: string, ...parts: (string | readonly number[])[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(payload.length + 4);
  return Buffer.concat([Buffer.from(type), length, payload]);
}

const PG_READY = pgMessage('Z', 'I');
/** One column, a text. */
const PG_COLUMNS = pgMessage('T', [0, 1], 'n\0', [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
const PG_SETTINGS = { server_version: '15.0', client_encoding: 'UTF8', standard_conforming_strings: 'on' };
const PG_WELCOME = Buffer.concat([
  pgMessage('R', [0, 0, 0, 0]),
  ...Object.entries(PG_SETTINGS).map(([name, value]) => pgMessage('S', `${name}\0${value}\0`)),
  pgMessage('K', [0, 0, 0, 1, 0, 0, 0, 1]),
  PG_READY,
]);

// --- Hashes ---

function md5(...parts: (string | Buffer)[]): Buffer {
  return hash('md5', parts);
}

function sha1(...parts: (string | Buffer)[]): Buffer {
  return hash('sha1', parts);
}

function hash(name: string, parts: readonly (string | Buffer)[]): Buffer {
  return createHash(name)
    .update(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
    .digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
