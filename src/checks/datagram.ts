// One question over UDP: asked again and again from one socket until an answer comes, because a lost datagram is not a dead server.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';

/** Our own end of the way to the peer. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Question<T> {
  /** Makes the datagram, once it is known from where it goes. */
  readonly compose: (local: Endpoint) => Buffer;
  /** Milliseconds after which it is sent again; the last of them holds for all that follow. */
  readonly waitsMs: readonly [number, ...number[]];
  /** What a datagram of the peer is; a throw ends the asking. */
  readonly judge: (datagram: Buffer) => Judged<T>;
  /** What is told at the deadline when nothing at all has come, when there is more to say than that. */
  readonly silence?: string;
}

type AskContext = Pick<CheckContext, 'after' | 'defer' | 'progress' | 'trace'>;

/** An answer, or why a datagram is none; the last such reason is told at the deadline. */
export type Judged<T> = { readonly answer: T } | { readonly ignored: string };

/** Whoever sends more than this does not answer, but flood. */
const MAX_IGNORED = 1000;

/**
 * Asks until a datagram is judged to be the answer; only the check's deadline ends the waiting. Rejects with the system's error:
 * ECONNREFUSED when the port is closed, as the socket is a connected one.
 */
export async function ask<T>(
  target: Target,
  { compose, waitsMs, judge, silence = 'got nothing' }: Question<T>,
  ctx: AskContext,
): Promise<T> {
  const socket = createSocket(target.family === 6 ? 'udp6' : 'udp4');
  let disarm = () => {};
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    disarm();
    socket.close();
  };
  ctx.defer(close);

  let sent = 0;
  let ignored = 0;
  let last = silence;
  ctx.progress(() => `sent ${sent === 1 ? '1 request' : `${sent} requests`}; ${last}`);

  try {
    await connected(socket, target);
    const local = socket.address();
    const peer = socket.remoteAddress();
    refuseItself(local, peer);
    const request = compose(local);
    return await new Promise<T>((resolve, reject) => {
      const take = (datagram: Buffer, from: RemoteInfo) => {
        // What came before the socket was connected may be anybody's.
        if (closed || from.port !== peer.port || from.address !== peer.address) return;
        const judged = judge(datagram);
        if ('answer' in judged) return resolve(judged.answer);
        ignored += 1;
        last = judged.ignored;
        ctx.trace?.(`< ignored: ${last}`);
        if (ignored > MAX_IGNORED)
          throw new CheckFailure(`${ignored} datagrams came, but no answer; the last: ${last}`);
      };
      const send = () => {
        if (sent > 0) ctx.trace?.(`> the same again (request ${sent + 1})`);
        socket.send(request, (error) => error && reject(error));
        disarm = ctx.after(waitsMs[sent] ?? waitsMs.at(-1) ?? waitsMs[0], send);
        sent += 1;
      };
      socket.on('error', reject);
      socket.on('message', (datagram, from) => {
        try {
          take(datagram, from);
        } catch (error) {
          reject(error);
        }
      });
      send();
    });
  } finally {
    close();
  }
}

function connected(socket: Socket, { address, port }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for the socket's life: an error must have somebody who hears it.
    socket.on('error', reject);
    // The types do not know it, but a failure to connect is given to the callback.
    socket.connect(port, address, (error?: Error) => (error ? reject(error) : resolve()));
  });
}

/** A port of this very machine that nobody has opened may be given to the socket that asks it. */
function refuseItself(local: Endpoint, peer: Endpoint): void {
  if (local.port === peer.port && local.address === peer.address) {
    throw new CheckFailure('connection refused (it connected to itself)');
  }
}
