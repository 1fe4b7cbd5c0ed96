// Servers that attack whoever checks them, in a thread of their own, so that what they cost themselves delays no check. The first message to
// the parent is the directives of each attacker's check, by its name; each name that comes back is answered with a port.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { parentPort } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';

const HTTP = 'service = http; request = "/x"; receive = "found"';
const ACCOUNT = 'login = "joe"; passwd = "Sesam-1-2-3"';
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
function many(part, size = 65_536) {
  const one = Buffer.from(part);
  return Buffer.alloc(Math.floor(size / one.length) * one.length, one);
}

/** Says `head`, then `part` again and again, as fast as it is taken. */
function flood(head, part) {
  const block = many(part);
  return (socket) => {
    socket.write(Buffer.from(head));
    const more = () => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on('drain', more);
    more();
  };
}

/** Says `head`, then one byte at a time, as many packets as the network takes. */
function sprinkle(head, part = 'a') {
  const packet = Buffer.from(part);
  return (socket) => {
    socket.setNoDelay(true);
    socket.write(Buffer.from(head));
    const more = () => {
      for (let count = 0; count < 20 && !socket.destroyed && socket.writableLength === 0; count += 1)
        socket.write(packet);
      if (!socket.destroyed) setImmediate(more);
    };
    more();
  };
}

const say = (answer) => (socket) => void socket.write(answer);
const silent = () => {};

/** Each answer when something was heard; the last may be a function. */
function inTurns(...turns) {
  return (socket) => {
    let taken = 0;
    socket.on('data', (heard) => {
      const turn = turns[taken++];
      if (typeof turn === 'function') turn(socket, heard);
      else if (turn !== undefined) socket.write(turn);
    });
  };
}

