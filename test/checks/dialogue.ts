// Servers that hold a conversation in lines as they are told, for the tests of smtp, pop, imap and nntp.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Authorities } from '../../src/config/model.ts';
import { type Answer, type Certificate, certificate, type Listener, listen } from './listeners.ts';

/** What a server does when it is its turn; a function is given the socket and the line to be answered. */
export type Turn = Answer | Upgrade;

/** Consent to STARTTLS, and TLS from then on. */
interface Upgrade {
  readonly consent: string;
  readonly certificate: Certificate;
}

/** What a server answers to a line that fits. */
export type Rule = readonly [line: RegExp, answer: Turn];

export interface Dialogue extends Listener {
  /** All that was heard on all connections, decrypted. */
  heard(): string;
}

/**
 * A server that takes the first turn, and then answers each line by the first rule that fits (CRLF is added to texts); to any
 * other line it says nothing. Instead of its turn number `cutAt` (0 is the greeting) it closes or resets the connection.
 */
export async function converse(
  greeting: Turn,
  rules: readonly Rule[] = [],
  options: { host?: string; tls?: Certificate; cutAt?: number; cut?: 'close' | 'reset' } = {},
): Promise<Dialogue> {
  let heard = '';
  const serve = (first: Socket) => {
    let turns = 0;
    const take = (turn: Turn, socket: Socket, line: string) => {
      turns += 1;
      if (turns - 1 === options.cutAt) {
        if (options.cut === 'reset') first.resetAndDestroy();
        else first.destroy();
      } else if (typeof turn === 'function') turn(socket, line);
      else if (typeof turn === 'string') socket.write(`${turn}\r\n`);
      else if (Buffer.isBuffer(turn)) socket.write(turn);
      else {
        socket.write(`${turn.consent}\r\n`);
        hear(new TLSSocket(socket, { isServer: true, ...turn.certificate }));
      }
    };
    const hear = (socket: Socket) => {
      let unread = '';
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1');
        const lines = (unread + chunk.toString('latin1')).split('\r\n');
        unread = lines.pop() ?? '';
        for (const line of lines) {
          const rule = rules.find(([fits]) => fits.test(line));
          if (rule !== undefined) take(rule[1], socket, line);
        }
      });
    };
    hear(first);
    take(greeting, first, '');
  };
  const listener = await listen(serve, { ...options, atOnce: true });
  return { ...listener, heard: () => heard };
}

/** Consents, and goes over to TLS with a certificate of fixtures/. */
export function thenTls(consent: string, name = 'tls/good'): Upgrade {
  return { consent, certificate: certificate(name) };
}

/** Says something, then closes its half of the connection. */
export function thenEnd(text: string | Buffer): Turn {
  return (socket) => void socket.end(text);
}

/** Says something, then resets the connection once that has gone out. */
export function thenReset(text: string): Turn {
  return (socket) => void socket.write(text, () => socket.resetAndDestroy());
}

/** The authority of fixtures/tls, or another one. */
export function authorities(...names: string[]): Authorities {
  const read = (name: string) => readFileSync(new URL(`fixtures/tls/${name}.crt`, import.meta.url), 'latin1');
  return new Authorities('test.pem', names.map(read).join('\n'), names.join());
}

/** Every `-d` line of checks made with these services. */
export function traced(): { trace: (line: string) => void; text: () => string } {
  const lines: string[] = [];
  return { trace: (line) => lines.push(line), text: () => lines.join('\n') };
}
