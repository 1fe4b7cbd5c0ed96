// mysql against MariaDB.
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { check } from '../checks/listeners.ts';
import { until } from '../until.ts';
import { checks, describeServer, life, planOf } from './scenario.ts';
import { run } from './site.ts';

const USER = 'mysql';
const MAX_CONNECTIONS = 10;

const CONTENT = `
FLUSH PRIVILEGES;
INSTALL SONAME 'auth_ed25519';
CREATE DATABASE shop;
CREATE TABLE shop.goods (id INT, name VARCHAR(100));
INSERT INTO shop.goods VALUES (1, 'Käse'), (2, NULL);
CREATE TABLE shop.sold_out (id INT);
CREATE USER lb IDENTIFIED BY 'open sesame';
CREATE USER open;
CREATE USER modern IDENTIFIED VIA ed25519 USING PASSWORD('open sesame');
CREATE USER guarded IDENTIFIED BY 'open sesame' REQUIRE SSL;
GRANT SELECT ON shop.* TO lb, open, modern, guarded;
`;

describeServer('mariadb', (site) => {
  const port = site.port();
  const dir = site.directory('mariadb', { user: USER });
  const data = [`--datadir=${dir}/data`, '--innodb-log-file-size=4M'];
  site.prepare(() => {
    run(['/usr/bin/mariadb-install-db', '--no-defaults', ...data, '--skip-test-db'], { user: USER });
    run(['/usr/sbin/mariadbd', '--no-defaults', ...data, '--bootstrap'], { user: USER, input: CONTENT });
  });
  const daemon = site.daemon({
    argv: [
      ...['/usr/sbin/mariadbd', '--no-defaults', ...data, `--port=${port}`, '--bind-address=127.0.0.1,::1'],
      ...[`--socket=${dir}/socket`, `--pid-file=${dir}/pid`, `--max-connections=${MAX_CONNECTIONS}`],
    ],
    user: USER,
    ports: [port],
  });

  const account = (user: string, password = 'open sesame') =>
    `service = mysql\nlogin = "${user}"\npasswd = "${password}"`;
  const lb = `${account('lb')}\ndatabase = "shop"`;
  checks(daemon, port, [
    ['rows', `${lb}\nrequest = "SELECT * FROM goods"`, 'up', '1 row'],
    ['one row of NULL', `${account('lb')}\nrequest = "SELECT NULL"`, 'up', '1 row'],
    [
      'a million rows',
      `${account('lb')}\nrequest = "SELECT seq FROM shop.goods, shop.seq_1_to_1000000"`,
      'up',
      '1 row',
    ],
    ['no password', 'service = mysql\nlogin = "open"\nrequest = "SELECT 1"', 'up', '1 row'],
    ['no row', `${lb}\nrequest = "SELECT * FROM sold_out"`, 'down', 'the query returned no row'],
    ['no query', `${lb}\nrequest = "DO 1"`, 'down', 'the query returned no row'],
    [
      'a wrong password',
      `${account('lb', 'close sesame')}\nrequest = "SELECT 1"`,
      'down',
      /^Access denied for user 'lb'@'\S+' \(using password: YES\) \(ER_ACCESS_DENIED_ERROR\)$/,
    ],
    [
      'no such table',
      `${lb}\nrequest = "SELECT * FROM nothing"`,
      'down',
      "Table 'shop.nothing' doesn't exist (ER_NO_SUCH_TABLE)",
    ],
    [
      'no such database',
      `${account('lb')}\ndatabase = "mall"\nrequest = "SELECT 1"`,
      'down',
      "Access denied for user 'lb'@'%' to database 'mall' (ER_DBACCESS_DENIED_ERROR)",
    ],
    [
      'no database',
      `${account('lb')}\nrequest = "SELECT * FROM goods"`,
      'down',
      'No database selected (ER_NO_DB_ERROR)',
    ],
    [
      'no SQL',
      `${lb}\nrequest = "HOW ARE YOU?"`,
      'down',
      /^You have an error in your SQL syntax; .* near 'HOW ARE YOU\?' at line 1 \(ER_PARSE_ERROR\)$/,
    ],
    [
      'no right',
      `${lb}\nrequest = "SELECT * FROM mysql.user"`,
      'down',
      /^SELECT command denied to user 'lb'@'\S+' for table `mysql`\.`user` \(ER_TABLEACCESS_DENIED_ERROR\)$/,
    ],
    [
      'a login that we cannot do',
      `${account('modern')}\nrequest = "SELECT 1"`,
      'down',
      'the server wants a login by client_ed25519, which is not supported',
    ],
    [
      'a user who needs TLS',
      `${account('guarded')}\nrequest = "SELECT 1"`,
      'down',
      /^Access denied for user 'guarded'@'\S+' \(using password: YES\) \(ER_ACCESS_DENIED_ERROR\)$/,
    ],
    [
      'a row that is too large',
      `${lb}\nrequest = "SELECT REPEAT('x', 2000000)"`,
      'down',
      'the server announces 2000008 bytes in one message',
    ],
    [
      'a query that takes too long',
      `${lb}\nrequest = "SELECT SLEEP(30)"\nnegotiatetimeout = 1`,
      'down',
      /^no answer within 1 s \(.+\)$/,
    ],
  ]);
  life(daemon, port, `${lb}\nrequest = "SELECT * FROM goods"`, { up: '1 row' });

  test('too many connections', async () => {
    const { target, spec } = planOf('127.0.0.1', port, `${lb}\nrequest = "SELECT 1"`);
    const others = Array.from({ length: MAX_CONNECTIONS + 1 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    let found = '';
    try {
      await until('the server is full', async () => {
        const { outcome, detail } = await check(target, spec);
        found = detail;
        return outcome === 'down';
      });
      expect(found).toBe('Too many connections (ER_CON_COUNT_ERROR)');
    } finally {
      for (const other of others) other.destroy();
    }
    await until('there is room again', async () => (await check(target, spec)).outcome === 'up');
  });
});
