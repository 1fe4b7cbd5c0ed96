// ldap, ldaps and StartTLS against OpenLDAP's slapd.
import { describe } from 'vitest';
import { checks, describeServer, life, type Row } from './scenario.ts';
import { run } from './site.ts';
import { tlsRows, verified } from './tls-rows.ts';

const USER = 'openldap';

const ENTRIES = `
dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=lb,dc=example,dc=test
objectClass: person
cn: lb
sn: lb
userPassword: sesame

dn: cn=members only,dc=example,dc=test
objectClass: person
cn: members only
sn: members only

dn: cn=München,dc=example,dc=test
objectClass: person
cn: München
sn: München

dn: cn=alias,dc=example,dc=test
objectClass: alias
objectClass: extensibleObject
cn: alias
aliasedObjectName: cn=lb,dc=example,dc=test

dn: ou=elsewhere,dc=example,dc=test
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://ldap.other.test/dc=other,dc=test
`;

describeServer('slapd', (site) => {
  const [ldap, ldaps, guarded] = [site.port(), site.port(), site.port()];
  const tls = site.certificates({ user: USER });

  /** A server with the entries above. */
  const server = (name: string, uris: readonly string[], ports: readonly number[], rules = '') => {
    const database = site.directory(`${name}.db`, { user: USER });
    const config = site.file(
      `${name}.conf`,
      `
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${tls.certificate}
TLSCertificateKeyFile ${tls.key}
${rules}
database mdb
maxsize 10485760
suffix "dc=example,dc=test"
directory ${database}
access to attrs=userPassword by anonymous auth
access to dn.base="cn=members only,dc=example,dc=test" by users read
access to * by * read
`,
    );
    site.prepare(() => void run(['/usr/sbin/slapadd', '-q', '-f', config], { user: USER, input: ENTRIES }));
    return site.daemon({ argv: ['/usr/sbin/slapd', '-d', '0', '-f', config, '-h', uris.join(' ')], user: USER, ports });
  };
  const on = (scheme: string, port: number) => [`${scheme}://127.0.0.1:${port}`, `${scheme}://[::1]:${port}`];
  const daemon = server('open', [...on('ldap', ldap), ...on('ldaps', ldaps)], [ldap, ldaps]);
  const strict = server('strict', on('ldap', guarded), [guarded], 'disallow bind_anon\nsecurity simple_bind=128');

  const base = 'request = "dc=example,dc=test"';
  const login = 'login = "cn=lb,dc=example,dc=test"\npasswd = "sesame"';
  const found = 'found dc=example,dc=test';

  /** What a service does with and without TLS. */
  const searches = (service: string): Row[] => [
    ['the root DSE', service, 'up', 'found the root DSE'],
    ['an entry', `${service}\n${base}`, 'up', found],
    ['an entry, logged in', `${service}\n${base}\n${login}`, 'up', found],
    [
      'a wrong password',
      `${service}\n${base}\nlogin = "cn=lb,dc=example,dc=test"\npasswd = "open"`,
      'down',
      'invalid credentials (LDAP 49)',
    ],
    [
      'an unknown user',
      `${service}\n${base}\nlogin = "cn=nobody,dc=example,dc=test"\npasswd = "open"`,
      'down',
      'invalid credentials (LDAP 49)',
    ],
  ];

  describe('ldap', () => {
    checks(daemon, ldap, [
      ...searches('service = ldap'),
      ['a DN that matches', `service = ldap\n${base}\nreceive = "^dc=example,"`, 'up', found],
      [
        'a DN that does not',
        `service = ldap\n${base}\nreceive = "dc=other"`,
        'down',
        'DN dc=example,dc=test does not match /dc=other/',
      ],
      [
        'no such entry',
        'service = ldap\nrequest = "cn=nobody,dc=example,dc=test"',
        'down',
        'no such object (LDAP 32): cn=nobody,dc=example,dc=test',
      ],
      [
        'another tree',
        'service = ldap\nrequest = "dc=other,dc=test"',
        'down',
        'no such object (LDAP 32): dc=other,dc=test',
      ],
      [
        'no DN',
        'service = ldap\nrequest = "lbcheck.html"',
        'down',
        'invalid DN syntax (LDAP 34): lbcheck.html: invalid DN',
      ],
      [
        'no access',
        'service = ldap\nrequest = "cn=members only,dc=example,dc=test"',
        'down',
        'no such object (LDAP 32): cn=members only,dc=example,dc=test',
      ],
      [
        'access',
        `service = ldap\nrequest = "cn=members only,dc=example,dc=test"\n${login}`,
        'up',
        'found cn=members only,dc=example,dc=test',
      ],
      [
        'not ASCII',
        'service = ldap\nrequest = "cn=München,dc=example,dc=test"',
        'up',
        'found cn=München,dc=example,dc=test',
      ],
      ['an alias', 'service = ldap\nrequest = "cn=alias,dc=example,dc=test"\nreceive = "^cn=lb,"', 'up', /^found /],
      [
        'a referral',
        'service = ldap\nrequest = "ou=elsewhere,dc=example,dc=test"',
        'down',
        'referral to another server (LDAP 10): ou=elsewhere,dc=example,dc=test',
      ],
      ['a port with TLS', `service = ldap\ncheckport = ${ldaps}`, 'down', 'connection closed without an answer'],
    ]);
    life(daemon, ldap, `service = ldap\n${base}\n${login}`, { up: found });
  });

  describe('ldap with StartTLS', () => {
    checks(daemon, ldap, [
      ...searches('service = ldap\nstarttls = yes'),
      ...tlsRows(tls, `service = ldap\nstarttls = yes\n${base}\n${login}`, found),
    ]);
    life(daemon, ldap, `service = ldap\nstarttls = yes\n${verified(tls)}\n${base}`, { up: found });
  });

  describe('ldaps', () => {
    checks(daemon, ldaps, [
      ...searches('service = ldaps'),
      ...tlsRows(tls, `service = ldaps\n${base}\n${login}`, found),
      [
        'a port without TLS',
        `service = ldaps\ncheckport = ${ldap}`,
        'down',
        'connection closed during the TLS handshake',
      ],
    ]);
    life(daemon, ldaps, `service = ldaps\n${verified(tls)}\n${base}\n${login}`, { up: found });
  });

  describe('a server with rules', () => {
    checks(strict, guarded, [
      [
        'no anonymous bind',
        `service = ldap\n${base}`,
        'down',
        'inappropriate authentication (LDAP 48): anonymous bind disallowed',
      ],
      [
        'no password in the clear',
        `service = ldap\n${base}\n${login}`,
        'down',
        'confidentiality required (LDAP 13): confidentiality required',
      ],
      ['a password over TLS', `service = ldap\nstarttls = yes\n${base}\n${login}`, 'up', found],
    ]);
  });
});
