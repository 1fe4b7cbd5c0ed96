// What the ping command says, as iputils says it, and what is made of it.
import { expect, test } from 'vitest';
import type { CheckServices, CommandResult } from '../../src/checks/check.ts';
import { check, services } from './listeners.ts';

const target = { address: '192.0.2.7', family: 4, port: 80 } as const;
const target6 = { address: '2001:db8::7', family: 6, port: 80 } as const;

const ANSWERED = '64 bytes from 192.0.2.7: icmp_seq=1 ttl=64 time=0.045 ms\n';
const SILENT =
  'PING 192.0.2.7 (192.0.2.7) 56(84) bytes of data.\n\n1 packets transmitted, 0 received, 100% packet loss, time 0ms\n';

/** A ping that ends in turn as `ends` say, and the commands that were run. */
function pinging(ends: (Partial<CommandResult> | Error)[]): { world: CheckServices; commands: string[] } {
  const commands: string[] = [];
  const world = services(
    {},
    {
      async command(argv) {
        const end = ends[commands.length] ?? {};
        commands.push(argv.join(' '));
        if (end instanceof Error) throw end;
        return { code: 0, signal: null, stdout: '', stderr: '', ...end };
      },
    },
  );
  return { world, commands };
}

test('an answer is up at once', async () => {
  const { world, commands } = pinging([{ code: 0, stdout: ANSWERED }]);
  const result = await check(target, { kind: 'ping', timeoutMs: 2000, attempts: 3 }, world);
  expect(result).toMatchObject({ outcome: 'up', detail: 'answered ping' });
  expect(commands).toEqual(['ping -n -c 1 -W 2 192.0.2.7']);
});

test('IPv6, and a fraction of a second', async () => {
  const { world, commands } = pinging([{}]);
  await check(target6, { kind: 'ping', timeoutMs: 300, attempts: 1 }, world);
  expect(commands).toEqual(['ping -6 -n -c 1 -W 1 2001:db8::7']);
});

test('the last attempt may be the one that is answered', async () => {
  const { world, commands } = pinging([{ code: 1, stdout: SILENT }, { code: 1, stdout: SILENT }, { code: 0 }]);
  expect((await check(target, { kind: 'ping', timeoutMs: 1000, attempts: 3 }, world)).outcome).toBe('up');
  expect(commands).toHaveLength(3);
});

const coded = (code: string) => Object.assign(new Error(`spawn ping ${code}`), { code });
test.each<[string, number, Partial<CommandResult> | Error, string]>([
  ['silence', 1, { code: 1, stdout: SILENT }, 'no answer to ping'],
  ['silence again', 2, { code: 1, stdout: SILENT }, 'no answer to ping (2 attempts)'],
  [
    'a router knows',
    1,
    { code: 1, stdout: 'PING 192.0.2.7\nFrom 192.0.2.1 icmp_seq=1 Destination Host Unreachable\n\n' },
    'no answer to ping: Destination Host Unreachable',
  ],
  [
    'not permitted',
    1,
    { code: 2, stderr: 'ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n' },
    'ping failed: ping: socket: Operation not permitted',
  ],
  ['killed', 1, { code: null, signal: 'SIGKILL' }, 'ping failed: exit SIGKILL'],
  ['no such command', 1, coded('ENOENT'), 'cannot ping: neither ping (package iputils-ping) nor fping is installed'],
  ['may not be run', 1, coded('EACCES'), 'cannot ping: ping may not be run'],
])('%s is down', async (_name, attempts, end, detail) => {
  const { world } = pinging([end, end, end]);
  expect(await check(target, { kind: 'ping', timeoutMs: 1000, attempts }, world)).toMatchObject({
    outcome: 'down',
    detail,
  });
});

test.each([
  [target, 'fping -4 -r 0 -t 1500 192.0.2.7'],
  [target6, 'fping -6 -r 0 -t 1500 2001:db8::7'],
])('fping is asked where there is no ping', async (peer, expected) => {
  const { world, commands } = pinging([coded('ENOENT'), { code: 0, stdout: '192.0.2.7 is alive\n' }]);
  const result = await check(peer, { kind: 'ping', timeoutMs: 1500, attempts: 1 }, world);
  expect(result).toMatchObject({ outcome: 'up', detail: 'answered ping' });
  expect(commands[1]).toBe(expected);
});

test('out of processes says nothing about the server', async () => {
  const { world } = pinging([coded('EAGAIN')]);
  const result = await check(target, { kind: 'ping', timeoutMs: 1000, attempts: 1 }, world);
  expect(result).toMatchObject({ outcome: 'error', detail: 'out of processes (EAGAIN)' });
});

test('all attempts together have attempts × timeout', async () => {
  const world = services({}, { command: () => new Promise(() => {}) });
  const { outcome, detail, durationMs } = await check(target, { kind: 'ping', timeoutMs: 150, attempts: 2 }, world);
  expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (ping 1 of 2)']);
  expect(durationMs).toBeGreaterThan(280);
});
