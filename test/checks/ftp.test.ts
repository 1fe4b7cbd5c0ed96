// What an FTP server may answer, on either of its connections, and what the check makes of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { FtpSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { bytewise, type FtpScript, ftpServer } from './ftp-server.ts';
import {
  type Answer,
  check,
  closedPort,
  closeListeners,
  dripping,
  endless,
  hasIPv6,
  listen,
  pattern,
  services,
} from './listeners.ts';

afterEach(closeListeners);

const LIMIT = 300;
const LOGIN = { user: 'monitor', password: 'tür & schloss' };

/** An ftp check for `/check.txt` that must find "found", unless told otherwise. */
function ftpSpec(changes: Partial<FtpSpec> = {}): FtpSpec {
  return { kind: 'ftp', file: '/check.txt', receive: pattern('found'), timeoutMs: 3000, ...changes };
}

/** Logging in is enough. */
function loginOnly(changes: Partial<FtpSpec> = {}): FtpSpec {
  return { kind: 'ftp', timeoutMs: 3000, ...changes };
}

describe('up', () => {
  test.each<[string, Parameters<typeof ftpServer>[0], FtpScript]>([
    ['a file', 'it was found\n', {}],
    ['no EPSV', 'found', { EPSV: '500 Unknown command.' }],
    ['other delimiters of EPSV', 'found', { EPSV: '229 OK (!!!{port}!)' }],
    ['PASV without parentheses', 'found', { EPSV: '522 No.', PASV: '227 127,0,0,1,{high},{low}' }],
    ['a user who needs no password', 'found', { USER: '230 Welcome.', PASS: '503 Login with USER first.' }],
    ['a long greeting', 'found', { greeting: `220-Hello\r\n${'220-more\r\n'.repeat(500)} 220 not yet\r\n220 ready` }],
    ['a greeting that bids to wait', 'found', { greeting: '120 Soon.\r\n220 Now.' }],
    ['bare line feeds within a reply', 'found', { PASS: '230-Welcome\n to us\n230 Go on.' }],
    ['a server without directories and types', 'found', { CWD: '550 no', TYPE: '504 no' }],
    ['bare codes', 'found', { greeting: '220', PASS: '230-\r\n230', CWD: '250' }],
    ['125 before the data', 'found', { RETR: '125 Data connection already open.' }],
    ['250 after the data', 'found', { done: '250 Done.' }],
    ['done before the data', slowly('found'), { RETR: '150 Go.\r\n226 Done.' }],
    ['done without a beginning', slowly('found'), { RETR: '226 Done.' }],
    ['replies byte by byte', 'found', { greeting: bytewise('220-Hi\r\n220 there\r\n'), PASS: bytewise('230 ok\r\n') }],
    ['a file byte by byte', slowly('found'), { done: undefined, RETR: '226 Done.' }],
    ['noise round it', Buffer.concat([Buffer.alloc(999, 0xff), Buffer.from('found'), Buffer.alloc(9)]), {}],
    ['exactly 1 MiB', `found${'x'.repeat(2 ** 20 - 5)}`, {}],
    ['an endless file', acting(endless('found', Buffer.alloc(65536))), {}],
    ['a refused good-bye', 'found', { QUIT: '500 No.' }],
  ])('%s', async (_name, file, script) => {
    const server = await ftpServer(file, script);
    const result = await check(server.control.target, ftpSpec());
    expect(result).toMatchObject({ outcome: 'up', detail: expect.stringMatching(/^\/check\.txt: /) });
    await server.allClosed();
  });

  test('any file is enough without receive, an empty one too', async () => {
    const server = await ftpServer('');
    const { receive: _none, ...spec } = ftpSpec();
    expect(await check(server.control.target, spec)).toMatchObject({ outcome: 'up', detail: '/check.txt: 0 bytes' });
    await server.allClosed();
  });

  test('a login is enough without a file; nobody connects for data', async () => {
    const server = await ftpServer();
    const { outcome, detail } = await check(server.control.target, loginOnly({ login: LOGIN }));
    expect([outcome, detail]).toEqual(['up', '230 Login successful.']);
    await server.allClosed();
    expect(server.commands).toEqual(['USER monitor', 'PASS tür & schloss', 'CWD /', 'TYPE I', 'QUIT']);
  });

  test('anonymously, as ldirectord', async () => {
    const server = await ftpServer();
    await check(server.control.target, ftpSpec());
    await server.allClosed();
    expect(server.commands).toEqual([
      'USER anonymous',
      `PASS ldirectord@${hostname()}`,
      'CWD /',
      'TYPE I',
      'EPSV',
      'RETR /check.txt',
      'QUIT',
    ]);
  });
});

