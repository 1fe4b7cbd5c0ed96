// The frame round every check: what its end means, when it must end, what is cleaned up and kept.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckServices } from '../../src/checks/check.ts';
import { explain } from '../../src/checks/reasons.ts';
import { prepareCheck, SYSTEM_CLOCK } from '../../src/checks/run.ts';
import type { CheckSpec } from '../../src/config/model.ts';
import { CheckFailure } from '../../src/errors.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { check, closeListeners, httpSpec, listen, ok, services } from './listeners.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';

const target = { address: '192.0.2.7', family: 4, port: 80 } as const;
const external = (timeoutMs: number) => ({ kind: 'external', argv: ['check'], timeoutMs }) as const;
const commandThat = (command: CheckServices['command']) => services({}, { command });

test('on and off ask nobody', async () => {
  expect(await check(target, { kind: 'on' })).toMatchObject({ outcome: 'up', detail: 'checktype on' });
  expect(await check(target, { kind: 'off' })).toMatchObject({ outcome: 'down', detail: 'checktype off' });
});

test('the duration is told by the given clock', async () => {
  let now = 1000;
  const prepared = prepareCheck({ target, spec: { kind: 'on' } }, services(), {
    ...PATIENT_CLOCK,
    now: () => (now += 5),
  });
  expect((await prepared.run()).durationMs).toBe(5);
});

test('duration and deadline count from the moment that is given', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const prepared = prepareCheck(
    { target, spec: external(1000) },
    commandThat(() => new Promise(() => {})),
  );
  const began = performance.now();
  vi.advanceTimersByTime(400);
  const result = prepared.run(began);
  await vi.advanceTimersByTimeAsync(599);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(await result).toMatchObject({ outcome: 'down', detail: 'no answer within 1 s (check still running)' });
  expect((await result).durationMs).toBeCloseTo(1000, -1);
});

test('deadlines of one moment share a timer, and leave none behind', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const over: string[] = [];
  const from = performance.now();
  const disarm = ['a', 'b', 'c'].map((name) => SYSTEM_CLOCK.after(1000, () => over.push(name), from));
  expect(vi.getTimerCount()).toBe(1);
  disarm[1]?.();
  vi.advanceTimersByTime(1001);
  expect(over).toEqual(['a', 'c']);
  expect(vi.getTimerCount()).toBe(0);
});

test('our own fault is an error and shows where', async () => {
  const world = commandThat(() => {
    throw new TypeError('x is not a function');
  });
  const { outcome, detail } = await check(target, external(1000), world);
  expect(outcome).toBe('error');
  expect(detail).toMatch(/^TypeError: x is not a function \| at .*run\.test\.ts/);
});

