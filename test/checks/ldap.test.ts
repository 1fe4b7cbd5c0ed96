// What an LDAP server may answer, and what the check makes of it.
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeAll, encode, encodeSmall, INTEGER, OCTETS, SEQUENCE } from '../../src/checks/ber.ts';
import type { LdapSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { authorities } from './dialogue.ts';
import {
  bindResponse,
  bytes,
  extendedResponse,
  type LdapAnswer,
  type LdapScript,
  ldapServer,
  message,
  result,
  searchDone,
  searchEntry,
  thenTls,
  together,
} from './ldap-server.ts';
import {
  type Answer,
  certificate,
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
const BASE = 'dc=example,dc=com';
const LOGIN = { user: 'cn=probe,dc=example,dc=com', password: 'tür & schloss' };

function ldapSpec(changes: Partial<LdapSpec> = {}): LdapSpec {
  return { kind: 'ldap', base: BASE, timeoutMs: 3000, ...changes };
}

const found = (...dns: (string | Buffer)[]) => together(...dns.map(searchEntry), searchDone());
const nothing: LdapAnswer = () => undefined;

describe('up', () => {
  test.each<[string, LdapScript, Partial<LdapSpec>]>([
    ['an entry', {}, {}],
    ['a DN that receive matches', {}, { receive: pattern('^dc=example') }],
    ['a DN in UTF-8', { search: found('dc=bücher') }, { receive: pattern('bücher$') }],
    ['with a login', {}, { login: LOGIN }],
    ['a referral beside it', { search: together(reference(), searchEntry(BASE), searchDone()) }, {}],
    ['an intermediate answer before it', { search: together(intermediate(), searchEntry(BASE), searchDone()) }, {}],
    ['controls in the answer', { bind: withControls(bindResponse()) }, {}],
    ['lengths in four bytes, as Active Directory', { bind: (id) => longForm(id) }, {}],
    ['byte by byte', { search: bytewise(found(BASE)) }, {}],
    ['all answers in one packet, in two halves', { search: inHalves(found(BASE)) }, {}],
  ])('%s', async (_name, script, changes) => {
    const server = await ldapServer(script);
    const { outcome, detail } = await check(server.target, ldapSpec(changes));
    expect(outcome).toBe('up');
    expect(detail).toMatch(/^found dc=(example,dc=com|bücher)$/);
    await server.allClosed();
    expect(server.operations.map(({ tag }) => tag)).toEqual([0x60, 0x63, 0x42]);
  });

  test('the root DSE', async () => {
    const server = await ldapServer({ search: found('') });
    expect(await check(server.target, ldapSpec({ base: '' }))).toMatchObject({ detail: 'found the root DSE' });
  });
});

describe('what is asked', () => {
  test('an anonymous bind, then the base and none of its attributes', async () => {
    const server = await ldapServer();
    await check(server.target, ldapSpec());
    const [bind, search] = server.operations;
    expect(bind?.content).toEqual(Buffer.concat([encodeSmall(INTEGER, 3), encode(OCTETS), encode(0x80)]));
    expect(decodeAll(search?.content ?? Buffer.alloc(0)).map(({ tag, content }) => [tag, content.toString()])).toEqual([
      [0x04, BASE],
      [0x0a, '\0'],
      [0x0a, '\x02'],
      [0x02, '\x02'],
      [0x02, '\0'],
      [0x01, '\0'],
      [0x87, 'objectClass'],
      [0x30, '\x04\x031.1'],
    ]);
  });

  test('a bind with a login, however long', async () => {
    const login = { user: `cn=${'x'.repeat(300)}`, password: 'ö'.repeat(100) };
    const server = await ldapServer();
    await check(server.target, ldapSpec({ login }));
    expect(decodeAll(server.operations[0]?.content ?? Buffer.alloc(0)).map(({ content }) => String(content))).toEqual([
      '\x03',
      login.user,
      login.password,
    ]);
  });

  test('without a password anonymously, as ldirectord', async () => {
    const server = await ldapServer();
    await check(server.target, ldapSpec({ login: { user: LOGIN.user, password: '' } }));
    expect(server.operations[0]?.content.toString('hex')).toBe('02010304008000');
  });
});

describe('down', () => {
  const broken = 'broken LDAP answer: ';
  test.each<[string, LdapScript, string]>([
    ['wrong password', { bind: bindResponse(49) }, 'invalid credentials (LDAP 49)'],
    [
      'wrong password, with details',
      { bind: bindResponse(49, '80090308: LdapErr: DSID-0C090400, data 52e') },
      'invalid credentials (LDAP 49): 80090308: LdapErr: DSID-0C090400, data 52e',
    ],
    [
      'no anonymous bind',
      { bind: bindResponse(48, 'anonymous bind disallowed') },
      'inappropriate authentication (LDAP 48): anonymous bind disallowed',
    ],
    ['an unknown result', { bind: bindResponse(113) }, 'LDAP result 113'],
    ['a hostile message', { bind: bindResponse(1, '\x1b[2J\n') }, 'operations error (LDAP 1): \\x1b[2J\\n'],
    ['no entry', { search: searchDone(32) }, 'no such object (LDAP 32): dc=example,dc=com'],
    [
      'no rights',
      { search: searchDone(50, 'bind first') },
      'insufficient access rights (LDAP 50): dc=example,dc=com: bind first',
    ],
    ['a referral', { search: searchDone(10) }, 'referral to another server (LDAP 10): dc=example,dc=com'],
    ['nothing found', { search: searchDone() }, 'found 0 entries of dc=example,dc=com'],
    ['two entries', { search: found(BASE, BASE) }, 'found 2 entries of dc=example,dc=com'],
    ['another DN', { search: found('dc=other') }, 'DN dc=other does not match /^dc=example/'],
    ['an empty DN', { search: found('') }, 'DN "" does not match /^dc=example/'],
    ['a hang-up', { bind: disconnection(52, 'going down') }, 'the server hangs up: unavailable (LDAP 52): going down'],
    ['a hang-up at the search', { search: disconnection(51, '') }, 'the server hangs up: busy (LDAP 51)'],
    [
      'a web server',
      { bind: bytes('HTTP/1.1 400 Bad Request\r\n') },
      'not an LDAP answer: "HTTP/1.1 400 Bad Request\\r\\n"',
    ],
    ['noise', { bind: bytes(Buffer.from([0xff, 0x00, 0x30])) }, 'not an LDAP answer: "\\xff\\x000"'],
    ['what was sent', { bind: (id) => message(id, encode(0x60)) }, `${broken}of kind 0x60, which answers no bind`],
    ['an answer to a bind', { search: bindResponse() }, `${broken}of kind 0x61, which answers no search`],
    [
      'an answer to nothing',
      { bind: (id, ...more) => bindResponse()(id + 1, ...more) },
      `${broken}it is not to what was asked`,
    ],
    ['an empty message', { bind: bytes(encode(SEQUENCE)) }, `${broken}no number where there must be one`],
    ['a message of a number', { bind: (id) => message(id) }, `${broken}it is empty`],
    ['an empty bind response', { bind: (id) => message(id, encode(0x61)) }, `${broken}it does not tell its result`],
    ['a result without a code', { bind: noCode }, `${broken}no number where there must be one`],
    ['an entry without a DN', { search: (id) => message(id, encode(0x64)) }, `${broken}an entry without a DN`],
    [
      'a part too long',
      { bind: bytes(Buffer.from('300e02010161090a010004000400877f', 'hex')) },
      `${broken}a part of it is cut short`,
    ],
    [
      'a number too long',
      { bind: bytes(Buffer.from('3009020500000000016100', 'hex')) },
      `${broken}no number where there must be one`,
    ],
    [
      'an indefinite length',
      { bind: bytes(Buffer.from('3080020101', 'hex')) },
      `${broken}a length that LDAP does not allow`,
    ],
    [
      'a length of 5 bytes',
      { bind: bytes(Buffer.from('30850000000001', 'hex')) },
      `${broken}a length that LDAP does not allow`,
    ],
    [
      '2 GB announced',
      { bind: bytes(Buffer.from('30847fffffff', 'hex')) },
      'the server announces an answer of 2147483647 bytes',
    ],
    [
      '4 GB announced',
      { bind: bytes(Buffer.from('3084ffffffff', 'hex')) },
      'the server announces an answer of 4294967295 bytes',
    ],
    [
      '64 KiB and one announced',
      { bind: bytes(Buffer.from('3083010001', 'hex')) },
      'the server announces an answer of 65537 bytes',
    ],
    ['closed at the bind', { bind: closing }, 'connection closed without an answer'],
    ['closed at the search', { search: closing }, 'connection closed by the server'],
    ['closed within an answer', { search: closingWith('30') }, 'connection closed in the middle of an answer'],
    [
      'closed within an entry',
      { search: closingWith('300f020102640a') },
      'connection closed in the middle of an answer',
    ],
    ['reset at the bind', { bind: resetting }, 'connection reset'],
    ['reset at the search', { search: resetting }, 'connection reset'],
    ['referrals without end', { search: flood(reference()) }, 'the server does not stop talking'],
    ['entries without end', { search: flood(searchEntry(BASE)) }, 'the server does not stop talking'],
  ])('%s', async (_name, script, reason) => {
    const server = await ldapServer(script);
    const { outcome, detail } = await check(server.target, ldapSpec({ receive: pattern('^dc=example') }));
    expect({ outcome, detail }).toEqual({ outcome: 'down', detail: expect.stringMatching(startingWith(reason)) });
    await server.allClosed();
  });

  test('nobody listens', async () => {
    const target = { address: '127.0.0.1', family: 4, port: await closedPort() } as const;
    expect(await check(target, ldapSpec())).toMatchObject({ outcome: 'down', detail: 'connection refused' });
  });

  test('a server that speaks first', async () => {
    const server = await listen((socket) => void socket.write('220 mail ESMTP\r\n'), { atOnce: true });
    expect(await check(server.target, ldapSpec())).toMatchObject({
      outcome: 'down',
      detail: 'not an LDAP answer: "220 mail ESMTP\\r\\n"',
    });
    await server.allClosed();
  });
});

describe('down at the deadline', () => {
  test.each<[string, LdapScript, string]>([
    ['silence', { bind: nothing }, 'connected, sent the bind request, got 0 bytes'],
    [
      'half an answer',
      { bind: bytes(Buffer.from('300c0201', 'hex')) },
      'connected, sent the bind request, got 4 bytes',
    ],
    ['a search without an end', { search: searchEntry(BASE) }, 'connected, sent the search request, got'],
    [
      'a dripping search',
      { search: acting(dripping('\x30\x7f', '\x02\x01', 20)) },
      'connected, sent the search request, got',
    ],
    ['a drip after a large length', { bind: dripAfter('308300ff01') }, 'connected, sent the bind'],
  ])('%s', async (_name, script, progress) => {
    const server = await ldapServer(script);
    const { outcome, detail, durationMs } = await check(server.target, ldapSpec({ timeoutMs: LIMIT }));
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 300 ms (${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('a handshake that does not end', async () => {
    const server = await listen(() => {}, { atOnce: true });
    const spec = ldapSpec({ tls: { start: 'at once' }, timeoutMs: LIMIT });
    expect((await check(server.target, spec)).detail).toContain('the TLS handshake did not end');
    await server.allClosed();
  });
});

describe.each(['at once', 'starttls'] as const)('TLS %s', (start) => {
  const tls = { start, authorities: authorities('authority') };
  const serve = (name: string) =>
    start === 'at once'
      ? ldapServer({}, { tls: certificate(`tls/${name}`) })
      : ldapServer({ startTls: thenTls(`tls/${name}`) });

  test('up', async () => {
    const server = await serve('good');
    const { outcome, detail } = await check(server.target, ldapSpec({ tls, login: LOGIN }));
    expect([outcome, detail]).toEqual(['up', 'found dc=example,dc=com']);
    await server.allClosed();
    const tags = server.operations.map(({ tag }) => tag);
    expect(tags).toEqual([...(start === 'at once' ? [] : [0x77]), 0x60, 0x63, 0x42]);
  });

  test('anybody is taken without authorities', async () => {
    const server = await serve('self-signed');
    expect((await check(server.target, ldapSpec({ tls: { start } }))).outcome).toBe('up');
  });

  test('a stranger’s certificate: no password for him', async () => {
    const server = await serve('expired');
    expect(await check(server.target, ldapSpec({ tls, login: LOGIN }))).toMatchObject({
      outcome: 'down',
      detail: 'certificate has expired',
    });
    await server.allClosed();
    expect(server.operations.map(({ tag }) => tag)).not.toContain(0x60);
  });
});

describe('StartTLS', () => {
  const spec = ldapSpec({ tls: { start: 'starttls' }, login: LOGIN, timeoutMs: 1000 });
  const consent = extendedResponse();
  test.each<[string, LdapAnswer, string]>([
    [
      'refused',
      extendedResponse(2, 'unsupported extended operation'),
      'StartTLS refused: protocol error (LDAP 2): unsupported extended operation',
    ],
    ['answered with something else', bindResponse(), 'broken LDAP answer: of kind 0x61, which answers no StartTLS'],
    [
      'with words behind the consent',
      (id, ...more) => together(consent, () => bindResponse()(id + 1, ...more))(id, ...more),
      'the server sent something in the clear after it agreed to StartTLS',
    ],
    [
      'and then no TLS',
      (id, socket, hear) => thenWrite(consent(id, socket, hear), socket),
      'the port does not speak TLS',
    ],
    ['closed at it', closing, 'connection closed without an answer'],
    ['reset at it', resetting, 'connection reset'],
  ])('%s', async (_name, startTls, reason) => {
    const server = await ldapServer({ startTls });
    expect(await check(server.target, spec)).toMatchObject({ outcome: 'down', detail: reason });
    await server.allClosed();
    expect(server.operations.map(({ tag }) => tag)).toEqual([0x77]);
    expect(String(server.operations[0]?.content)).toContain('1.3.6.1.4.1.1466.20037');
  });
});

describe('the password', () => {
  test.each<[string, LdapScript]>([
    ['in the diagnostic message', { bind: bindResponse(49, 'not "tür & schloss"') }],
    ['in the DN', { search: found('cn=tür & schloss') }],
    ['in part', { bind: bytes('what is tür & schl') }],
    ['with noise', { bind: bytes('\x00\xfftür & schloss') }],
    ['in what was sent', { bind: (_id, socket) => void socket.write('login tür & schloss failed') as undefined }],
    ['when it hangs up', { bind: disconnection(49, 'tür & schloss') }],
  ])('is told to nobody when the server sends it back %s', async (_name, script) => {
    const server = await ldapServer(script);
    const said: string[] = [];
    const world = services({}, { trace: (line) => said.push(line) });
    const { outcome, detail } = await check(server.target, ldapSpec({ login: LOGIN, receive: pattern('^no') }), world);
    expect(outcome).toBe('down');
    for (const text of [detail, ...said]) expect(text).not.toMatch(/tür|schl|t\\xc3|tÃ/);
  });

  test('is masked in the trace', async () => {
    const server = await ldapServer();
    const lines: string[] = [];
    await check(server.target, ldapSpec({ login: LOGIN }), services({}, { trace: (line) => lines.push(line) }));
    expect(lines.map((line) => line.replace(`127.0.0.1:${server.port} `, ''))).toEqual([
      '> bind as cn=probe,dc=example,dc=com, password ***',
      '< bind: success (LDAP 0)',
      '> search of dc=example,dc=com (objectClass=*)',
      '< entry dc=example,dc=com',
      '< search: success (LDAP 0)',
      '> unbind',
    ]);
  });
});

test('whatever a server says at whatever point, the check ends, and nothing of it is left', async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => unheard.push(error);
  process.on('uncaughtException', hear);
  process.on('unhandledRejection', hear);
  const stage = fc.constantFrom('startTls', 'bind', 'search');
  const ending = fc.constantFrom('none', 'end', 'reset');
  await fc.assert(
    fc.asyncProperty(stage, noise(), ending, async (name, sent, end) => {
      const answer: LdapAnswer = (_id, socket) => {
        socket.write(sent);
        if (end === 'end') socket.end();
        if (end === 'reset') setImmediate(() => socket.resetAndDestroy());
        return undefined;
      };
      const server = await ldapServer({ [name]: answer });
      const tls = name === 'startTls' ? { tls: { start: 'starttls' } as const } : {};
      const { outcome, durationMs } = await check(server.target, ldapSpec({ ...tls, timeoutMs: 40 }));
      expect(['up', 'down']).toContain(outcome);
      expect(durationMs).toBeLessThan(40 + NOISE_MS);
      await server.allClosed();
      await closeListeners();
    }),
    { numRuns: 500 },
  );
  process.off('uncaughtException', hear);
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
}, 60_000);

test.runIf(await hasIPv6())('IPv6', async () => {
  const server = await ldapServer({}, { host: '::1' });
  expect((await check(server.target, ldapSpec())).outcome).toBe('up');
  const secure = await ldapServer({}, { host: '::1', tls: certificate('tls/good') });
  const tls = { start: 'at once', authorities: authorities('authority') } as const;
  expect((await check(secure.target, ldapSpec({ tls }))).outcome).toBe('up');
});

/** Bytes that may be no LDAP at all, nearly LDAP, or LDAP with one byte changed. */
function noise(): fc.Arbitrary<Buffer> {
  const random = fc.uint8Array({ maxLength: 200 }).map((sent) => Buffer.from(sent));
  const element: fc.Arbitrary<Buffer> = fc
    .tuple(fc.constantFrom(0x30, 0x02, 0x04, 0x0a, 0x61, 0x64, 0x65, 0x73, 0x78), fc.array(random, { maxLength: 3 }))
    .map(([tag, contents]) => encode(tag, ...contents));
  const nearly = fc.array(element, { maxLength: 4 }).map((parts) => message(2, ...parts));
  const good = together(bindResponse(), searchEntry(BASE), searchDone());
  const changed = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(), fc.nat(255)).map(([id, at, byte]) => {
    const sent = good(id, undefined as never, () => {}) ?? Buffer.alloc(0);
    sent[at % sent.length] = byte;
    return sent;
  });
  return fc.oneof(random, nearly, changed);
}

function startingWith(text: string): RegExp {
  return new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}`);
}

function acting(answer: Answer): LdapAnswer {
  return (_id, socket) => {
    if (typeof answer === 'function') answer(socket, '');
    return undefined;
  };
}

function closing(_id: number, socket: Socket): undefined {
  socket.end();
}

function closingWith(hex: string): LdapAnswer {
  return (_id, socket) => void socket.end(Buffer.from(hex, 'hex')) as undefined;
}

function resetting(_id: number, socket: Socket): undefined {
  socket.resetAndDestroy();
}

function thenWrite(consent: Buffer | undefined, socket: Socket): undefined {
  socket.write(consent ?? '');
  socket.removeAllListeners('data');
  socket.on('data', () => void socket.write('hello, this is no TLS\r\n'));
}

function flood(answer: LdapAnswer): LdapAnswer {
  return (id, socket, hear) => acting(endless('', answer(id, socket, hear) ?? Buffer.alloc(0)))(id, socket, hear);
}

function dripAfter(hex: string): LdapAnswer {
  return (id, socket, hear) => {
    socket.write(Buffer.from(hex, 'hex'));
    return acting(dripping('', '\x02', 20))(id, socket, hear);
  };
}

function bytewise(answer: LdapAnswer): LdapAnswer {
  return (id, socket, hear) => {
    socket.setNoDelay();
    for (const byte of answer(id, socket, hear) ?? []) setTimeout(() => socket.write(Buffer.from([byte])), 1);
    return undefined;
  };
}

function inHalves(answer: LdapAnswer): LdapAnswer {
  return (id, socket, hear) => {
    const all = answer(id, socket, hear) ?? Buffer.alloc(0);
    socket.write(all.subarray(0, all.length / 2));
    setTimeout(() => socket.write(all.subarray(all.length / 2)), 20);
    return undefined;
  };
}

/** A search result reference. */
function reference(): LdapAnswer {
  return (id) => message(id, encode(0x73, encode(OCTETS, 'ldap://other.example.com/dc=other')));
}

function intermediate(): LdapAnswer {
  return (id) => message(id, encode(0x79));
}

/** What a server says of its own accord before it closes. */
function disconnection(code: number, diagnostic: string): LdapAnswer {
  return (_id, ...more) => result(0x78, code, diagnostic)(0, ...more);
}

function withControls(answer: LdapAnswer): LdapAnswer {
  return (id, ...more) => {
    const [number, operation] = decodeAll(
      decodeAll(answer(id, ...more) ?? Buffer.alloc(0))[0]?.content ?? Buffer.alloc(0),
    );
    return message(
      Number(number?.content[0]),
      encode(operation?.tag ?? 0, operation?.content ?? ''),
      encode(0xa0, encode(SEQUENCE, encode(OCTETS, '1.2.3'))),
    );
  };
}

function longForm(id: number): Buffer {
  return Buffer.from(`30840000001002010${id}6184000000070a010004000400`, 'hex');
}

function noCode(id: number): Buffer {
  return message(id, encode(0x61, encode(OCTETS), encode(OCTETS), encode(OCTETS)));
}
