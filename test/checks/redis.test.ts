// What a Redis server may answer, and what the check makes of it.
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RedisSpec } from '../../src/config/model.ts';
import { check, closedPort, hasIPv6, listen, pattern } from './listeners.ts';
import { byteByByte, expectQuiet, inTurns, noise, seen, stopsAtEachTurn, survives, type Turn } from './turns.ts';

expectQuiet();

const IPV6 = await hasIPv6();
const PASSWORD = 'Sesam-öffne-dich';
const SPEC: RedisSpec = { kind: 'redis', command: ['PING'], receive: pattern('PONG'), database: 0, timeoutMs: 3000 };
const { receive: _none, ...ANYTHING } = SPEC;
const WITH_LOGIN: RedisSpec = { ...SPEC, user: 'joe', password: PASSWORD, database: 3 };
const UP: Turn[] = ['', '+OK\r\n', '+OK\r\n', '+PONG\r\n'];

async function run(turns: readonly Turn[], spec: RedisSpec): Promise<{ outcome: string; detail: string }> {
  const server = await listen(inTurns(turns), { atOnce: true });
  const { outcome, detail } = await check(server.target, spec);
  await server.allClosed();
  return { outcome, detail };
}

describe('up', () => {
  const asking = (command: string, receive: string): RedisSpec => ({
    ...SPEC,
    command: command.split(' '),
    receive: pattern(receive),
  });
  const large = `$1000000\r\n${'x'.repeat(999_994)}master\r\n`;
  test.each<[string, Turn[], RedisSpec, string]>([
    ['a status', ['', '+PONG\r\n'], SPEC, '"PONG"'],
    ['a text', ['', '$13\r\nrole:master\r\n\r\n'], asking('INFO', 'role:master'), '"role:master\\r\\n"'],
    [
      'a text of bytes',
      ['', Buffer.from('$2\r\n\xff\xfe\r\n', 'latin1')],
      asking('GET key', '^\\xff\\xfe$'),
      '"\\xff\\xfe"',
    ],
    ['a number', ['', ':42\r\n'], asking('DBSIZE', '^42$'), '"42"'],
    ['a large number', ['', ':9007199254740993\r\n'], asking('DBSIZE', '^9007199254740993$'), '"9007199254740993"'],
    ['a list', ['', '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n'], asking('ROLE', '^master\n0\n$'), '"master\\n0\\n"'],
    ['a list in a list', ['', '*2\r\n*2\r\n+a\r\n$-1\r\n:1\r\n'], asking('X', '^a\nnil\n1$'), '"a\\nnil\\n1"'],
    [
      'pairs that ioredis would make an object of',
      ['', '*2\r\n+k\r\n+v\r\n'],
      asking('hgetall h', '^k\nv$'),
      '"k\\nv"',
    ],
    ['nil that is expected', ['', '$-1\r\n'], asking('GET lock', '^nil$'), '"nil"'],
    ['anything', ['', '+well\r\n'], ANYTHING, '"well"'],
    ['an empty text', ['', '$0\r\n\r\n'], ANYTHING, '""'],
    ['a login and a database', UP, WITH_LOGIN, '"PONG"'],
    ['byte by byte', byteByByte(['', '*2\r\n$4\r\nPONG\r\n$-1\r\n']), SPEC, '"PONG\\nnil"'],
    ['almost 1 MiB', ['', large], asking('GET key', 'master$'), `"${'x'.repeat(60)}…"`],
  ])('%s', async (_name, turns, spec, detail) => {
    expect(await run(turns, spec)).toEqual({ outcome: 'up', detail });
  });

  test('what it asks', async () => {
    const heard: string[] = [];
    const listening = UP.map(
      (turn): Turn =>
        (socket, words) => {
          heard.push(words.toString());
          socket.write(turn as string);
        },
    );
    expect((await run(listening, WITH_LOGIN)).outcome).toBe('up');
    expect(heard).toEqual([
      '',
      `*3\r\n$4\r\nAUTH\r\n$3\r\njoe\r\n$17\r\n${PASSWORD}\r\n`,
      '*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n',
      '*1\r\n$4\r\nPING\r\n',
    ]);
  });

  test('a password without a user is that of the default user', async () => {
    let asked = '';
    const listening: Turn = (socket, words) => {
      asked = words.toString();
      socket.write('+OK\r\n');
    };
    expect((await run(['', listening, '+PONG\r\n'], { ...SPEC, password: 'x' })).outcome).toBe('up');
    expect(asked).toBe('*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n');
  });

  test.runIf(IPV6)('IPv6', async () => {
    const server = await listen(inTurns(['', '+PONG\r\n']), { atOnce: true, host: '::1' });
    expect(await check(server.target, SPEC)).toMatchObject({ outcome: 'up', detail: '"PONG"' });
    await server.allClosed();
  });
});

