// Scripted servers on loopback for the tests of checks: what they were asked, who is still connected, and an end to all of it.
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { CheckResult, CheckServices } from '../../src/checks/check.ts';
import { prepareCheck } from '../../src/checks/run.ts';
import type { CheckSpec, HttpSpec, Target } from '../../src/config/model.ts';
import { type Pattern, translatePattern } from '../../src/config/perl-regex.ts';
import { runCommand } from '../../src/system/command.ts';
import { freePort } from '../free-port.ts';
import { NOISE_MS } from '../noise.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';

/** What a server does with a connection once it has read a request's header. */
export type Answer = string | Buffer | ((socket: Socket, request: string) => void);

export interface Listener {
  readonly target: Target;
  readonly port: number;
  /** Every request's header, in the order they came. */
  readonly requests: string[];
  /** SNI of each TLS connection; undefined for none. */
  readonly serverNames: (string | undefined)[];
  /** Connections that the other side has not closed yet. */
  open(): number;
  /** Resolves when nobody is connected any more; rejects after `withinMs`. */
  allClosed(withinMs?: number): Promise<void>;
}

const started: { server: Server; sockets: Set<Socket> }[] = [];

/** Call it after each test: ends every listener and connection. */
export async function closeListeners(): Promise<void> {
  for (const { server, sockets } of started.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/**
 * Listens on a free port of `host`. A string or Buffer is sent as it is, then the connection is ended; a function does what it
 * likes. `answers` may be a list: one for each connection, the last one for all that follow.
 */
export async function listen(
  answers: Answer | Answer[],
  {
    host = '127.0.0.1',
    tls = false,
    atOnce = false,
    port: wanted = 0,
    allowHalfOpen = false,
  }: { host?: string; tls?: boolean | Certificate; atOnce?: boolean; port?: number; allowHalfOpen?: boolean } = {},
): Promise<Listener> {
  const script = Array.isArray(answers) ? answers : [answers];
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const serverNames: (string | undefined)[] = [];
  let connections = 0;
  const serve = (socket: Socket) => {
    const answer = script[Math.min(connections, script.length - 1)] ?? '';
    connections += 1;
    let request = '';
    const reply = () => {
      requests.push(request);
      if (typeof answer === 'function') answer(socket, request);
      else socket.end(answer);
    };
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const begun = request.includes('\r\n\r\n');
      request += chunk.toString('latin1');
      if (!begun && request.includes('\r\n\r\n') && !atOnce) reply();
    });
    if (atOnce) reply();
  };
  const server = tls
    ? createTlsServer(tls === true ? certificate() : tls, (socket: TLSSocket) => {
        serverNames.push(socket.servername || undefined);
        serve(socket);
      })
    : createServer({ allowHalfOpen }, serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  started.push({ server, sockets });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    target: { address: host, family: host.includes(':') ? 6 : 4, port },
    port,
    requests,
    serverNames,
    open: () => sockets.size,
    async allClosed(withinMs = NOISE_MS) {
      const limit = Date.now() + withinMs;
      while (sockets.size > 0) {
        if (Date.now() > limit) throw new Error(`${sockets.size} connections still open after ${withinMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}

/** A port on which nobody listens. */
export const closedPort = freePort;

/** A 200 answer with a length. */
export function ok(body: string | Buffer, headers = ''): Buffer {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

export function redirect(location: string, status = '302 Found'): string {
  return `HTTP/1.1 ${status}\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
}

/** Sends `bytes` again and again, as fast as they are taken, until the other side has had enough. */
export function endless(head: string, bytes: Buffer): Answer {
  return (socket) => {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on('drain', more);
    more();
  };
}

/** Sends `head`, then one character of `text` at a time, over and over. */
export function dripping(head: string, text: string, everyMs: number): Answer {
  return (socket) => {
    socket.write(head);
    let at = 0;
    const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), everyMs);
    socket.once('close', () => clearInterval(timer));
  };
}

export function pattern(text: string): Pattern {
  const translated = translatePattern(text);
  if ('problem' in translated) throw new Error(translated.problem.message);
  return translated.pattern;
}

/** An http check for `/lbcheck.html` that must find "found", unless told otherwise. */
export function httpSpec(changes: Partial<HttpSpec> = {}): HttpSpec {
  return {
    kind: 'http',
    proxy: false,
    method: 'GET',
    request: '/lbcheck.html',
    receive: pattern('found'),
    timeoutMs: 3000,
    ...changes,
  };
}

/** The same without `receive`. */
export function anyBody(changes: Partial<HttpSpec> = {}): HttpSpec {
  const { receive: _none, ...spec } = httpSpec(changes);
  return spec;
}

/** The outside world as these tests need it: real commands, only the names given, and nobody who answers a ping. */
export function services(hosts: Record<string, string> = {}, changes: Partial<CheckServices> = {}): CheckServices {
  return {
    async resolve(host) {
      const address = hosts[host];
      if (address === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
      return [{ address, family: address.includes(':') ? 6 : 4 }];
    },
    command: runCommand,
    ping: async () => ({ answered: false }),
    ...changes,
  };
}

/** One run of a check, and its end; with deadlines that a machine which stands still cannot use up. */
export async function check(
  target: Target,
  spec: CheckSpec,
  world = services(),
  clock = PATIENT_CLOCK,
): Promise<CheckResult> {
  const prepared = prepareCheck({ target, spec }, world, clock);
  try {
    return await prepared.run();
  } finally {
    prepared.close();
  }
}

/** True when this machine can serve ::1. */
export async function hasIPv6(): Promise<boolean> {
  const server = createServer();
  const usable = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(0, '::1', () => resolve(true));
  });
  if (usable) await new Promise((resolve) => server.close(resolve));
  else console.warn('NOT TESTED: this machine has no IPv6 loopback (::1), so the IPv6 checks are skipped');
  return usable;
}

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A certificate of fixtures/ for fixtures/server.key; without a name one that nobody has signed. */
export function certificate(name = 'server'): Certificate {
  const read = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  return { key: read('server.key'), cert: read(`${name}.crt`) };
}
