// LDAP messages over one connection: requests one after the other, and the answers to each, of bounded size.
import type { Socket } from 'node:net';
import { CheckFailure } from '../errors.ts';
import {
  decode,
  decodeAll,
  type Element,
  ENUMERATED,
  encode,
  encodeSmall,
  INTEGER,
  numberOf,
  OCTETS,
  SEQUENCE,
} from './ber.ts';
import type { CheckContext } from './check.ts';
import { NOT_SHOWN, secretFinder } from './secrets.ts';
import { openSocket, type Peer, startTls, type Tls } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

/** Much more than any answer to what a check asks for: referrals are the longest. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_BYTES = 256 * 1024;
const MAX_MESSAGES = 1_000;

const UNBIND_REQUEST = 0x42;

export interface LdapExchange {
  /** Sends a request (a protocolOp of RFC 4511, encoded). @param name what the deadline's reason and a trace call it */
  request(operation: Buffer, name: string, about?: string): void;
  /**
   * The next answer to the last request, whose tag is one of these. Rejects with a CheckFailure when something else comes, or
   * more than anybody would say, and when the server closes the connection.
   */
  answer(...tags: readonly number[]): Promise<Element>;
  /** What an answer says of success and failure. Throws a CheckFailure when it is none that does. */
  resultOf(answer: Element): LdapResult;
  /** The server's words as a reason may show them: printable, bounded, and not when they repeat the password. */
  show(words: Buffer): string;
  /** Goes over to TLS. What the server has sent in the clear after its consent is refused: somebody else may have. */
  startTls(tls: Tls): Promise<void>;
  /** Says good-bye and closes; there is no answer to it. Never rejects. */
  unbind(): Promise<void>;
}

export interface LdapResult {
  /** 0 is success. */
  readonly code: number;
  /** "invalid credentials (LDAP 49)" */
  readonly words: string;
  /** What the server adds; mostly empty. */
  readonly diagnostic: string;
}