let redirects = 0;
const redirect = (location) => (socket) =>
  socket.once('data', () =>
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location(redirects++)}\r\nContent-Length: 0\r\n\r\n`),
  );

const serverHello = bytes(
  [0x16, 3, 3, 0, 49, 2, 0, 0, 45, 3, 3],
  Buffer.alloc(32, 7),
  [0, 0xc0, 0x2f, 0, 0, 5, 0xff, 1, 0, 1, 0],
);

function ldap(id, ...operation) {
  const content = bytes([2, 1, id], ...operation);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return bytes([0x30, 0x84], length, content);
}
const bound = ldap(1, [0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0]);

const mysqlPacket = (number, ...parts) => {
  const payload = bytes(...parts);
  return bytes([payload.length & 0xff, (payload.length >> 8) & 0xff, payload.length >> 16, number], payload);
};
const mysqlGreeting = mysqlPacket(
  0,
  [10],
  '8.0.36\0',
  [1, 0, 0, 0],
  'abcdefgh',
  [0, 9, 0xa2, 45, 2, 0, 8, 0, 21],
  Buffer.alloc(10),
  'ijklmnopqrst\0mysql_native_password\0',
);
/** Columns numbered as they must be. */
function mysqlColumns(socket) {
  const packets = [mysqlPacket(1, [0xfd, 0xff, 0xff, 0x7f])];
  const names = bytes([3], 'def', [0, 0, 0, 0, 0, 0x0c, 45, 0, 20, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
  for (let number = 2; number < 30_000; number += 1) packets.push(mysqlPacket(number & 0xff, names));
  socket.write(bytes(...packets));
}

const pgsqlWelcome = bytes('R', [0, 0, 0, 8, 0, 0, 0, 0], 'Z', [0, 0, 0, 5], 'I');
function pgsqlColumns(socket) {
  const column = bytes([0], Buffer.alloc(18));
  const columns = many(column, 50_000 * column.length);
  const length = Buffer.alloc(6);
  length.writeUInt32BE(columns.length + 6);
  length.writeUInt16BE(50_000, 4);
  socket.write(bytes('1', [0, 0, 0, 4], '2', [0, 0, 0, 4], 'T', length, columns));
}

/** Names that point to names that point to names, and as many records as there is place for with such a name. */
function pointers(query) {
  const question = query.subarray(12);
  const start = 12 + question.length;
  const hops = 2_000;
  const chain = Buffer.alloc(hops * 2);
  const first = start + 12;
  for (let hop = 0; hop < hops; hop += 1) {
    chain.writeUInt16BE(0xc000 | (hop === 0 ? 12 : first + 2 * (hop - 1)), 2 * hop);
  }
  const opaque = bytes([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9, chain.length >> 8, chain.length & 0xff], chain);
  const pointer = 0xc000 | (first + 2 * (hops - 1));
  const record = [pointer >> 8, pointer & 0xff, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
  const count = Math.floor((8_192 - start - opaque.length) / record.length);
  const head = bytes(query.subarray(0, 2), [0x81, 0x80, 0, 1, (count + 1) >> 8, (count + 1) & 0xff, 0, 0, 0, 0]);
  return bytes(head, question, opaque, ...new Array(count).fill(record));
}
const withLength = (message) => bytes([message.length >> 8, message.length & 0xff], message);

function radiusForgery(request, length) {
  const packet = Buffer.alloc(length, 0);
  packet[0] = 2;
  packet[1] = request[1];
  packet.writeUInt16BE(length, 2);
  for (let at = 20; at < length; at += 2) packet.set([18, 2], at);
  return packet;
}

/** What each does with a connection, or with a datagram: what it returns then is sent back so many times. */
const ATTACKERS = {
  silence: { options: HTTP, tcp: silent },
  'endless headers': { options: HTTP, tcp: flood(OK, 'X-Filler: aaaaaaaa\r\n') },
  'a header without an end': { options: HTTP, tcp: flood(`${OK}X: `, 'a') },
  'a header of thousands of lines, then byte by byte': { options: HTTP, tcp: sprinkle(OK + 'a\n'.repeat(32_000)) },
  'a flood of 1xx': { options: HTTP, tcp: flood('', 'HTTP/1.1 100 Continue\r\n\r\n') },
  'a flood of 1xx with headers': {
    options: HTTP,
    tcp: flood('', `HTTP/1.1 103 Early\r\n${'Link: <a>\r\n'.repeat(500)}\r\n`),
  },
  'empty lines without an end': { options: HTTP, tcp: flood('', '\r\n') },
  'an endless body': { options: HTTP, tcp: flood(`${OK}\r\n`, 'not foun') },
  'endless small chunks': { options: HTTP, tcp: flood(CHUNKED, '1\r\nx\r\n') },
  'a chunk extension without an end': { options: HTTP, tcp: flood(`${CHUNKED}5;`, 'x') },
  'chunk extensions without an end': { options: HTTP, tcp: flood(`${CHUNKED}5`, ';x=y') },
  'a chunk size without an end': { options: HTTP, tcp: flood(CHUNKED, '0') },
  'trailers without an end': { options: HTTP, tcp: flood(`${CHUNKED}0\r\n`, 'T: x\r\n') },
  'a gzip bomb': {
    options: HTTP,
    tcp: say(
      bytes(
        `${OK}Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: 32000\r\n\r\n`,
        gzipSync(Buffer.alloc(2 ** 25)),
      ),
    ),
  },
  '10,000 redirects': { options: HTTP, tcp: redirect((count) => `/${count % 10_000}`) },
  'redirects to long names': { options: HTTP, tcp: redirect((count) => `/${count}${'%0a'.repeat(15_000)}`) },
  'a redirect to a file': { options: HTTP, tcp: redirect(() => 'file:///etc/passwd') },
  'a redirect to loopback': { options: HTTP, tcp: redirect(() => 'http://127.0.0.1:1/') },
  'a redirect to a name that is not resolved': { options: HTTP, tcp: redirect(() => 'http://hang.example/') },
  'a redirect to a name of 100,000 addresses': { options: HTTP, tcp: redirect(() => 'http://many.example:1/') },
  'a header of as many fields as it can hold': { options: HTTP, tcp: say(`${OK}${'a:\r\n'.repeat(16_000)}\r\n`) },
  'an endless body over TLS': { options: HTTP.replace('http', 'https'), tls: flood(`${OK}\r\n`, 'not foun') },
  'a TLS handshake that never begins': { options: 'service = https', tcp: silent },
  'a TLS handshake that drips': { options: 'service = https', tcp: sprinkle([0x16, 3, 3, 0x40, 0], [2]) },
  'a TLS handshake of hello requests': { options: 'service = https', tcp: flood('', [0x16, 3, 3, 0, 4, 0, 0, 0, 0]) },
  'a TLS handshake of warnings': { options: 'service = https', tcp: flood('', [0x15, 3, 3, 0, 2, 1, 90]) },
  'a TLS handshake of cipher changes': { options: 'service = https', tcp: flood('', [0x14, 3, 3, 0, 1, 1]) },
  'a TLS certificate without an end': {
    options: 'service = https',
    tcp: flood(
      bytes(serverHello, [0x16, 3, 3, 0, 4, 11, 0xff, 0xff, 0xff]),
      bytes([0x16, 3, 3, 4, 0], Buffer.alloc(1024)),
    ),
  },
  'a greeting of short lines': { options: `service = ftp; ${ACCOUNT}; request = "/file"`, tcp: flood('220-\n', 'a\n') },
  'a greeting of empty lines': { options: 'service = smtp', tcp: flood('', '220-\n') },
  'untagged answers without an end': { options: `service = imap; ${ACCOUNT}`, tcp: flood('* OK hi\r\n', '* \n') },
  'a line without an end': { options: `service = pop; ${ACCOUNT}`, tcp: sprinkle('+OK') },
  'LDAP messages that mean nothing': {
    options: `service = ldap; ${ACCOUNT}; request = "dc=x"`,
    tcp: inTurns(bound, flood('', [0x30, 5, 2, 1, 2, 0x79, 0])),
  },
  'LDAP entries without an end': {
    options: `service = ldap; ${ACCOUNT}; request = "dc=x"`,
    tcp: inTurns(bound, flood('', [0x30, 9, 2, 1, 2, 0x64, 4, 4, 0, 0x30, 0])),
  },
  'LDAP messages of thousands of parts': {
    options: `service = ldap; ${ACCOUNT}; request = "dc=x"`,
    tcp: inTurns(bound, flood('', ldap(2, [0x79, 0], many([4, 0], 60_000)))),
  },
  'a Redis array of 200,000': {
    options: 'service = redis; request = "LRANGE x 0 9"; receive = "found"',
    tcp: inTurns(bytes('*200000\r\n', many(':1\r\n', 800_000))),
  },
  'Redis arrays in arrays': {
    options: 'service = redis; request = "LRANGE x 0 9"',
    tcp: inTurns(bytes(many('*1\r\n', 1_000_000), ':1\r\n')),
  },
  'a Redis text byte by byte': {
    options: 'service = redis; request = "LRANGE x 0 9"',
    tcp: inTurns(sprinkle(bytes('$1000000\r\n', many('a', 900_000)))),
  },
  'MySQL columns without an end': {
    options: `service = mysql; ${ACCOUNT}; request = "SELECT 1"`,
    tcp: (socket) => {
      socket.write(mysqlGreeting);
      inTurns(mysqlPacket(2, [0, 0, 0, 2, 0, 0, 0]), mysqlColumns)(socket);
    },
  },
  'PostgreSQL notices without an end': {
    options: `service = pgsql; ${ACCOUNT}; request = "SELECT 1"`,
    tcp: inTurns('N', flood(pgsqlWelcome, bytes('N', [0, 0, 0, 5, 0]))),
  },
  'PostgreSQL settings without an end': {
    options: `service = pgsql; ${ACCOUNT}; request = "SELECT 1"`,
    tcp: inTurns('N', flood(pgsqlWelcome, bytes('S', [0, 0, 0, 6, 0, 0]))),
  },
  '50,000 PostgreSQL columns': {
    options: `service = pgsql; ${ACCOUNT}; request = "SELECT 1"`,
    tcp: inTurns('N', pgsqlWelcome, pgsqlColumns),
  },
  'Oracle refusals of blanks': {
    options: `service = oracle; ${ACCOUNT}; database = XE; request = "SELECT 1 FROM dual"`,
    tcp: inTurns(bytes([0xff, 0xf7, 0, 0, 4, 0, 0, 0, 34, 0, 0xff, 0xeb], '(ERR=', many(' ', 65_510), ')')),
  },
  'a million empty lines': {
    options: 'service = simpletcp; request = "hello"; receive = "^well$"',
    tcp: flood('', '\n'),
  },
  'lines that a pattern cannot bear': {
    options: 'service = simpletcp; request = "hello"; receive = "(a+)+$"',
    tcp: flood('', `${'a'.repeat(19)}b\n`),
  },
  'SIP announcements without an end': { options: 'service = sip', tcp: flood('', 'SIP/2.0 100 a\n\n') },
  'a SIP header without an end': { options: 'service = sip', tcp: sprinkle(`SIP/2.0 100 a\n${'a\n'.repeat(31_000)}`) },
  'DNS names that point to names': {
    options: 'service = dns; protocol = tcp; request = www.example.com',
    tcp: inTurns((socket, query) => void socket.write(withLength(pointers(query.subarray(2))))),
  },
  'DNS names that point to names over UDP': {
    options: 'service = dns; protocol = udp; request = www.example.com',
    udp: pointers,
    times: 1,
  },
  'a flood of datagrams': {
    options: 'service = simpletcp; protocol = udp; request = "hello"; receive = "[a-f]{3}well"',
    udp: () => many('abcdef', 60_000),
    times: 1_500,
  },
  'a flood of forgeries': {
    options: `service = radius; ${ACCOUNT}; secret = "xyzzy"`,
    udp: (request) => radiusForgery(request, 4_000),
    times: 1_500,
  },
};

function listenTcp(attack, tls) {
  const serve = (socket) => {
    socket.on('error', () => {});
    socket.resume();
    attack(socket);
  };
  const read = (name) => readFileSync(new URL(`../checks/fixtures/${name}`, import.meta.url));
  // A connection stays open when the other half is closed: some requests end so.
  const server = tls
    ? createTlsServer({ key: read('server.key'), cert: read('server.crt') }, serve)
    : createServer({ allowHalfOpen: true }, serve);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

function listenUdp(attack, times) {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.on('message', (asked, { port }) => {
    const answer = attack(asked);
    let sent = 0;
    const more = () => {
      for (let count = 0; count < 20 && sent < times; count += 1, sent += 1)
        socket.send(answer, port, '127.0.0.1', () => {});
      if (sent < times) setImmediate(more);
    };
    more();
  });
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
}

parentPort.postMessage(Object.entries(ATTACKERS).map(([name, { options }]) => [name, options]));
parentPort.on('message', async (name) => {
  const { tcp, tls, udp, times } = ATTACKERS[name];
  parentPort.postMessage(await (udp ? listenUdp(udp, times) : listenTcp(tls ?? tcp, tls !== undefined)));
});
