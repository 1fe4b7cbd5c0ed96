// What a PostgreSQL server may answer, in the clear and over TLS, and what the check makes of it.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SqlSpec } from '../../src/config/model.ts';
import { type Answer, certificate, check, closedPort, hasIPv6, listen } from './listeners.ts';
import {
  byteByByte,
  expectQuiet,
  inTurns,
  noise,
  seen,
  stopsAtEachTurn,
  survives,
  type Turn,
  takeTurns,
} from './turns.ts';

expectQuiet();

const IPV6 = await hasIPv6();
const PASSWORD = 'Sesam-öffne-dich';
const SPEC: SqlSpec<'pgsql'> = {
  kind: 'pgsql',
  login: { user: 'joe', password: PASSWORD },
  database: 'shop',
  query: 'SELECT id FROM orders',
  timeoutMs: 3000,
};

function message(type: string, ...parts: (string | readonly number[] | Buffer)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(payload.length + 4);
  return Buffer.concat([Buffer.from(type), length, payload]);
}

const login = (kind: number, ...more: (string | Buffer)[]) => message('R', [0, 0, 0, kind], ...more);
const ready = message('Z', 'I');
const welcome = Buffer.concat([
  login(0),
  message('S', 'server_version\0', '17.5\0'),
  message('K', [0, 0, 0, 1, 0, 0, 0, 2]),
  ready,
]);
const failed = (code: string, text: string, severity = 'FATAL') =>
  message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0`, [0]);
const columns = message('T', [0, 1], 'id\0', [0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]);
const head = Buffer.concat([message('1'), message('2'), columns]);
const row = message('D', [0, 1, 0, 0, 0, 2], '17');
const suspended = message('s');
const ONE_ROW = Buffer.concat([head, row, suspended]);
const UP: Turn[] = ['', 'N', welcome, ONE_ROW];

/** Consent to TLS, and the rest of the turns over it. */
function overTls(turns: readonly Turn[], consent: string | Buffer = 'S'): Turn[] {
  return [
    '',
    (socket) => {
      socket.removeAllListeners('data');
      socket.write(consent);
      const secure = new TLSSocket(socket, { isServer: true, ...certificate() });
      takeTurns(secure, ['', ...turns]);
    },
  ];
}

/** SCRAM-SHA-256 (RFC 7677), as a server speaks it. */
function scram(password: string): Turn[] {
  const salt = Buffer.from('0123456789abcdef');
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256');
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = hmac(salted, 'Client Key');
  let [bare, first] = ['', ''];
  return [
    (socket, heard) => {
      bare = /n,,(.*)$/s.exec(heard.toString())?.[1] ?? '';
      first = `${bare.replace(/^n=[^,]*,/, '')}server,s=${salt.toString('base64')},i=4096`;
      socket.write(login(11, first));
    },
    (socket, heard) => {
      const [, proven = '', proof = ''] = /(c=.*),p=(.*)$/s.exec(heard.toString()) ?? [];
      const text = [bare, first, proven].join(',');
      const stored = createHash('sha256').update(key).digest();
      const mask = hmac(stored, text);
      const right = Buffer.from(key.map((byte, index) => byte ^ (mask[index] ?? 0))).toString('base64');
      const signature = hmac(hmac(salted, 'Server Key'), text).toString('base64');
      socket.write(
        proof === right
          ? Buffer.concat([login(12, `v=${signature}`), welcome])
          : failed('28P01', 'password authentication failed for user "joe"'),
      );
    },
  ];
}
const askScram = login(10, 'SCRAM-SHA-256\0\0');

async function down(answers: Answer | Answer[], spec = SPEC): Promise<string> {
  const server = await listen(answers, { atOnce: true });
  const { outcome, detail } = await check(server.target, spec);
  expect(outcome, detail).toBe('down');
  await server.allClosed();
  return detail;
}

describe('up', () => {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const hashed = `md5${md5(Buffer.concat([Buffer.from(md5(`${PASSWORD}joe`)), Buffer.from('salt')]).toString())}\0`;
  const expecting =
    (words: string, answer: Buffer): Turn =>
    (socket, heard) =>
      void socket.write(heard.includes(words) ? answer : failed('28P01', 'wrong'));
  const noPassword = { ...SPEC, login: { user: 'joe', password: '' } };
  test.each<[string, Turn[], SqlSpec<'pgsql'>]>([
    ['in the clear', UP, SPEC],
    ['over TLS', overTls([welcome, ONE_ROW]), SPEC],
    ['a password in the clear', ['', 'N', login(3), expecting(`${PASSWORD}\0`, welcome), ONE_ROW], SPEC],
    ['MD5', ['', 'N', login(5, 'salt'), expecting(hashed, welcome), ONE_ROW], SPEC],
    ['SCRAM', ['', 'N', askScram, ...scram(PASSWORD), ONE_ROW], SPEC],
    ['SCRAM over TLS', overTls([askScram, ...scram(PASSWORD), ONE_ROW]), SPEC],
    ['SCRAM, byte by byte', ['', 'N', ...byteByByte([askScram]), ...scram(PASSWORD), ...byteByByte([ONE_ROW])], SPEC],
    ['no password', UP, noPassword],
    [
      'a row of NULL',
      ['', 'N', welcome, Buffer.concat([head, message('D', [0, 1, 255, 255, 255, 255]), suspended])],
      SPEC,
    ],
    [
      'a row without columns',
      ['', 'N', welcome, Buffer.concat([message('1'), message('2'), message('T', [0, 0]), message('D', [0, 0])])],
      SPEC,
    ],
    [
      'a notice before the row',
      ['', 'N', welcome, Buffer.concat([message('N', 'SNOTICE\0Mwell\0', [0]), ONE_ROW])],
      SPEC,
    ],
    ['a row and then silence', ['', 'N', welcome, Buffer.concat([head, row])], SPEC],
  ])('%s', async (_name, turns, spec) => {
    const server = await listen(inTurns(turns), { atOnce: true });
    expect(await check(server.target, spec)).toMatchObject({ detail: '1 row', outcome: 'up' });
    await server.allClosed();
  });

  test('what it asks, and that it says goodbye', async () => {
    const heard: string[] = [];
    const listening = UP.map(
      (turn): Turn =>
        (socket, words) => {
          heard.push(words.toString());
          socket.write(turn as Buffer);
        },
    );
    const server = await listen(inTurns([...listening, (_socket, words) => void heard.push(words.toString())]), {
      atOnce: true,
    });
    expect((await check(server.target, SPEC)).outcome).toBe('up');
    await server.allClosed();
    const [, request, startup, query, goodbye] = heard;
    expect(request).toBe('\0\0\0\x08\x04\xd2\x16/'.replace('\xd2', '\ufffd'));
    expect(startup).toContain('user\0joe\0database\0shop\0');
    expect(startup).toContain('application_name\0tsdirectord\0');
    expect(query).toContain('SELECT id FROM orders\0');
    // EXECUTE of the unnamed portal, one row at most.
    expect(query).toContain('E\0\0\0\x09\0\0\0\0\x01');
    expect(goodbye).toBe('X\0\0\0\x04');
  });

  test('without a database it is the one that is named like the user', async () => {
    const { database: _none, ...spec } = SPEC;
    let startup = '';
    const listening: Turn = (socket, words) => {
      startup = words.toString();
      socket.write(welcome);
    };
    const server = await listen(inTurns(['', 'N', listening, ONE_ROW]), { atOnce: true });
    expect((await check(server.target, spec)).outcome).toBe('up');
    expect(startup).toContain('database\0joe\0');
  });

  test("nothing is taken from the environment that libpq's programs share", async () => {
    process.env.PGPASSWORD = 'of somebody else';
    try {
      let answer = '';
      const listening: Turn = (socket, words) => {
        answer = words.toString();
        socket.write(welcome);
      };
      const server = await listen(inTurns(['', 'N', login(3), listening, ONE_ROW]), { atOnce: true });
      expect((await check(server.target, { ...SPEC, login: { user: 'joe', password: '' } })).outcome).toBe('up');
      expect(answer).toBe('p\0\0\0\x05\0');
    } finally {
      delete process.env.PGPASSWORD;
    }
  });

  test.runIf(IPV6)('IPv6', async () => {
    const server = await listen(inTurns(UP), { atOnce: true, host: '::1' });
    expect(await check(server.target, SPEC)).toMatchObject({ detail: '1 row' });
    await server.allClosed();
  });
});

describe('TLS that does not work is left, as libpq leaves it', () => {
  const noEntry = (how: string) =>
    failed('28000', `no pg_hba.conf entry for host "10.0.0.9", user "joe", database "shop", ${how}`);
  const refused = inTurns(overTls([noEntry('SSL encryption')]));
  const broken = inTurns(['', (socket) => void socket.end('Snot TLS')]);
  const hangsUp = inTurns(['', 'S', (socket) => void socket.end()]);
  const again = inTurns(['', welcome, ONE_ROW]);

  test.each<[string, Answer]>([
    ['pg_hba.conf wants us in the clear', refused],
    ['the handshake is hung up on', hangsUp],
    ['the handshake goes wrong', inTurns(['', 'S', 'this is not TLS at all\n'])],
  ])('%s', async (_name, first) => {
    const server = await listen([first, again], { atOnce: true });
    expect(await check(server.target, SPEC)).toMatchObject({ detail: '1 row' });
    await server.allClosed();
  });

  test('both reasons are told', async () => {
    expect(await down([refused, inTurns(['', noEntry('no encryption')])])).toBe(
      'no pg_hba.conf entry for host "10.0.0.9", user "joe", database "shop", no encryption (28000) (over TLS: ' +
        'no pg_hba.conf entry for host "10.0.0.9", user "joe", database "shop", SSL encryption (28000))',
    );
  });

  test('a wrong password is wrong in the clear, too', async () => {
    const server = await listen(inTurns(overTls([failed('28P01', 'password authentication failed for user "joe"')])), {
      atOnce: true,
    });
    expect((await check(server.target, SPEC)).detail).toBe('password authentication failed for user "joe" (28P01)');
  });

  test('but not when somebody has spoken in the clear after the consent (CVE-2021-23222)', async () => {
    expect(await down([broken, again])).toBe(
      'the server sent something in the clear after its answer to the TLS request',
    );
  });

  test('nor after the deadline', async () => {
    const server = await listen([inTurns(['', 'S']), again], { atOnce: true });
    const { detail } = await check(server.target, { ...SPEC, timeoutMs: 300 });
    expect(detail).toBe('no answer within 300 ms (connected, but the TLS handshake did not end)');
    await server.allClosed();
    expect(server.requests).toHaveLength(1);
  });
});

describe('down', () => {
  const wrong = 'password authentication failed for user "joe"';
  const unfinished = message('E', 'SFATAL\0');
  const hostile = Buffer.from([...Buffer.from('E'), 0, 0, 0, 4]);
  test.each<[string, Turn[], string | RegExp]>([
    ['a wrong password', ['', 'N', failed('28P01', wrong)], `${wrong} (28P01)`],
    ['a wrong password, SCRAM', ['', 'N', askScram, ...scram('another')], `${wrong} (28P01)`],
    [
      'no such database',
      ['', 'N', failed('3D000', 'database "shop" does not exist')],
      'database "shop" does not exist (3D000)',
    ],
    [
      'starting up',
      ['', 'N', failed('57P03', 'the database system is starting up')],
      'the database system is starting up (57P03)',
    ],
    [
      'too many clients',
      ['', 'N', failed('53300', 'sorry, too many clients already')],
      'sorry, too many clients already (53300)',
    ],
    [
      'no such table',
      ['', 'N', welcome, Buffer.concat([failed('42P01', 'relation "orders" does not exist', 'ERROR'), ready])],
      'relation "orders" does not exist (42P01)',
    ],
    [
      'no row',
      ['', 'N', welcome, Buffer.concat([head, message('C', 'SELECT 0\0')]), ready],
      'the query returned no row',
    ],
    [
      'a statement without rows',
      [
        '',
        'N',
        welcome,
        Buffer.concat([message('1'), message('2'), message('n'), message('C', 'INSERT 0 1\0')]),
        ready,
      ],
      'the query returned no row',
    ],
    [
      'an empty statement',
      ['', 'N', welcome, Buffer.concat([message('1'), message('2'), message('n'), message('I')]), ready],
      'the query returned no row',
    ],
    ['Kerberos', ['', 'N', login(7)], /^broken PostgreSQL answer: Unknown authenticationOk message type 7$/],
    ['an unknown SASL mechanism', ['', 'N', login(10, 'MAGIC\0\0')], /^SASL: Only mechanism\(s\) SCRAM-SHA-256 /],
    [
      'a million rounds of SCRAM',
      ['', 'N', askScram, scram(PASSWORD)[0] as Turn].map((turn, at) =>
        at < 3
          ? turn
          : (((socket, heard) => {
              const nonce = /r=(.*)$/s.exec(heard.toString())?.[1];
              socket.write(login(11, `r=${nonce}x,s=c2FsdA==,i=100000000`));
            }) as Turn),
      ),
      /^SASL: /,
    ],
    [
      'an error for an answer to the TLS request',
      ['', failed('53300', 'too many')],
      /^the answer is not PostgreSQL: "E/,
    ],
    [
      'an SSH server',
      ['SSH-2.0-OpenSSH_9.2\r\n'],
      'the server sent something in the clear after its answer to the TLS request',
    ],
    ['an HTTP server', ['', 'HTTP/1.1 400 Bad Request\r\n\r\n'], /^the answer is not PostgreSQL: "HTTP\/1\.1 400/],
    [
      'an error of protocol 2',
      ['', 'N', 'EFATAL: could not fork\n\0'],
      'the answer is not PostgreSQL: "EFATAL: could not fork\\n\\x00"',
    ],
    ['an error without its end', ['', 'N', unfinished], /^the answer is not PostgreSQL: |^broken PostgreSQL answer/],
    ['an error without anything', ['', 'N', hostile], /^the answer is not PostgreSQL: |^broken PostgreSQL answer/],
    [
      'an error without its end among the rows',
      ['', 'N', welcome, Buffer.concat([head, unfinished])],
      'broken PostgreSQL answer',
    ],
    ['a kind of message that there is not', ['', 'N', welcome, message('!')], 'broken PostgreSQL answer'],
    ['a row before its columns', ['', 'N', welcome, Buffer.concat([row, ready])], /^broken PostgreSQL answer: /],
    [
      'a row that is shorter than it says',
      ['', 'N', welcome, Buffer.concat([head, message('D', [0, 9])])],
      /^broken PostgreSQL answer: /,
    ],
    ['a negative number of columns', ['', 'N', welcome, message('T', [255, 255])], /^broken PostgreSQL answer: /],
    [
      'a row of 2 GB that drips',
      ['', 'N', welcome, Buffer.concat([head, Buffer.from([...Buffer.from('D'), 127, 255, 255, 255, 0])])],
      'the server announces 2147483648 bytes in one message',
    ],
    [
      'notices without an end',
      ['', 'N', welcome, Buffer.concat(Array(20_000).fill(message('N', `M${'blah '.repeat(10)}\0`, [0])))],
      /^the server does not stop talking \(over 10000 messages\)$/,
    ],
    [
      'half a row',
      ['', 'N', welcome, (socket) => void socket.end(Buffer.concat([head, row.subarray(0, 9)]))],
      'connection closed in the middle of an answer',
    ],
  ])('%s', async (_name, turns, reason) => {
    const detail = await down(inTurns(turns));
    if (typeof reason === 'string') expect(detail).toBe(reason);
    else expect(detail).toMatch(reason);
  });

  test('a password that is asked for, and that there is not', async () => {
    const detail = await down(inTurns(['', 'N', askScram, scram('')[0] as Turn]), {
      ...SPEC,
      login: { user: 'joe', password: '' },
    });
    expect(detail).toMatch(/password must be a non-empty string: set passwd$/);
  });

  test('refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, SPEC)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test.each<[string, Turn[]]>([
    ['a refusal', ['', 'N', failed('28P01', `no, not with ${PASSWORD}`)]],
    ['a refusal over TLS and in the clear', overTls([failed('28000', PASSWORD)])],
    ['a greeting that is none', ['', 'N', `${PASSWORD}!`]],
    ['an answer to the TLS request', ['', `${PASSWORD}!`]],
    ['what SCRAM begins with', ['', 'N', askScram, login(11, `r=${PASSWORD}`)]],
  ])('a server that knows the password keeps it to itself: %s', async (_name, turns) => {
    const { outcome, shown } = await seen(turns, SPEC);
    expect(outcome).toBe('down');
    for (const text of [PASSWORD, 'Sesam', 'ffne-dich']) expect(shown).not.toContain(text);
  });
});

describe('a server that', () => stopsAtEachTurn(UP, SPEC));

describe('survives', () => {
  const turn = (count: number) => UP.slice(0, count);
  survives('noise for an answer to the TLS request', turn(1), noise(), SPEC);
  survives(
    'noise for a TLS handshake',
    turn(1),
    noise().map((bytes) => Buffer.concat([Buffer.from('S'), bytes])),
    SPEC,
  );
  survives('noise for a greeting', turn(2), noise(), SPEC);
  survives('noise for an answer to the query', turn(3), noise(), SPEC);

  const messages = (types: string, before: Buffer = Buffer.alloc(0)) =>
    fc
      .array(fc.tuple(fc.constantFrom(...types), noise(80), fc.boolean()), { minLength: 1, maxLength: 6 })
      .map((all) =>
        Buffer.concat([before, ...all.map(([type, rest, ended]) => message(type, rest, ended ? [0, 0] : []))]),
      );
  const logins = fc
    .array(fc.tuple(fc.constantFrom(0, 2, 3, 5, 7, 8, 10, 11, 12, 13), noise(40)), { minLength: 1, maxLength: 6 })
    .map((all) => Buffer.concat(all.map(([kind, rest]) => login(kind, rest))));
  const ALL = '123ACDEGHIKNRSTWZcdnst';
  survives('messages of noise for a greeting', turn(2), messages('ERNRE'), SPEC);
  survives('logins of noise', turn(2), logins, SPEC);
  survives('messages of noise after a greeting', turn(2), messages(ALL, login(0)), SPEC);
  survives('noise for an answer to SCRAM', [...turn(2), askScram], logins, SPEC);
  survives('messages of noise for an answer to the query', turn(3), messages(ALL), SPEC);
  survives('messages of noise for rows', turn(3), messages(ALL, head), SPEC);
});
