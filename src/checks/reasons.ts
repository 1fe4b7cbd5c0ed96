// What a failure means: is the server down, or are we unable to tell? And in which words a person reads it at 3 a.m.
import { CannotCheck, CheckFailure, messageOf } from '../errors.ts';
import { printable } from './text.ts';

/** A failed run: `down` speaks of the server, `error` of ourselves. */
export interface Failure {
  readonly outcome: 'down' | 'error';
  readonly detail: string;
}

/** Codes whose meaning is worth more words than the system's own message. Any other code is shown with its message. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection aborted',
  EPIPE: 'connection closed while sending',
  EHOSTUNREACH: 'no route to host',
  EHOSTDOWN: 'host is down',
  ENETUNREACH: 'network is unreachable',
  ENETDOWN: 'network is down',
  ETIMEDOUT: 'connection timed out',
  EADDRNOTAVAIL: 'no local address to connect from',
  EACCES: 'not permitted (a firewall rule on this machine?)',
  EPERM: 'not permitted (a firewall rule on this machine?)',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'the resolver does not answer',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the port does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the port does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'TLS handshake failed: no protocol version in common',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'TLS handshake failed: no protocol version in common',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'TLS handshake failed: the server refused it',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'TLS handshake failed: the server does not know this name',
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not valid yet',
  CERT_REVOKED: 'certificate has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate is self-signed, and not among the authorities of sslverify',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate is signed by an authority that sslverify does not name',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate is signed by an authority that sslverify does not name',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate is signed by an authority that sslverify does not name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'certificate is signed by an authority that sslverify does not name, or its chain is incomplete',
};

/** Codes that mean that this process or machine has run out of something, which says nothing about the server. */
const EXHAUSTED: Readonly<Record<string, string>> = {
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'out of memory',
  ENOBUFS: 'out of network buffers',
  EAGAIN: 'out of processes',
};

/** Programming errors that carry a code although they are not the JavaScript kinds. */
const OWN_FAULT = new Set(['ERR_ASSERTION', 'ERR_INTERNAL_ASSERTION', 'UND_ERR_INVALID_ARG']);

/** Explains anything that a check threw. Whatever has no code, or a programmer's, is our own fault and shown with its stack. */
export function explain(error: unknown): Failure {
  if (error instanceof CheckFailure) return { outcome: 'down', detail: error.message };
  if (error instanceof CannotCheck) return { outcome: 'error', detail: printable(error.message, 400) };
  const code = codeOf(error);
  if (code === undefined || OWN_FAULT.has(code) || isProgrammerError(error)) {
    return { outcome: 'error', detail: stackStart(error) };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { outcome: 'down', detail: wrongName(error) };
  const exhausted = EXHAUSTED[code];
  if (exhausted !== undefined) return { outcome: 'error', detail: `${exhausted} (${code})` };
  return { outcome: 'down', detail: WORDS[code] ?? withCode(messageOf(error), code) };
}

/** The code of an error that has one. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code !== '' ? code : undefined;
}

function isProgrammerError(error: unknown): boolean {
  return [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
}

/** Which name was expected of a certificate, and which it has. */
function wrongName(error: unknown): string {
  const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string; subject?: { CN?: string } } };
  const names = cert?.subjectaltname ?? (cert?.subject?.CN === undefined ? 'no name' : `CN ${cert.subject.CN}`);
  return `certificate is not for ${printable(host ?? 'this name')} (it names ${printable(names)})`;
}

/** OpenSSL's messages are long records of which only the reason is for people. */
function withCode(message: string, code: string): string {
  const reason = /:SSL routines:[^:]*:([^:]+)/.exec(message)?.[1];
  if (reason !== undefined) return `TLS failed: ${printable(reason)} (${code})`;
  const text = printable(message);
  return text.includes(code) ? text : `${text} (${code})`;
}

function stackStart(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const lines = (error.stack ?? String(error)).split('\n').slice(0, 4);
  return printable(lines.map((line) => line.trim()).join(' | '), 600);
}
