// What `ipvsadm -Sn` and `ipvsadm -Ln --thresholds` print -> Table, and back to the view people know (`ipvsadm -Ln`).
import { canonicalIPv6 } from '../config/address.ts';
import type { Family } from '../config/model.ts';
import { formatEndpoint, formatHost } from '../config/model.ts';
import { IpvsError } from '../errors.ts';
import {
  type Destination,
  destinationKey,
  isFullMask,
  kernelFlags,
  listedFlags,
  type Service,
  type ServiceId,
  serviceKey,
  type Table,
} from './table.ts';

/** Thresholds by service key and destination key. */
export type Thresholds = ReadonlyMap<
  string,
  ReadonlyMap<string, Pick<Destination, 'lowerThreshold' | 'upperThreshold'>>
>;

/** Reads `ipvsadm -Sn`. Throws IpvsError at a line it does not know, which it names. SCTP services are left out: nobody configures them here. */
export function parseSave(text: string, thresholds: Thresholds = new Map()): Table {
  const table = new Map<string, Service & { destinations: Map<string, Destination> }>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0] === undefined || words.includes('--sctp-service')) continue;
    const reader = new WordReader(words, line);
    const verb = reader.next();
    const id = reader.service();
    const key = serviceKey(id);
    if (verb === '-A') {
      table.set(key, { ...id, ...reader.options(id.family), destinations: new Map() });
    } else if (verb === '-a') {
      const destination = reader.destination();
      const limits = thresholds.get(key)?.get(destinationKey(destination));
      const service = table.get(key);
      if (service === undefined) throw reader.unexpected();
      service.destinations.set(destinationKey(destination), { ...destination, ...limits });
    } else {
      throw reader.unexpected();
    }
  }
  return table;
}

class WordReader {
  readonly #words: readonly string[];
  readonly #line: string;
  #at = 0;

  constructor(words: readonly string[], line: string) {
    this.#words = words;
    this.#line = line;
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  next(): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw this.unexpected();
    return word;
  }

  unexpected(): IpvsError {
    return new IpvsError(`cannot read this line of "ipvsadm -Sn": ${this.#line}`);
  }

  service(): ServiceId {
    const flag = this.next();
    if (flag === '-f') {
      const mark = unsigned(this.next());
      const family: Family = this.#words[this.#at] === '-6' ? 6 : 4;
      if (family === 6) this.#at++;
      return { protocol: 'fwm', family, address: '', port: 0, mark };
    }
    const protocol = flag === '-t' ? 'tcp' : flag === '-u' ? 'udp' : undefined;
    if (protocol === undefined) throw this.unexpected();
    const { address, family, port } = this.#endpoint();
    return { protocol, family, address, port, mark: 0 };
  }

  #endpoint(): { address: string; family: Family; port: number } {
    const found = splitEndpoint(this.next());
    if (found === undefined) throw this.unexpected();
    return found;
  }

  options(family: Family): Omit<Service, keyof ServiceId | 'destinations'> {
    const flags: string[] = [];
    let scheduler = '';
    let persistentSeconds = 0;
    let netmask: string | undefined;
    let onePacket = false;
    let persistenceEngine: string | undefined;
    while (!this.done) {
      const word = this.next();
      if (word === '-s') scheduler = this.next();
      else if (word === '-p') persistentSeconds = Number(this.next());
      else if (word === '-M') netmask = this.next();
      else if (word === '-b') flags.push(...this.#flags());
      else if (word === '-o' || word === '--ops') onePacket = true;
      else if (word === '--pe' || word === 'pe') persistenceEngine = this.next();
      else throw this.unexpected();
    }
    return {
      scheduler,
      flags: kernelFlags(flags),
      persistentSeconds,
      ...(netmask === undefined || isFullMask(netmask, family) ? {} : { netmask }),
      onePacket,
      ...(persistenceEngine === undefined ? {} : { persistenceEngine }),
    };
  }

  /** Nothing stands there for a flag that has no name under its scheduler (sh and mh: flag-3). */
  #flags(): string[] {
    return this.done || this.#words[this.#at]?.startsWith('-') ? [] : this.next().split(',');
  }

  destination(): Destination {
    let endpoint = { address: '', port: 0 };
    let forwarding: Destination['forwarding'] = 'gate';
    let weight = 1;
    while (!this.done) {
      const word = this.next();
      if (word === '-r') endpoint = this.#endpoint();
      else if (word === '-w') weight = Number(this.next());
      else if (word === '-g') forwarding = 'gate';
      else if (word === '-m') forwarding = 'masq';
      else if (word === '-i') forwarding = 'ipip';
      else if (word === '-l') forwarding = 'local';
      // Details of a tunnel that we never set.
      else if (/^--tun-(type|port)$/.test(word)) this.next();
      else if (!/^--tun-(no|rem)?csum$/.test(word)) throw this.unexpected();
    }
    return { address: endpoint.address, port: endpoint.port, forwarding, weight, lowerThreshold: 0, upperThreshold: 0 };
  }
}

