// Addresses, host names, ports and ranges as they are written: what kind each is, and where it stands.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { type Place, Problem, type Spot } from './diagnostic.ts';
import type { Family } from './model.ts';
import { within } from './values.ts';

/** A host as written: a literal address (canonical text), or a name still to be looked up. */
export interface HostText extends Place {
  readonly text: string;
  readonly literal: Family | undefined;
}

/** `host:port`; the port as written, a number or a service name. */
export interface EndpointText {
  readonly host: HostText;
  readonly port: Spot | undefined;
}

const NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/;

/** Reads `host`, `host:port`, `[v6]` or `[v6]:port`; throws a Problem that says what is wrong with it. */
export function endpoint(spot: Spot): EndpointText {
  const { text } = spot;
  if (text.includes('"')) throw new Problem(spot, 'an address stands without quotes', 'remove the quotes');
  const bracket = text.indexOf(']');
  if (text.startsWith('[')) {
    if (bracket < 0)
      throw new Problem(within(spot, 0, 1), 'this bracket is never closed', 'write an IPv6 address as [2001:db8::1]');
    const inside = within(spot, 1, bracket);
    if (!isIPv6(inside.text) || inside.text.includes('%')) {
      throw new Problem(inside, `"${inside.text}" is not an IPv6 address`, 'expected something like [2001:db8::1]');
    }
    const rest = within(spot, bracket + 1);
    if (rest.text !== '' && !rest.text.startsWith(':')) {
      throw new Problem(
        rest,
        `"${rest.text}" after the address makes no sense`,
        'expected :port after the closing bracket',
      );
    }
    return { host: host(inside), port: rest.text === '' ? undefined : portText(within(rest, 1), rest) };
  }
  const colons = text.split(':').length - 1;
  if (colons > 1) {
    if (isIPv6(text)) {
      const [, address = '', port] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
      const hint = isIPv6(address)
        ? `write [${address}]:${port}, or [${text}] if ${port} belongs to the address`
        : `write [${text}], with its port [${text}]:80`;
      throw new Problem(spot, 'an IPv6 address needs brackets', hint);
    }
    const single = text.replace(/:{2,}/g, ':');
    if (single.split(':').length === 2) {
      const [run = ''] = /::+/.exec(text) ?? [];
      const at = text.indexOf(run);
      throw new Problem(within(spot, at, at + run.length), 'two colons before the port', `did you mean ${single}?`);
    }
    throw new Problem(
      spot,
      `"${text}" is not an address with a port`,
      'expected host:port, an IPv6 address in brackets: [2001:db8::1]:80',
    );
  }
  const colon = text.indexOf(':');
  if (colon < 0) return { host: host(spot), port: undefined };
  if (colon === 0) throw new Problem(spot, 'the address before the port is missing', 'expected host:port');
  return { host: host(within(spot, 0, colon)), port: portText(within(spot, colon + 1), within(spot, colon)) };
}

function portText(spot: Spot, withColon: Spot): Spot {
  if (spot.text === '')
    throw new Problem(
      withColon,
      'the port after the colon is missing',
      'expected a number or a service name, such as 80 or http',
    );
  if (/^\d+$/.test(spot.text)) {
    if (Number(spot.text) > 65_535)
      throw new Problem(spot, `${spot.text} is not a port`, 'expected a number from 0 to 65535');
  } else if (!/^[A-Za-z][A-Za-z0-9+._-]*$/.test(spot.text)) {
    throw new Problem(
      spot,
      `"${spot.text}" is neither a port number nor a service name`,
      'expected something like 80 or http',
    );
  }
  return spot;
}

/** A literal IPv4 or IPv6 address (without brackets), or a name. */
export function host(spot: Spot): HostText {
  const literal = isIP(spot.text);
  if (literal === 4) return { ...spot, literal };
  if (literal === 6) return { ...spot, text: canonicalIPv6(spot.text), literal };
  if (/^[\d.]+-[\d.]+$/.test(spot.text)) {
    throw new Problem(spot, `"${spot.text}" is not an address`, `write a range as ${spot.text.replace('-', '->')}`);
  }
  if (/^[\d.]+$/.test(spot.text)) {
    throw new Problem(
      spot,
      `"${spot.text}" is not an IPv4 address`,
      'expected four numbers from 0 to 255, such as 10.8.8.48',
    );
  }
  if (!NAME.test(spot.text)) {
    throw new Problem(
      spot,
      `"${spot.text}" is neither an address nor a host name`,
      'expected something like 10.8.8.48 or web1.example.com',
    );
  }
  return { ...spot, literal: undefined };
}

/** RFC 5952 text, as the kernel and ipvsadm print it. */
export function canonicalIPv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** An address (canonical text) as a number. */
export function addressToNumber(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail = ''] = address.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(tail);
  const zeros = address.includes('::') ? 8 - left.length - right.length : 0;
  return [...left, ...Array<string>(zeros).fill('0'), ...right].reduce(
    (sum, group) => sum * 65_536n + BigInt(`0x${group}`),
    0n,
  );
}

/** The inverse of `addressToNumber`. */
export function numberToAddress(number: bigint, family: Family): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((number >> shift) & 255n)).join('.');
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => ((number >> shift) & 65_535n).toString(16));
  return canonicalIPv6(groups.join(':'));
}
