// Generated hostile replies, for each protocol: right answers spoilt, cut short, repeated, and noise. Each check of them ends when the
// connection does, or at its deadline, with a short printable reason, and keeps nothing.
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { CheckResult } from '../../src/checks/check.ts';
import type { Question } from '../../src/checks/datagram.ts';
import { loadParser } from '../../src/checks/llhttp.ts';
import type { Peer as Address } from '../../src/checks/socket.ts';
import type { NegotiateSpec, Target } from '../../src/config/model.ts';
import { CheckFailure } from '../../src/errors.ts';
import { check, services } from '../checks/listeners.ts';
import { expectQuiet } from '../checks/turns.ts';
import { configOf } from '../config-of.ts';
import { until } from '../until.ts';
import { changes } from './hostile-bytes.ts';
import { PROTOCOLS, type Protocol, radiusAnswer, SECRET } from './hostile-peers.ts';
import { type Misdeed, type Peer, Wire } from './hostile-wire.ts';
import { runsOf, SEED } from './runs.ts';

/** For each protocol. */
const RUNS = runsOf(10_000, 100_000);
/** Checks at once: most of those that wait for their deadline wait together. */
const AT_ONCE = 200;
/** For those whose server keeps the connection, and for the others, who never need it. */
const [LIMIT_MS, NEVER_MS] = [25, 10_000];
const PORT = 9;
/** What the libraries keep for all checks to come; of a hundred thousand checks a hundred bytes each would be as much. */
const KEPT_BYTES = 12 * 2 ** 20;

interface Server {
  readonly protocol: Protocol;
  readonly peer: () => Peer;
  readonly misdeed: Misdeed;
  /** The first connection. */
  wire?: Wire;
}
/** By the address of the check's target. */
const servers = vi.hoisted(() => new Map<string, unknown>()) as Map<string, Server>;

vi.mock('../../src/checks/socket.ts', async (original) => ({
  ...(await original<typeof import('../../src/checks/socket.ts')>()),
  async openSocket({ address, port }: Address, ctx: { defer(cleanUp: () => void): void }) {
    const server = servers.get(address);
    if (server === undefined) throw Object.assign(new Error('nobody there'), { code: 'ECONNREFUSED' });
    const wire = port === PORT ? new Wire(server.peer(), server.misdeed) : dataWire(server);
    server.wire ??= wire;
    ctx.defer(() => wire.destroy());
    return wire;
  },
  // Who is trusted to encrypt can be as hostile as anybody.
  startTls: async (socket: Wire) => socket,
}));

vi.mock('../../src/checks/datagram.ts', () => ({
  async ask({ address }: Target, { compose, judge }: Question<unknown>) {
    const { peer, misdeed } = servers.get(address) as Server;
    const request = compose({ address: '127.0.0.1', port: 40_000 });
    for (let sent = 0; sent < misdeed.pieces; sent += 1) {
      const judged = judge(misdeed.spoil(peer().answer(request)));
      if ('answer' in judged) return judged.answer;
      expect(judged.ignored).toMatch(SHORT);
    }
    // A signature shows no more than that somebody knows the secret.
    const signed = judge(radiusAnswer(request, misdeed.spoil));
    if ('answer' in signed) return signed.answer;
    throw new CheckFailure(`no answer (${signed.ignored})`);
  },
}));

/** What is printable, and as long as a reason may be. */
const SHORT = /^[^\p{C}\p{Zl}\p{Zp}]{1,1001}$/u;

/** The data connection's turn is behind all of the other one. */
function dataWire({ protocol: { data = Buffer.alloc(0) }, misdeed }: Server): Wire {
  const peer: Peer = { greeting: data, answer: () => Buffer.alloc(0) };
  const spoil = misdeed.turn === DATA_TURN ? misdeed.spoil : (said: Buffer) => said;
  return new Wire(peer, { ...misdeed, spoil, turn: 0, ending: 'closes' });
}
const DATA_TURN = 1000;

const HEALTHY: Misdeed = { turn: -1, spoil: (said) => said, pieces: 1, ending: 'goes on' };

