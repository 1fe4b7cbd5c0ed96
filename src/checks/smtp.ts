// SMTP (and submission): up when the greeting and EHLO, or HELO, are answered with 2xx; over TLS too where that is wanted.
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { type Lines, openLines } from './lines.ts';

/** An answer of one or more lines (RFC 5321, 4.2.1). */
interface Reply {
  /** Of the last line, which is the one that counts when they differ. */
  readonly code: string;
  /** What each line says behind its code. */
  readonly texts: readonly string[];
  /** The whole of it as a reason may show it. */
  readonly shown: string;
}

export const smtp: Check<'smtp'> = async (target, spec, ctx) => {
  const lines = await openLines(target, spec, ctx);
  const greeting = await readReply(lines, await lines.read(), 'greeting');
  if (!isPositive(greeting)) throw new CheckFailure(greeting.shown);
  const hello = await sayHello(lines);
  if (spec.tls?.start === 'starttls') {
    if (!offersStartTls(hello)) throw new CheckFailure('the server does not offer STARTTLS');
    const consent = await ask(lines, 'STARTTLS');
    if (!isPositive(consent)) throw new CheckFailure(`STARTTLS refused: ${consent.shown}`);
    await lines.startTls(spec.tls);
    await sayHello(lines);
  }
  await lines.quit('QUIT');
  return greeting.shown;
};

/** EHLO, or HELO for a server that does not know it; 421 is its goodbye to either. */
async function sayHello(lines: Lines): Promise<Reply> {
  const name = ownName(lines.localAddress);
  const extended = await ask(lines, `EHLO ${name}`);
  if (isPositive(extended)) return extended;
  if (extended.code === '421') throw new CheckFailure(`EHLO refused: ${extended.shown}`);
  const plain = await ask(lines, `HELO ${name}`);
  if (!isPositive(plain)) throw new CheckFailure(`HELO refused: ${plain.shown}`);
  return { ...plain, texts: [] };
}

/** This host's full name; where it has none, its address, as RFC 5321 (4.1.4) wants it. */
function ownName(address: string): string {
  const name = hostname();
  if (/^([a-z\d-]+\.)+[a-z][a-z\d-]*$/i.test(name)) return name;
  return isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`;
}

async function ask(lines: Lines, command: string): Promise<Reply> {
  return readReply(lines, await lines.ask(command), 'answer');
}

async function readReply(lines: Lines, first: string, what: 'greeting' | 'answer'): Promise<Reply> {
  const texts: string[] = [];
  for (let line = first; ; line = await lines.read()) {
    const [, code, separator, text = ''] = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(line) ?? [];
    if (code === undefined) throw new CheckFailure(`not an SMTP ${what}: "${lines.show(line)}"`);
    texts.push(text);
    if (separator !== '-') return { code, texts, shown: lines.show(`${code} ${texts.join(' ')}`.trimEnd()) };
  }
}

function isPositive({ code }: Reply): boolean {
  return code.startsWith('2');
}

function offersStartTls({ texts }: Reply): boolean {
  return texts.slice(1).some((text) => /^STARTTLS\b/i.test(text));
}
