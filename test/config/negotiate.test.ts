// What each service's negotiate check is made of: its spec from a few lines of configuration, what it lacks, what has no effect.
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/config/diagnostic.ts';
import { Authorities, type CheckSpec, checkKey } from '../../src/config/model.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';
import { SERVICE_NAMES, SERVICE_OPTIONS, serviceOf } from '../../src/config/services.ts';
import { names } from './lookups.ts';

function resolved(
  options: string,
  { virtual = '10.8.8.45:9999', real = '10.8.8.48 gate', v6 = '', lookups = names } = {},
) {
  const indented = options === '' ? '' : `\t${options.replaceAll('; ', '\n\t')}\n`;
  const draft = parse(`virtual${v6} = ${virtual}\n\treal${v6} = ${real}\n${indented}`);
  const { config, diagnostics } = resolve(draft, lookups);
  return {
    check: config?.virtuals[0]?.reals[0]?.check,
    told: diagnostics.map((found) => formatDiagnostic(found, { file: 'a.cf', lines: draft.lines })),
    messages: diagnostics.map(({ severity, message }) => `${severity}: ${message}`),
  };
}

/** The spec with its patterns as their text; throws what was told when there is no configuration. */
function specOf(...args: Parameters<typeof resolved>): unknown {
  const { check, told } = resolved(...args);
  if (check === undefined) throw new Error(told.join('\n'));
  return JSON.parse(
    JSON.stringify(check.spec, (key, value) =>
      key === 'receive' ? value.text : key === 'timeoutMs' ? undefined : value,
    ),
  );
}

const ACCOUNT = 'login = joe; passwd = "pass word"';
const LOGIN = { user: 'joe', password: 'pass word' };