/** @param turns how often a healthy server speaks */
function misdeeds(turns: number, { data }: Protocol): fc.Arbitrary<Misdeed> {
  const spoken = Array.from({ length: turns }, (_, turn) => turn);
  return fc.record({
    turn: fc.constantFrom(...spoken, turns - 1, turns - 1, ...(data === undefined ? [] : [DATA_TURN])),
    spoil: changes,
    pieces: fc.constantFrom(1, 1, 2, 3, 7),
    ending: fc.constantFrom(...new Array<'closes'>(14).fill('closes'), 'resets', 'resets', 'resets', 'goes on'),
  });
}

function specOf({ options, transport }: Protocol): NegotiateSpec {
  const lines = `protocol = ${transport}; ${options}`.replaceAll('; ', '\n\t');
  const [virtual] = configOf(`virtual = 10.0.0.1:9\n\treal = 10.0.0.2:9 gate\n\t${lines}\n`).virtuals;
  return virtual?.reals[0]?.check.spec as NegotiateSpec;
}

const heap = (() => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return async (): Promise<number> => {
    collect();
    // Buffers are let go of behind the collector's back.
    await pause(100);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
})();

// The first check that needs a library loads it, which takes longer than these deadlines.
beforeAll(() => Promise.all([import('dns-packet'), import('ioredis'), import('mysql2'), import('pg'), loadParser()]));
expectQuiet();

describe.each(Object.entries(PROTOCOLS))('%s', (_name, protocol) => {
  const spec = specOf(protocol);
  let checks = 0;

  async function run(server: Server, timeoutMs: number): Promise<CheckResult> {
    checks += 1;
    const address = `192.0.2.${checks % 256}/${checks}`;
    servers.set(address, server);
    const result = await check({ address, family: 4, port: PORT }, { ...spec, timeoutMs }, services());
    servers.delete(address);
    return result;
  }

  /** How often each peer speaks to a check of it, as long as nobody misbehaves. */
  async function turnsOf(peer: () => Peer): Promise<number> {
    const server: Server = { protocol, peer, misdeed: HEALTHY };
    const { outcome, detail } = await run(server, NEVER_MS);
    expect(detail).toMatch(SHORT);
    expect(outcome, detail).toBe(detail === 'ERR no' ? 'down' : 'up');
    return server.wire?.turns ?? 1;
  }

  test('ends well, whatever is said', { timeout: 30_000 + 20 * RUNS }, async () => {
    const turns = await Promise.all(protocol.peers.map(turnsOf));
    const one = fc
      .nat(protocol.peers.length - 1)
      .chain((index) =>
        fc.tuple(misdeeds(turns[index] ?? 1, protocol), fc.constant(protocol.peers[index] as () => Peer)),
      );
    let before = 0;
    const property = fc.asyncProperty(fc.array(one, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
      await Promise.all(batch.map(([misdeed, peer]) => endsWell(misdeed, peer)));
      if (before === 0) before = await heap();
    });
    await fc.assert(property, { numRuns: Math.ceil(RUNS / AT_ONCE), endOnFailure: true, ...SEED });
    // Now and then buffers are let go of seconds later.
    let kept = 0;
    await until(
      'nothing is kept of them',
      async () => {
        kept = (await heap()) - before;
        return kept < KEPT_BYTES;
      },
      () => `${kept} bytes`,
    );
  });

  async function endsWell(misdeed: Misdeed, peer: () => Peer): Promise<void> {
    const said: Buffer[] = [];
    const spoil = (right: Buffer): Buffer => {
      const spoilt = misdeed.spoil(right);
      said.push(spoilt.subarray(0, 2000));
      return spoilt;
    };
    const limit = misdeed.ending === 'goes on' ? LIMIT_MS : NEVER_MS;
    const { outcome, detail, durationMs } = await run({ protocol, peer, misdeed: { ...misdeed, spoil } }, limit);
    const wrong = [
      // A spoilt answer that is still a right one is up.
      outcome === 'error' && 'an error of our own',
      !SHORT.test(detail) && 'not short and printable',
      detail.includes(SECRET) && 'the secret is told',
      // The clock stands still for all of them while one is at work, and while the machine has other things to do.
      durationMs > NEVER_MS / 2 && `it took ${durationMs} ms`,
    ].filter((each) => each !== false);
    if (wrong.length === 0) return;
    const how = `turn ${misdeed.turn} in ${misdeed.pieces}, then it ${misdeed.ending}`;
    expect.fail(`${wrong.join(', ')}: ${detail}\n${how}: ${said.map((each) => each.toString('base64')).join(' ')}`);
  }
});
