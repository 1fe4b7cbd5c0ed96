// Servers at a port each, whose behaviour is switched while they run: well, unwell, silent, not there.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';

/** up: as it should. wrong: answers, but not well. silent: takes all and says nothing. refused: does not listen. */
export type Behaviour = 'up' | 'wrong' | 'silent' | 'refused';

/** What a server does with a connection. */
export type StreamServer = (socket: Socket, well: boolean) => void;

/** What it answers to a datagram. */
export type DatagramServer = (datagram: Buffer, well: boolean) => Buffer | undefined;

export interface Switched {
  /** From now on; connections that are open are closed. */
  become(behaviour: Behaviour): Promise<void>;
}

/** trusted: by directors that are told of it. */
const CERTIFICATES = {
  trusted: ['kernel/lab/tls/lab.key', 'kernel/lab/tls/lab.crt'],
  'self-signed': ['checks/fixtures/server.key', 'checks/fixtures/tls/self-signed.crt'],
} as const;
type Certificate = keyof typeof CERTIFICATES;

/** A server of TCP connections; over TLS with a certificate. It begins as 'refused'. */
export function stream(host: string, port: number, serve: StreamServer, certificate?: Certificate): Switched {
  const sockets = new Set<Socket>();
  let behaviour: Behaviour = 'refused';
  let server: Server | undefined;
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (behaviour === 'silent') socket.resume();
    else serve(certificate === undefined ? socket : encrypted(socket, certificate), behaviour === 'up');
  };
  return {
    async become(next) {
      behaviour = next;
      for (const socket of sockets) socket.destroy();
      if (next === 'refused') {
        const closing = server;
        server = undefined;
        if (closing !== undefined) await new Promise((resolve) => closing.close(resolve));
      } else if (server === undefined) {
        const opening = createServer(accept);
        server = opening;
        await new Promise<void>((resolve, reject) => {
          opening.once('error', reject);
          opening.listen({ host, port, backlog: 64, ipv6Only: true }, resolve);
        });
      }
    },
  };
}

/** A server of datagrams. It begins as 'refused'. */
export function datagrams(host: string, port: number, answer: DatagramServer): Switched {
  let behaviour: Behaviour = 'refused';
  let socket: DatagramSocket | undefined;
  return {
    async become(next) {
      behaviour = next;
      if (next === 'refused') {
        const closing = socket;
        socket = undefined;
        if (closing !== undefined) await new Promise<void>((resolve) => closing.close(resolve));
      } else if (socket === undefined) {
        const opening = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', ipv6Only: host.includes(':') });
        socket = opening;
        opening.on('message', (request, { address, port }) => {
          const said = behaviour === 'silent' ? undefined : answer(request, behaviour === 'up');
          if (said !== undefined) opening.send(said, port, address, () => {});
        });
        await new Promise<void>((resolve, reject) => {
          opening.once('error', reject);
          opening.bind(port, host, resolve);
        });
      }
    },
  };
}

const file = (path: string): Buffer => readFileSync(join(process.env.LAB_ROOT ?? '', 'test', path));

function encrypted(socket: Socket, certificate: Certificate): TLSSocket {
  const [key, cert] = CERTIFICATES[certificate].map(file);
  return new TLSSocket(socket, { isServer: true, key, cert }).on('error', () => {});
}