describe('down', () => {
  const noEpsv = '500 What?';
  test.each<[string, Parameters<typeof ftpServer>[0], FtpScript, string]>([
    ['too many users', '', { greeting: '421-Sorry\r\n421 Too many users.' }, '421 Too many users.'],
    ['a refused user', '', { USER: '530 This server is private.' }, '530 This server is private.'],
    ['a refused password', '', { PASS: '530 Login incorrect.' }, '530 Login incorrect.'],
    ['a last line that is empty', '', { PASS: '530-Go away.\r\n530 ' }, '530-Go away.'],
    ['an account wanted', '', { PASS: '332 Need account for login.' }, '332 Need account for login.'],
    ['no passive mode', '', { EPSV: noEpsv, PASV: '550 Not here.' }, '550 Not here. (PASV)'],
    ['EPSV without a port', '', { EPSV: '229 Fine.' }, 'no port in "229 Fine."'],
    ['EPSV with port 0', '', { EPSV: '229 (|||0|)' }, 'no port in "229 (|||0|)"'],
    ['EPSV with a port too high', '', { EPSV: '229 (|||65536|)' }, 'no port in "229 (|||65536|)"'],
    ['PASV without a port', '', { EPSV: noEpsv, PASV: '227 (127,0,0,1)' }, 'no port in "227 (127,0,0,1)"'],
    ['no file', '', { RETR: '550 Failed to open file.' }, '550 Failed to open file. (RETR /check.txt)'],
    ['a transfer given up', 'found', { done: '451 Disk error.' }, '451 Disk error. (RETR /check.txt)'],
    ['given up while the data hangs', () => {}, { RETR: '150 Go.\r\n426 Gone.' }, '426 Gone. (RETR /check.txt)'],
    ['another file', 'lost\n', {}, '/check.txt does not match /found/ (got 5 bytes: "lost\\n")'],
    ['an empty file', '', {}, '/check.txt does not match /found/ (got an empty file)'],
    [
      'found too late',
      `${'x'.repeat(2 ** 20)}found`,
      {},
      `/check.txt does not match /found/ (got more than 1 MiB: "${'x'.repeat(60)}…")`,
    ],
    ['a web server', '', { greeting: 'HTTP/1.1 400 Bad Request' }, 'not an FTP reply: "HTTP/1.1 400 Bad Request"'],
    ['no reply to USER', '', { USER: 'hello' }, 'not an FTP reply: "hello"'],
    ['control characters', '', { PASS: '530 \x1b[2J' }, '530 \\x1b[2J'],
    ['a very long line', '', { PASS: `530 ${'x'.repeat(5000)}` }, `530 ${'x'.repeat(196)}…`],
    ['a line of 64 KiB', '', { PASS: `530 ${'x'.repeat(65536)}` }, 'the server sent a line of more than 8192 bytes'],
    [
      'a reply that never ends',
      '',
      { PASS: acting(endless('230-', Buffer.from('230-more\r\n'.repeat(500)))) },
      'the server does not stop talking',
    ],
    [
      'preliminary replies without end',
      '',
      { greeting: acting(endless('', Buffer.from('120 Soon.\r\n'.repeat(500)))) },
      'the server does not stop talking',
    ],
    [
      'a data connection that is reset',
      (socket) => void socket.resetAndDestroy(),
      {},
      'connection reset (data connection',
    ],
    ['a closed greeting', '', { greeting: (socket) => void socket.end() }, 'connection closed without a greeting'],
    [
      'half a greeting',
      '',
      { greeting: (socket) => void socket.end('220') },
      'connection closed in the middle of a line',
    ],
    ['a reset greeting', '', { greeting: (socket) => void socket.resetAndDestroy() }, 'connection reset'],
    ...['USER', 'PASS', 'CWD', 'TYPE', 'EPSV', 'RETR'].flatMap((verb): [string, string, FtpScript, string][] => [
      [`closed at ${verb}`, '', { [verb]: (socket) => void socket.end() }, 'connection closed'],
      [
        `closed within a reply to ${verb}`,
        '',
        { [verb]: (socket) => void socket.end('200-a\r\n') },
        'connection closed',
      ],
      [`reset at ${verb}`, '', { [verb]: (socket) => void socket.resetAndDestroy() }, 'connection reset'],
      [`nonsense at ${verb}`, '', { [verb]: '999 \xff\xfe' }, 'not an FTP reply: "999 '],
    ]),
    ['closed after the data', 'found', { done: (socket) => void socket.end() }, 'connection closed'],
  ])('%s', async (_name, file, script, reason) => {
    const server = await ftpServer(file, script);
    const { outcome, detail } = await check(server.control.target, ftpSpec());
    expect({ outcome, detail }).toEqual({ outcome: 'down', detail: expect.stringContaining(reason) });
    expect(detail.length).toBeLessThan(500);
    await server.allClosed();
  });

  test('nobody listens', async () => {
    const target = { address: '127.0.0.1', family: 4, port: await closedPort() } as const;
    expect(await check(target, ftpSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test('nobody listens for data', async () => {
    const port = await closedPort();
    const server = await ftpServer('', { EPSV: `229 (|||${port}|)` });
    const { outcome, detail } = await check(server.control.target, ftpSpec());
    expect([outcome, detail]).toEqual(['down', `connection refused (data connection, port ${port})`]);
    await server.allClosed();
  });
});

describe('down at the deadline', () => {
  const silent = undefined;
  test.each<[string, Parameters<typeof ftpServer>[0], FtpScript, string]>([
    ['silence', '', { greeting: silent }, 'connected, got 0 bytes'],
    ['a dripping greeting', '', { greeting: drip('2') }, 'connected, got'],
    ['lines that drip', '', { PASS: drip('230-x\r\n') }, 'sent PASS ***, got'],
    ['no answer to USER', '', { USER: silent }, 'sent USER anonymous, got 0 bytes'],
    ['no answer to PASS', '', { PASS: silent }, 'sent PASS ***, got 0 bytes'],
    ['no answer to EPSV', '', { EPSV: silent }, 'sent EPSV, got 0 bytes'],
    ['no answer to RETR', () => {}, { RETR: silent }, 'connected for data too, no reply to RETR /check.txt'],
    ['no data', () => {}, {}, 'data connection, port {port}: got 0 bytes, no end'],
    ['data that drips', drip('found'), {}, 'data connection, port {port}: got'],
    [
      'data without an end',
      (socket) => void socket.write('found'),
      {},
      'data connection, port {port}: got 5 bytes, no end',
    ],
    ['nothing after the data', 'found', { done: silent }, 'got 5 bytes, then no reply that it was all'],
  ])('%s', async (_name, file, script, progress) => {
    const server = await ftpServer(file, script);
    const { outcome, detail, durationMs } = await check(server.control.target, ftpSpec({ timeoutMs: LIMIT }));
    expect(outcome).toBe('down');
    expect(detail).toContain('no answer within 300 ms (');
    expect(detail).toContain(progress.replace('{port}', String(server.data.port)));
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('a data connection that is never accepted: nothing of it is left', async () => {
    const { port, end } = await neverAccepting();
    try {
      const server = await ftpServer('', { EPSV: `229 (|||${port}|)` });
      const { outcome, detail, durationMs } = await check(server.control.target, ftpSpec({ timeoutMs: LIMIT }));
      expect([outcome, detail]).toEqual([
        'down',
        `no answer within 300 ms (data connection, port ${port}: could not connect)`,
      ]);
      expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
      await server.allClosed();
      await until('no socket is left', () => !process.getActiveResourcesInfo().includes('ConnectWrap'));
    } finally {
      end();
    }
  });
});

describe('the data connection', () => {
  test.each([
    ['the virtual address', '227 Entering Passive Mode (127,0,0,2,{high},{low})'],
    ['an address far away', '227 Entering Passive Mode (203,0,113,9,{high},{low})'],
  ])('goes to the real server when PASV names %s', async (_name, PASV) => {
    const server = await ftpServer('found', { EPSV: '500 What?', PASV });
    expect(await check(server.control.target, ftpSpec())).toMatchObject({ outcome: 'up' });
    await server.allClosed();
  });

  test('never goes where PASV points', async () => {
    const elsewhere = await listen('found', { host: '127.0.0.2', atOnce: true });
    const { port } = elsewhere;
    const server = await ftpServer('', { EPSV: '500 What?', PASV: `227 (127,0,0,2,${port >> 8},${port & 255})` });
    const { outcome, detail } = await check(server.control.target, ftpSpec());
    expect([outcome, detail]).toEqual(['down', `connection refused (data connection, port ${port})`]);
    expect(elsewhere.requests).toEqual([]);
  });
});

describe('secrets', () => {
  test.each<[string, FtpScript]>([
    ['in the reason', { PASS: '530 Wrong password "tür & schloss", monitor.' }],
    ['as nonsense', { PASS: 'PASS tür & schloss' }],
    ['in a line that does not end', { PASS: (socket) => void socket.end('530 It is not tür & schl') }],
    ['in a line that is too long', { PASS: `tür & schloss${'x'.repeat(9000)}` }],
    ['in each line', { PASS: '230-tür & schloss\r\n230 tür & schloss', CWD: '550 tür & schloss' }],
    ['in a welcome', { PASS: '230 Your password is tür & schloss' }],
    ['at the deadline', { PASS: (socket) => void socket.write('530 tür & sc') }],
  ])('are told to nobody when the server sends them back %s', async (_name, script) => {
    const server = await ftpServer('tür & schloss', script);
    const said: string[] = [];
    const world = services({}, { trace: (line) => said.push(line) });
    const { detail } = await check(server.control.target, ftpSpec({ login: LOGIN, timeoutMs: 500 }), world);
    expect(said.length).toBeGreaterThan(0);
    for (const text of [detail, ...said]) expect(text).not.toMatch(/tür|schl|t\\xc3|tÃ/);
  });

  test('are told to nobody when the file holds them', async () => {
    const server = await ftpServer('the password: tür & schloss');
    const { detail } = await check(server.control.target, ftpSpec({ login: LOGIN }));
    expect(detail).toMatch(/^\/check\.txt does not match \/found\/ \(got 28 bytes: "\(not shown/);
  });

  test('are masked in the trace', async () => {
    const server = await ftpServer('found');
    const lines: string[] = [];
    await check(server.control.target, ftpSpec({ login: LOGIN }), services({}, { trace: (line) => lines.push(line) }));
    const name = `127.0.0.1:${server.control.port} `;
    expect(lines.map((line) => line.replace(name, ''))).toEqual([
      '< 220 (vsFTPd 3.0.5)',
      '> USER monitor',
      '< 331 Please specify the password.',
      '> PASS ***',
      '< 230 Login successful.',
      '> CWD /',
      '< 250 Directory successfully changed.',
      '> TYPE I',
      '< 200 Switching to Binary mode.',
      '> EPSV',
      `< 229 Entering Extended Passive Mode (|||${server.data.port}|)`,
      '> RETR /check.txt',
      '< 150 Opening BINARY mode data connection.',
      '< 226 Transfer complete.',
      '> QUIT',
    ]);
  });
});

describe('a line break makes no second command', () => {
  test.each<[string, Partial<FtpSpec>, string]>([
    ['in the user', { login: { user: 'me\r\nDELE x', password: 'p' } }, 'FTP cannot carry a line break or NUL (USER)'],
    [
      'in the password',
      { login: { user: 'me', password: 'p\nDELE x' } },
      'FTP cannot carry a line break or NUL (PASS)',
    ],
    ['in the file', { file: '/x\r\nDELE x' }, 'FTP cannot carry a line break or NUL (RETR)'],
    ['a NUL', { file: '/x\0' }, 'FTP cannot carry a line break or NUL (RETR)'],
  ])('%s', async (_name, changes, reason) => {
    const server = await ftpServer('found');
    expect(await check(server.control.target, ftpSpec(changes))).toMatchObject({ outcome: 'down', detail: reason });
    await server.allClosed();
    expect(server.commands.join()).not.toContain('DELE');
  });
});

test('whatever a server says at whatever point, the check ends, and nothing of it is left', async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => unheard.push(error);
  process.on('uncaughtException', hear);
  process.on('unhandledRejection', hear);
  const stages = ['greeting', 'USER', 'PASS', 'CWD', 'TYPE', 'EPSV', 'PASV', 'RETR', 'done', 'data'];
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom('2', '2', '5', '-', ' ', '\r\n', '|', ',', '(', 'x'), maxLength: 60 }),
  );
  const endings = fc.constantFrom('none', 'end', 'reset');
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...stages), noise, endings, async (stage, bytes, ending) => {
      const act = (socket: Socket) => {
        socket.write(Buffer.from(bytes as string));
        if (ending === 'end') socket.end();
        if (ending === 'reset') setImmediate(() => socket.resetAndDestroy());
      };
      const server = await ftpServer(stage === 'data' ? act : 'found', stage === 'data' ? {} : { [stage]: act });
      const { outcome, durationMs } = await check(server.control.target, ftpSpec({ timeoutMs: 40 }));
      expect(['up', 'down']).toContain(outcome);
      expect(durationMs).toBeLessThan(40 + NOISE_MS);
      await server.allClosed();
      await closeListeners();
    }),
    { numRuns: 400 },
  );
  process.off('uncaughtException', hear);
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
}, 60_000);

describe.runIf(await hasIPv6())('IPv6', () => {
  test('up', async () => {
    const server = await ftpServer('found', {}, { host: '::1' });
    expect(await check(server.control.target, ftpSpec())).toMatchObject({ outcome: 'up' });
    await server.allClosed();
  });

  test('has EPSV only', async () => {
    const server = await ftpServer('found', { EPSV: '500 What?' }, { host: '::1' });
    expect(await check(server.control.target, ftpSpec())).toMatchObject({ detail: '500 What? (EPSV)' });
    expect(server.commands).not.toContain('PASV');
    await server.allClosed();
  });
});

function slowly(text: string): (socket: Socket) => void {
  return (socket) => {
    bytewise(text)(socket);
    setTimeout(() => socket.end(), 100);
  };
}

function drip(text: string): (socket: Socket) => void {
  return acting(dripping('', text, 20));
}

function acting(answer: Answer): (socket: Socket) => void {
  return (socket) => {
    if (typeof answer === 'function') answer(socket, '');
  };
}

/** A port of a process that does not accept, and whose queue is full: connections to it stay as they begin. */
async function neverAccepting(): Promise<{ port: number; end: () => void }> {
  const script = `const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
    process.stdout.write(String(server.address().port), () => process.kill(process.pid, 'SIGSTOP'));
  });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout, 'data');
  const port = Number(text);
  const queue: Socket[] = [];
  const open = () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    queue.push(socket);
    return socket;
  };
  // As many as it takes until one is not connected any more.
  await until('the queue is full', async () => {
    const socket = open();
    const waited = new AbortController();
    const timer = setTimeout(() => waited.abort(), 100);
    const connected = await once(socket, 'connect', { signal: waited.signal }).then(
      () => true,
      () => false,
    );
    clearTimeout(timer);
    return !connected;
  });
  queue.pop()?.destroy();
  return {
    port,
    end() {
      for (const socket of queue) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}
