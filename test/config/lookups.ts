// Host and service names for tests: no name server and no /etc/services is asked.
import { Authorities } from '../../src/config/model.ts';
import { type Names, parseServices } from '../../src/config/names.ts';
import type { Lookups } from '../../src/load.ts';

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  'vip.example.com': ['10.8.8.45', '2001:db8::45'],
  'web1.example.com': ['10.8.8.48', '2001:db8::48'],
  'web2.example.com.': ['10.8.8.49', '2001:db8::49'],
  'web3.example.com': ['10.8.8.50', '2001:db8::50'],
  localhost: ['127.0.0.1', '::1'],
};

const SERVICES = `
domain  53/tcp
domain  53/udp
http    80/tcp  www  # WorldWideWeb HTTP
https   443/tcp
sip     5060/tcp
sip     5060/udp
`;

const addressesOf = (host: string): readonly string[] => (Object.hasOwn(HOSTS, host) ? (HOSTS[host] ?? []) : []);
const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** For resolve. */
export const names: Names = {
  address: ({ host, family }) => addressesOf(host).find((address) => familyOf(address) === family),
  port: parseServices(SERVICES),
  authorities: (file = '/etc/ssl/certs/ca-certificates.crt') =>
    file.includes('missing')
      ? `cannot read the authorities in ${file}: no such file or directory`
      : new Authorities(file, 'PEM', file),
};

/** For load. */
export const lookups: Lookups = {
  resolveHost: async (host) => addressesOf(host).map((address) => ({ address, family: familyOf(address) })),
  readServices: async () => SERVICES,
  readAuthorities: (file = '/etc/ssl/certs/ca-certificates.crt') =>
    Promise.reject(new Error(`cannot read the authorities in ${file}: no such file or directory`)),
  isInstalled: async () => true,
};
