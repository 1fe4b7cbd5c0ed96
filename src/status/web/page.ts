// The status page as it is served: with the one policy under which it works, and nothing else on it would.
import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { pageText } from '../page/page.ts';
import { secureHeaders } from './answers.ts';

export interface Page {
  readonly text: string;
  readonly headers: OutgoingHttpHeaders;
  /** Tells this text from that of another version. */
  readonly etag: string;
}

let page: Promise<Page> | undefined;

/** Made once. */
export function statusPage(): Promise<Page> {
  page ??= pageText().then(pageOf);
  return page;
}

/** Exported for tests. */
export function pageOf(text: string): Page {
  const etag = `"${digestOf(text)}"`;
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-cache',
    ETag: etag,
    ...secureHeaders(policyOf(text)),
  };
  return { text, headers, etag };
}

/** Its own scripts and styles by their digests, and questions to this daemon. */
function policyOf(text: string): string {
  return [
    "default-src 'none'",
    `script-src ${sources('script', text)}`,
    `style-src ${sources('style', text)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function sources(element: string, text: string): string {
  const contents = [...text.matchAll(new RegExp(`<${element}\\b[^>]*>([\\s\\S]*?)</${element}>`, 'gi'))];
  return contents.map(([, content = '']) => `'sha256-${digestOf(content)}'`).join(' ') || "'none'";
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