describe('what is asked', () => {
  test.each<[string, object]>([
    ['service = smtp', { kind: 'smtp' }],
    [
      'service = submission; starttls = yes; sslname = mail.example.com',
      { kind: 'smtp', tls: { start: 'starttls', serverName: 'mail.example.com' } },
    ],
    ['service = pop', { kind: 'pop' }],
    [`service = pop; starttls = no; ${ACCOUNT}`, { kind: 'pop', login: LOGIN }],
    [
      'service = pops; virtualhost = "mail.example.com:995"',
      { kind: 'pop', tls: { start: 'at once', serverName: 'mail.example.com' } },
    ],
    [`service = imap; starttls = yes; ${ACCOUNT}`, { kind: 'imap', tls: { start: 'starttls' }, login: LOGIN }],
    ['service = imaps; login = joe', { kind: 'imap', tls: { start: 'at once' }, login: { user: 'joe', password: '' } }],
    ['service = nntp', { kind: 'nntp' }],
    ['service = ldap', { kind: 'ldap', base: '' }],
    [
      `service = ldap; ${ACCOUNT}; request = "dc=example,dc=com"; receive = "^dc="`,
      { kind: 'ldap', login: LOGIN, base: 'dc=example,dc=com', receive: '^dc=' },
    ],
    ['service = ldaps; request = "/dc=example"', { kind: 'ldap', tls: { start: 'at once' }, base: 'dc=example' }],
    ['service = ftp', { kind: 'ftp' }],
    [
      `service = ftp; ${ACCOUNT}; request = "pub/test"; receive = ok`,
      { kind: 'ftp', login: LOGIN, file: '/pub/test', receive: 'ok' },
    ],
    [
      `service = mysql; ${ACCOUNT}; request = "SELECT 1"; database = db`,
      { kind: 'mysql', login: LOGIN, query: 'SELECT 1', database: 'db' },
    ],
    [
      'service = pgsql; login = joe; request = "/SELECT 1"',
      { kind: 'pgsql', login: { user: 'joe', password: '' }, query: 'SELECT 1' },
    ],
    [
      `service = oracle; ${ACCOUNT}; request = "SELECT 1 FROM dual"; database = XE`,
      { kind: 'oracle', login: LOGIN, query: 'SELECT 1 FROM dual', database: 'XE' },
    ],
    ['service = redis', { kind: 'redis', command: ['PING'], receive: 'PONG', database: 0 }],
    [
      'service = redis; request = "ping"; receive = "^PO"; passwd = p; database = 3',
      { kind: 'redis', command: ['ping'], receive: '^PO', password: 'p', database: 3 },
    ],
    [
      'service = redis; request = "GET \'a key\'"; login = u; passwd = p',
      { kind: 'redis', command: ['GET', 'a key'], user: 'u', password: 'p', database: 0 },
    ],
    [
      'service = redis; request = "INFO replication"; receive = "role:master"',
      { kind: 'redis', command: ['INFO', 'replication'], receive: 'role:master', database: 0 },
    ],
    [
      'service = dns; request = "www.example.com."',
      { kind: 'dns', transport: 'tcp', type: 'A', name: 'www.example.com' },
    ],
    [
      'service = dns; protocol = udp; request = "192.0.2.9"; receive = "^www"',
      { kind: 'dns', transport: 'udp', type: 'PTR', name: '9.2.0.192.in-addr.arpa', receive: '^www' },
    ],
    [
      'service = dns; request = "2001:db8::567:89ab"',
      {
        kind: 'dns',
        transport: 'tcp',
        type: 'PTR',
        name: 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
      },
    ],
    [
      'service = dns; request = "::ffff:192.0.2.9"',
      {
        kind: 'dns',
        transport: 'tcp',
        type: 'PTR',
        name: '9.0.2.0.0.0.0.c.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa',
      },
    ],
    [`service = radius; ${ACCOUNT}; secret = "s e"`, { kind: 'radius', login: LOGIN, secret: 's e' }],
    ['service = sip', { kind: 'sip', transport: 'tcp' }],
    [
      'service = sip; protocol = udp; login = "joe@example.com"',
      { kind: 'sip', transport: 'udp', user: 'joe@example.com' },
    ],
    ['service = simpletcp', { kind: 'simpletcp', transport: 'tcp', request: '' }],
    [
      'service = simpletcp; request = "/a\\nb"; receive = "^c"',
      { kind: 'simpletcp', transport: 'tcp', request: '/a\\nb', receive: '^c' },
    ],
  ])('%s', (options, expected) => {
    // biome-ignore format: a table is read by its columns
    expect(specOf(options)).toEqual(expected);
  });

  test('a firewall mark is asked over UDP for dns, over TCP for sip and simpletcp, at the service’s own port', () => {
    const mark = (options: string) => resolved(options, { virtual: '5' }).check;
    expect(mark('service = dns; request = a.example')).toMatchObject({
      target: { port: 53 },
      spec: { transport: 'udp' },
    });
    expect(mark('service = sip')).toMatchObject({ target: { port: 5060 }, spec: { transport: 'tcp' } });
    expect(resolved('service = simpletcp', { virtual: '5' }).messages).toEqual([
      'error: nothing says which port to check',
    ]);
  });

  test('a server’s own request and receive win', () => {
    const real = '10.8.8.48 gate 1 "dc=own","own"';
    expect(specOf('service = ldap; request = "dc=x"; receive = "x"', { real })).toMatchObject({
      base: 'dc=own',
      receive: 'own',
    });
    expect(specOf('service = simpletcp; request = "x"', { real })).toMatchObject({ request: 'dc=own', receive: 'own' });
  });

  test('every service can be had over IPv6, and within checktype = N', () => {
    const all = 'login = u; passwd = p; database = 1; secret = s; request = "www.example.com"; receive = x';
    for (const service of SERVICE_NAMES) {
      const v6 = { v6: '6', virtual: '[2001:db8::1]:9999', real: '[2001:db8::2] gate' };
      const { check } = resolved(`service = ${service}; ${all}`, v6);
      const { kind } = resolved(`service = ${service}; ${all}`).check?.spec ?? {};
      expect(check, service).toMatchObject({ target: { address: '2001:db8::2', family: 6 }, spec: { kind } });
      const { check: combined } = resolved(`service = ${service}; checktype = 3; ${all}`);
      expect(combined?.spec, service).toMatchObject({ kind: 'combined', connects: 3, negotiate: { kind } });
    }
  });
});

describe('TLS', () => {
  test.each([
    ['', undefined],
    ['virtualhost = www.example.com', 'www.example.com'],
    ['virtualhost = www.example.com:8443', 'www.example.com'],
    ['virtualhost = 192.0.2.1', undefined],
    ['virtualhost = 192.0.2.1:443', undefined],
    ['virtualhost = "[2001:db8::1]"', undefined],
    ['virtualhost = www.example.com; sslname = tls.example.com', 'tls.example.com'],
  ])('%j asks for the name %s', (options, serverName) => {
    const tls = { start: 'at once', ...(serverName === undefined ? {} : { serverName }) };
    expect(specOf(`service = https${options && `; ${options}`}`)).toMatchObject({ kind: 'http', tls });
  });

  test('sslverify names a file of authorities, or means the system’s', () => {
    const own = specOf('service = imaps; sslname = a.example; sslverify = "/etc/ca.pem"');
    expect(own).toMatchObject({ tls: { authorities: { file: '/etc/ca.pem' } } });
    const system = specOf('service = imaps; sslname = a.example; sslverify = yes');
    expect(system).toMatchObject({ tls: { authorities: { file: '/etc/ssl/certs/ca-certificates.crt' } } });
    expect(specOf('service = imaps; sslverify = no')).toEqual({ kind: 'imap', tls: { start: 'at once' } });
  });

  test('new certificates in the same file make another check; the same ones do not', () => {
    const key = (digest: string) => {
      const lookups = { ...names, authorities: (file = '') => new Authorities(file, 'SECRET?', digest) };
      const { check } = resolved('service = ldaps; sslname = a.example; sslverify = "/ca.pem"', { lookups });
      return check && checkKey(check);
    };
    expect(key('one')).toBe(key('one'));
    expect(key('one')).not.toBe(key('two'));
    expect(key('one')).not.toContain('SECRET?');
  });
});

