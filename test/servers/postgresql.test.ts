// pgsql against PostgreSQL, with TLS and without.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { checks, describeServer, life } from './scenario.ts';
import { run } from './site.ts';

const USER = 'postgres';

/** Debian has a directory for each version; without the package there is none. */
const VERSIONS = '/usr/lib/postgresql';
const installed = existsSync(VERSIONS) ? readdirSync(VERSIONS).map((version) => join(VERSIONS, version, 'bin')) : [];
const PROGRAMS = installed.find((programs) => existsSync(join(programs, 'postgres'))) ?? '';

const CONTENT = `
CREATE ROLE lb LOGIN PASSWORD 'open sesame';
SET password_encryption = md5;
CREATE ROLE old LOGIN PASSWORD 'open sesame';
CREATE TABLE goods (id int, name text);
INSERT INTO goods VALUES (1, 'Käse'), (2, NULL);
CREATE TABLE sold_out (id int);
CREATE TABLE ledger (id int);
GRANT SELECT ON goods, sold_out TO PUBLIC;
CREATE DATABASE lb;
CREATE DATABASE secure;
CREATE DATABASE clear;
CREATE DATABASE closed;
`;

/** Who may log in to which database, and how. */
const ACCESS = `
host postgres old all md5
host postgres,lb lb all scram-sha-256
hostssl secure lb all scram-sha-256
hostnossl clear lb all scram-sha-256
`;

describeServer('postgresql', (site) => {
  const tls = site.certificates({ user: USER });
  const access = site.file('pg_hba.conf', ACCESS);

  const server = (name: string, ...options: string[]) => {
    const port = site.port();
    const dir = site.directory(name, { user: USER });
    const data = `${dir}/data`;
    site.prepare(() => {
      run([`${PROGRAMS}/initdb`, '-D', data, '-U', USER, '-E', 'UTF8', '--no-sync'], { user: USER });
      run([`${PROGRAMS}/postgres`, '--single', '-D', data, '-c', 'fsync=off', 'postgres'], {
        user: USER,
        input: CONTENT,
      });
    });
    const settings = [...options, `hba_file=${access}`, 'fsync=off', 'max_connections=10'].flatMap((each) => [
      '-c',
      each,
    ]);
    const daemon = site.daemon({
      argv: [`${PROGRAMS}/postgres`, '-D', data, '-p', `${port}`, '-h', '127.0.0.1,::1', '-k', dir, ...settings],
      user: USER,
      ports: [port],
      // It takes connections before it can do anything for them.
      ready: async () => run([`${PROGRAMS}/pg_isready`, '-h', '127.0.0.1', '-p', `${port}`]) !== '',
      stopSignal: 'SIGINT',
    });
    return { port, daemon };
  };
  const withTls = server('tls', 'ssl=on', `ssl_cert_file=${tls.certificate}`, `ssl_key_file=${tls.key}`);
  const without = server('plain', 'ssl=off');

  const account = (user: string, password = 'open sesame') =>
    `service = pgsql\nlogin = "${user}"\npasswd = "${password}"`;
  const lb = `${account('lb')}\ndatabase = "postgres"`;
  const one = 'request = "SELECT 1"';

  describe.each([
    ['with TLS', withTls],
    ['without TLS', without],
  ])('%s', (_name, { daemon, port }) => {
    checks(daemon, port, [
      ['rows', `${lb}\nrequest = "SELECT * FROM goods"`, 'up', '1 row'],
      ['one row of NULL', `${lb}\nrequest = "SELECT NULL"`, 'up', '1 row'],
      ['more rows than we want', `${lb}\nrequest = "SELECT * FROM generate_series(1, 1000000)"`, 'up', '1 row'],
      ["the user's own database", `${account('lb')}\n${one}`, 'up', '1 row'],
      ['a password kept as MD5', `${account('old')}\ndatabase = "postgres"\n${one}`, 'up', '1 row'],
      ['no row', `${lb}\nrequest = "SELECT * FROM sold_out"`, 'down', 'the query returned no row'],
      ['no query', `${lb}\nrequest = "BEGIN"`, 'down', 'the query returned no row'],
      [
        'a wrong password',
        `${account('lb', 'close sesame')}\n${one}`,
        'down',
        'password authentication failed for user "lb" (28P01)',
      ],
      [
        'no password',
        `service = pgsql\nlogin = "lb"\n${one}`,
        'down',
        /client password must be a non-empty string: set passwd$/,
      ],
      [
        'no such table',
        `${lb}\nrequest = "SELECT * FROM nothing"`,
        'down',
        'relation "nothing" does not exist (42P01)',
      ],
      ['no right', `${lb}\nrequest = "SELECT * FROM ledger"`, 'down', 'permission denied for table ledger (42501)'],
      [
        'no access',
        `${account('lb')}\ndatabase = "closed"\n${one}`,
        'down',
        /^no pg_hba\.conf entry for host .* \(28000\)/,
      ],
      [
        'a row that is too large',
        `${lb}\nrequest = "SELECT repeat('x', 2000000)"`,
        'down',
        'the server announces 2000011 bytes in one message',
      ],
      [
        'a query that takes too long',
        `${lb}\nrequest = "SELECT pg_sleep(30)"\nnegotiatetimeout = 1`,
        'down',
        /^no answer within 1 s \(.+\)$/,
      ],
      ['a database for clients in the clear', `${account('lb')}\ndatabase = "clear"\n${one}`, 'up', '1 row'],
    ]);
    life(daemon, port, `${lb}\nrequest = "SELECT * FROM goods"`, { up: '1 row' });
  });
  const secure = `${account('lb')}\ndatabase = "secure"\n${one}`;
  checks(withTls.daemon, withTls.port, [['a database for clients with TLS', secure, 'up', '1 row']]);
  checks(without.daemon, without.port, [
    ['a database for clients with TLS', secure, 'down', /^no pg_hba\.conf entry for host .*, no encryption \(28000\)$/],
  ]);
});
