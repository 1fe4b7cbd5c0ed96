// checktype = N: which check comes when, and what a failure changes.
import { afterEach, expect, test } from 'vitest';
import { prepareCheck } from '../../src/checks/run.ts';
import type { CombinedSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { type Answer, closeListeners, httpSpec, listen, ok, services } from './listeners.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';

afterEach(closeListeners);

const spec = (connects: number, changes: Partial<CombinedSpec> = {}): CombinedSpec => ({
  kind: 'combined',
  connects,
  connect: { kind: 'connect', timeoutMs: 200 },
  negotiate: httpSpec({ timeoutMs: 1500 }),
  ...changes,
});

async function details(answers: Answer | Answer[], combined: CombinedSpec, runs: number): Promise<string[]> {
  const server = await listen(answers);
  const prepared = prepareCheck({ target: server.target, spec: combined }, services(), PATIENT_CLOCK);
  const seen: string[] = [];
  for (let run = 0; run < runs; run += 1) seen.push((await prepared.run()).detail);
  prepared.close();
  return seen;
}

test('negotiate, N connects, negotiate', async () => {
  const [n, c] = ['HTTP 200 OK', 'connected'];
  expect(await details(ok('found'), spec(3), 9)).toEqual([n, c, c, c, n, c, c, c, n]);
  expect(await details(ok('found'), spec(1), 4)).toEqual([n, c, n, c]);
});

test('after a negotiate check that failed comes another', async () => {
  const bad = 'HTTP/1.1 503 Busy\r\n\r\n';
  expect(await details([bad, bad, ok('found')], spec(2), 4)).toEqual([
    'HTTP 503 Busy',
    'HTTP 503 Busy',
    'HTTP 200 OK',
    'connected',
  ]);
});

test('after a connect check that failed comes a negotiate check', async () => {
  const first = await listen(ok('found'));
  const prepared = prepareCheck({ target: first.target, spec: spec(5) }, services(), PATIENT_CLOCK);
  const seen = [(await prepared.run()).detail, (await prepared.run()).detail];
  await closeListeners();
  seen.push((await prepared.run()).detail, (await prepared.run()).detail);
  expect(seen).toEqual(['HTTP 200 OK', 'connected', 'connection refused', 'connection refused']);
  prepared.close();
});

test('service none has nothing to negotiate', async () => {
  expect(await details(ok(''), spec(1, { negotiate: { kind: 'on' } }), 3)).toEqual([
    'checktype on',
    'connected',
    'checktype on',
  ]);
});

test('each part has its own deadline', async () => {
  const server = await listen(() => {});
  const prepared = prepareCheck({ target: server.target, spec: spec(1) }, services(), PATIENT_CLOCK);
  const { detail, durationMs } = await prepared.run();
  expect(detail).toBe('no answer within 1.5 s (connected, sent the request, got 0 bytes)');
  expect(durationMs).toBeLessThan(1500 + NOISE_MS);
  prepared.close();
  await server.allClosed();
});
