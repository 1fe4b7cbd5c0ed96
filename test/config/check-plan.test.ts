// What is filled in: timeouts that default each other, service and protocol by port, the port and text of a check.
import { expect, test } from 'vitest';
import { checkKey, type Virtual } from '../../src/config/model.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';
import { names } from './lookups.ts';

function virtualOf(text: string): Virtual {
  const [virtual] = resolve(parse(text), names).config?.virtuals ?? [];
  if (virtual === undefined) throw new Error(`no virtual service in:\n${text}`);
  return virtual;
}

const line = (name: string, value: number | undefined, indent = '') =>
  value === undefined ? '' : `${indent}${name} = ${value}\n`;

test.each([
  // own check, own negotiate, global check, global negotiate -> check, negotiate
  [
    [undefined, undefined, undefined, undefined],
    [5, 30],
  ],
  [
    [undefined, undefined, undefined, 4],
    [4, 4],
  ],
  [
    [undefined, undefined, 3, undefined],
    [3, 3],
  ],
  [
    [undefined, undefined, 3, 4],
    [3, 4],
  ],
  [
    [undefined, 2, undefined, undefined],
    [2, 2],
  ],
  [
    [undefined, 2, undefined, 4],
    [2, 2],
  ],
  [
    [undefined, 2, 3, undefined],
    [2, 2],
  ],
  [
    [undefined, 2, 3, 4],
    [2, 2],
  ],
  [
    [1, undefined, undefined, undefined],
    [1, 1],
  ],
  [
    [1, undefined, undefined, 4],
    [1, 1],
  ],
  [
    [1, undefined, 3, undefined],
    [1, 1],
  ],
  [
    [1, undefined, 3, 4],
    [1, 1],
  ],
  [
    [1, 2, undefined, undefined],
    [1, 2],
  ],
  [
    [1, 2, undefined, 4],
    [1, 2],
  ],
  [
    [1, 2, 3, undefined],
    [1, 2],
  ],
  [
    [1, 2, 3, 4],
    [1, 2],
  ],
])('timeouts %j -> %j', ([check, negotiate, globalCheck, globalNegotiate], expected) => {
  const { reals } = virtualOf(
    `${line('checktimeout', globalCheck)}${line('negotiatetimeout', globalNegotiate)}virtual = 10.8.8.45:80
	real = 10.8.8.48:80 gate
	checktype = 1
${line('checktimeout', check, '\t')}${line('negotiatetimeout', negotiate, '\t')}`,
  );
  expect(reals[0]?.check.spec).toMatchObject({
    connect: { timeoutMs: (expected[0] ?? 0) * 1000 },
    negotiate: { timeoutMs: (expected[1] ?? 0) * 1000 },
  });
});

/** What is asked of a server of this virtual service, in one line. */
function asked(virtual: string, real: string, options = ''): string {
  const { protocol, reals } = virtualOf(
    `virtual = ${virtual}\n\treal = ${real}\n${options && `\t${options.replaceAll('; ', '\n\t')}\n`}`,
  );
  const { target, spec } = reals[0]?.check ?? {};
  const details = spec?.kind === 'http' ? ` ${spec.tls ? 'tls ' : ''}${spec.proxy ? 'proxy ' : ''}${spec.request}` : '';
  return `${protocol}: ${spec?.kind}${details} at ${target?.port}`;
}

