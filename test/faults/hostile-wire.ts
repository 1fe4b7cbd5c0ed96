// Connections in memory, for tests that need a hundred thousand of them: what a check opens is answered by a peer that is told what to say.
import { Duplex } from 'node:stream';

/** One side of a conversation: what it says at once, and to what it hears. Made anew for each connection. */
export interface Peer {
  readonly greeting: Buffer;
  /** @param heard what came since it last said something */
  answer(heard: Buffer): Buffer;
}

/** How a peer misbehaves. */
export interface Misdeed {
  /** Which of the things that it says is spoilt; 0 is the greeting, which may be empty, and -1 none. */
  readonly turn: number;
  spoil(said: Buffer): Buffer;
  /** In how many pieces it arrives. */
  readonly pieces: number;
  /** What follows; `goes on`: the right answers to whatever is said then, and no end. */
  readonly ending: 'closes' | 'resets' | 'goes on';
}

/** As much of a net.Socket as checks, and the libraries that they use, ask for. */
export class Wire extends Duplex {
  readonly localAddress = '127.0.0.1';
  readonly localPort = 40_000;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 9;
  readonly connecting = false;
  /** How often it has spoken, the greeting counted in any case. */
  turns = 0;
  readonly #peer: Peer;
  readonly #misdeed: Misdeed;
  #hasEnded = false;

  constructor(peer: Peer, misdeed: Misdeed) {
    super({ allowHalfOpen: false });
    this.#peer = peer;
    this.#misdeed = misdeed;
    this.on('error', () => {});
    this.#say(peer.greeting);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
    if (!this.#hasEnded) this.#say(this.#peer.answer(chunk));
  }

  override _final(done: () => void): void {
    done();
    // Nobody keeps open what the other side has closed.
    setImmediate(() => this.#end());
  }

  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;

  #say(right: Buffer): void {
    const { turn, spoil, pieces, ending } = this.#misdeed;
    const isSpoilt = this.turns === turn;
    if (right.length > 0 || isSpoilt || this.turns === 0) this.turns += 1;
    if (!isSpoilt) {
      this.#deliver([right]);
      return;
    }
    const said = spoil(right);
    const size = Math.max(1, Math.ceil(said.length / pieces));
    const parts = Array.from({ length: pieces }, (_, index) => said.subarray(index * size, (index + 1) * size));
    if (ending !== 'goes on') this.#hasEnded = true;
    this.#deliver(parts, () => {
      if (ending === 'closes') this.#end();
      else if (ending === 'resets') this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    });
  }

  /** Each part in a turn of the event loop of its own, as from a network. */
  #deliver(parts: readonly Buffer[], then = () => {}): void {
    const [part, ...rest] = parts;
    setImmediate(() => {
      if (part === undefined) {
        then();
        return;
      }
      if (this.destroyed || this.readableEnded) return;
      if (part.length > 0) this.push(part);
      this.#deliver(rest, then);
    });
  }

  #end(): void {
    this.#hasEnded = true;
    if (!this.destroyed && !this.readableEnded) this.push(null);
  }
}
