// One web request on a connection of its own.
import { connect } from 'node:net';

const REQUEST_DEADLINE_MS = 3_000;

/** Where a request comes from, and how long after the connection it is made. */
export interface Manner {
  readonly from?: string;
  readonly fromPort?: number;
  readonly hesitateMs?: number;
}

/** Resolves with the name of the server that answered 200, or with `error: …`. */
export function ask(url: string, { from, fromPort = 0, hesitateMs = 0 }: Manner = {}): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const local = from === undefined ? {} : { localAddress: from, localPort: fromPort };
    const socket = connect({ host, port: Number(port || 80), ...local });
    let answer = '';
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), REQUEST_DEADLINE_MS);
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
    socket.on('connect', () => {
      if (hesitateMs === 0) socket.write(request);
      else setTimeout(() => socket.write(request), hesitateMs);
    });
    let failure = '';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = `error: ${error.code ?? error.message}`;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'no answer';
      const name = /^X-Server: (.*)\r$/m.exec(answer)?.[1] ?? '?';
      resolve(failure || (status === '200' ? name : `error: ${status}`));
    });
  });
}
