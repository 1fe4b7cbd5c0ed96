// A question over UDP: asked again until it is answered, by nobody but the peer, and nothing left open after it.
import { afterEach, describe, expect, test } from 'vitest';
import { ask, type Judged } from '../../src/checks/datagram.ts';
import type { Target } from '../../src/config/model.ts';
import { until } from '../until.ts';
import { hasIPv6 } from './listeners.ts';
import { PATIENT_CLOCK } from './patient-clock.ts';
import { closedUdpPort, closeUdpListeners, listenUdp } from './udp-listeners.ts';

afterEach(closeUdpListeners);

const ipv6 = await hasIPv6();

const judge = (datagram: Buffer): Judged<string> =>
  datagram.toString() === 'pong' ? { answer: 'pong' } : { ignored: `got "${datagram}"` };
const question = { compose: () => Buffer.from('ping'), waitsMs: [50, 100] as const, judge };

/** A context of its own, whose end is told. */
function context() {
  const cleanUps: (() => void)[] = [];
  const traced: string[] = [];
  const waits: number[] = [];
  let progress = () => '';
  return {
    ctx: {
      after(ms: number, run: () => void) {
        waits.push(ms);
        return PATIENT_CLOCK.after(ms, run);
      },
      defer: (cleanUp: () => void) => void cleanUps.push(cleanUp),
      progress(describe: () => string) {
        progress = describe;
      },
      trace: (line: string) => void traced.push(line),
    },
    traced,
    waits,
    progress: () => progress(),
    end() {
      for (const cleanUp of cleanUps) cleanUp();
    },
  };
}

test.each(['127.0.0.1', ...(ipv6 ? ['::1'] : [])])('answered by %s', async (host) => {
  const server = await listenUdp('pong', { host });
  const { ctx } = context();
  const asked = {
    ...question,
    compose: ({ address, port }: { address: string; port: number }) => Buffer.from(`${address} ${port}`),
  };
  // Without any clean-up: the socket is closed because the question is answered.
  expect(await ask(server.target, asked, ctx)).toBe('pong');
  expect(String(server.requests[0])).toBe(`${host} ${server.clients[0]?.port}`);
});

test('asked again from the same port, after each wait, until it is answered', async () => {
  const server = await listenUdp([() => undefined, () => undefined, () => undefined, 'pong']);
  const { ctx, traced, waits } = context();
  expect(await ask(server.target, question, ctx)).toBe('pong');
  expect(server.requests.map(String)).toEqual(['ping', 'ping', 'ping', 'ping']);
  expect(new Set(server.clients.map(({ port }) => port)).size).toBe(1);
  expect(waits).toEqual([50, 100, 100, 100]);
  expect(traced).toEqual([2, 3, 4].map((number) => `> the same again (request ${number})`));
});

test('silence: told how often it was asked', async () => {
  const server = await listenUdp(() => undefined);
  const { ctx, progress, end } = context();
  void ask(server.target, question, ctx);
  await until('two requests', () => server.requests.length === 2);
  expect(progress()).toBe('sent 2 requests; got nothing');
  end();
});

test('what is no answer is passed over, and the last of it told', async () => {
  const server = await listenUdp([() => ['one', ''], 'two']);
  const { ctx, progress, traced, end } = context();
  void ask(server.target, question, ctx);
  await until('the last', () => progress().includes('"two"'));
  expect(progress()).toBe('sent 2 requests; got "two"');
  expect(traced).toContain('< ignored: got "one"');
  end();
});

test('datagrams of others are not heard', async () => {
  const stranger = await listenUdp('');
  const server = await listenUdp((_request, { clients }) => {
    for (const { port, address } of clients) stranger.socket.send('pong', port, address);
    return undefined;
  });
  const { ctx, progress, end } = context();
  void ask(server.target, question, ctx);
  await until('three requests', () => server.requests.length === 3);
  expect(progress()).toBe('sent 3 requests; got nothing');
  end();
});

test('a flood ends the asking', async () => {
  const server = await listenUdp(() => new Array<string>(100).fill('noise'));
  const { ctx } = context();
  const fast = { ...question, waitsMs: [5] as const };
  await expect(ask(server.target, fast, ctx)).rejects.toThrow(
    '1001 datagrams came, but no answer; the last: got "noise"',
  );
});

test('a closed port', async () => {
  const target: Target = { address: '127.0.0.1', family: 4, port: await closedUdpPort() };
  await expect(ask(target, question, context().ctx)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a port that closes while it is asked', async () => {
  const server = await listenUdp(() => undefined);
  const { ctx } = context();
  const asked = ask(server.target, question, ctx);
  await until('one request', () => server.requests.length === 1);
  await server.close();
  await expect(asked).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

describe('a throw ends the asking, and closes the socket', () => {
  const failure = new Error('as told');
  const fail = () => {
    throw failure;
  };
  test.each([
    ['of compose', { ...question, compose: fail }],
    ['of judge', { ...question, judge: fail }],
    ['a request that is too long', { ...question, compose: () => Buffer.alloc(70_000) }],
  ])('%s', async (_name, asked) => {
    const server = await listenUdp('pong');
    await expect(ask(server.target, asked, context().ctx)).rejects.toThrow(/as told|EMSGSIZE/);
  });
});

test('ended at once: nothing is left, nobody hears of it', async () => {
  const server = await listenUdp('pong');
  const { ctx, end } = context();
  void ask(server.target, question, ctx);
  end();
});
