// The values that name servers: virtual=, real= and fallback=. They read text; names are looked up in resolve.ts.
import { isIPv6 } from 'node:net';
import { type EndpointText, endpoint, type HostText } from './address.ts';
import { Problem, type Spot } from './diagnostic.ts';
import type { Family, Forwarding } from './model.ts';
import type { Pattern } from './perl-regex.ts';
import { choices, thresholdOf, toPattern, type ValueParser, weightOf, wholeNumber, within } from './values.ts';

/** What a `virtual=` line names. */
export type VirtualText =
  | { readonly kind: 'mark'; readonly mark: number; readonly family: Family; readonly spot: Spot }
  | {
      readonly kind: 'endpoint';
      readonly host: HostText;
      readonly port: Spot;
      readonly family: Family;
      readonly spot: Spot;
    };

/** What a `real=` line says. */
export interface RealText {
  readonly spot: Spot;
  readonly family: Family;
  readonly from: HostText;
  /** The end of a range. */
  readonly to: HostText | undefined;
  readonly port: Spot | undefined;
  readonly forwarding: Forwarding;
  readonly weight: number;
  readonly request: Spot | undefined;
  readonly receive: Pattern | undefined;
  readonly lowerThreshold: number;
  readonly upperThreshold: number;
}

export interface FallbackText extends EndpointText {
  readonly spot: Spot;
  readonly family: Family;
  readonly forwarding: Forwarding;
}

const FORWARDING = ['gate', 'masq', 'ipip'] as const;
const MARK = wholeNumber(1, 4_294_967_295);
const suffix = (family: Family): string => (family === 6 ? '6' : '');

/** `address:port`, `host:port` or a firewall mark. */
export function virtualOf(family: Family): ValueParser<VirtualText> {
  const expected =
    family === 6 ? '[IPv6 address]:port, host:port or a firewall mark' : 'address:port, host:port or a firewall mark';
  return (spot) => {
    if (spot.text === '')
      throw new Problem(spot, 'the address of the virtual service is missing', `expected ${expected}`);
    const blank = spot.text.search(/\s/);
    if (blank >= 0) {
      throw new Problem(
        within(spot, blank + 1),
        'there is text after the virtual service',
        'options of a virtual service stand on lines of their own, indented, below it',
      );
    }
    if (/^\d+$/.test(spot.text)) return { kind: 'mark', mark: MARK(spot), family, spot };
    if (spot.text.startsWith('[') && family === 4) {
      throw new Problem(spot, 'virtual= takes IPv4', `write virtual6=${spot.text} for IPv6`);
    }
    // Colons first: what isIPv6 compiles when it is first asked costs a start milliseconds.
    if (family === 4 && spot.text.split(':').length > 2 && isIPv6(spot.text)) {
      throw new Problem(spot, 'virtual= takes IPv4', 'write virtual6= and brackets for IPv6: [2001:db8::1]:80');
    }
    const { host, port } = endpoint(spot);
    if (host.literal !== undefined && host.literal !== family) {
      throw new Problem(
        spot,
        `virtual${suffix(family)}= takes IPv${family}`,
        `write virtual${suffix(host.literal)}=${spot.text} for IPv${host.literal}`,
      );
    }
    if (port === undefined) {
      throw new Problem(
        spot,
        'the port of the virtual service is missing',
        `expected ${spot.text}:80 or the like; a firewall mark is a number alone`,
      );
    }
    if (/^0+$/.test(port.text))
      throw new Problem(port, 'port 0 is no port of a virtual service', 'expected 1 to 65535');
    return { kind: 'endpoint', host, port, family, spot };
  };
}

/** `host[->host][:port] gate|masq|ipip [weight] ["request","receive"] [l:N] [u:N]`. */
export function realOf(family: Family): ValueParser<RealText> {
  return (spot) => {
    const words = splitReal(spot);
    const [address, method, ...rest] = words;
    if (address === undefined) {
      throw new Problem(
        spot,
        'the address of the real server is missing',
        'expected host:port gate|masq|ipip [weight]',
      );
    }
    const { from, to, port } = addressRange(address, family);
    if (method === undefined) {
      throw new Problem(
        address,
        'the forwarding method is missing',
        `expected gate, masq or ipip after ${address.text}`,
      );
    }
    if (method.text.startsWith('->'))
      throw new Problem(method, 'there is a blank inside the range', 'write first->last:port without blanks');
    const forwarding = forwardingOf(method);
    return { spot, family, from, to, port, forwarding, ...realOptions(rest) };
  };
}

function forwardingOf(spot: Spot): Forwarding {
  const found = FORWARDING.find((word) => word === spot.text);
  if (found === undefined)
    throw new Problem(spot, `"${spot.text}" is not a forwarding method`, choices(spot.text, FORWARDING));
  return found;
}

type RealOptions = Pick<RealText, 'weight' | 'request' | 'receive' | 'lowerThreshold' | 'upperThreshold'>;

