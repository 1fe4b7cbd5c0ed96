// What a MySQL server may answer, and what the check makes of it.
import { constants, createHash, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SqlSpec } from '../../src/config/model.ts';
import { check, closedPort, hasIPv6, listen } from './listeners.ts';
import { byteByByte, expectQuiet, inTurns, noise, seen, stopsAtEachTurn, survives, type Turn } from './turns.ts';

expectQuiet();

const IPV6 = await hasIPv6();
const PASSWORD = 'Sesam-öffne-dich';
const SPEC: SqlSpec<'mysql'> = {
  kind: 'mysql',
  login: { user: 'joe', password: PASSWORD },
  database: 'shop',
  query: 'SELECT id FROM orders LIMIT 1',
  timeoutMs: 3000,
};

function packet(number: number, ...parts: (string | readonly number[] | Buffer)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = number;
  return Buffer.concat([header, payload]);
}

const SALT = Buffer.from('abcdefghijklmnopqrst');
function greeting(plugin = 'mysql_native_password'): Buffer {
  const capabilities = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000;
  const low = [capabilities & 0xff, (capabilities >> 8) & 0xff];
  const high = [(capabilities >> 16) & 0xff, (capabilities >> 24) & 0xff];
  const nothing = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const [salt, rest] = [SALT.subarray(0, 8), SALT.subarray(8)];
  return packet(
    0,
    [10],
    '8.0.36\0',
    [1, 0, 0, 0],
    salt,
    [0],
    low,
    [45, 2, 0],
    high,
    [21],
    nothing,
    rest,
    [0],
    `${plugin}\0`,
  );
}
const ok = (number: number) => packet(number, [0, 0, 0, 2, 0, 0, 0]);
const eof = (number: number) => packet(number, [0xfe, 0, 0, 2, 0]);
const failed = (number: number, code: number, text: string, state = '#28000') =>
  packet(number, [0xff, code & 0xff, code >> 8], state, text);
const column = (number: number, name: string) => {
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  const names = ['def', 'shop', 'orders', 'orders', name, name].flatMap(text);
  return packet(number, names, [0x0c, 45, 0, 20, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
};
const head = Buffer.concat([packet(1, [1]), column(2, 'id'), eof(3)]);
const row = packet(4, [2], '17');
const ONE_ROW = Buffer.concat([head, row, eof(5)]);
const UP: Turn[] = [greeting(), ok(2), ONE_ROW];

const sha1 = (...parts: Buffer[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, index) => byte ^ (b[index % b.length] ?? 0)));

async function down(turns: readonly Turn[], spec = SPEC): Promise<string> {
  const server = await listen(inTurns(turns), { atOnce: true });
  const { outcome, detail } = await check(server.target, spec);
  expect(outcome, detail).toBe('down');
  await server.allClosed();
  return detail;
}

describe('up', () => {
  const { database: _none, ...noDatabase } = SPEC;
  const noPassword = { ...SPEC, login: { user: 'joe', password: '' } };
  const switched = (plugin: string) => packet(2, [0xfe], `${plugin}\0`, SALT, [0]);
  test.each<[string, Turn[], SqlSpec<'mysql'>]>([
    ['one row', UP, SPEC],
    ['two rows', [greeting(), ok(2), Buffer.concat([head, row, packet(5, [1], '9'), eof(6)])], SPEC],
    ['a row of NULL', [greeting(), ok(2), Buffer.concat([head, packet(4, [0xfb]), eof(5)])], SPEC],
    ['a row and then silence', [greeting(), ok(2), Buffer.concat([head, row])], SPEC],
    ['byte by byte', byteByByte(UP), SPEC],
    ['no database', UP, noDatabase],
    ['no password', UP, noPassword],
    ['no password, caching_sha2_password', [greeting('caching_sha2_password'), ok(2), ONE_ROW], noPassword],
    [
      'caching_sha2_password that the server remembers',
      [greeting('caching_sha2_password'), Buffer.concat([packet(2, [1, 3]), ok(3)]), ONE_ROW],
      SPEC,
    ],
    [
      'another login method for this user',
      [greeting('auth_gssapi_client'), switched('mysql_native_password'), ok(4), ONE_ROW],
      SPEC,
    ],
  ])('%s', async (_name, turns, spec) => {
    const server = await listen(inTurns(turns), { atOnce: true });
    expect(await check(server.target, spec)).toMatchObject({ detail: '1 row', outcome: 'up' });
    await server.allClosed();
  });

  test('what it asks, and that it says goodbye', async () => {
    const heard: Buffer[] = [];
    const listening = UP.map(
      (turn): Turn =>
        (socket, words) => {
          heard.push(words);
          socket.write(turn as Buffer);
        },
    );
    const server = await listen(inTurns([...listening, (_socket, words) => void heard.push(words)]), { atOnce: true });
    expect((await check(server.target, SPEC)).outcome).toBe('up');
    await server.allClosed();
    const [, login, query, goodbye] = heard;
    const once = sha1(Buffer.from(PASSWORD));
    expect(login?.includes('joe\0')).toBe(true);
    expect(login?.includes('shop\0')).toBe(true);
    expect(login?.includes(xor(once, sha1(SALT, sha1(once))))).toBe(true);
    expect((login?.readUInt32LE(4) ?? -1) & 0x80).toBe(0); // LOCAL INFILE
    expect((login?.readUInt32LE(4) ?? -1) & 0x10000).toBe(0); // several statements in one
    expect(query?.toString()).toContain('SELECT id FROM orders LIMIT 1');
    expect(goodbye).toEqual(Buffer.from([1, 0, 0, 0, 1]));
  });

  test('caching_sha2_password that the server has forgotten: the password goes under its key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    let password = '';
    const full = packet(2, [1, 4]);
    const key = packet(4, [1], publicKey.export({ type: 'spki', format: 'pem' }) as string);
    const login: Turn = (socket, words) => {
      const secret = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, words.subarray(4));
      password = xor(secret, SALT).toString();
      socket.write(ok(6));
    };
    const server = await listen(inTurns([greeting('caching_sha2_password'), full, key, login, ONE_ROW]), {
      atOnce: true,
    });
    expect(await check(server.target, SPEC)).toMatchObject({ detail: '1 row' });
    expect(password).toBe(`${PASSWORD}\0`);
  });

  test('of a table without an end only the beginning is read', async () => {
    const before = process.memoryUsage.rss();
    let sent = 0;
    const endless: Turn = (socket) => {
      socket.write(head);
      let number = 4;
      const more = () => {
        const rows = Array.from({ length: 5000 }, () => packet(number++ & 0xff, [100], 'x'.repeat(100)));
        do sent += 1;
        while (!socket.destroyed && sent < 1000 && socket.write(Buffer.concat(rows)));
      };
      socket.on('drain', more);
      more();
    };
    const server = await listen(inTurns([greeting(), ok(2), endless]), { atOnce: true });
    expect(await check(server.target, SPEC)).toMatchObject({ detail: '1 row' });
    await server.allClosed();
    expect(sent).toBeLessThan(1000);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(64);
  });

  test.runIf(IPV6)('IPv6', async () => {
    const server = await listen(inTurns(UP), { atOnce: true, host: '::1' });
    expect(await check(server.target, SPEC)).toMatchObject({ detail: '1 row' });
    await server.allClosed();
  });
});

