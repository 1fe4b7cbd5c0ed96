// A scripted LDAP server: each answer as told, in bytes that need not be LDAP at all.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
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
} from '../../src/checks/ber.ts';
import { type Certificate, certificate, type Listener, listen } from './listeners.ts';

/** What a server does when a request with this number has come; bytes are sent. */
export type LdapAnswer = (id: number, socket: Socket, hear: (socket: Socket) => void) => Buffer | undefined;

export interface LdapScript {
  readonly bind?: LdapAnswer;
  readonly search?: LdapAnswer;
  readonly startTls?: LdapAnswer;
}

export interface LdapServer extends Listener {
  /** The operations that came, in their order. */
  readonly operations: Element[];
}

const NAMES: Readonly<Record<number, keyof LdapScript>> = { 96: 'bind', 99: 'search', 119: 'startTls' };

/** Finds `dc=example,dc=com` for anybody, unless told otherwise. */
export async function ldapServer(
  script: LdapScript = {},
  options: { host?: string; tls?: Certificate } = {},
): Promise<LdapServer> {
  const operations: Element[] = [];
  const answers: LdapScript = {
    bind: bindResponse(),
    search: together(searchEntry('dc=example,dc=com'), searchDone()),
    startTls: thenTls(),
    ...script,
  };
  const hear = (socket: Socket) => {
    let unread: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (let message = decode(unread, 9999); message !== undefined; message = decode(unread, 9999)) {
        unread = unread.subarray(message.size);
        const [id, operation] = decodeAll(message.element.content);
        if (operation === undefined) return;
        operations.push(operation);
        const name = NAMES[operation.tag];
        const answer = name === undefined ? undefined : answers[name]?.(numberOf(id, INTEGER), socket, hear);
        if (answer !== undefined && !socket.destroyed) socket.write(answer);
      }
    });
  };
  const listener = await listen(hear, { ...options, atOnce: true });
  return { ...listener, operations };
}

export function message(id: number, ...operation: Buffer[]): Buffer {
  return encode(SEQUENCE, encodeSmall(INTEGER, id), ...operation);
}

/** Code, matched DN and diagnostic message, under the tag of the response. */
export function result(tag: number, code: number, diagnostic = ''): LdapAnswer {
  return (id) => message(id, encode(tag, encodeSmall(ENUMERATED, code), encode(OCTETS), encode(OCTETS, diagnostic)));
}

export const bindResponse = (code = 0, diagnostic = '') => result(0x61, code, diagnostic);
export const searchDone = (code = 0, diagnostic = '') => result(0x65, code, diagnostic);
export const extendedResponse = (code = 0, diagnostic = '') => result(0x78, code, diagnostic);

export function searchEntry(dn: string | Buffer): LdapAnswer {
  return (id) => message(id, encode(0x64, encode(OCTETS, dn), encode(SEQUENCE)));
}

/** Several answers to one request. */
export function together(...parts: LdapAnswer[]): LdapAnswer {
  return (id, socket, hear) => Buffer.concat(parts.map((part) => part(id, socket, hear) ?? Buffer.alloc(0)));
}

/** These bytes, whatever the request. */
export function bytes(text: string | Buffer): LdapAnswer {
  return () => Buffer.from(text as string);
}

/** Consents to StartTLS, and goes over to it. */
export function thenTls(name = 'tls/good'): LdapAnswer {
  return (id, socket, hear) => {
    socket.write(extendedResponse()(id, socket, hear) ?? '');
    hear(new TLSSocket(socket, { isServer: true, ...certificate(name) }));
    return undefined;
  };
}
