// As hostile-replies.test.ts, for Oracle: oracledb opens its connections itself, so these are real ones on loopback. There is no server to
// take right answers to a login from; behind the acceptance stand packets of data, spoilt or not.
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { SqlSpec } from '../../src/config/model.ts';
import { check, type Listener, listen } from '../checks/listeners.ts';
import { expectQuiet } from '../checks/turns.ts';
import { changes, noise } from './hostile-bytes.ts';
import { runsOf, SEED } from './runs.ts';

const RUNS = runsOf(10_000, 100_000);
const AT_ONCE = 10;
const NEVER_MS = 10_000;
const SPEC: SqlSpec<'oracle'> = {
  kind: 'oracle',
  login: { user: 'joe', password: 'Sesam-1-2-3' },
  database: 'XE',
  query: 'SELECT 1 FROM dual',
  timeoutMs: NEVER_MS,
};

function packet(type: number, payload: Buffer | string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(8 + Buffer.byteLength(payload));
  header[4] = type;
  return Buffer.concat([header, Buffer.from(payload as string)]);
}

/** Behind the acceptance lengths have four bytes. */
function data(payload: Buffer): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(10 + payload.length);
  header[4] = 6;
  return Buffer.concat([header, payload]);
}

const ACCEPTED = (() => {
  const body = Buffer.alloc(37);
  for (const [at, value] of [
    [0, 318],
    [4, 8192],
    [6, 65_535],
    [14, 0x0408],
  ] as const)
    body.writeUInt16BE(value, at);
  body.writeUInt32BE(8192, 24);
  body.writeUInt32BE(65_535, 28);
  return packet(2, body);
})();
// Without an address: no name server is to be asked for a spoilt one.
const texts = ['(ERR=12505)', '(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4)))', '', '(((('];
const refusals = texts.map((text) =>
  packet(4, `\x22\0\0${String.fromCharCode(14 + text.length)}(DESCRIPTION=${text})`),
);
const redirects = texts.map((text) => packet(5, `\0${String.fromCharCode(14 + text.length)}(DESCRIPTION=${text})`));

const replies = fc.oneof(
  fc
    .tuple(fc.constantFrom(ACCEPTED, packet(11, ''), ...refusals, ...redirects), changes)
    .map(([right, spoil]) => [spoil(right)]),
  fc.tuple(fc.constantFrom(2, 4, 5, 6, 11, 12, 14), noise).map(([type, bytes]) => [packet(type, bytes)]),
  fc.tuple(noise, changes).map(([bytes, spoil]) => [ACCEPTED, spoil(data(bytes))]),
  fc.array(noise.map(data), { minLength: 1, maxLength: 3 }).map((packets) => [ACCEPTED, Buffer.concat(packets)]),
);

const said = new Map<number, readonly Buffer[]>();
const servers: Listener[] = [];

/** An answer to each thing that is heard; after the last of them it closes. */
function attack(socket: Socket): void {
  const answers = [...(said.get(socket.localPort ?? 0) ?? [])];
  socket.on('data', () => {
    const answer = answers.shift();
    if (answer !== undefined) socket.write(answer);
    if (answers.length === 0) socket.end();
  });
}

expectQuiet();
beforeAll(() => import('oracledb'));

test('ends well, whatever is said', { timeout: 30_000 + 20 * RUNS }, async () => {
  for (let count = 0; count < AT_ONCE; count += 1) servers.push(await listen(attack, { atOnce: true }));
  const property = fc.asyncProperty(fc.array(replies, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
    await Promise.all(
      batch.map(async (answers, index) => {
        const { target, port } = servers[index] as Listener;
        said.set(port, answers);
        const { outcome, detail, durationMs } = await check(target, SPEC);
        const seen = `${detail}\n${answers.map((bytes) => bytes.toString('base64')).join(' ')}`;
        expect(outcome, seen).toBe('down');
        expect(detail, seen).toMatch(/^[^\p{C}\p{Zl}\p{Zp}]{1,600}$/u);
        expect(durationMs, seen).toBeLessThan(NEVER_MS / 2);
      }),
    );
  });
  await fc.assert(property, { numRuns: Math.ceil(RUNS / AT_ONCE), endOnFailure: true, ...SEED });
  await Promise.all(servers.map((server) => server.allClosed(5_000)));
});