test('a check that ignores its deadline ends at it all the same, and late failures are nobody’s', async () => {
  let fail = (_error: Error) => {};
  const world = commandThat(
    () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  );
  const { outcome, durationMs } = await check(target, external(100), world, SYSTEM_CLOCK);
  expect(outcome).toBe('down');
  expect(durationMs).toBeLessThan(100 + NOISE_MS);
  fail(new Error('too late'));
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test('the signal aborts at the deadline', async () => {
  const aborted = vi.fn();
  const world = commandThat((_argv, { signal }) => {
    signal.addEventListener('abort', aborted);
    return new Promise(() => {});
  });
  await check(target, external(50), world, SYSTEM_CLOCK);
  expect(aborted).toHaveBeenCalledOnce();
});

test('a limit longer than a timer can be does not fire at once', async () => {
  const world = commandThat(
    () => new Promise((resolve) => setTimeout(() => resolve({ code: 0, signal: null, stdout: '', stderr: '' }), 30)),
  );
  expect((await check(target, external(2 ** 40), world, SYSTEM_CLOCK)).outcome).toBe('up');
});

describe('the longest that a run may take', () => {
  const ping = { kind: 'ping', attempts: 3, timeoutMs: 5_000 } as const;
  const connect = { kind: 'connect', timeoutMs: 4_000 } as const;
  const combined = (timeoutMs: number) =>
    ({ kind: 'combined', connects: 2, connect, negotiate: { ...httpSpec(), timeoutMs } }) as const;
  /** Three seconds are for killing a command. */
  test.each<[CheckSpec, number]>([
    [connect, 7_000],
    [external(10_000), 13_000],
    [ping, 24_000],
    [combined(9_000), 12_000],
    [combined(1_000), 7_000],
    [{ kind: 'on' }, 3_000],
  ])('%o', (spec, limitMs) => {
    expect(prepareCheck({ target, spec }, services()).limitMs).toBe(limitMs);
  });

  test('is kept, also with a command that cannot be killed', async () => {
    const stuck = commandThat(() => new Promise(() => {}));
    const prepared = prepareCheck({ target, spec: external(100) }, stuck);
    for (const run of [1, 2]) {
      const began = performance.now();
      expect(await prepared.run(), `run ${run}`).toMatchObject({ outcome: expect.not.stringMatching('up') });
      expect(performance.now() - began).toBeLessThan(prepared.limitMs + NOISE_MS);
    }
  });
});

test('runs do not overlap', async () => {
  const command = vi.fn(async () => ({ code: 0, signal: null, stdout: '', stderr: '' }));
  const prepared = prepareCheck({ target, spec: external(1000) }, commandThat(command));
  await Promise.all([prepared.run(), prepared.run()]);
  expect(command).toHaveBeenCalledTimes(1);
  await prepared.run();
  expect(command).toHaveBeenCalledTimes(2);
});

test('closing ends a run under way without a verdict', async () => {
  const server = await listen(() => {});
  const prepared = prepareCheck({ target: server.target, spec: httpSpec() }, services());
  const running = prepared.run();
  await until('the request comes', () => server.requests.length > 0);
  prepared.close();
  expect(await running).toMatchObject({ outcome: 'error', detail: 'the check was dropped before it ended' });
  await server.allClosed();
  expect((await prepared.run()).outcome).toBe('error');
  await closeListeners();
});

test('nothing stays open after a check: no timer, no socket', async () => {
  const server = await listen(ok('found'));
  const busy = () =>
    process.getActiveResourcesInfo().filter((name) => /Timeout|TCPSocketWrap|TLSWrap|Process/.test(name)).length;
  const before = busy();
  await check(server.target, httpSpec(), services(), SYSTEM_CLOCK);
  await check(server.target, { kind: 'connect', timeoutMs: 1000 }, services(), SYSTEM_CLOCK);
  await check(target, { kind: 'external', argv: ['/bin/true'], timeoutMs: 1000 }, services(), SYSTEM_CLOCK);
  await server.allClosed();
  await until('everything is closed', () => busy() <= before, busy);
  await closeListeners();
});

describe('what an error means', () => {
  const coded = (code: string, message = 'said so', kind = Error) => Object.assign(new kind(message), { code });
  test.each<[unknown, 'down' | 'error', string | RegExp]>([
    [new CheckFailure('for this reason'), 'down', 'for this reason'],
    [coded('ECONNREFUSED'), 'down', 'connection refused'],
    [coded('EHOSTUNREACH'), 'down', 'no route to host'],
    [coded('ENETUNREACH'), 'down', 'network is unreachable'],
    [coded('EPERM'), 'down', 'not permitted (a firewall rule on this machine?)'],
    [coded('EXYZ', 'connect EXYZ 1.2.3.4'), 'down', 'connect EXYZ 1.2.3.4'],
    [coded('EXYZ', 'odd\nthing'), 'down', 'odd\\nthing (EXYZ)'],
    [coded('CERT_HAS_EXPIRED', 'certificate has expired'), 'down', 'certificate has expired'],
    [
      coded('ERR_SSL_ODD', 'C0:error:0A000:SSL routines:fn:some reason:../x.c:1:\n'),
      'down',
      'TLS failed: some reason (ERR_SSL_ODD)',
    ],
    [coded('EMFILE'), 'error', 'too many open files in this process (EMFILE)'],
    [coded('ERR_INVALID_ARG_TYPE', 'bad', TypeError), 'error', /^TypeError: bad \| at/],
    [coded('ERR_ASSERTION'), 'error', /said so/],
    [coded('UND_ERR_INVALID_ARG'), 'error', /said so/],
    [new Error('no code'), 'error', /^Error: no code \| at/],
    ['a string', 'error', 'a string'],
  ])('%s', (error, outcome, detail) => {
    expect(explain(error)).toEqual({
      outcome,
      detail: detail instanceof RegExp ? expect.stringMatching(detail) : detail,
    });
  });
});