function realOptions(words: readonly Spot[]): RealOptions {
  let weight: number | undefined;
  let lower: number | undefined;
  let upper: number | undefined;
  const strings: Spot[] = [];
  for (const [index, word] of words.entries()) {
    const threshold = /^([lu]):/.exec(word.text)?.[1];
    if (/^"[lu]:\d+"$/.test(word.text)) {
      // ldirectord takes these for a request and a receive string.
      throw new Problem(word, 'a threshold stands without quotes', `write ${word.text.slice(1, -1)}`);
    }
    if (word.text.startsWith('"')) {
      if (strings.push(word) > 2)
        throw new Problem(word, 'a third string makes no sense here', 'expected "request","receive" only');
    } else if (threshold !== undefined) {
      const limit = thresholdOf(within(word, 2));
      if ((threshold === 'l' ? lower : upper) !== undefined)
        throw new Problem(word, `${threshold}: is given twice`, 'keep one');
      if (threshold === 'l') lower = limit;
      else upper = limit;
    } else if (index === 0) {
      weight = weightOf(word);
    } else {
      throw new Problem(
        word,
        `"${word.text}" makes no sense here`,
        'expected: host:port gate|masq|ipip [weight] ["request","receive"] [l:N] [u:N]',
      );
    }
  }
  if (lower !== undefined && lower > (upper ?? 0)) {
    // The kernel refuses such a server (EINVAL), and ldirectord does not notice.
    const word = words.find(({ text }) => text.startsWith('l:')) ?? words[0];
    const wrong =
      upper === undefined ? `l:${lower} stands without u:` : `the lower threshold ${lower} is above the upper ${upper}`;
    if (word !== undefined)
      throw new Problem(
        word,
        wrong,
        'expected l:N u:M with N at most M: overloaded from M connections on, until there are fewer than N',
      );
  }
  const [request, receive] = strings;
  const pattern = filled(receive);
  if (request !== undefined && receive === undefined) {
    throw new Problem(
      request,
      'the "receive" string after this request is missing',
      'expected "request","receive" together',
    );
  }
  return {
    weight: weight ?? 1,
    request: filled(request),
    receive: pattern && toPattern(pattern),
    lowerThreshold: lower ?? 0,
    upperThreshold: upper ?? 0,
  };
}

/** What is inside the quotes; an empty string leaves it to the virtual, as in ldirectord. */
function filled(string: Spot | undefined): Spot | undefined {
  return string === undefined || string.text === '""' ? undefined : within(string, 1, string.text.length - 1);
}

function addressRange(
  word: Spot,
  family: Family,
): { from: HostText; to: HostText | undefined; port: Spot | undefined } {
  const arrow = word.text.indexOf('->');
  if (arrow >= 0 && word.text.length === arrow + 2)
    throw new Problem(within(word, arrow), 'the last address of the range is missing', 'expected first->last:port');
  const last = endpoint(arrow < 0 ? word : within(word, arrow + 2));
  const first = arrow < 0 ? undefined : rangeStart(within(word, 0, arrow));
  for (const { literal, ...spot } of first === undefined ? [last.host] : [first, last.host]) {
    if (literal !== undefined && literal !== family) {
      throw new Problem(
        spot,
        `real${suffix(family)}= takes IPv${family}`,
        `"${spot.text}" is IPv${literal}: it belongs into a virtual${suffix(literal)}= block`,
      );
    }
  }
  return first === undefined
    ? { from: last.host, to: undefined, port: last.port }
    : { from: first, to: last.host, port: last.port };
}

function rangeStart(spot: Spot): HostText {
  if (spot.text === '')
    throw new Problem(spot, 'the first address of the range is missing', 'expected first->last:port');
  const { host: first, port } = endpoint(spot);
  if (port !== undefined)
    throw new Problem(port, 'the port belongs to the end of the range', 'expected first->last:port');
  return first;
}

/** Words between blanks; strings in double quotes stay whole, and a comma may join two of them. */
function splitReal(spot: Spot): Spot[] {
  const words: Spot[] = [];
  const { text } = spot;
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (/\s/.test(char) || (char === ',' && words.at(-1)?.text.startsWith('"'))) {
      at++;
      continue;
    }
    const end = char === '"' ? stringEnd(text, at) : at + (/^[^\s"]+/.exec(text.slice(at))?.[0].length ?? 1);
    if (end === undefined) {
      const close = text.lastIndexOf('"');
      if (close > at)
        throw new Problem(
          within(spot, close + 1),
          'there is text right after the closing quote',
          'put a blank between',
        );
      throw new Problem(within(spot, at, at + 1), 'this quote is never closed', 'add a " at the end of the string');
    }
    words.push(within(spot, at, end));
    at = end;
  }
  return words;
}

/** Just past the quote that closes the string begun at `at`: one before a blank, a comma or the end, not escaped. */
function stringEnd(text: string, at: number): number | undefined {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"' && /^(?:$|[\s,])/.test(text.slice(i + 1))) return i + 1;
  }
  return undefined;
}

/** `host[:port] [gate|masq|ipip]`. */
export function fallbackOf(family: Family): ValueParser<FallbackText> {
  return (spot) => {
    const [address, method, extra] = splitReal(spot);
    if (address === undefined)
      throw new Problem(spot, 'the fallback server is missing', 'expected host[:port] [gate|masq|ipip]');
    if (extra !== undefined)
      throw new Problem(extra, `"${extra.text}" makes no sense here`, 'expected host[:port] [gate|masq|ipip]');
    const server = endpoint(address);
    if (server.host.literal !== undefined && server.host.literal !== family) {
      throw new Problem(
        address,
        `fallback${suffix(family)}= takes IPv${family}`,
        `write fallback${suffix(server.host.literal)}= for IPv${server.host.literal}`,
      );
    }
    return { ...server, spot, family, forwarding: method === undefined ? 'gate' : forwardingOf(method) };
  };
}
