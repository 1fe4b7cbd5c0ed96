// A conversation in lines over one connection, as SMTP, POP3, IMAP and NNTP hold it: bounded, and told without its secrets.
import type { Login, Target, TlsSpec } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { NOT_SHOWN, secretFinder } from './secrets.ts';
import { openSocket, startTls, type Tls } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

/** A longer line, or more in one conversation, is taken for something else. */
const MAX_LINE_BYTES = 8 * 1024;
const MAX_BYTES = 64 * 1024;
const MAX_LINES = 2_000;

/** What a spec says of its conversation. The login's password is never shown. */
export interface LinesSpec {
  readonly tls?: TlsSpec;
  readonly login?: Login;
}

export interface Lines {
  /** The address of this end. */
  readonly localAddress: string;
  /**
   * The next line without its end, as latin1. Rejects with a CheckFailure when the server closes the connection, or says more
   * than any server of a line protocol would, and with the system's error.
   */
  read(): Promise<string>;
  /** Sends a line, as UTF-8. @param shown stands for it in traces and reasons, when there is a secret in it */
  send(line: string, shown?: string): void;
  /** Sends a line and reads the next one; for servers that speak only when they are asked: anything said before is refused. */
  ask(line: string, shown?: string): Promise<string>;
  /** Goes over to TLS. What came in the clear behind the server's consent is refused: anybody may have sent it (RFC 3207, 6). */
  startTls(tls: Tls): Promise<void>;
  /** Sends the last line and closes; nobody waits for the answer. Never rejects. */
  quit(line: string): Promise<void>;
  /** The server's words as a reason may show them: printable, bounded, and not when they repeat the password. */
  show(words: string): string;
}

/** Connects, with TLS from the first byte where the spec wants it. The connection ends with the check. */
export async function openLines(target: Target, { tls, login }: LinesSpec, ctx: CheckContext): Promise<Lines> {
  const repeatsSecret = secretFinder(login?.password ?? '');
  let socket = await openSocket({ ...target, ...(tls?.start === 'at once' ? { tls } : {}) }, ctx);
  const localAddress = socket.localAddress ?? '';
  let unread: Buffer = Buffer.alloc(0);
  let received = 0;
  let taken = 0;
  /** The last line sent, as it may be shown, and how many bytes had come before it. */
  let sent: string | undefined;
  let receivedBefore = 0;
  /** Why nothing more will come. */
  let end: 'closed' | Error | undefined;
  let wake = () => {};

  const handlers = {
    data(chunk: Buffer): void {
      received += chunk.length;
      unread = Buffer.concat([unread, chunk]);
      if (received > MAX_BYTES) socket.destroy(new CheckFailure(`the server does not stop talking (${soFar()})`));
      wake();
    },
    error(error: Error): void {
      end ??= error;
      wake();
    },
    end(): void {
      end ??= 'closed';
      wake();
    },
    close(): void {
      end ??= 'closed';
      wake();
    },
  };

  function listen(): void {
    for (const [event, handler] of Object.entries(handlers)) socket.on(event, handler);
    ctx.progress(() => {
      const asked = sent === undefined ? 'connected' : `sent ${sent}`;
      return `${asked}, got ${soFar()}${unread.length > 0 ? ', no whole line' : ''}`;
    });
  }

  function unlisten(): void {
    for (const [event, handler] of Object.entries(handlers)) socket.off(event, handler);
  }

  function soFar(): string {
    return byteCount(received - receivedBefore);
  }

  function nextLine(): string | undefined {
    const length = unread.indexOf('\n');
    if (length > MAX_LINE_BYTES || (length < 0 && unread.length > MAX_LINE_BYTES)) {
      throw new CheckFailure(`the server sent a line of more than ${MAX_LINE_BYTES} bytes${rest()}`);
    }
    if (length < 0) return undefined;
    taken += 1;
    if (taken > MAX_LINES) throw new CheckFailure(`the server does not stop talking (over ${MAX_LINES} lines)`);
    const line = unread.toString('latin1', 0, length).replace(/\r$/, '');
    unread = unread.subarray(length + 1);
    ctx.trace?.(`< ${show(line)}`);
    return line;
  }

  function ended(how: 'closed' | Error): Error {
    if (how !== 'closed') return how;
    if (unread.length > 0) return new CheckFailure(`connection closed in the middle of a line${rest()}`);
    if (received > receivedBefore) return new CheckFailure('connection closed in the middle of an answer');
    return new CheckFailure(`connection closed without ${sent === undefined ? 'a greeting' : `an answer to ${sent}`}`);
  }

  /** What there is of a line: half an echo of a secret could not be told from harmless words. */
  function rest(): string {
    return sent === undefined ? `: ${quoted(unread)}` : '';
  }

  function show(words: string): string {
    if (repeatsSecret(words)) return NOT_SHOWN;
    return printable(Buffer.from(words, 'latin1').toString());
  }

  async function read(): Promise<string> {
    for (;;) {
      const line = nextLine();
      if (line !== undefined) return line;
      if (end !== undefined) throw ended(end);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function send(line: string, shown = line): void {
    sent = printable(shown);
    receivedBefore = received;
    ctx.trace?.(`> ${sent}`);
    socket.write(`${line}\r\n`);
  }

  listen();
  return {
    localAddress,
    read,
    send,
    async ask(line, shown) {
      const early = nextLine();
      if (early !== undefined) throw new CheckFailure(`the server spoke before it was asked: "${show(early)}"`);
      send(line, shown);
      return read();
    },
    async startTls(verified) {
      if (unread.length > 0) {
        throw new CheckFailure('the server sent something in the clear after it agreed to STARTTLS');
      }
      if (end !== undefined) throw ended(end);
      unlisten();
      socket = await startTls(socket, target.address, verified, ctx);
      listen();
    },
    quit(line) {
      ctx.trace?.(`> ${line}`);
      return new Promise((resolve) => {
        socket.end(`${line}\r\n`, () => resolve());
      });
    },
    show,
  };
}
