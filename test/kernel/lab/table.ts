// What the kernel's IPVS table holds, read from `ipvsadm -Ln` and from /proc/net/ip_vs into the same shape.

/** A virtual service: `TCP 10.8.8.45:80`, `UDP [fd00::1]:53`, `FWM 5` (with its flags as the listing has them). */
export interface Service {
  readonly name: string;
  readonly scheduler: string;
  readonly flags: string;
  readonly reals: readonly Real[];
}

/** A real server of a service; forward is Route, Masq, Tunnel or Local. */
export interface Real {
  readonly address: string;
  readonly forward: string;
  readonly weight: number;
  readonly active: number;
  readonly inactive: number;
}

/** Reads `ipvsadm -Ln`. */
export function parseListing(text: string): Service[] {
  return parse(text, (address) => address);
}

/** Reads /proc/net/ip_vs, whose addresses and ports are hexadecimal. */
export function parseProc(text: string): Service[] {
  return parse(text, fromHex);
}

/** One line per real, for comparing and for messages: `TCP 10.8.8.45:80 wlc > 10.8.8.48:80 Route 1`. */
export function lines(table: readonly Service[]): string[] {
  return table.flatMap(({ name, scheduler, reals }) => [
    `${name} ${scheduler}`,
    ...reals.map(({ address, forward, weight }) => `${name} ${scheduler} > ${address} ${forward} ${weight}`),
  ]);
}

/** The weight of a real server of any service, undefined when it is in none. */
export function weightOf(table: readonly Service[], address: string): number | undefined {
  return table.flatMap(({ reals }) => reals).find((real) => real.address === address)?.weight;
}

function parse(text: string, address: (text: string) => string): Service[] {
  const services: (Service & { reals: Real[] })[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const [first = '', second = '', third = '', ...rest] = words;
    if (/^(TCP|UDP|SCTP|FWM)$/.test(first)) {
      const name = `${first} ${first === 'FWM' ? mark(second, address) : address(second)}`;
      services.push({ name, scheduler: third, flags: rest.join(' '), reals: [] });
    } else if (first === '->' && second !== 'RemoteAddress:Port') {
      const [weight = NaN, active = NaN, inactive = NaN] = rest.map(Number);
      services.at(-1)?.reals.push({ address: address(second), forward: third, weight, active, inactive });
    }
  }
  return services;
}

function mark(text: string, address: (text: string) => string): string {
  return address === fromHex ? String(Number.parseInt(text, 16)) : text;
}

function fromHex(text: string): string {
  const colon = text.lastIndexOf(':');
  const port = Number.parseInt(text.slice(colon + 1), 16);
  const host = text.slice(0, colon);
  if (host.startsWith('[')) return `${shorten(host)}:${port}`;
  return `${host
    .match(/../g)
    ?.map((byte) => Number.parseInt(byte, 16))
    .join('.')}:${port}`;
}

/** `[fd00:0008:0000:…:0045]` as everybody else writes it. */
function shorten(address: string): string {
  return new URL(`http://${address}/`).hostname;
}

/** Reads `ipvsadm -Sn`; forward is the option's letter, flags are left out. */
export function parseSaved(text: string): Service[] {
  const services = new Map<string, Service & { reals: Real[] }>();
  for (const line of [...text.split('\n')].sort()) {
    const words = line.split(' ');
    const option = (name: string): string => words[words.indexOf(name) + 1] ?? '';
    const kind = words.find((word) => word in KINDS);
    if (kind === undefined) continue;
    const name = `${KINDS[kind]} ${option(kind)}`;
    if (words[0] === '-A') services.set(name, { name, scheduler: option('-s'), flags: '', reals: [] });
    else {
      const forward = words.find((word) => /^-[gmi]$/.test(word)) ?? '';
      const weight = Number(option('-w'));
      services.get(name)?.reals.push({ address: option('-r'), forward, weight, active: 0, inactive: 0 });
    }
  }
  return [...services.values()];
}

const KINDS: Readonly<Record<string, string>> = { '-t': 'TCP', '-u': 'UDP', '-f': 'FWM' };

/** What /proc and `ipvsadm -Sn` have in common, one line per service and per real, sorted. */
export function outline(table: readonly Service[]): string[] {
  return table
    .flatMap(({ name, scheduler, reals }) => [
      `${name} ${scheduler}`,
      ...reals.map(({ address, weight }) => `${name} > ${address} ${weight}`),
    ])
    .sort();
}
