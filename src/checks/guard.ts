// Stands between a server and the library that speaks with it: only whole messages of bounded size pass, and whatever the library
// throws at them ends the check, not the daemon.
import type { Socket } from 'node:net';
import { CheckFailure, messageOf } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { hideSecret, hideSecretBytes } from './secrets.ts';
import { byteCount, printable, quoted } from './text.ts';

/** More than a healthy server says in one check; also the longest message. */
export const MAX_BYTES = 1024 * 1024;

/** And more messages: each costs the library something, however short it is. */
const MAX_MESSAGES = 10_000;

export interface Framing {
  /** What the server is asked as, in reasons: "MySQL", "Redis". */
  readonly protocol: string;
  /**
   * Length of the message that `bytes` begin with, as soon as it can be told; it may be more than has come. 'wrong' when this is
   * no such message. Asked again, with more bytes, until the message is whole. A CheckFailure that it throws ends the check.
   */
  measure(bytes: Buffer): number | 'unknown' | 'wrong';
}

export interface Guarded {
  readonly framing: Framing;
  /** Never shown, also when the server says it. */
  readonly secret: string;
  /**
   * Told of the connection's end before the library is: the system's error, or a CheckFailure in words. Called more than once;
   * the first call counts.
   */
  readonly fail: (error: Error) => void;
}

/**
 * From now on the socket's 'data' events are whole messages, one each. An exception of any listener (they are the library's)
 * destroys the socket.
 */
export function guard(socket: Socket, { framing, secret, fail }: Guarded, ctx: Pick<CheckContext, 'progress'>): void {
  let received = 0;
  let messages = 0;
  let rest: Buffer = Buffer.alloc(0);
  ctx.progress(() => `connected, got ${byteCount(received)}`);

  function pass(chunk: Buffer): void {
    received += chunk.length;
    if (received > MAX_BYTES) throw new CheckFailure(`the server does not stop talking (${byteCount(received)})`);
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length > 0 && !socket.destroyed) {
      const length = framing.measure(rest);
      if (length === 'wrong') throw new CheckFailure(wrong());
      if (length === 'unknown') return;
      if (length > MAX_BYTES) throw new CheckFailure(`the server announces ${length} bytes in one message`);
      if (length > rest.length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      messages += 1;
      if (messages > MAX_MESSAGES) {
        throw new CheckFailure(`the server does not stop talking (over ${MAX_MESSAGES} messages)`);
      }
      emit('data', message);
    }
  }

  function wrong(): string {
    // Later ones may hold anything, parts of what we have sent among them.
    if (messages > 0) return `broken ${framing.protocol} answer`;
    return `the answer is not ${framing.protocol}: ${quoted(hideSecretBytes(rest, secret))}`;
  }

  function closed(): string {
    if (received === 0) return 'connection closed without an answer';
    return rest.length === 0 ? 'connection closed by the server' : 'connection closed in the middle of an answer';
  }

  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean;
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    try {
      if (event === 'data') {
        pass(args[0] as Buffer);
        return true;
      }
      if (event === 'error') fail(args[0] as Error);
      if (event === 'end' || event === 'close') fail(new CheckFailure(closed()));
      return emit(event, ...args);
    } catch (error) {
      const failure = error instanceof CheckFailure ? error : broken(error);
      fail(failure);
      socket.destroy(failure);
      return false;
    }
  };

  function broken(error: unknown): CheckFailure {
    const reason = printable(hideSecret(messageOf(error), secret));
    return new CheckFailure(`broken ${framing.protocol} answer: ${reason}`, { cause: error });
  }
}
