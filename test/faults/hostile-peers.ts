// For each protocol what a healthy server says, word by word: what hostile ones then spoil.
import { createHash } from 'node:crypto';
import { decode as decodeDns, encode as encodeDns } from 'dns-packet';
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
} from '../../src/checks/ber.ts';
import type { Peer } from './hostile-wire.ts';

export const SECRET = 'Sesam-1-2-3';
const ACCOUNT = `login = "joe"; passwd = "${SECRET}"`;

export interface Protocol {
  /** Directives of a virtual service, `; ` between them. */
  readonly options: string;
  readonly transport: 'tcp' | 'udp';
  /** The healthy servers; each finds the check up. */
  readonly peers: readonly (() => Peer)[];
  /** Whoever is behind another port of the server, whose one sentence is its greeting. */
  readonly data?: Buffer;
}

const NOTHING = Buffer.alloc(0);
const bytesOf = (...parts: (string | readonly number[] | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Answers by the first rule that fits what it hears: a pattern, or a text that is in it. */
function dialogue(
  greeting: string | Buffer,
  rules: readonly (readonly [heard: RegExp | string, answer: string | Buffer])[],
): () => Peer {
  return () => ({
    greeting: Buffer.from(greeting as string),
    answer(heard) {
      const text = heard.toString('latin1');
      const said =
        rules.find(([fits]) => (typeof fits === 'string' ? text.includes(fits) : fits.test(text)))?.[1] ?? '';
      return Buffer.from(said as string);
    },
  });
}

const answering =
  (answer: (heard: Buffer) => Buffer): (() => Peer) =>
  () => ({ greeting: NOTHING, answer });

function http(...answers: (string | Buffer)[]): (() => Peer)[] {
  return answers.map((answer) =>
    dialogue('', [
      [/^GET \/again/, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfound'],
      [/^GET/, answer],
    ]),
  );
}

const SMTP = dialogue('220-mail\r\n220 mail ESMTP\r\n', [
  [/^EHLO/, '250-mail\r\n250-STARTTLS\r\n250 HELP\r\n'],
  [/^STARTTLS/, '220 go\r\n'],
  [/^(HELO|NOOP|MAIL|RCPT)/, '250 ok\r\n'],
]);
const POP = dialogue('+OK <1.2@mail> ready\r\n', [
  [/^(STLS|USER|PASS|NOOP|STAT)/, '+OK well\r\n'],
  [/^CAPA/, '+OK list\r\nUSER\r\nSTLS\r\n.\r\n'],
]);
const IMAP = dialogue('* OK [CAPABILITY IMAP4rev1] ready\r\n', [
  [/^a1 STARTTLS/, 'a1 OK go\r\n'],
  [/^a1 CAPABILITY/, '* CAPABILITY IMAP4rev1\r\na1 OK done\r\n'],
  [/^a2 CAPABILITY/, '* CAPABILITY IMAP4rev1\r\na2 OK done\r\n'],
  [/^a2 LOGIN/, '* 1 EXISTS\r\na2 OK [CAPABILITY X] in\r\n'],
  [/^a3 LOGIN/, 'a3 OK in\r\n'],
  [/^a3/, 'a3 OK done\r\n'],
  [/^a4/, 'a4 OK done\r\n'],
]);
const FTP = dialogue('220-hello\r\n220 ftp\r\n', [
  [/^USER/, '331 password\r\n'],
  [/^PASS/, '230-in\r\n 1\r\n230 in\r\n'],
  [/^(CWD|TYPE)/, '250 ok\r\n'],
  [/^EPSV/, '229 go (|||50000|)\r\n'],
  [/^RETR/, '150 it comes\r\n226 that was it\r\n'],
]);

function ldapAnswer(heard: Buffer): Buffer {
  const [id, operation] = decodeAll(decode(heard, 9999)?.element.content ?? NOTHING);
  const number = numberOf(id, INTEGER);
  const said = (...parts: Buffer[]) => encode(SEQUENCE, encodeSmall(INTEGER, number), ...parts);
  const done = (tag: number) => said(encode(tag, encodeSmall(ENUMERATED, 0), encode(OCTETS), encode(OCTETS, 'fine')));
  if (operation?.tag === 0x60) return done(0x61);
  if (operation?.tag === 0x77) return done(0x78);
  if (operation?.tag !== 0x63) return NOTHING;
  return bytesOf(said(encode(0x64, encode(OCTETS, 'dc=x'), encode(SEQUENCE))), done(0x65));
}

function mysqlPacket(number: number, ...parts: (string | readonly number[] | Buffer)[]): Buffer {
  const payload = bytesOf(...parts);
  return bytesOf([payload.length & 0xff, payload.length >> 8, 0, number], payload);
}
const mysqlGreeting = (plugin: string): Buffer =>
  mysqlPacket(
    0,
    [10],
    '8.0.36\0',
    [1, 0, 0, 0],
    'abcdefgh',
    [0, 9, 0xa2, 45, 2, 0, 8, 0, 21],
    Buffer.alloc(10),
    'ijklmnopqrst\0',
    `${plugin}\0`,
  );
const mysqlOk = (number: number): Buffer => mysqlPacket(number, [0, 0, 0, 2, 0, 0, 0]);
const mysqlEnd = (number: number): Buffer => mysqlPacket(number, [0xfe, 0, 0, 2, 0]);
const named = (name: string): Buffer => bytesOf([name.length], name);
const mysqlRow = bytesOf(
  mysqlPacket(1, [1]),
  mysqlPacket(
    2,
    ...['def', 'shop', 'orders', 'orders', 'id', 'id'].map(named),
    [0x0c, 45, 0, 20, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0],
  ),
  mysqlEnd(3),
  mysqlPacket(4, named('17')),
  mysqlEnd(5),
);
const mysql = (plugin: string, login: Buffer): (() => Peer) =>
  dialogue(mysqlGreeting(plugin), [
    [/SELECT/, mysqlRow],
    ['joe\0', login],
  ]);

function pgsqlMessage(type: string, ...parts: (string | readonly number[] | Buffer)[]): Buffer {
  const payload = bytesOf(...parts);
  return bytesOf(type, [0, 0, (payload.length + 4) >> 8, (payload.length + 4) & 0xff], payload);
}
const pgsqlWelcome = bytesOf(
  pgsqlMessage('R', [0, 0, 0, 0]),
  pgsqlMessage('S', 'server_version\0', '17.5\0'),
  pgsqlMessage('K', [0, 0, 0, 1, 0, 0, 0, 2]),
  pgsqlMessage('Z', 'I'),
);
const pgsqlRow = bytesOf(
  pgsqlMessage('1'),
  pgsqlMessage('2'),
  pgsqlMessage('T', [0, 1], 'id\0', [0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]),
  pgsqlMessage('D', [0, 1, 0, 0, 0, 2], '17'),
  pgsqlMessage('s'),
);
const pgsql = (tls: 'S' | 'N', password: Buffer): (() => Peer) =>
  dialogue('', [
    ['\0\0\0\x08\x04\xd2\x16\x2f', tls],
    [/SELECT/, pgsqlRow],
    ['user\0', password],
    [/^p/, pgsqlWelcome],
  ]);
const md5Request = pgsqlMessage('R', [0, 0, 0, 5], 'salt');

const redisRules = (answer: string): (() => Peer) =>
  dialogue('', [
    [/AUTH|SELECT/, '+OK\r\n'],
    [/LRANGE/, answer],
  ]);

const DNS_NAME = 'www.example.com';
function dnsAnswer(query: Buffer): Buffer {
  const { id = 0, questions = [] } = decodeDns(query);
  return encodeDns({
    ...{ type: 'response', id, questions, flags: 0x0180 },
    answers: [
      { type: 'CNAME', name: DNS_NAME, ttl: 60, data: 'web.example.com' },
      { type: 'A', name: 'web.example.com', ttl: 60, data: '192.0.2.7' },
    ],
    additionals: [{ type: 'TXT', name: DNS_NAME, ttl: 60, data: 'nobody reads this' }],
  });
}
const withLength = (message: Buffer): Buffer => bytesOf([message.length >> 8, message.length & 0xff], message);
const dnsOverTcp = (heard: Buffer): Buffer => withLength(dnsAnswer(heard.subarray(2)));
/** Whoever was told that an answer is truncated asks again over TCP, where the number of questions stands two bytes later. */
const dnsOverBoth = (heard: Buffer): Buffer => (heard.readUInt16BE(4) === 1 ? dnsAnswer(heard) : dnsOverTcp(heard));

/** @param spoil what a server that knows the secret makes of its packet before it signs it, so that it is read at all */
export function radiusAnswer(request: Buffer, spoil = (packet: Buffer) => packet): Buffer {
  const words = Buffer.from('welcome');
  const packet = spoil(bytesOf([2, request[1] ?? 0, 0, 29], request.subarray(4, 20), [18, 2 + words.length], words));
  if (packet.length < 20) return packet;
  const signed = Buffer.from(packet);
  const asked = bytesOf(signed.subarray(0, 4), request.subarray(4, 20), signed.subarray(20));
  createHash('md5').update(asked).update(SECRET).digest().copy(signed, 4);
  return signed;
}

function sipAnswer(heard: Buffer): Buffer {
  const [, callId = ''] = /^Call-ID: (\S+)/m.exec(heard.toString('latin1')) ?? [];
  const head = (status: string) =>
    `SIP/2.0 ${status}\r\nCall-ID: ${callId}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`;
  return Buffer.from(head('100 Trying') + head('200 OK'));
}
const sipFinal = (heard: Buffer): Buffer =>
  Buffer.from(
    sipAnswer(heard)
      .toString()
      .replace(/^.*?\r\n\r\n/s, ''),
  );

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x="y"\r\nfound\r\n0\r\nT: x\r\n\r\n';

export const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  http: {
    options: 'service = http; request = "/x"; receive = "found"',
    transport: 'tcp',
    peers: http(
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nfound',
      CHUNKED,
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nContent-Length: 5\r\n\r\nfound',
      'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\nfound and twenty bytes ...',
    ),
  },
  smtp: { options: 'service = smtp', transport: 'tcp', peers: [SMTP] },
  'smtp with STARTTLS': { options: 'service = smtp; starttls = yes', transport: 'tcp', peers: [SMTP] },
  pop: { options: `service = pop; ${ACCOUNT}`, transport: 'tcp', peers: [POP] },
  'pop with STARTTLS': { options: `service = pop; starttls = yes; ${ACCOUNT}`, transport: 'tcp', peers: [POP] },
  imap: { options: `service = imap; ${ACCOUNT}`, transport: 'tcp', peers: [IMAP] },
  'imap with STARTTLS': { options: `service = imap; starttls = yes; ${ACCOUNT}`, transport: 'tcp', peers: [IMAP] },
  nntp: { options: 'service = nntp', transport: 'tcp', peers: [dialogue('200 news\r\n', [])] },
  ftp: {
    options: `service = ftp; ${ACCOUNT}; request = "/file"; receive = "found"`,
    transport: 'tcp',
    peers: [FTP],
    data: Buffer.from('it was found\n'),
  },
  ldap: { options: `service = ldap; ${ACCOUNT}; request = "dc=x"`, transport: 'tcp', peers: [answering(ldapAnswer)] },
  'ldap with STARTTLS': {
    options: `service = ldap; starttls = yes; ${ACCOUNT}; request = "dc=x"`,
    transport: 'tcp',
    peers: [answering(ldapAnswer)],
  },
  mysql: {
    options: `service = mysql; ${ACCOUNT}; request = "SELECT 1"`,
    transport: 'tcp',
    peers: [
      mysql('mysql_native_password', mysqlOk(2)),
      mysql('caching_sha2_password', bytesOf(mysqlPacket(2, [1, 3]), mysqlOk(3))),
    ],
  },
  pgsql: {
    options: `service = pgsql; ${ACCOUNT}; request = "SELECT 1"`,
    transport: 'tcp',
    peers: [pgsql('N', pgsqlWelcome), pgsql('S', pgsqlWelcome), pgsql('N', md5Request)],
  },
  redis: {
    options: `service = redis; ${ACCOUNT}; request = "LRANGE x 0 9"`,
    transport: 'tcp',
    peers: ['$5\r\nfound\r\n', '*3\r\n$1\r\na\r\n:17\r\n*2\r\n$-1\r\n+b\r\n', '-ERR no\r\n'].map(redisRules),
  },
  'sip over TCP': { options: 'service = sip', transport: 'tcp', peers: [answering(sipAnswer)] },
  'sip over UDP': { options: 'service = sip', transport: 'udp', peers: [answering(sipFinal)] },
  'simpletcp over TCP': {
    options: 'service = simpletcp; request = "hello\\n"; receive = "^well$"',
    transport: 'tcp',
    peers: [dialogue('', [[/hello/, 'so\nwell\n']])],
  },
  'simpletcp over UDP': {
    options: 'service = simpletcp; request = "hello\\n"; receive = "^well$"',
    transport: 'udp',
    peers: [dialogue('', [[/hello/, 'well']])],
  },
  'dns over UDP': {
    options: `service = dns; request = ${DNS_NAME}`,
    transport: 'udp',
    peers: [answering(dnsOverBoth)],
  },
  'dns over TCP': {
    options: `service = dns; request = ${DNS_NAME}`,
    transport: 'tcp',
    peers: [answering(dnsOverTcp)],
  },
  radius: {
    options: `service = radius; ${ACCOUNT}; secret = "${SECRET}"`,
    transport: 'udp',
    peers: [answering(radiusAnswer)],
  },
};
