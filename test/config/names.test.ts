// Which names a configuration needs looked up, and what /etc/services says.
import { expect, test } from 'vitest';
import { hostNames, parseServices } from '../../src/config/names.ts';
import { parse } from '../../src/config/parse.ts';

const port = parseServices(`# Network services
http\t\t80/tcp\t\twww www-http\t# WorldWideWeb HTTP
http\t\t8080/tcp
domain  53/udp
domain  53/tcp
broken  tcp/80
sctp-only 9/sctp
#telnet 23/tcp
last 7/udp`);

test.each([
  ['http', 'tcp', 80],
  ['www-http', 'tcp', 80],
  ['http', 'udp', undefined],
  ['domain', 'udp', 53],
  ['domain', 'tcp', 53],
  ['last', 'udp', 7],
  ['broken', 'tcp', undefined],
  ['sctp-only', 'tcp', undefined],
  ['telnet', 'tcp', undefined],
  ['HTTP', 'tcp', undefined],
  ['constructor', 'tcp', undefined],
] as const)('%s/%s -> %s', (service, protocol, expected) => {
  expect(port(service, protocol)).toBe(expected);
});

test('each name is asked for once for each IP version; addresses, marks and overridden values are not', () => {
  const draft = parse(`fallback = unused.example.com
fallback = sorry.example.com:80
fallback6 = sorry.example.com
virtual = vip.example.com:80
	real = web1.example.com->web3.example.com:80 gate
	real = 10.8.8.48:80 gate
	fallback = local.example.com
virtual6 = vip.example.com:80
	real6 = web1.example.com:80 gate
	real6 = web1.example.com:81 masq
virtual = 5
	real = web1.example.com gate
`);
  expect(hostNames(draft).map(({ host, family }) => `${family} ${host}`)).toEqual([
    '4 sorry.example.com',
    '6 sorry.example.com',
    '4 local.example.com',
    '4 web1.example.com',
    '4 web3.example.com',
    '6 web1.example.com',
    '4 vip.example.com',
    '6 vip.example.com',
  ]);
});