test.each([
  ['service = mysql', ['the mysql check needs login, which is missing']],
  ['service = pgsql; login = u', ['the pgsql check needs request, which is missing']],
  ['service = oracle; login = u; request = "SELECT 1"', ['the oracle check needs database, which is missing']],
  ['service = radius; login = u', ['the radius check needs secret, which is missing']],
  ['service = radius; secret = s', ['the radius check needs login, which is missing']],
  ['service = dns', ['the dns check needs request, which is missing']],
  ['service = dns; request = "two words"', ['"two words" is neither a name nor an address']],
  ['service = dns; request = "fe80::1%eth0"', ['"fe80::1%eth0" is neither a name nor an address']],
  ['service = dns; request = "a..b"', ['"a..b" is neither a name nor an address']],
  ['service = ftp; receive = x', ['there is no file that this could match']],
  ['service = redis; request = "  "', ['the command is missing']],
  ['service = redis; request = "GET \'a"', ['this quote is never closed']],
  ['service = redis; login = u', ['the redis check needs passwd, which is missing']],
  ['service = redis; database = cache', ['"cache" is not the number of a Redis database']],
  [
    'service = https; sslname = a.b; sslverify = "/missing.pem"',
    ['cannot read the authorities in /missing.pem: no such file or directory'],
  ],
  ['service = https; sslverify = maybe', ['"maybe" is neither yes, no nor an absolute path']],
  ['service = https; sslname = "a.b:443"', ['"a.b:443" is not a host name']],
])('%s is refused', (options, messages) => {
  // biome-ignore format: a table is read by its columns
  expect(resolved(options).messages).toEqual(messages.map((message) => `error: ${message}`));
});

test('what a service lacks does not matter while it is not asked', () => {
  for (const checkType of ['connect', 'ping', 'on', 'off', 'external']) {
    expect(resolved(`service = mysql; checktype = ${checkType}`).messages).toEqual([]);
  }
});

test('an option that the service does not read is warned of, with who reads it', () => {
  expect(resolved('service = https; starttls = yes').told).toEqual([
    `a.cf:4:13: warning: starttls has no effect on the https check
    4 | \tstarttls = yes
      | \t           ^^^
      = it counts for imap, ldap, pop, smtp, submission`,
  ]);
  expect(resolved('service = smtp; receive = "ESMTP"; checktype = 2').messages).toEqual([
    'warning: receive has no effect on the smtp check',
  ]);
  expect(resolved('service = smtp; receive = "ESMTP"; checktype = connect').messages).toEqual([]);
});

test('sslverify without a name is warned of', () => {
  expect(resolved('service = ldaps; sslverify = "/ca.pem"').messages).toEqual([
    "warning: each server's certificate must bear the server's address, because no name is given",
  ]);
});

test('each option is read by some service, and no service names another', () => {
  const read = new Set(SERVICE_NAMES.flatMap((name) => serviceOf(name).options));
  expect([...read].sort()).toEqual([...SERVICE_OPTIONS].sort());
});

/** What this file tries must be all there is. */
test('every kind of negotiate check is reached by some service', () => {
  const all = 'login = u; passwd = p; database = 1; secret = s; request = "www.example.com"; receive = x';
  const kinds = new Set<CheckSpec['kind'] | undefined>(
    SERVICE_NAMES.map((service) => resolved(`service = ${service}; ${all}`).check?.spec.kind),
  );
  expect([...kinds].sort()).toEqual(
    ['dns', 'ftp', 'http', 'imap', 'ldap', 'mysql', 'nntp', 'on', 'oracle', 'pgsql', 'pop', 'radius', 'redis', 'simpletcp', 'sip', 'smtp'], // biome-ignore format: a list to read
  );
});