/** Connects, with TLS from the first byte when the peer has it. The connection ends with the check. @param password never shown */
export async function openLdap(peer: Peer, password: string, ctx: CheckContext): Promise<LdapExchange> {
  const repeatsSecret = secretFinder(password);
  let socket: Socket = await openSocket(peer, ctx);
  let buffered: Buffer = Buffer.alloc(0);
  let received = 0;
  let messages = 0;
  let asked = { id: 0, name: '' };
  let ended = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  function listen(): void {
    socket.on('data', onData);
    socket.once('error', onError);
    socket.once('end', onEnd);
    socket.once('close', onEnd);
  }
  function onData(chunk: Buffer): void {
    received += chunk.length;
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    if (received > MAX_BYTES) {
      socket.destroy(new CheckFailure(`the server does not stop talking (${byteCount(received)})`));
    }
    wake?.();
  }
  function onError(error: Error): void {
    failure ??= error;
    wake?.();
  }
  function onEnd(): void {
    ended = true;
    wake?.();
  }

  /** The parts of the next message: its number, its operation, and perhaps controls, which no answer to ours needs. */
  function nextMessage(): readonly Element[] | undefined {
    if (buffered.length === 0) return undefined;
    if (buffered[0] !== SEQUENCE) {
      throw new CheckFailure(`not an LDAP answer: ${show(buffered, quoted)}`);
    }
    const decoded = decode(buffered, MAX_MESSAGE_BYTES);
    if (decoded === undefined) return undefined;
    buffered = buffered.subarray(decoded.size);
    messages += 1;
    if (messages > MAX_MESSAGES) {
      throw new CheckFailure(`the server does not stop talking (over ${MAX_MESSAGES} messages)`);
    }
    return decodeAll(decoded.element.content);
  }

  function show(words: Buffer, shown = (bytes: Buffer) => printable(bytes.toString())): string {
    if (repeatsSecret(words.toString('latin1'))) return NOT_SHOWN;
    return shown(words);
  }

  function resultOf({ content }: Element): LdapResult {
    const [code, matched, diagnostic] = decodeAll(content);
    if (matched?.tag !== OCTETS || diagnostic?.tag !== OCTETS) {
      throw new CheckFailure('broken LDAP answer: it does not tell its result');
    }
    const number = numberOf(code, ENUMERATED);
    const words = RESULTS.get(number);
    return {
      code: number,
      words: words === undefined ? `LDAP result ${number}` : `${words} (LDAP ${number})`,
      diagnostic: show(diagnostic.content),
    };
  }

  async function nextAnswer(): Promise<Element> {
    for (;;) {
      const message = nextMessage();
      if (message !== undefined) return operationOf(message);
      if (failure !== undefined) throw failure;
      if (ended) throw new CheckFailure(closed(received, buffered.length));
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
  }

  function operationOf([number, operation]: readonly Element[]): Element {
    const id = numberOf(number, INTEGER);
    if (operation === undefined) throw new CheckFailure('broken LDAP answer: it is empty');
    // What a server says of its own accord is that it closes the connection, and why (RFC 4511, 4.4.1).
    if (id === 0) throw new CheckFailure(`the server hangs up: ${reasonOf(resultOf(operation))}`);
    if (id !== asked.id) throw new CheckFailure('broken LDAP answer: it is not to what was asked');
    return operation;
  }

  listen();
  return {
    request(operation, name, about = '') {
      asked = { id: asked.id + 1, name };
      ctx.progress(() => `connected, sent the ${name} request, got ${byteCount(received)}`);
      ctx.trace?.(`> ${name}${about}`);
      socket.write(encode(SEQUENCE, encodeSmall(INTEGER, asked.id), operation));
    },
    async answer(...tags) {
      const operation = await nextAnswer();
      if (tags.includes(operation.tag)) return operation;
      throw new CheckFailure(
        `broken LDAP answer: of kind 0x${operation.tag.toString(16)}, which answers no ${asked.name}`,
      );
    },
    resultOf(answer) {
      const result = resultOf(answer);
      ctx.trace?.(`< ${asked.name}: ${reasonOf(result)}`);
      return result;
    },
    show: (words) => show(words),
    async startTls(tls) {
      if (buffered.length > 0) {
        throw new CheckFailure('the server sent something in the clear after it agreed to StartTLS');
      }
      socket.off('data', onData);
      socket.off('error', onError);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket = await startTls(socket, peer.address, tls, ctx);
      listen();
    },
    unbind() {
      ctx.trace?.('> unbind');
      return new Promise((resolve) => {
        socket.end(encode(SEQUENCE, encodeSmall(INTEGER, asked.id + 1), encode(UNBIND_REQUEST)), () => resolve());
      });
    },
  };
}

/** A result in words: what happened, to what, and what the server adds. */
export function reasonOf({ words, diagnostic }: LdapResult, subject = ''): string {
  return [words, subject, diagnostic].filter((part) => part !== '').join(': ');
}

/** RFC 4511, appendix A; those that answer a bind, a search or StartTLS. */
const RESULTS: ReadonlyMap<number, string> = new Map([
  [0, 'success'],
  [1, 'operations error'],
  [2, 'protocol error'],
  [3, 'time limit exceeded'],
  [4, 'size limit exceeded'],
  [7, 'authentication method not supported'],
  [8, 'stronger authentication required'],
  [10, 'referral to another server'],
  [11, 'administrative limit exceeded'],
  [12, 'unavailable critical extension'],
  [13, 'confidentiality required'],
  [32, 'no such object'],
  [33, 'alias problem'],
  [34, 'invalid DN syntax'],
  [36, 'alias dereferencing problem'],
  [48, 'inappropriate authentication'],
  [49, 'invalid credentials'],
  [50, 'insufficient access rights'],
  [51, 'busy'],
  [52, 'unavailable'],
  [53, 'unwilling to perform'],
  [54, 'loop detected'],
  [80, 'other error'],
]);

function closed(received: number, rest: number): string {
  if (received === 0) return 'connection closed without an answer';
  return rest === 0 ? 'connection closed by the server' : 'connection closed in the middle of an answer';
}
