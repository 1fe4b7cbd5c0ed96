// Who may ask: the token, the Host header that a page from elsewhere could not have, and the origin of whoever gives orders.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { isLocal, type StatusListen } from '../../config/model.ts';
import { Refusal } from './answers.ts';
import { RateLimit } from './rate-limit.ts';

export interface Door {
  readonly listen: StatusListen;
  /** Undefined: no orders are taken. */
  readonly token: string | undefined;
  /** Told of each wrong token, and where it came from. */
  readonly onWrongToken?: (from: string) => void;
}

const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="tsdirectord"' };
/** Wrong tokens that are answered as such; the right one always passes. */
const WRONG_TOKENS = { atOnce: 10, perSecond: 1 };

export class Guard {
  readonly #door: Door;
  readonly #digest: Buffer | undefined;
  readonly #wrong = new RateLimit(WRONG_TOKENS);

  constructor(door: Door) {
    this.#door = door;
    this.#digest = door.token === undefined ? undefined : digestOf(door.token);
  }

  /** A name server of somebody else may call this machine by another name (DNS rebinding), and a browser would believe it. */
  checkHost({ headers: { host } }: IncomingMessage): void {
    const { listen } = this.#door;
    // A browser cannot ask a unix socket, and where the network asks there is a token.
    if (listen.kind === 'unix' || !isLocal(listen) || host === undefined) return;
    const name = host.replace(/:\d*$/, '').toLowerCase();
    if (name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))) return;
    throw new Refusal(
      403,
      `this address answers only as localhost, 127.0.0.1 or [::1], not as the Host that was asked for; a proxy in front of it sets that header, or asks a unix socket (statuslisten = /path)`,
    );
  }

  /** What the network can reach needs the token for reading, too. */
  checkReader(request: IncomingMessage): void {
    if (!isLocal(this.#door.listen)) this.#checkToken(request);
  }

  /** Only who has the token, and no page of another site that a browser shows meanwhile. */
  checkOperator(request: IncomingMessage): void {
    const { origin, host } = request.headers;
    if (origin !== undefined && hostOf(origin) !== host?.toLowerCase())
      throw new Refusal(403, 'orders are not taken from pages of another origin');
    this.#checkToken(request);
  }

  #checkToken({ headers: { authorization }, socket }: IncomingMessage): void {
    if (this.#digest === undefined)
      throw new Refusal(403, 'this is read-only: orders need statustoken in the configuration, or the command line');
    const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    // The same time for every token: two digests are compared, and both are as long.
    if (given !== undefined && timingSafeEqual(digestOf(given), this.#digest)) return;
    if (given !== undefined) this.#door.onWrongToken?.(socket.remoteAddress ?? 'the unix socket');
    if (given !== undefined && !this.#wrong.take())
      throw new Refusal(429, 'too many wrong tokens; try again in a second', { 'Retry-After': '1' });
    const problem = given === undefined ? 'a token is needed: Authorization: Bearer TOKEN' : 'this is not the token';
    throw new Refusal(401, `${problem} (statustoken in the configuration names its file)`, CHALLENGE);
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The host and port of an origin; undefined for "null" and what is none. */
function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
