// What an Oracle listener may answer before the login, and what the check makes of it; there is no server here to log in to.
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { SqlSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { check, closedPort, hasIPv6, listen, services } from './listeners.ts';
import { byteByByte, expectQuiet, inTurns, noise, seen, stopsAtEachTurn, survives, type Turn } from './turns.ts';

expectQuiet();

const IPV6 = await hasIPv6();
const PASSWORD = 'Sesam-öffne-dich';
const SPEC: SqlSpec<'oracle'> = {
  kind: 'oracle',
  login: { user: 'joe', password: PASSWORD },
  database: 'XE',
  query: 'SELECT 1 FROM dual',
  timeoutMs: 3000,
};

function packet(type: number, ...parts: (string | readonly number[] | Buffer)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const header = Buffer.alloc(8);
  header.writeUInt16BE(payload.length + 8);
  header[4] = type;
  return Buffer.concat([header, payload]);
}

function refusal(inside: string): Buffer {
  const text = `(DESCRIPTION=(TMP=)(VSNNUM=318767104)${inside})`;
  return packet(4, [34, 0, text.length >> 8, text.length & 0xff], text);
}

function redirection(port: number): Buffer {
  const text = `(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=${port}))(CONNECT_DATA=(SID=XE)))`;
  return packet(5, [text.length >> 8, text.length & 0xff], text);
}

/** Version 3.18, large packets, no native network encryption. */
const accepted = (() => {
  const body = Buffer.alloc(37);
  body.writeUInt16BE(318, 0);
  body.writeUInt16BE(8192, 4);
  body.writeUInt16BE(65_535, 6);
  body[14] = 0x04;
  body[15] = 0x08;
  body.writeUInt32BE(8192, 24);
  body.writeUInt32BE(65_535, 28);
  return packet(2, body);
})();

async function down(turns: readonly Turn[], spec = SPEC): Promise<string> {
  const server = await listen(inTurns(turns), { atOnce: true });
  const { outcome, detail } = await check(server.target, spec);
  expect(outcome, detail).toBe('down');
  await server.allClosed();
  return detail.replaceAll(String(server.port), 'PORT');
}

describe('down', () => {
  test.each<[string, Turn[], string | RegExp]>([
    [
      'an unknown SID',
      ['', refusal('(ERR=12505)(ERROR_STACK=(ERROR=(CODE=12505)(EMFI=4)))')],
      'NJS-519: cannot connect to Oracle Database. SID "XE" is not registered with the listener at host 127.0.0.1 port PORT. (ORA-12505)',
    ],
    [
      'an unknown SID, byte by byte',
      byteByByte(['', refusal('(ERR=12505)')]),
      'NJS-519: cannot connect to Oracle Database. SID "XE" is not registered with the listener at host 127.0.0.1 port PORT. (ORA-12505)',
    ],
    [
      'an unknown service',
      ['', refusal('(ERR=12514)')],
      /^NJS-518: .* is not registered with the listener .* \(ORA-12514\)$/,
    ],
    [
      'no handler that is free',
      ['', refusal('(ERR=12516)')],
      'NJS-511: connection to listener at host 127.0.0.1 port PORT was refused. Cause: ORA-12516',
    ],
    [
      'a refusal without a number',
      ['', refusal('')],
      'NJS-511: connection to listener at host 127.0.0.1 port PORT was refused. Cause: refused',
    ],
    [
      'a refusal that is cut short',
      ['', packet(4, [34, 0, 0, 9], '(DESCRIPT')],
      /^NJS-514: syntax error in connection string$/,
    ],
    [
      'a refusal of nothing but brackets',
      ['', packet(4, [34, 0, 40, 0], '('.repeat(10_000))],
      /^(NJS-|broken Oracle answer)/,
    ],
    ['an acceptance of nothing', ['', packet(2, [1, 0])], /^broken Oracle answer: /],
    [
      'noise after the acceptance',
      ['', accepted, 'this is no answer at all'],
      /^(NJS-|broken Oracle answer|connection closed)/,
    ],
    ['an SSH server', ['SSH-2.0-OpenSSH_9.2\r\n'], 'the answer is not Oracle: "SSH-2.0-OpenSSH_9.2\\r\\n"'],
    ['an HTTP server', ['', 'HTTP/1.1 400 Bad Request\r\n\r\n'], /^the answer is not Oracle: "HTTP\/1\.1 400/],
    [
      'a packet that is shorter than its header',
      ['', Buffer.from([0, 3, 0, 0, 4, 0, 0, 0])],
      /^the answer is not Oracle: /,
    ],
    [
      'resending without an end',
      [(socket) => void socket.on('data', () => socket.write(packet(11)))],
      /^the server does not stop talking|^no answer within/,
    ],
    [
      'packets without an end',
      ['', Buffer.concat([accepted, Buffer.alloc(1_200_000, packet(14, [0, 1, 0, 0, 0, 0]))])],
      /^(the server does not stop talking|NJS-|broken)/,
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

  test.runIf(IPV6)('IPv6', async () => {
    const server = await listen(inTurns(['', refusal('(ERR=12505)')]), { atOnce: true, host: '::1' });
    expect((await check(server.target, SPEC)).detail).toContain('ORA-12505');
    await server.allClosed();
  });

  test('without a SID the listener decides', async () => {
    const { database: _none, ...spec } = SPEC;
    let asked = '';
    const listening: Turn = (socket, words) => {
      asked += words.toString('latin1');
      socket.write(refusal('(ERR=12504)'));
    };
    expect(await down(['', listening], spec)).toContain('ORA-12504');
    expect(asked).not.toContain('SID=');
  });

  test('the listener sends us elsewhere', async () => {
    const other = await listen(inTurns(['', refusal('(ERR=12516)')]), { atOnce: true });
    const detail = await down(['', redirection(other.port)]);
    expect(detail).toBe(
      `NJS-511: connection to listener at host 127.0.0.1 port ${other.port} was refused. Cause: ORA-12516`,
    );
    await other.allClosed();
  });

  test('elsewhere there is silence', async () => {
    const other = await listen(() => {}, { atOnce: true });
    const server = await listen(inTurns(['', redirection(other.port)]), { atOnce: true });
    const { detail, durationMs } = await check(server.target, { ...SPEC, timeoutMs: 300 });
    expect(detail).toBe('no answer within 300 ms (connected, got 0 bytes)');
    expect(durationMs).toBeLessThan(300 + NOISE_MS);
    await other.allClosed();
    await server.allClosed();
  });

  test('two checks at once have each its own connections', async () => {
    const silent = await listen(() => {}, { atOnce: true });
    const refusing = await listen(inTurns(['', refusal('(ERR=12505)')]), { atOnce: true });
    const hanging = check(silent.target, { ...SPEC, timeoutMs: 400 });
    expect((await check(refusing.target, SPEC)).detail).toContain('ORA-12505');
    await refusing.allClosed();
    expect(silent.open()).toBe(1);
    expect((await hanging).detail).toBe('no answer within 400 ms (connected, got 0 bytes)');
    await silent.allClosed();
  });

  test('a server that knows the password keeps it to itself', async () => {
    for (const turn of [refusal(`(ERR=${PASSWORD})`), `${PASSWORD}!`]) {
      const { outcome, shown } = await seen(['', turn], SPEC);
      expect(outcome).toBe('down');
      for (const text of [PASSWORD, 'Sesam', 'ffne-dich']) expect(shown).not.toContain(text);
    }
  });
});

test('without the package it is not the server that is to blame', async () => {
  vi.resetModules();
  vi.doMock('oracledb', () => {
    throw new Error('not found');
  });
  const { oracle } = await import('../../src/checks/oracle.ts');
  const target = { address: '127.0.0.1', family: 4 as const, port: 9 };
  const error = await oracle(target, SPEC, services() as never).catch((reason) => reason as Error);
  vi.doUnmock('oracledb');
  vi.resetModules();
  expect(error).toMatchObject({ code: 'CANNOT_CHECK', message: expect.stringContaining('npm install oracledb') });
});

describe('a server that', () => stopsAtEachTurn(['', accepted], SPEC));

describe('survives', () => {
  const after = ['', accepted];
  survives('noise for an answer to the connect', [''], noise(), SPEC);
  survives('noise after the acceptance', after, noise(), SPEC);

  const packets = (types: readonly number[]) =>
    fc
      .array(fc.tuple(fc.constantFrom(...types), noise(120)), { minLength: 1, maxLength: 5 })
      .map((all) => Buffer.concat(all.map(([type, rest]) => packet(type, rest))));
  survives('packets of noise for an answer to the connect', [''], packets([2, 4, 5, 6, 11, 12, 14]), SPEC);
  const words = fc.array(fc.constantFrom('(', ')', '=', ',', 'ERR', 'DESCRIPTION', '12505', '"', "'", '\\', ' ', '#'), {
    maxLength: 40,
  });
  survives(
    'refusals of noise',
    [''],
    words.map((all) => refusal(all.join(''))),
    SPEC,
  );
  // From the acceptance on a length has four bytes.
  const large = packets([6, 12, 14]).map((bytes) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt32BE(Math.max(copy.readUInt16BE(0), 11), 0);
    return copy;
  });
  survives('packets of noise after the acceptance', after, large, SPEC);
});
