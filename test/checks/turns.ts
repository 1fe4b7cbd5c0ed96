// Servers of binary protocols that take turns with their client, for the tests of the database checks, and what these share.
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { CheckSpec } from '../../src/config/model.ts';
import { NOISE_MS } from '../noise.ts';
import { type Answer, check, closeListeners, listen, services } from './listeners.ts';

/** What a server does when it is its turn: says something, or does what it likes with what it has heard. */
export type Turn = string | Buffer | ((socket: Socket, heard: Buffer) => void);

/** The first turn is taken at once, each other one when something was heard; then there is silence. */
export function inTurns(turns: readonly Turn[]): Answer {
  return (socket) => takeTurns(socket, turns);
}

export function takeTurns(socket: Socket, turns: readonly Turn[]): void {
  let taken = 0;
  const take = (heard: Buffer) => {
    const turn = turns[taken++];
    if (typeof turn === 'function') turn(socket, heard);
    else if (turn !== undefined && turn.length > 0) socket.write(turn);
  };
  socket.on('error', () => {});
  socket.on('data', take);
  take(Buffer.alloc(0));
}

/** The turns one byte at a time, each in a packet of its own. */
export function byteByByte(turns: readonly Turn[]): Turn[] {
  return turns.map((turn) =>
    typeof turn === 'function'
      ? turn
      : (socket) => {
          socket.setNoDelay(true);
          let at = 0;
          const timer = setInterval(() => {
            if (at < turn.length && socket.writable) socket.write(Buffer.from(turn as string).subarray(at, ++at));
            else clearInterval(timer);
          }, 1);
          socket.once('close', () => clearInterval(timer));
        },
  );
}

/** Witnesses that nothing escapes from a check: no exception, no rejection, no word of a library on the terminal. */
export function expectQuiet(): void {
  const escaped: unknown[] = [];
  const witness = (error: unknown) => escaped.push(error);
  beforeAll(() => {
    process.on('uncaughtException', witness);
    process.on('unhandledRejection', witness);
  });
  beforeEach(() => {
    for (const method of ['error', 'warn', 'log'] as const) {
      vi.spyOn(console, method).mockImplementation((...words) => escaped.push(words));
    }
    // mysql2 (3.24) leaves a trace of every number that it cannot read.
    vi.spyOn(console, 'trace').mockImplementation(() => {});
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await closeListeners();
  });
  afterAll(() => {
    process.off('uncaughtException', witness);
    process.off('unhandledRejection', witness);
    expect(escaped).toEqual([]);
  });
}

/** The check of a server that does all that `turns` say is up; at each of them it stops to, in each way that it can. */
export function stopsAtEachTurn(turns: readonly Turn[], spec: CheckSpec): void {
  const stops: Record<string, [(socket: Socket) => void, RegExp]> = {
    closes: [(socket) => void socket.end(), /^connection closed|^connection reset/],
    resets: [(socket) => void socket.resetAndDestroy(), /^connection reset|^connection closed/],
    'falls silent': [() => {}, /^no answer within 300 ms \((connected|logged in), /],
  };
  for (const [how, [stop, reason]] of Object.entries(stops)) {
    test.each(turns.map((_turn, index) => index))(`${how} at turn %i`, async (index) => {
      const server = await listen(inTurns([...turns.slice(0, index), stop]), { atOnce: true });
      const { outcome, detail, durationMs } = await check(server.target, { ...spec, timeoutMs: 300 } as CheckSpec);
      expect(detail).toMatch(reason);
      expect(outcome).toBe('down');
      if (how === 'falls silent') expect(durationMs).toBeGreaterThanOrEqual(280);
      expect(durationMs).toBeLessThan(300 + NOISE_MS);
      await server.allClosed();
    });
  }
}

/** After the turns `before` the server says `nonsense`, and closes: 500 times over. */
export function survives(name: string, before: readonly Turn[], nonsense: fc.Arbitrary<Buffer>, spec: CheckSpec): void {
  test(name, { timeout: 120_000 }, async () => {
    let words: Buffer = Buffer.alloc(0);
    const server = await listen(inTurns([...before, (socket) => void socket.end(words)]), { atOnce: true });
    const property = fc.asyncProperty(nonsense, async (bytes) => {
      words = bytes;
      const { outcome, detail } = await check(server.target, { ...spec, timeoutMs: 2000 } as CheckSpec);
      // Nonsense that happens to make sense is up.
      expect(outcome, detail).not.toBe('error');
      expect(detail).toMatch(/^[^\p{C}]{1,600}$/u);
    });
    await fc.assert(property, { numRuns: 500 });
    await server.allClosed();
  });
}

/** Bytes that mean nothing. */
export function noise(maxLength = 400): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
}

/** One run, and all that somebody who looks on with -d would see of it. */
export async function seen(turns: readonly Turn[], spec: CheckSpec): Promise<{ outcome: string; shown: string }> {
  const lines: string[] = [];
  const server = await listen(inTurns(turns), { atOnce: true });
  const { outcome, detail } = await check(server.target, spec, services({}, { trace: (line) => lines.push(line) }));
  await server.allClosed();
  return { outcome, shown: [...lines, detail].join('\n') };
}
