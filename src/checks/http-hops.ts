// Whom an HTTP check asks, for what and under which name: first, and after each redirect.
import { isIP } from 'node:net';
import querystring from 'node:querystring';
import type { HttpSpec, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { HttpAnswer, HttpRequest } from './http-exchange.ts';
import { printable, quoted } from './text.ts';

/** One request on the way to the answer that counts. */
export interface Hop {
  readonly url: URL;
  readonly request: HttpRequest;
  /** The real server itself, whose client is kept; else somebody that a URL names. */
  readonly toReal: boolean;
}

/** Whom the check itself asks. */
export function firstHop(target: Target, spec: HttpSpec): Hop {
  const request = sendable(spec.request);
  const address = target.family === 6 ? `[${target.address}]` : target.address;
  if (!request.startsWith('/')) {
    const url = new URL(request);
    return hopTo(url, spec, spec.proxy, spec.proxy ? url.host : (spec.virtualHost ?? url.host));
  }
  const url = new URL(`${spec.tls ? 'https' : 'http'}://${address}:${target.port}${request}`);
  // As ldirectord: without a virtual host the Host header is the bare address, whatever the port.
  const host = spec.virtualHost ?? address;
  return { url, toReal: true, request: { method: spec.method, path: request, host } };
}

/** Where a redirect leads. Within the same origin, or to the virtual host's own name, it stays with this real server. */
export function nextHop({ url: from, request, toReal }: Hop, answer: HttpAnswer, target: Target, spec: HttpSpec): Hop {
  const { location } = answer;
  if (location === undefined) throw new CheckFailure(`${statusOf(answer)} without a Location`);
  if (!URL.canParse(location, from.href))
    throw new CheckFailure(`redirected to ${quoted(Buffer.from(location))}, which is no URL`);
  const url = new URL(location, from);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new CheckFailure(`redirected to ${printable(url.href)}, which is not HTTP`);
  }
  // As ldirectord: a proxy is asked for http, everything else directly.
  if (spec.proxy) return hopTo(url, spec, url.protocol === 'http:', url.host);
  if (url.origin === from.origin || (toReal && isVirtualHost(url, from, target, spec))) {
    const path = url.pathname + url.search;
    return { url: new URL(from.origin + path), toReal, request: { ...request, path } };
  }
  return hopTo(url, spec, false, url.host);
}

/** A hop to what a URL names, or to the real server as the proxy that is to fetch it. */
function hopTo(url: URL, { method }: HttpSpec, viaProxy: boolean, host: string): Hop {
  const local = url.pathname + url.search;
  const path = viaProxy ? `${url.protocol}//${url.host}${local}` : local;
  return { url, toReal: viaProxy, request: { method, path, host, ...credentials(url) } };
}

function isVirtualHost(url: URL, from: URL, target: Target, { virtualHost }: HttpSpec): boolean {
  if (virtualHost === undefined || url.protocol !== from.protocol) return false;
  const named = `${url.protocol}//${virtualHost}`;
  if (!URL.canParse(named)) return false;
  const virtual = new URL(named);
  return url.hostname === virtual.hostname && (url.port === virtual.port || portOf(url) === target.port);
}

/** The status line without its version: "HTTP 500 Internal Server Error". */
export function statusOf({ status, statusText }: Pick<HttpAnswer, 'status' | 'statusText'>): string {
  return `HTTP ${status} ${printable(statusText)}`.trimEnd();
}

/** Without what never goes on the wire (the fragment), and escaped where HTTP allows no such byte. */
function sendable(request: string): string {
  return request.replace(/#.*$/s, '').replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}

function credentials({ username, password }: URL): Pick<HttpRequest, 'authorization'> {
  if (username === '' && password === '') return {};
  // Unlike decodeURIComponent, this leaves what is no escape as it is.
  const pair = `${querystring.unescape(username)}:${querystring.unescape(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** The name in a Host header that TLS can be told as SNI: not an address, no port. */
export function serverNameOf(host: string): string | undefined {
  const name = host.replace(/:\d+$/, '');
  return name.startsWith('[') || isIP(name) !== 0 ? undefined : name;
}

export function isTls(url: URL): boolean {
  return url.protocol === 'https:';
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return isTls(url) ? 443 : 80;
}
