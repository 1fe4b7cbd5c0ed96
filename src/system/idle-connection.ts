// One TCP connection that is held open and idle, to be told at once when the other side lets go of it. Nothing is ever sent.
import { connect, type Socket } from 'node:net';
import type { Target } from '../config/model.ts';

/** The longest that it may take to come about. */
const CONNECT_MS = 5_000;
/** How long the other side may be silent before the kernel asks whether it is there; it then asks every second, ten times. */
const KEEPALIVE_MS = 5_000;
/** What a server may say (a greeting, a farewell) before nothing is held for it any more. */
const MAX_BYTES = 64 * 1024;

/** What servers say goes here, and is never looked at: one place for all connections. */
const DROPPED = Buffer.allocUnsafe(16 * 1024);

export interface IdleEnd {
  /** The other side let go of it, or it never came about, or the other side said so much that we let go. */
  readonly kind: 'lost' | 'failed' | 'flooded';
  /** How long it was open, in milliseconds; 0 when it never was. */
  readonly heldMs: number;
  /** In a word: "ECONNREFUSED", "closed". */
  readonly reason: string;
}

export interface IdleConnectionOptions {
  /** Called once, unless it is closed before. */
  readonly onEnd: (end: IdleEnd) => void;
  /** Default 5000. */
  readonly connectMs?: number;
}

/** Begins to connect when it is made. */
export class IdleConnection {
  readonly #socket: Socket;
  readonly #onEnd: (end: IdleEnd) => void;
  readonly #deadline: NodeJS.Timeout;
  #openedAt: number | undefined;
  #received = 0;
  #isOver = false;

  constructor(
    { address, port }: Pick<Target, 'address' | 'port'>,
    { onEnd, connectMs = CONNECT_MS }: IdleConnectionOptions,
  ) {
    this.#onEnd = onEnd;
    this.#socket = connect({
      host: address,
      port,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
      onread: { buffer: DROPPED, callback: (bytes) => this.#drop(bytes) },
    });
    this.#deadline = setTimeout(() => this.#end('ETIMEDOUT'), connectMs);
    this.#socket
      .once('connect', () => this.#opened())
      .on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
      // Also when the other side closes only its sending half: this one follows.
      .once('close', () => this.#end('closed'));
  }

  /** Ends it without a word. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#socket.destroy();
  }

  #opened(): void {
    const { localPort, localAddress, remotePort, remoteAddress } = this.#socket;
    // A closed port of this very machine can connect to itself, when the port is one that clients are given.
    if (localPort === remotePort && localAddress === remoteAddress) {
      this.#end('connected to itself');
      return;
    }
    clearTimeout(this.#deadline);
    this.#openedAt = performance.now();
  }

  #drop(bytes: number): boolean {
    this.#received += bytes;
    if (this.#received > MAX_BYTES) this.#end('it talks', 'flooded');
    return !this.#isOver;
  }

  #end(reason: string, kind: IdleEnd['kind'] = this.#openedAt === undefined ? 'failed' : 'lost'): void {
    if (this.#isOver) return;
    this.close();
    this.#onEnd({ kind, heldMs: this.#openedAt === undefined ? 0 : performance.now() - this.#openedAt, reason });
  }
}