describe('down', () => {
  const denied = "Access denied for user 'joe'@'10.0.0.9' (using password: YES)";
  const blocked = "Host '10.0.0.9' is blocked because of many connection errors";
  const noRow = Buffer.concat([head, eof(4)]);
  const tooMuch = Buffer.concat([
    packet(1, [0xfc, 0xff, 0xff]),
    ...Array.from({ length: 400 }, (_, n) => column((n + 2) & 0xff, 'x'.repeat(100))),
  ]);
  test.each<[string, Turn[], string | RegExp]>([
    ['a wrong password', [greeting(), failed(2, 1045, denied)], `${denied} (ER_ACCESS_DENIED_ERROR)`],
    [
      'no such database',
      [greeting(), failed(2, 1049, "Unknown database 'shop'")],
      "Unknown database 'shop' (ER_BAD_DB_ERROR)",
    ],
    [
      'no such table',
      [greeting(), ok(2), failed(1, 1146, "Table 'shop.orders' doesn't exist", '#42S02')],
      "Table 'shop.orders' doesn't exist (ER_NO_SUCH_TABLE)",
    ],
    ['a number without a name', [greeting(), ok(2), failed(1, 60000, 'so it is', '#HY000')], 'so it is (60000)'],
    [
      'too many connections',
      [failed(0, 1040, 'Too many connections', '')],
      'Too many connections (ER_CON_COUNT_ERROR)',
    ],
    ['an error that is numbered as it likes', [failed(9, 1129, blocked, '')], `${blocked} (ER_HOST_IS_BLOCKED)`],
    [
      'an error among the rows',
      [greeting(), ok(2), Buffer.concat([head, failed(4, 1317, 'Query execution was interrupted', '#70100')])],
      'Query execution was interrupted (ER_QUERY_INTERRUPTED)',
    ],
    ['no row', [greeting(), ok(2), noRow], 'the query returned no row'],
    ['a statement without rows', [greeting(), ok(2), ok(1)], 'the query returned no row'],
    [
      'a login in the clear',
      [greeting(), packet(2, [0xfe], 'mysql_clear_password\0')],
      'the server wants the password in the clear, which is refused',
    ],
    [
      'an unknown login method',
      [greeting(), packet(2, [0xfe], 'auth_gssapi_client\0abc')],
      'the server wants a login by auth_gssapi_client, which is not supported',
    ],
    [
      'a key that is none',
      [greeting('caching_sha2_password'), packet(2, [1, 4]), packet(4, [1], 'no key')],
      /^broken MySQL answer: /,
    ],
    [
      'a request for one of our files',
      [greeting(), ok(2), packet(1, [0xfb], '/etc/passwd'), ok(3)],
      /^broken MySQL answer: /,
    ],
    ['an SSH server', ['SSH-2.0-OpenSSH_9.2\r\n'], 'the answer is not MySQL: "SSH-2.0-OpenSSH_9.2\\r\\n"'],
    ['an HTTP server', ['HTTP/1.1 400 Bad Request\r\n\r\n'], /^the answer is not MySQL: "HTTP\/1\.1 400/],
    ['a greeting of protocol 9', [packet(0, [9], '3.20.0\0')], /^the answer is not MySQL: /],
    ['a packet without content', [greeting(), packet(2)], /^broken MySQL answer$|^connection/],
    ['packets in disorder', [greeting(), ok(7)], 'broken MySQL answer'],
    [
      'half a greeting',
      [(socket) => void socket.end(greeting().subarray(0, 30))],
      'connection closed in the middle of an answer',
    ],
    ['a greeting that is cut short', [packet(0, [10], 'x')], /^broken MySQL answer: /],
    ['rows before columns', [greeting(), ok(2), Buffer.concat([packet(1, [1]), row])], /^broken MySQL answer/],
    [
      'a row of 16 MiB that drips',
      [greeting(), ok(2), Buffer.concat([head, Buffer.from([0xff, 0xff, 0xff, 4, 1])])],
      'the server announces 16777219 bytes in one message',
    ],
    [
      'columns without an end',
      [greeting(), ok(2), Buffer.concat(Array(20).fill(tooMuch.subarray(0, 60_000)))],
      /^the server does not stop talking|^broken MySQL/,
    ],
  ])('%s', async (_name, turns, reason) => {
    const detail = await down(turns);
    if (typeof reason === 'string') expect(detail).toBe(reason);
    else expect(detail).toMatch(reason);
  });

  test('refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, SPEC)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, Turn[]]>([
    ['a refusal', [greeting(), failed(2, 1045, `no, not with ${PASSWORD}`)]],
    ['a refusal before the greeting', [failed(0, 1045, `${PASSWORD}?`)]],
    ['a greeting that is none', [`${PASSWORD}!`]],
    ['the name of a login method', [greeting(), packet(2, [0xfe], `${PASSWORD}\0`)]],
  ])('a server that knows the password keeps it to itself: %s', async (_name, turns) => {
    const { outcome, shown } = await seen(turns, SPEC);
    expect(outcome).toBe('down');
    expect(shown).toContain('***');
    for (const text of [PASSWORD, 'Sesam', 'ffne-dich']) expect(shown).not.toContain(text);
  });
});

