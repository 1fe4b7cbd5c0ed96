// What makes an HTTP answer healthy: 2xx after at most 7 redirects, and a body that `receive` matches.
import { isIP } from 'node:net';
import type { HttpSpec, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { exchange, type HttpAnswer, KEPT_BODY_BYTES } from './http-exchange.ts';
import { firstHop, type Hop, isTls, nextHop, portOf, serverNameOf, statusOf } from './http-hops.ts';
import { received } from './match.ts';
import { explain } from './reasons.ts';
import type { Peer, Tls } from './socket.ts';
import { byteCount, printable, quoted } from './text.ts';

const MAX_REDIRECTS = 7;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const http: Check<'http'> = async (target, spec, ctx) => {
  const { address, port } = target;
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
    const peer: Peer = toReal
      ? { address, port, ...(spec.tls ? { tls: spec.tls } : {}) }
      : {
          address: await addressOf(url, target, ctx),
          port: portOf(url),
          ...(isTls(url) ? { tls: otherTls(request.host) } : {}),
        };
    ctx.trace?.(`> ${request.method} ${request.path} HTTP/1.1`);
    ctx.trace?.(`> Host: ${request.host}`);
    const answer = await exchange(peer, request, ctx);
    ctx.trace?.(`< ${described(answer)}`);
    return answer;
  }

  /** Somebody else's name, but the same authorities. */
  function otherTls(host: string): Tls {
    const serverName = serverNameOf(host);
    const authorities = spec.tls?.authorities;
    return { ...(authorities ? { authorities } : {}), ...(serverName === undefined ? {} : { serverName }) };
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
  if (receive === undefined || received(receive, answer.body)) return statusOf(answer);
  throw new CheckFailure(`body does not match /${printable(receive.text)}/ (got ${contents(answer)})`);
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
