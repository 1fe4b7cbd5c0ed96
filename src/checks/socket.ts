// Opens a connection that cannot outlive its check: what connect and http, and any line protocol, begin with.
import { connect, isIP, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
} from 'node:tls';
import type { Authorities, TlsSpec } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { codeOf } from './reasons.ts';

/** How TLS is spoken. */
export type Tls = Pick<TlsSpec, 'authorities' | 'serverName'>;

/** Where to connect to, and whether TLS is spoken there from the first byte. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly tls?: Tls;
}

type SocketContext = Pick<CheckContext, 'defer' | 'progress'>;

/**
 * Resolves once connected (and, with TLS, greeted and verified as far as `tls` asks for it). The socket is destroyed when the
 * check ends. Rejects with the system's or OpenSSL's error, or a CheckFailure in words.
 */
export function openSocket(peer: Peer, ctx: SocketContext): Promise<Socket> {
  const { address, port, tls } = peer;
  const where = { host: address, port };
  return opened(tls ? connectTls({ ...where, ...tlsOptions(address, tls) }) : connect(where), peer, ctx);
}

/** Goes over to TLS on a connection that has spoken in the clear so far (STARTTLS); resolves and rejects as openSocket does. */
export function startTls(socket: Socket, address: string, tls: Tls, ctx: SocketContext): Promise<Socket> {
  return opened(connectTls({ socket, ...tlsOptions(address, tls) }), { address, port: 0, tls }, ctx, 'handshake');
}

/** What node's TLS is to be told; whoever hands it to a library has openSocket's rules there, too. */
export function tlsOptions(address: string, { authorities, serverName }: Tls): ConnectionOptions {
  return {
    secureContext: secureContext(authorities),
    rejectUnauthorized: authorities !== undefined,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName ?? address, certificate),
    // SNI is for names only (RFC 6066, 3).
    ...(serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName }),
  };
}

// Caches and nothing else: making a context costs as much as a handshake, with a system's authorities much more.
let anybody: SecureContext | undefined;
const verifying = new WeakMap<Authorities, SecureContext>();

function secureContext(authorities: Authorities | undefined): SecureContext {
  if (authorities === undefined) {
    anybody ??= createSecureContext();
    return anybody;
  }
  let context = verifying.get(authorities);
  if (context === undefined) {
    // Whoever the file names is trusted, also an authority that another one has signed.
    context = createSecureContext({ ca: authorities.pem, allowPartialTrustChain: true });
    verifying.set(authorities, context);
  }
  return context;
}

function opened(
  socket: Socket,
  { port, tls }: Peer,
  ctx: SocketContext,
  from: 'connecting' | 'handshake' = 'connecting',
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let stage: 'connecting' | 'handshake' | 'open' = from;
    const open = () => {
      stage = 'open';
      resolve(socket);
    };
    ctx.defer(() => socket.destroy());
    ctx.progress(() => (stage === 'handshake' ? 'connected, but the TLS handshake did not end' : 'could not connect'));
    socket.once('connect', () => {
      stage = 'handshake';
      // A closed port of this very machine can connect to itself, when the port is one that clients are given.
      if (port > 1023 && socket.localPort === port && socket.localAddress === socket.remoteAddress) {
        socket.destroy(new CheckFailure('connection refused (it connected to itself)'));
      } else if (tls === undefined) {
        open();
      }
    });
    if (tls !== undefined) socket.once('secureConnect', open);
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