/** ipvsadm prints marks above 2^31 as negative numbers. */
function unsigned(mark: string): number {
  return Number(mark) >>> 0;
}

/** An address with its port as listings write them, IPv6 in brackets; undefined when it is none. */
export function splitEndpoint(text: string): { address: string; family: Family; port: number } | undefined {
  const [, v6, v4, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d+)$/.exec(text) ?? [];
  if (port === undefined) return undefined;
  if (v6 !== undefined) return { address: canonicalIPv6(v6), family: 6, port: Number(port) };
  return { address: v4 ?? '', family: 4, port: Number(port) };
}

/** What listings call the forwarding methods. */
const LISTED = { gate: 'Route', masq: 'Masq', ipip: 'Tunnel', local: 'Local' } as const;
const FORWARDING = new Map(
  Object.entries(LISTED).map(([forwarding, method]) => [method as string, forwarding as Destination['forwarding']]),
);

/** What a listing calls the protocols of services that are looked at; SCTP is not among them. */
const OURS = /^(TCP|UDP|FWM)$/;

/** Reads `ipvsadm -Ln --thresholds`, the only place where thresholds are shown. */
export function parseThresholds(text: string): Thresholds {
  const found = new Map<string, Map<string, { lowerThreshold: number; upperThreshold: number }>>();
  let current: Map<string, { lowerThreshold: number; upperThreshold: number }> | undefined;
  for (const line of text.split('\n')) {
    const [, prot, name, six] = /^([A-Z]+)\s+(\S+)( IPv6)?\s/.exec(line) ?? [];
    if (prot !== undefined && name !== undefined) {
      current = new Map();
      if (OURS.test(prot)) found.set(serviceKey(listedService(prot, name, six !== undefined)), current);
      continue;
    }
    const [, server, upper, lower] = /^\s+->\s+(\S+)\s+(\d+)\s+(\d+)\s/.exec(line) ?? [];
    const endpoint = server === undefined ? undefined : splitEndpoint(server);
    if (endpoint !== undefined) {
      current?.set(destinationKey(endpoint), { lowerThreshold: Number(lower), upperThreshold: Number(upper) });
    }
  }
  return found;
}

/** What a line of a listing names: its protocol (TCP, UDP, FWM), then an address with its port or a mark, which may be of IPv6. */
export function listedService(prot: string, name: string, six: boolean): ServiceId {
  if (prot === 'FWM') return { protocol: 'fwm', family: six ? 6 : 4, address: '', port: 0, mark: unsigned(name) };
  const { address, family, port } = splitEndpoint(name) ?? { address: name, family: 4, port: 0 };
  return { protocol: prot === 'UDP' ? 'udp' : 'tcp', family, address, port, mark: 0 };
}

/** A destination as a cheap look shows it. */
export interface Listed {
  readonly forwarding: Destination['forwarding'];
  readonly weight: number;
  readonly activeConnections: number;
  /** Those that are about to end, and all of UDP. */
  readonly inactiveConnections: number;
}

/** What a cheap look at the kernel shows: destinations by their keys, by listing key. */
export type Listing = ReadonlyMap<string, ReadonlyMap<string, Listed>>;