describe('down', () => {
  const error = (text: string) => ['', `-${text}\r\n`];
  const protectedMode = 'DENIED Redis is running in protected mode because protected mode is enabled';
  test.each<[string, Turn[], RedisSpec, string | RegExp]>([
    ['another answer', ['', '+PING\r\n'], SPEC, 'answer to PING does not match /PONG/: got "PING"'],
    ['nil', ['', '$-1\r\n'], ANYTHING, 'the answer to PING is nil'],
    ['a list that is nil', ['', '*-1\r\n'], ANYTHING, 'the answer to PING is nil'],
    ['no password', error('NOAUTH Authentication required.'), SPEC, 'NOAUTH Authentication required. Set passwd.'],
    [
      'a wrong password',
      error('WRONGPASS invalid username-password pair or user is disabled.'),
      WITH_LOGIN,
      'WRONGPASS invalid username-password pair or user is disabled.',
    ],
    [
      'a password that is not wanted',
      error('ERR AUTH <password> called without any password configured for the default user.'),
      WITH_LOGIN,
      'ERR AUTH <password> called without any password configured for the default user.',
    ],
    [
      'no such database',
      ['', '+OK\r\n', '-ERR DB index is out of range\r\n'],
      WITH_LOGIN,
      'ERR DB index is out of range',
    ],
    [
      'loading',
      error('LOADING Redis is loading the dataset in memory'),
      SPEC,
      'LOADING Redis is loading the dataset in memory',
    ],
    [
      'a replica without its master',
      error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
      SPEC,
      /^MASTERDOWN Link with MASTER is down/,
    ],
    [
      'a wrong type',
      error('WRONGTYPE Operation against a key holding the wrong kind of value'),
      SPEC,
      'WRONGTYPE Operation against a key holding the wrong kind of value',
    ],
    ['a move', error('MOVED 866 10.0.0.9:6379'), SPEC, 'MOVED 866 10.0.0.9:6379'],
    ['an error without words', error(''), SPEC, 'an error without words'],
    ['protected mode, said at once', [(socket) => void socket.end(`-${protectedMode}\r\n`)], SPEC, protectedMode],
    [
      'too many clients, said at once',
      [(socket) => void socket.end('-ERR max number of clients reached\r\n')],
      SPEC,
      'ERR max number of clients reached',
    ],
    ['no OK to the login', ['', '+MAYBE\r\n'], WITH_LOGIN, 'answer to AUTH is not OK: got "MAYBE"'],
    ['an SSH server', ['SSH-2.0-OpenSSH_9.2\r\n'], SPEC, 'the answer is not Redis: "SSH-2.0-OpenSSH_9.2\\r\\n"'],
    ['an HTTP server', ['', 'HTTP/1.1 400 Bad Request\r\n\r\n'], SPEC, /^the answer is not Redis: "HTTP\/1\.1 400/],
    ['a text that is too long', ['', '$1048577\r\nxxx'], SPEC, 'the server announces 1048589 bytes in one message'],
    [
      'a list that is too long',
      ['', '*30000000\r\n'],
      SPEC,
      'the server announces 30000000 elements in one answer (limit 10000)',
    ],
    [
      'lists in lists without an end',
      ['', '*9\r\n'.repeat(50_000)],
      SPEC,
      'the server announces 10008 elements in one answer (limit 10000)',
    ],
    [
      'a list deeper than any',
      ['', `${'*1\r\n'.repeat(100_000)}:1\r\n`],
      SPEC,
      'the server announces 10001 elements in one answer (limit 10000)',
    ],
    ['a line without an end', ['', `+${'x'.repeat(1_100_000)}`], SPEC, /^the server does not stop talking/],
    ['a length that is no number', ['', '$many\r\n'], SPEC, /^the answer is not Redis/],
    ['a length less than nothing', ['', '$-2\r\n'], SPEC, /^the answer is not Redis/],
    ['a line that ends half', ['', '+PONG\r*30000000\r\n'], SPEC, /^the answer is not Redis/],
    [
      'half a text',
      ['', (socket) => void socket.end('$4\r\nPO')],
      SPEC,
      'connection closed in the middle of an answer',
    ],
  ])('%s', async (_name, turns, spec, reason) => {
    const { outcome, detail } = await run(turns, spec);
    expect(outcome, detail).toBe('down');
    if (typeof reason === 'string') expect(detail).toBe(reason);
    else expect(detail).toMatch(reason);
  });

  test('refused', async () => {
    const target = { address: '127.0.0.1', family: 4 as const, port: await closedPort() };
    expect(await check(target, SPEC)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test('a list that is deep is matched only so far', async () => {
    const { outcome } = await run(['', `${'*1\r\n'.repeat(1000)}+PONG\r\n`], SPEC);
    expect(outcome).toBe('down');
  });

  test.each<[string, Turn[]]>([
    ['a refusal', ['', `-WRONGPASS ${PASSWORD}\r\n`]],
    ['no OK', ['', `+${PASSWORD}\r\n`]],
    ['an echo', [(socket) => void socket.pipe(socket)]],
    ['an answer that is none', ['', `${PASSWORD}!\r\n`]],
    ['the answer to the command', ['', '+OK\r\n', '+OK\r\n', `$17\r\n${PASSWORD}\r\n`]],
  ])('a server that knows the password keeps it to itself: %s', async (_name, turns) => {
    const { outcome, shown } = await seen(turns, WITH_LOGIN);
    expect(outcome).toBe('down');
    expect(shown).toContain('***');
    for (const text of [PASSWORD, 'Sesam', 'ffne-dich']) expect(shown).not.toContain(text);
  });
});

describe('a server that', () => stopsAtEachTurn(UP, WITH_LOGIN));

describe('survives', () => {
  const turn = (count: number) => UP.slice(0, count);
  survives('noise for an answer to the login', turn(1), noise(), WITH_LOGIN);
  survives('noise for an answer to the command', turn(3), noise(), WITH_LOGIN);
  const line = fc.tuple(
    fc.constantFrom(...'+-:$*'),
    fc.oneof(fc.integer({ min: -2, max: 12 }).map(String), fc.string()),
  );
  const lines = fc
    .array(line, { maxLength: 12 })
    .map((all) => Buffer.from(all.map((each) => `${each.join('')}\r\n`).join('')));
  survives('lines of noise for an answer to the login', turn(1), lines, WITH_LOGIN);
  survives('lines of noise for an answer to the command', turn(3), lines, WITH_LOGIN);
  survives('lines of noise for any answer', turn(3), lines, { ...ANYTHING, password: 'x', database: 3 });
});

describe('a Redis in memory (ioredis-mock)', async () => {
  const { default: Mock } = await vi.importActual<{ default: typeof import('ioredis-mock') }>('ioredis-mock');

  /** ioredis has commands by their names, and one method for all; the mock has only the former. */
  class Redis extends Mock {
    override callBuffer = (name: string, ...words: unknown[]): Promise<unknown> =>
      Reflect.apply(Reflect.get(this, `${name.toLowerCase()}Buffer`) as () => Promise<unknown>, this, words);
  }

  async function ask(command: string, receive?: string): Promise<{ outcome: string; detail: string }> {
    vi.resetModules();
    vi.doMock('ioredis', () => ({ Redis }));
    try {
      const { redis } = await import('../../src/checks/redis.ts');
      const server = await listen(() => {}, { atOnce: true });
      const ended: (() => void)[] = [];
      const spec = {
        ...ANYTHING,
        command: command.split(' '),
        ...(receive === undefined ? {} : { receive: pattern(receive) }),
      };
      const ctx = { defer: (end: () => void) => ended.push(end), progress: () => {} };
      const result = await redis(server.target, spec, ctx as never).then(
        (detail) => ({ outcome: 'up', detail }),
        (error: Error) => ({ outcome: 'down', detail: error.message }),
      );
      for (const end of ended) end();
      await server.allClosed();
      return result;
    } finally {
      vi.doUnmock('ioredis');
    }
  }

  test.each<[string, string | undefined, string, string | RegExp]>([
    ['PING', 'PONG', 'up', '"PONG"'],
    ['SET key value', undefined, 'up', '"OK"'],
    ['GET key', '^value$', 'up', '"value"'],
    ['GET nothing', undefined, 'down', 'the answer to GET nothing is nil'],
    ['GET key', '^other$', 'down', 'answer to GET key does not match /^other$/: got "value"'],
    ['LPUSH key element', undefined, 'down', 'Key key does not contain a list'],
    ['INFO', 'redis_version', 'up', /^"# Server/],
  ])('%s, which shall match %s, is %s', async (command, receive, outcome, detail) => {
    const result = await ask(command, receive);
    expect(result).toEqual({ outcome, detail: typeof detail === 'string' ? detail : expect.stringMatching(detail) });
  });
});
