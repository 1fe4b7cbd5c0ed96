// Servers that never finish: each check of them ends at its deadline, lets go of everything, and delays nobody else.
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadParser } from '../../src/checks/llhttp.ts';
import { prepareCheck } from '../../src/checks/run.ts';
import { NOISE_MS } from '../noise.ts';
import {
  type Answer,
  anyBody,
  check,
  closeListeners,
  dripping,
  endless,
  httpSpec,
  listen,
  ok,
  redirect,
  services,
} from './listeners.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';

// The first check loads it, which takes longer than these deadlines on a busy machine.
beforeAll(() => loadParser());
afterEach(closeListeners);

const LIMIT = 300;

async function timed(action: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action;
  return performance.now() - began;
}

describe('down at the deadline', () => {
  test.each<[string, Answer, string]>([
    ['silence', () => {}, 'connected, sent the request, got 0 bytes'],
    [
      'half an answer',
      (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\nfound'),
      'connected, sent the request, got 24 bytes',
    ],
    ['a dripping header', dripping('HTTP/1.1 200 OK\r\nX: ', 'drip', 40), 'connected, sent the request, got'],
    [
      'a dripping body',
      dripping('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n', 'found', 40),
      'connected, sent the request, got',
    ],
    ['dripping interim answers', dripping('', 'HTTP/1.1 100 Continue\r\n\r\n', 5), 'connected, sent the request, got'],
  ])('%s', async (_name, answer, progress) => {
    const server = await listen(answer);
    const { outcome, detail, durationMs } = await check(server.target, httpSpec({ timeoutMs: LIMIT }));
    expect(outcome).toBe('down');
    expect(detail).toContain(`no answer within 300 ms (${progress}`);
    expect(durationMs).toBeGreaterThanOrEqual(LIMIT - 20);
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('the deadline holds for all redirects together', async () => {
    const slow: Answer = (socket) => void setTimeout(() => socket.end(redirect('/again')), 100);
    const server = await listen(slow);
    const { detail, durationMs } = await check(server.target, httpSpec({ timeoutMs: LIMIT }));
    expect(detail).toContain('no answer within 300 ms');
    expect(durationMs).toBeLessThan(LIMIT + NOISE_MS);
    await server.allClosed();
  });

  test('a resolver that hangs', async () => {
    const server = await listen(ok('found'));
    const world = services({}, { resolve: () => new Promise(() => {}) });
    const spec = httpSpec({ request: 'http://slow.example/', timeoutMs: LIMIT });
    expect((await check(server.target, spec, world)).detail).toBe('no answer within 300 ms (resolving slow.example)');
  });
});

test('the deadline is kept to within 50 ms', async () => {
  const server = await listen(() => {});
  const prepared = prepareCheck({ target: server.target, spec: httpSpec({ timeoutMs: 100 }) }, services());
  const late = [];
  for (let run = 0; run < 5; run += 1) {
    // A timer beside it is as late as the machine makes it.
    const twin = timed(pause(100));
    const { durationMs } = await prepared.run();
    late.push(durationMs - (await twin));
  }
  prepared.close();
  // The median, because the machine may stand still between the two.
  expect(late.sort((a, b) => a - b)[2]).toBeLessThan(50);
});

test('a server that hung is up again at the next run', async () => {
  const server = await listen([() => {}, ok('found')]);
  const prepared = prepareCheck(
    { target: server.target, spec: httpSpec({ timeoutMs: LIMIT }) },
    services(),
    PATIENT_CLOCK,
  );
  expect((await prepared.run()).outcome).toBe('down');
  expect((await prepared.run()).outcome).toBe('up');
  prepared.close();
});

test('fifty checks that hang delay none that does not', async () => {
  const silent = await listen(() => {});
  const healthy = await listen(ok('found'));
  let ended = 0;
  const hanging = Array.from({ length: 50 }, () =>
    check(silent.target, httpSpec({ timeoutMs: 800 })).finally(() => {
      ended += 1;
    }),
  );
  expect((await check(healthy.target, httpSpec())).outcome).toBe('up');
  expect(ended).toBe(0);
  const results = await Promise.all(hanging);
  expect(results.every((result) => result.outcome === 'down')).toBe(true);
  await silent.allClosed();
});

describe('bounded memory', () => {
  const gzipHead = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000\r\n\r\n';
  test.each<[string, Answer, boolean]>([
    ['an endless body', endless('HTTP/1.1 200 OK\r\n\r\n', Buffer.alloc(65536, 'x')), true],
    [
      'an endless body that begins well, and nothing to receive',
      endless('HTTP/1.1 200 OK\r\n\r\nfound', Buffer.alloc(65536)),
      false,
    ],
    ['a gzip of 1 GB', endless(gzipHead, Buffer.alloc(65536, '\x1f\x8b\x08')), true],
    [
      'endless small chunks',
      endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', Buffer.from('1\r\nx\r\n'.repeat(10_000))),
      true,
    ],
  ])('%s', async (_name, answer, receive) => {
    const server = await listen(answer);
    const before = process.memoryUsage.rss();
    let highest = before;
    const watch = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage.rss());
    }, 10);
    const spec = receive ? httpSpec({ timeoutMs: 1000 }) : anyBody({ timeoutMs: 1000 });
    const { outcome, detail, durationMs } = await check(server.target, spec);
    clearInterval(watch);
    expect(outcome).toBe('down');
    expect(detail).toMatch(/^the answer does not end \(over 64 MiB\)|^no answer within 1 s/);
    expect(durationMs).toBeLessThan(1000 + NOISE_MS);
    expect((highest - before) / 2 ** 20).toBeLessThan(64);
    await server.allClosed();
  });
});
