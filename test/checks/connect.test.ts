// TCP connect: accepted is up, whatever is said afterwards.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { check, closedPort, closeListeners, hasIPv6, listen } from './listeners.ts';

afterEach(closeListeners);

const spec = { kind: 'connect', timeoutMs: 300 } as const;

test.each([
  ['silent', () => {}],
  ['talkative', 'greetings\r\n'],
])('a %s listener is up, and let go of', async (_name, answer) => {
  const server = await listen(answer, { atOnce: true });
  expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail: 'connected' });
  await server.allClosed();
});

test('refused', async () => {
  const target = { address: '127.0.0.1', family: 4, port: await closedPort() } as const;
  expect(await check(target, spec)).toMatchObject({ outcome: 'down', detail: 'connection refused' });
});

test('a full backlog is down at the deadline', async () => {
  // A server that listens and then sleeps without ever accepting: the kernel answers for it until its queue is full.
  const sleeper = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const server = spawn(process.execPath, ['-e', sleeper], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [printed] = await once(server.stdout, 'data');
    const target = { address: '127.0.0.1', family: 4, port: Number(printed) } as const;
    const queued = Array.from({ length: 4 }, () => connect(target.port, target.address));
    await until('a full queue', () => queued.filter(({ connecting }) => !connecting).length === 2);
    const { outcome, detail, durationMs } = await check(target, spec);
    for (const socket of queued) socket.destroy();
    expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (could not connect)']);
    expect(durationMs).toBeGreaterThan(280);
    expect(durationMs).toBeLessThan(300 + NOISE_MS);
  } finally {
    server.kill('SIGKILL');
  }
});

test.runIf(await hasIPv6())('IPv6', async () => {
  const server = await listen('', { host: '::1', atOnce: true });
  expect((await check(server.target, spec)).outcome).toBe('up');
});
