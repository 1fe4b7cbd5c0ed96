// Which host and service names a configuration needs looked up, and the answers it is then resolved with.
import type { HostText } from './address.ts';
import { last } from './directives.ts';
import type { Authorities, Family } from './model.ts';
import type { Draft } from './parse.ts';

/** A host name that must be looked up for one IP version. */
export interface NameQuery {
  readonly host: string;
  readonly family: Family;
}

/** Answers to what a configuration names. */
export interface Names {
  /** The first address of the name, or undefined when it has none. */
  address(query: NameQuery): string | undefined;
  /** Port of a service name, for tcp or udp. */
  port(service: string, protocol: 'tcp' | 'udp'): number | undefined;
  /** The authorities in a PEM file, the system's own without a name; or why they cannot be had, in words. */
  authorities(file: string | undefined): Authorities | string;
}

/** Every host name of a draft, once for each IP version it is used with. */
export function hostNames(draft: Draft): NameQuery[] {
  const found = new Map<string, NameQuery>();
  const add = (host: HostText | undefined, family: Family): void => {
    if (host !== undefined && host.literal === undefined)
      found.set(`${family} ${host.text}`, { host: host.text, family });
  };
  for (const given of [draft.given, ...draft.virtuals.map((virtual) => virtual.given)]) {
    for (const name of ['fallback', 'fallback6'] as const) {
      const fallback = last(given, name)?.value;
      if (fallback !== undefined) add(fallback.host, fallback.family);
    }
    for (const { value } of [...(given.real ?? []), ...(given.real6 ?? [])]) {
      add(value.from, value.family);
      add(value.to, value.family);
    }
  }
  for (const { address } of draft.virtuals) if (address.kind === 'endpoint') add(address.host, address.family);
  return [...found.values()];
}

/** Every PEM file that `sslverify` names, once; undefined for the system's own authorities. */
export function authorityFiles(draft: Draft): (string | undefined)[] {
  const named = draft.virtuals.flatMap(({ given }) => last(given, 'sslverify')?.value ?? []);
  const files = named.filter((value) => value !== 'no').map((value) => (value === 'yes' ? undefined : value.text));
  return [...new Set(files)];
}

/** Ports by service name, from text in the format of /etc/services. */
export function parseServices(text: string): Names['port'] {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, where, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const [, number, protocol] = /^(\d+)\/(tcp|udp)$/.exec(where ?? '') ?? [];
    if (name === undefined || number === undefined) continue;
    for (const known of [name, ...aliases]) {
      const key = `${known}/${protocol}`;
      if (!ports.has(key)) ports.set(key, Number(number));
    }
  }
  return (service, protocol) => ports.get(`${service}/${protocol}`);
}
