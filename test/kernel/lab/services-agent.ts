// A program that runs on a machine of the lab: a server for each service that a director can check, at each of the machine's
// addresses; all of them change their behaviour together, as told over IPC, and so do the machine's answers to a ping.
import { writeFileSync } from 'node:fs';
import type { Reply } from './agent.ts';
import { dns, dnsStream, ldap, mysql, pgsql, radius } from './servers/binary.ts';
import {
  type Behaviour,
  type DatagramServer,
  datagrams,
  type StreamServer,
  type Switched,
  stream,
} from './servers/switched.ts';
import {
  banner, echo, echoDatagram, ftp, http, imap, nntp, pop, redis, sip, sipDatagram, smtp,
} from './servers/text.ts'; // biome-ignore format: a list to read

export type Request =
  | { readonly op: 'serve'; readonly addresses: readonly string[] }
  | { readonly op: 'become'; readonly behaviour: Behaviour };

/** Over TCP, by port; configs/every-service.cf says what each is for. */
const STREAMS: Readonly<Record<number, StreamServer>> = {
  21: ftp('file'),
  25: smtp('greeting'),
  53: dnsStream('other'),
  80: http('500 Internal Server Error'),
  110: pop('password'),
  119: nntp,
  143: imap('password'),
  389: ldap('bind'),
  587: smtp('hello'),
  1110: pop('greeting'),
  1143: imap('greeting'),
  2121: ftp('password'),
  3128: http('503 Service Unavailable', { proxy: true }),
  3306: mysql,
  5060: sip,
  5432: pgsql,
  6379: redis,
  7001: echo,
  7002: banner,
  7003: banner,
  7004: banner,
  7005: http('200 OK'),
};

/** With a certificate that the directors trust. */
const TLS_STREAMS: Readonly<Record<number, StreamServer>> = {
  443: http('200 OK'),
  636: ldap('entry'),
  993: imap('password'),
  995: pop('password'),
};

/** With one that nobody has signed. */
const SELF_SIGNED: Readonly<Record<number, StreamServer>> = {
  1443: http('200 OK'),
};

const DATAGRAMS: Readonly<Record<number, DatagramServer>> = {
  53: dns('SERVFAIL'),
  1053: dns('other'),
  1812: radius,
  5060: sipDatagram,
  7001: echoDatagram,
};

let servers: Switched[] = [];

function serversAt(host: string): Switched[] {
  const each = <T>(table: Readonly<Record<number, T>>, make: (port: number, serve: T) => Switched): Switched[] =>
    Object.entries(table).map(([port, serve]) => make(Number(port), serve));
  return [
    ...each(STREAMS, (port, serve) => stream(host, port, serve)),
    ...each(TLS_STREAMS, (port, serve) => stream(host, port, serve, 'trusted')),
    ...each(SELF_SIGNED, (port, serve) => stream(host, port, serve, 'self-signed')),
    ...each(DATAGRAMS, (port, serve) => datagrams(host, port, serve)),
  ];
}

/** A machine answers pings by itself, as long as it may. */
function answerPings(yes: boolean): void {
  for (const file of ['ipv4/icmp_echo_ignore_all', 'ipv6/icmp/echo_ignore_all']) {
    writeFileSync(`/proc/sys/net/${file}`, yes ? '0' : '1');
  }
}

async function perform(request: Request): Promise<void> {
  switch (request.op) {
    case 'serve':
      servers = request.addresses.flatMap(serversAt);
      return;
    case 'become':
      answerPings(request.behaviour === 'up' || request.behaviour === 'wrong');
      await Promise.all(servers.map((server) => server.become(request.behaviour)));
  }
}

process.on('disconnect', () => process.exit());
process.on('message', ({ id, request }: { id: number; request: Request }) => {
  perform(request).then(
    () => process.send?.({ id } satisfies Reply),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Reply),
  );
});
