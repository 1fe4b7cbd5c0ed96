// What an answer to a ping, or none, means for a server. How pings are sent is tested in test/system/pinger.test.ts.
import { expect, test } from 'vitest';
import type { CheckServices, PingAnswer } from '../../src/checks/check.ts';
import type { PingSpec } from '../../src/config/model.ts';
import { CannotCheck } from '../../src/errors.ts';
import { check, services } from './listeners.ts';

const target = { address: '192.0.2.7', family: 4, port: 80 } as const;
const target6 = { address: '2001:db8::7', family: 6, port: 80 } as const;
const spec = (changes: Partial<PingSpec> = {}): PingSpec => ({
  kind: 'ping',
  timeoutMs: 1000,
  attempts: 1,
  ...changes,
});

const ALIVE: PingAnswer = { answered: true };
const SILENT: PingAnswer = { answered: false };
const UNREACHABLE: PingAnswer = { answered: false, said: 'Host Unreachable from 192.0.2.1' };

/** A world in which pings end in turn as `ends` say, and those that were asked for. */
function pinging(...ends: (PingAnswer | Error)[]): { world: CheckServices; asked: string[] } {
  const asked: string[] = [];
  const world = services(
    {},
    {
      async ping({ address, family }, { timeoutMs }) {
        const end = ends[asked.length] ?? SILENT;
        asked.push(`${address} ${family} ${timeoutMs}`);
        if (end instanceof Error) throw end;
        return end;
      },
    },
  );
  return { world, asked };
}

test.each([
  [target, '192.0.2.7 4 2000'],
  [target6, '2001:db8::7 6 2000'],
])('an answer is up at once', async (peer, expected) => {
  const { world, asked } = pinging(ALIVE);
  const result = await check(peer, spec({ timeoutMs: 2000, attempts: 3 }), world);
  expect(result).toMatchObject({ outcome: 'up', detail: 'answered ping' });
  expect(asked).toEqual([expected]);
});

test('the last attempt may be the one that is answered', async () => {
  const { world, asked } = pinging(SILENT, UNREACHABLE, ALIVE);
  expect((await check(target, spec({ attempts: 3 }), world)).outcome).toBe('up');
  expect(asked).toHaveLength(3);
});

test.each<[string, number, PingAnswer[], string]>([
  ['silence', 1, [SILENT], 'no answer to ping'],
  ['silence again', 2, [SILENT, SILENT], 'no answer to ping (2 attempts)'],
  ['a router knows', 1, [UNREACHABLE], 'no answer to ping: Host Unreachable from 192.0.2.1'],
  [
    'a router said so once',
    3,
    [SILENT, UNREACHABLE, SILENT],
    'no answer to ping: Host Unreachable from 192.0.2.1 (3 attempts)',
  ],
  ['nothing that a terminal obeys', 1, [{ answered: false, said: 'a\x1b[2Jb' }], 'no answer to ping: a\\x1b[2Jb'],
])('%s is down', async (_name, attempts, answers, detail) => {
  const { world, asked } = pinging(...answers);
  expect(await check(target, spec({ attempts }), world)).toMatchObject({ outcome: 'down', detail });
  expect(asked).toHaveLength(attempts);
});

test.each<[string, Error, string]>([
  [
    'no program',
    new CannotCheck('cannot ping: fping is not installed; ping is not installed'),
    'cannot ping: fping is not installed; ping is not installed',
  ],
  ['no process', Object.assign(new Error('spawn fping EAGAIN'), { code: 'EAGAIN' }), 'out of processes (EAGAIN)'],
  ['noise of a program', new CannotCheck('cannot ping: \x1b[2J'), 'cannot ping: \\x1b[2J'],
])('%s says nothing about the server', async (_name, error, detail) => {
  const { world, asked } = pinging(error);
  expect(await check(target, spec({ attempts: 3 }), world)).toMatchObject({ outcome: 'error', detail });
  expect(asked).toHaveLength(1);
});

test('an answer just before its timeout is in time, although others were waited for first', async () => {
  const world = services({}, { ping: () => new Promise((resolve) => setTimeout(resolve, 400, ALIVE)) });
  expect((await check(target, spec({ timeoutMs: 150 }), world)).outcome).toBe('up');
});

test('a pinger that never answers does not hold the check', async () => {
  let given: AbortSignal | undefined;
  const world = services(
    {},
    {
      ping(_target, { signal }) {
        given = signal;
        return new Promise(() => {});
      },
    },
  );
  const { outcome, detail, durationMs } = await check(target, spec({ timeoutMs: 150 }), world);
  expect([outcome, detail]).toEqual(['down', 'no answer within 2.15 s (ping 1 of 1)']);
  expect(durationMs).toBeGreaterThan(2100);
  expect(given?.aborted).toBe(true);
});