const PROC_DESTINATION = /^\s+->\s+(\S+:[0-9A-F]{4})\s+(\w+)\s+(\d+)\s+(\d+)\s+(\d+)/;

/** Reads /proc/net/ip_vs: which services and destinations there are. It shows neither flags nor a mark's address family. */
export function parseProcListing(text: string): Listing {
  const found = new Map<string, Map<string, Listed>>();
  let current: Map<string, Listed> | undefined;
  for (const line of text.split('\n')) {
    const [, prot, name] = /^([A-Z]+)\s+(\S+)\s/.exec(line) ?? [];
    if (prot !== undefined && name !== undefined) {
      const key = prot === 'FWM' ? `fwm:${Number.parseInt(name, 16)}` : `${prot.toLowerCase()}:${hexEndpoint(name)}`;
      current = found.get(key) ?? new Map();
      if (OURS.test(prot)) found.set(key, current);
    } else {
      const [, server, method = '', weight, active, inactive] = PROC_DESTINATION.exec(line) ?? [];
      if (server === undefined) continue;
      current?.set(hexEndpoint(server) ?? server, {
        forwarding: FORWARDING.get(method) ?? 'gate',
        weight: Number(weight),
        activeConnections: Number(active),
        inactiveConnections: Number(inactive),
      });
    }
  }
  return found;
}

function hexEndpoint(text: string): string | undefined {
  const [, v6, v4 = '', port] = /^(?:\[([0-9A-Fa-f:]+)\]|([0-9A-Fa-f]{8})):([0-9A-Fa-f]{4})$/.exec(text) ?? [];
  if (port === undefined) return undefined;
  return formatEndpoint(
    v6 === undefined ? dotted(Number.parseInt(v4, 16)) : canonicalIPv6(v6),
    Number.parseInt(port, 16),
  );
}

function dotted(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** A service's key in a Listing: marks of both address families share one. */
export function listingKey(id: ServiceId): string {
  return serviceKey(id.protocol === 'fwm' ? { ...id, family: 4 } : id);
}

/** The listing of a table that is at hand, in which there are no connections. */
export function listTable(table: Table): Listing {
  const found = new Map<string, Map<string, Listed>>();
  for (const service of table.values()) {
    const key = listingKey(service);
    const listed = found.get(key) ?? new Map<string, Listed>();
    for (const [name, { forwarding, weight }] of service.destinations)
      listed.set(name, { forwarding, weight, activeConnections: 0, inactiveConnections: 0 });
    found.set(key, listed);
  }
  return found;
}

/** Whether a listing shows just what is in a table, as far as listings go. */
export function shows(listing: Listing, table: Table): boolean {
  const wanted = listTable(table);
  if (wanted.size !== listing.size) return false;
  for (const [key, destinations] of wanted) {
    const listed = listing.get(key);
    if (listed?.size !== destinations.size) return false;
    for (const [name, { forwarding, weight }] of destinations) {
      const there = listed.get(name);
      if (there?.weight !== weight || there.forwarding !== forwarding) return false;
    }
  }
  return true;
}

/** The table as `ipvsadm -Ln` shows it, without its first line; connection counts are not known here and shown as 0. */
export function formatList(table: Table): string {
  const lines = [
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
  ];
  for (const service of table.values()) {
    const mark = `${service.mark}${service.family === 6 ? ' IPv6' : ''}`;
    const name = service.protocol === 'fwm' ? mark : formatEndpoint(service.address, service.port);
    const flags = [
      ...(service.onePacket ? ['ops'] : []),
      ...(service.flags.length > 0 ? [`(${listedFlags(service).join(',')})`] : []),
      ...(service.persistentSeconds > 0 ? [`persistent ${service.persistentSeconds}`] : []),
      ...(service.netmask === undefined ? [] : [`mask ${formatHost(service.netmask)}`]),
    ];
    lines.push([service.protocol.toUpperCase().padEnd(4), name, service.scheduler, ...flags].join(' '));
    for (const [key, { forwarding, weight }] of service.destinations) {
      lines.push(
        `  -> ${key.padEnd(28)} ${LISTED[forwarding].padEnd(7)} ${String(weight).padEnd(6)} ${'0'.padEnd(10)} 0`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
