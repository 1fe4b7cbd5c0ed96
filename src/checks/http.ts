// What makes an HTTP answer healthy: 2xx after at most 7 redirects, and a body that `receive` matches.
import { isIP } from 'node:net';
import type { HttpSpec, Target } from '../config/model.ts';
import type { Pattern } from '../config/perl-regex.ts';
import { CheckFailure, messageOf } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { createHttpPeer, type HttpAnswer, type HttpPeer, KEPT_BODY_BYTES } from './http-exchange.ts';
import { firstHop, type Hop, isTls, nextHop, portOf, serverNameOf, statusOf } from './http-hops.ts';
import { matches } from './match.ts';
import { codeOf, explain } from './reasons.ts';
import { createTls } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

type Endpoint = Pick<Target, 'address' | 'port'>;

const MAX_REDIRECTS = 7;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const http: Check<'http'> = async (target, spec, ctx) => {
  let hop = firstHop(target, spec);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await ask(hop).catch((error: unknown) => {
      throw redirects === 0 ? error : placed(error, hop);
    });
    if (!REDIRECTS.has(answer.status)) return verdict(answer, spec);
    if (redirects === MAX_REDIRECTS) throw new CheckFailure(`redirected more than ${MAX_REDIRECTS} times`);
    hop = nextHop(hop, answer, target, spec);
  }

  async function ask({ url, toReal, request }: Hop): Promise<HttpAnswer> {
    const serverName = serverNameOf(request.host);
    let peer: HttpPeer;
    if (toReal) {
      peer = ctx.keep(() => open(target, spec.tls, serverName));
    } else {
      const other = open({ address: await addressOf(url, target, ctx), port: portOf(url) }, isTls(url), serverName);
      ctx.defer(() => other.close());
      peer = other;
    }
    ctx.trace?.(`> ${request.method} ${request.path} HTTP/1.1`);
    ctx.trace?.(`> Host: ${request.host}`);
    const answer = await peer.ask(request, ctx);
    ctx.trace?.(`< ${described(answer)}`);
    return answer;
  }

  function open({ address, port }: Endpoint, tls: boolean, serverName: string | undefined): HttpPeer {
    return createHttpPeer({ address, port, ...(tls ? { tls: createTls(serverName) } : {}) });
  }
};

/** The address that a URL names; of several the first of the target's family. */
async function addressOf(url: URL, target: Target, ctx: CheckContext): Promise<string> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return host;
  ctx.progress(() => `resolving ${printable(host)}`);
  const addresses = await ctx.resolve(host);
  const chosen = addresses.find(({ family }) => family === target.family) ?? addresses[0];
  if (chosen === undefined) throw new CheckFailure(`${printable(host)} has no address`);
  return chosen.address;
}

function verdict(answer: HttpAnswer, { receive }: HttpSpec): string {
  if (answer.status < 200 || answer.status > 299) throw new CheckFailure(statusOf(answer));
  if (receive === undefined || found(receive, answer.body)) return statusOf(answer);
  throw new CheckFailure(`body does not match /${printable(receive.text)}/ (got ${contents(answer)})`);
}

function found(receive: Pattern, body: Buffer): boolean {
  try {
    return matches(receive, body);
  } catch (error) {
    if (codeOf(error) !== 'PATTERN_TIMEOUT') throw error;
    throw new CheckFailure(`receive /${printable(receive.text)}/: ${messageOf(error)}`, { cause: error });
  }
}

function contents({ body, bodyBytes, cutShort }: HttpAnswer): string {
  if (bodyBytes === 0) return 'an empty body';
  const searched = bodyBytes > KEPT_BODY_BYTES ? ', of which the first 1 MiB was searched' : '';
  return `${byteCount(bodyBytes)}${cutShort ? ', cut short' : ''}${searched}: ${quoted(body)}`;
}

function described({ status, statusText, location, body, bodyBytes }: HttpAnswer): string {
  const to = location === undefined ? '' : `, Location: ${printable(location)}`;
  return `${status} ${printable(statusText)}${to}, ${byteCount(bodyBytes)}${bodyBytes === 0 ? '' : `: ${quoted(body)}`}`;
}

/** The failure of a redirect's target, said so; our own faults stay what they are. */
function placed(error: unknown, { url }: Hop): unknown {
  const { outcome, detail } = explain(error);
  if (outcome === 'error') return error;
  return new CheckFailure(`${detail}, after a redirect to ${printable(url.href)}`, { cause: error });
}