describe('a server that', () => stopsAtEachTurn(UP, SPEC));

describe('survives', () => {
  const turn = (count: number) => UP.slice(0, count);
  survives('noise for a greeting', turn(0), noise(), SPEC);
  survives('noise for an answer to the login', turn(1), noise(), SPEC);
  survives('noise for an answer to the query', turn(2), noise(), SPEC);

  const kinds = fc.constantFrom(0, 1, 2, 0x0a, 0xfb, 0xfc, 0xfe, 0xff);
  const packets = (first: number, before: Buffer = Buffer.alloc(0)) =>
    fc
      .array(fc.tuple(kinds, noise(120)), { minLength: 1, maxLength: 6 })
      .map((all) => Buffer.concat([before, ...all.map(([kind, rest], index) => packet(first + index, [kind], rest))]));
  survives('packets of noise for a greeting', turn(0), packets(0), SPEC);
  survives('packets of noise for an answer to the login', turn(1), packets(2), SPEC);
  const sha2 = [greeting('caching_sha2_password')];
  survives('packets of noise for an answer to the login by caching_sha2_password', sha2, packets(2), SPEC);
  survives('packets of noise for an answer to the query', turn(2), packets(1), SPEC);
  survives('packets of noise for columns', turn(2), packets(2, packet(1, [2])), SPEC);
  survives('packets of noise for rows', turn(2), packets(4, head), SPEC);
});