test.each([
  ['10.8.8.45:80', '10.8.8.48:80 gate', '', 'tcp: http / at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', '', 'tcp: http / at 80'],
  ['10.8.8.45:80', '10.8.8.48:8080 masq', '', 'tcp: http / at 8080'],
  ['10.8.8.45:80', '10.8.8.48:8080 masq', 'checkport = 9000', 'tcp: http / at 9000'],
  ['10.8.8.45:http', '10.8.8.48:www gate', '', 'tcp: http / at 80'],
  ['10.8.8.45:443', '10.8.8.48 gate', '', 'tcp: http tls / at 443'],
  ['10.8.8.45:3128', '10.8.8.48 gate', '', 'tcp: http proxy http://10.8.8.48:3128/ at 3128'],
  ['10.8.8.45:81', '10.8.8.48 gate', '', 'tcp: on at 81'],
  ['10.8.8.45:81', '10.8.8.48 gate', 'service = http', 'tcp: http / at 81'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'service = none', 'tcp: on at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'checktype = connect', 'tcp: connect at 80'],
  ['10.8.8.45:80', '10.8.8.48:81 masq', 'checktype = ping', 'tcp: ping at 0'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'checktype = off', 'tcp: off at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'checktype = 5', 'tcp: combined at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'checktype = 0', 'tcp: http / at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'protocol = udp; checktype = connect', 'udp: ping at 0'],
  ['10.8.8.45:53', '10.8.8.48 gate', 'checktype = connect', 'udp: ping at 0'],
  ['10.8.8.45:domain', '10.8.8.48 gate', 'checktype = connect', 'udp: ping at 0'],
  ['10.8.8.45:053', '10.8.8.48 gate', 'checktype = connect', 'udp: ping at 0'],
  ['10.8.8.45:53', '10.8.8.48 gate', 'protocol = tcp; checktype = connect', 'tcp: connect at 53'],
  ['80', '10.8.8.48 gate', '', 'fwm: on at 0'],
  ['80', '10.8.8.48 gate', 'service = http', 'fwm: http / at 80'],
  ['80', '10.8.8.48 gate', 'service = https', 'fwm: http tls / at 443'],
  ['80', '10.8.8.48:81 gate', 'checktype = connect', 'fwm: connect at 81'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'request = "a b"', 'tcp: http /a b at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate', 'request = "//a"', 'tcp: http /a at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate 1 "b","c"', 'request = "a"', 'tcp: http /b at 80'],
  ['10.8.8.45:80', '10.8.8.48 gate 1 "HTTP://b/c","c"', 'request = "a"', 'tcp: http HTTP://b/c at 80'],
])('%s, %s, %s -> %s', (virtual, real, options, expected) => {
  expect(asked(virtual, real, options)).toBe(expected);
});

test.each([
  ['ftp', 21],
  ['smtp', 25],
  ['dns', 53],
  ['http', 80],
  ['pop', 110],
  ['nntp', 119],
  ['imap', 143],
  ['ldap', 389],
  ['https', 443],
  ['submission', 587],
  ['ldaps', 636],
  ['imaps', 993],
  ['pops', 995],
  ['oracle', 1521],
  ['radius', 1812],
  ['http_proxy', 3128],
  ['mysql', 3306],
  ['sip', 5060],
  ['pgsql', 5432],
  ['redis', 6379],
  ['none', 8080],
])('%s is the service of port %d, and said so by name means the same', (service, port) => {
  const needs = '\tlogin = u\n\tsecret = s\n\tpasswd = p\n\tdatabase = 1\n\trequest = "www.example.com"\n';
  const block = (own: string) =>
    virtualOf(`virtual = 10.8.8.45:${port}\n\treal = 10.8.8.48 gate\n${needs}${own}`).reals;
  expect(block('')).toEqual(block(`\tservice = ${service}\n`));
});

const key = (real: string, options: string) => {
  const [first] = virtualOf(`virtual = 10.8.8.45:80\n\treal = ${real}\n${options}`).reals;
  return first && checkKey(first.check);
};
const same = key('10.8.8.48:80 gate', '');

test.each([
  ['10.8.8.48:80 masq 5 l:1 u:2', '', true],
  ['10.8.8.48:80 gate', '\tscheduler = rr\n\tcheckport = 80\n\trequest = "/"\n', true],
  ['10.8.8.49:80 gate', '', false],
  ['10.8.8.48:81 masq', '', false],
  ['10.8.8.48:80 gate', '\tnegotiatetimeout = 7\n', false],
  ['10.8.8.48:80 gate', '\thttpmethod = HEAD\n', false],
  ['10.8.8.48:80 gate', '\treceive = "x"\n', false],
  ['10.8.8.48:80 gate', '\tvirtualhost = x\n', false],
])('%s %j makes the same check: %s', (real, options, expected) => {
  expect(key(real, options) === same).toBe(expected);
});
