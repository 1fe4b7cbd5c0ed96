// What is sent back: the headers that every answer bears, plain JSON, and errors in words.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** An error that is an answer: thrown wherever a request turns out to be wrong. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  constructor(status: number, message: string, headers: OutgoingHttpHeaders = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** No answer is a page that runs or loads anything; the page itself says what it may. */
const NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** On every answer. */
export function secureHeaders(policy: string = NOTHING_ALLOWED): OutgoingHttpHeaders {
  return {
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}

/** Headers of an answer that is only true now. */
export function headersOf(contentType: string): OutgoingHttpHeaders {
  return { 'Content-Type': contentType, 'Cache-Control': 'no-store', ...secureHeaders() };
}

export const JSON_TYPE = 'application/json; charset=utf-8';

/** Sends a short text; its body is left out where HEAD asks. */
export function sendText(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders): void {
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text) });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

export function sendJson(response: ServerResponse, status: number, value: unknown, more: OutgoingHttpHeaders = {}) {
  sendText(response, status, `${JSON.stringify(value)}\n`, { ...headersOf(JSON_TYPE), ...more });
}

/** Says what is wrong. A request whose body nobody has read ends its connection. */
export function refuse(response: ServerResponse, { status, message, headers }: Refusal): void {
  const { req } = response;
  const close = hasBody(req) && !req.complete ? { Connection: 'close' } : {};
  sendJson(response, status, { error: message }, { ...headers, ...close });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
