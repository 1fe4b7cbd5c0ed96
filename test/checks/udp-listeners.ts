// Scripted UDP servers on loopback for the tests of checks: what they were asked, and an end to all of it.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Target } from '../../src/config/model.ts';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';

/** What a server does with a datagram; what a function returns is sent back, each for itself. */
export type UdpAnswer = string | Buffer | ((request: Buffer, server: UdpServer) => UdpAnswers);
export type UdpAnswers = Buffer | string | readonly (Buffer | string)[] | undefined;

export interface UdpServer {
  readonly target: Target;
  readonly port: number;
  /** Every datagram, in the order they came. */
  readonly requests: Buffer[];
  /** From where each came. */
  readonly clients: RemoteInfo[];
  readonly socket: Socket;
  close(): Promise<void>;
}

const started: Socket[] = [];

/** Call it after each test: ends every server, and fails when a socket of a check is still open. */
export async function closeUdpListeners(): Promise<void> {
  await until('all sockets of checks closed', () => openSockets() === started.length, openSockets);
  await Promise.all(started.splice(0).map(closed));
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'UDPWrap' || kind === 'UDPWRAP').length;
}

/** `answers` may be a list: one for each datagram, the last one for all that follow. */
export async function listenUdp(
  answers: UdpAnswer | UdpAnswer[],
  { host = '127.0.0.1', port = 0 } = {},
): Promise<UdpServer> {
  const script = Array.isArray(answers) ? answers : [answers];
  const socket = await bound(host, port);
  started.push(socket);
  const family = host.includes(':') ? 6 : 4;
  const target: Target = { address: host, family, port: socket.address().port };
  const server: UdpServer = {
    target,
    port: target.port,
    requests: [],
    clients: [],
    socket,
    close() {
      started.splice(started.indexOf(socket), 1);
      return closed(socket);
    },
  };
  socket.on('error', () => {});
  socket.on('message', (request, client) => {
    const answer = script[Math.min(server.requests.length, script.length - 1)] ?? '';
    server.requests.push(request);
    server.clients.push(client);
    const said = typeof answer === 'function' ? answer(request, server) : answer;
    const list = said === undefined ? [] : typeof said === 'string' || Buffer.isBuffer(said) ? [said] : said;
    for (const each of list) socket.send(each, client.port, client.address);
  });
  return server;
}

/** A port on which nobody listens. */
export const closedUdpPort = freePort;

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => resolve(socket));
  });
}
