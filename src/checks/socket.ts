// Opens a connection that cannot outlive its check: what connect and http, and any line protocol, begin with.
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { codeOf } from './reasons.ts';

/** How TLS is spoken: without verifying certificates. */
export interface Tls {
  readonly context: SecureContext;
  /** Sent as SNI when present. */
  readonly serverName?: string;
}

/** Where to connect to, and whether TLS is spoken there. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly tls?: Tls;
}

/** To be made once per check and kept: making a context costs as much as a handshake. */
export function createTls(serverName: string | undefined): Tls {
  return { context: createSecureContext(), ...(serverName === undefined ? {} : { serverName }) };
}

/**
 * Resolves once connected (and, with TLS, greeted; certificates are not verified). The socket is destroyed when the check ends.
 * Rejects with the system's or OpenSSL's error, or a CheckFailure in words.
 */
export function openSocket(peer: Peer, ctx: Pick<CheckContext, 'defer' | 'progress'>): Promise<Socket> {
  const { address, port, tls } = peer;
  return new Promise((resolve, reject) => {
    let stage: 'connecting' | 'handshake' | 'open' = 'connecting';
    const opened = () => {
      stage = 'open';
      resolve(socket);
    };
    const socket = tls
      ? connectTls({
          host: address,
          port,
          secureContext: tls.context,
          rejectUnauthorized: false,
          ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
        })
      : connect({ host: address, port });
    ctx.defer(() => socket.destroy());
    ctx.progress(() => (stage === 'handshake' ? 'connected, but the TLS handshake did not end' : 'could not connect'));
    socket.once('connect', () => {
      stage = 'handshake';
      // A closed port of this very machine can connect to itself, when the port is one that clients are given.
      if (port > 1023 && socket.localPort === port && socket.localAddress === socket.remoteAddress) {
        socket.destroy(new CheckFailure('connection refused (it connected to itself)'));
      } else if (tls === undefined) {
        opened();
      }
    });
    if (tls !== undefined) socket.once('secureConnect', opened);
    // Stays for the socket's life: an error after the connection must have somebody who hears it.
    socket.on('error', (error) => {
      const hungUp = stage === 'handshake' && codeOf(error) === 'ECONNRESET';
      reject(hungUp ? new CheckFailure('connection closed during the TLS handshake', { cause: error }) : error);
    });
    // Destroyed without an error before it was open: the check is over, but nobody must wait for this promise forever.
    socket.once('close', () => {
      if (stage !== 'open') reject(new CheckFailure('connection closed'));
    });
  });
}
