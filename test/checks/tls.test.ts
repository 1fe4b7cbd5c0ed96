// Whose certificates are accepted: anybody's, unless authorities are named.
import { afterEach, describe, expect, test } from 'vitest';
import type { TlsSpec } from '../../src/config/model.ts';
import { authorities, converse, thenTls } from './dialogue.ts';
import { certificate, check, closeListeners, hasIPv6, httpSpec, listen, ok } from './listeners.ts';

afterEach(closeListeners);

const NAME = 'mail.example.com';
const UNNAMED = 'certificate is signed by an authority that sslverify does not name';

/** A certificate of fixtures/tls, the authorities named, the server name told; the reason when it is down. */
const CASES: [string, string, string[], string | undefined, string?][] = [
  ['the right authority and name', 'good', ['authority'], NAME],
  ['the right authority and address', 'good', ['authority'], undefined],
  ['an address for a server name', 'good', ['authority'], '127.0.0.1'],
  ['one of several authorities', 'good', ['stranger', 'authority'], NAME],
  ['an authority that another one has signed', 'good-by-intermediate', ['intermediate'], NAME],
  ['a self-signed certificate that is named itself', 'self-signed', ['self-signed'], NAME],
  ['a certificate that is named itself', 'good', ['good'], NAME],
  ['another authority', 'good', ['stranger'], NAME, UNNAMED],
  ['a chain without its middle', 'good-by-intermediate', ['authority'], NAME, UNNAMED],
  [
    'self-signed',
    'self-signed',
    ['authority'],
    NAME,
    'certificate is self-signed, and not among the authorities of sslverify',
  ],
  ['expired', 'expired', ['authority'], NAME, 'certificate has expired'],
  ['not valid yet', 'future', ['authority'], NAME, 'certificate is not valid yet'],
  [
    'another name',
    'good',
    ['authority'],
    'www.example.com',
    'certificate is not for www.example.com (it names DNS:mail.example.com, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1)',
  ],
  [
    'no name told, and an address that it does not bear',
    'named',
    ['authority'],
    undefined,
    'certificate is not for 127.0.0.1 (it names DNS:mail.example.com)',
  ],
  [
    'another address',
    'good',
    ['authority'],
    '192.0.2.1',
    'certificate is not for 192.0.2.1 (it names DNS:mail.example.com, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1)',
  ],
  [
    'no names',
    'nameless',
    ['authority'],
    NAME,
    'certificate is not for mail.example.com (it names CN tsdirectord test, nameless)',
  ],
];

function tlsSpec(start: TlsSpec['start'], names: readonly string[], serverName?: string): TlsSpec {
  return { start, authorities: authorities(...names), ...(serverName === undefined ? {} : { serverName }) };
}

/** What is expected of the end: up, or down for this reason. */
function end(reason: string | undefined): object {
  if (reason === undefined) return { outcome: 'up' };
  return { outcome: 'down', detail: expect.stringContaining(reason) };
}

describe('from the first byte', () => {
  test.each(CASES)('%s', async (_case, name, named, serverName, reason) => {
    const server = await converse('+OK', [], { tls: certificate(`tls/${name}`) });
    const tls = tlsSpec('at once', named, serverName);
    expect(await check(server.target, { kind: 'pop', tls, timeoutMs: 3000 })).toMatchObject(end(reason));
    await server.allClosed();
  });
});

describe('after STARTTLS', () => {
  test.each(CASES)('%s', async (_case, name, named, serverName, reason) => {
    const server = await converse('+OK', [[/^STLS$/, thenTls('+OK', `tls/${name}`)]]);
    const tls = tlsSpec('starttls', named, serverName);
    expect(await check(server.target, { kind: 'pop', tls, timeoutMs: 3000 })).toMatchObject(end(reason));
    await server.allClosed();
  });
});

describe('over HTTP', () => {
  test.each(CASES)('%s', async (_case, name, named, serverName, reason) => {
    const server = await listen(ok('found'), { tls: certificate(`tls/${name}`) });
    const tls = tlsSpec('at once', named, serverName);
    expect(await check(server.target, httpSpec({ tls }))).toMatchObject(end(reason));
    await server.allClosed();
  });
});

test.each(['good', 'named', 'nameless', 'expired', 'future', 'self-signed', 'good-by-intermediate'])(
  'without authorities anybody is accepted: %s',
  async (name) => {
    const server = await converse('+OK', [], { tls: certificate(`tls/${name}`) });
    const tls = { start: 'at once', serverName: 'www.example.com' } as const;
    expect(await check(server.target, { kind: 'pop', tls, timeoutMs: 3000 })).toMatchObject({ outcome: 'up' });
    await server.allClosed();
  },
);

test('an IPv6 address is verified', async () => {
  if (!(await hasIPv6())) return;
  const good = await converse('+OK', [], { host: '::1', tls: certificate('tls/good') });
  const named = await converse('+OK', [], { host: '::1', tls: certificate('tls/named') });
  const spec = { kind: 'pop', tls: tlsSpec('at once', ['authority']), timeoutMs: 3000 } as const;
  expect(await check(good.target, spec)).toMatchObject({ outcome: 'up' });
  expect(await check(named.target, spec)).toMatchObject({
    outcome: 'down',
    detail: 'certificate is not for ::1 (it names DNS:mail.example.com)',
  });
});

test.each([
  ['a name', NAME, NAME],
  ['an address', '127.0.0.1', undefined],
  ['nothing', undefined, undefined],
])('SNI: %s', async (_case, serverName, sent) => {
  const server = await converse('+OK', [], { tls: certificate('tls/good') });
  const tls = tlsSpec('at once', ['authority'], serverName);
  expect((await check(server.target, { kind: 'pop', tls, timeoutMs: 3000 })).outcome).toBe('up');
  expect(server.serverNames).toEqual([sent]);
});

test('the same file with other certificates is another authority', async () => {
  const server = await converse('+OK', [], { tls: certificate('tls/good') });
  for (const [name, outcome] of [
    ['authority', 'up'],
    ['stranger', 'down'],
    ['authority', 'up'],
  ] as const) {
    const tls = tlsSpec('at once', [name]);
    expect((await check(server.target, { kind: 'pop', tls, timeoutMs: 3000 })).outcome).toBe(outcome);
  }
});
