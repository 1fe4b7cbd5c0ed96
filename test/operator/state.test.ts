// The state file: what is the same after a restart, what happens to a file that is not as it should be, and how large it grows.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../src/config/model.ts';
import { MOST_DEPARTED, State, statePath } from '../../src/operator/state.ts';
import { LogLines } from '../log-lines.ts';
import { holds } from '../loop-holds.ts';
import { scratch } from '../scratch.ts';
import { configWith, keyOf, memberIn, membersIn, UP } from './members.ts';

const CONFIG = configWith(3);
const MEMBER = memberIn(CONFIG);
const HEAD = '{"format":"tsdirectord state","version":1}\n';

test.each([
  ['/var/run/ldirectord.a.cf.pid', '/var/lib/tsdirectord/a.cf.state', undefined],
  ['/run/tsdirectord/ldirectord.a.cf.pid', '/var/lib/tsdirectord/a.cf.state', undefined],
  ['/run/ldirectord.ldirectord.pid', '/var/lib/tsdirectord/ldirectord.cf.state', undefined],
  ['/run/ldirectord.ldirectord.cf.pid', '/var/lib/tsdirectord/ldirectord.cf.state', undefined],
  ['/tmp/x/try.pid', '/tmp/x/try.state', '/tmp/x/try.state'],
])('the state of %s is %s, and with a table in memory %s', (pidFile, path, inMemory) => {
  expect(statePath(pidFile, 'kernel')).toBe(path);
  expect(statePath(pidFile, 'memory')).toBe(inMemory);
});

test('without a file all is as with one, and every order is answered so', async () => {
  const log = new LogLines();
  const state = await State.open(undefined, () => log);
  state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
  expect(state.overrides.of(MEMBER)).toEqual({ kind: 'drain', at: 1 });
  expect(await state.unkept()).toBe('what is ordered with --ipvs memory is kept only beside a --pid-file of its own');
  await state.close();
  expect(log.lines).toEqual([]);
});

async function opened(path = join(scratch(), 'a.state')) {
  const log = new LogLines();
  const state = await State.open(path, () => log);
  onTestFinished(() => state.close());
  return { state, log, path };
}

const follow = (state: State, config: Config, heldDown = state.overrides.holdsDown): void =>
  state.follow({ config, healthOf: () => UP, heldDown }, 9);

describe('after a restart', () => {
  test('orders and transitions are as they were, twice', async () => {
    const first = await opened();
    first.state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    first.state.overrides.give(memberIn(CONFIG, 1), { kind: 'weight', weight: 7, at: 2 });
    first.state.overrides.give(memberIn(CONFIG, 2), { kind: 'disable', at: 3 });
    first.state.overrides.undo(memberIn(CONFIG, 2));
    first.state.history.turned(MEMBER, { state: 'down', at: 4, reason: 'a "quoted"\n\u2028 \ud800 reason' });
    await first.state.close();
    for (const restart of [1, 2]) {
      const { state, log } = await opened(first.path);
      expect([...state.overrides.all], `restart ${restart}`).toEqual([...first.state.overrides.all]);
      expect(state.history.of(MEMBER)).toHaveLength(1);
      expect(log.lines).toEqual([]);
      await state.close();
    }
  });

  test('what is kept is kept when the process dies the next moment', async () => {
    const { state, path } = await opened();
    state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    expect(await state.unkept()).toBeUndefined();
    const { state: next } = await opened(path);
    expect(next.overrides.of(MEMBER)).toEqual({ kind: 'drain', at: 1 });
  });

  test('a hundred transitions of each server, also over restarts', async () => {
    const path = join(scratch(), 'a.state');
    for (let restart = 0; restart < 3; restart++) {
      const { state } = await opened(path);
      for (let at = 0; at < 70; at++)
        state.history.turned(MEMBER, { state: at % 2 === 0 ? 'up' : 'down', at: restart * 100 + at, reason: '' });
      await state.close();
    }
    const { state } = await opened(path);
    expect(state.history.of(MEMBER)).toHaveLength(100);
    expect(state.history.of(MEMBER).at(-1)?.at).toBe(269);
  });

  test('the log says whose orders count, once; one who comes back later is told of then', async () => {
    const { state, path } = await opened();
    state.overrides.give(MEMBER, { kind: 'drain', at: Date.UTC(2026, 0, 2, 3, 4, 5) });
    await state.close();
    const { state: next, log } = await opened(path);
    const line =
      "The operator's orders from before count: 10.0.1.0:80 (10.0.0.1:80) is drained since 2026-01-02T03:04:05Z";
    follow(next, CONFIG);
    follow(next, CONFIG);
    expect(log.lines).toEqual([line]);
    follow(next, configWith());
    follow(next, CONFIG);
    expect(log.lines).toEqual([line, line]);
  });
});

describe('a file that is not as it should be', () => {
  const line = (server: string, order: unknown): string => `${JSON.stringify({ server, order })}\n`;
  const good = HEAD + line('a', { kind: 'drain', at: 1 });

  async function found(text: string) {
    const path = join(scratch(), 'a.state');
    writeFileSync(path, text, { mode: 0o600 });
    const { state, log } = await opened(path);
    await state.close();
    const again = await opened(path);
    return { path, log, orders: [...state.overrides.all.keys()], again };
  }

  test('a torn last line is left out without a word, and nothing is written behind it', async () => {
    const { path, log, orders, again } = await found(`${good}{"server":"b","ord`);
    expect([log.lines, orders]).toEqual([[], ['a']]);
    expect(existsSync(`${path}.damaged`)).toBe(false);
    again.state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    await again.state.close();
    const { state, log: last } = await opened(path);
    expect([last.lines, [...state.overrides.all.keys()]]).toEqual([[], ['a', keyOf(MEMBER)]]);
  });

  test.each([
    ['garbage in the middle', `${good}\0\0\0\nnull\n[]\n${line('b', { kind: 'disable', at: 1 })}`, 3, ['a', 'b']],
    ['no head', line('a', null) + line('b', { kind: 'drain', at: 1 }), 1, ['b']],
    [
      'a head of a later version',
      `{"format":"tsdirectord state","version":2}\n${line('a', { kind: 'drain', at: 1 })}`,
      1,
      ['a'],
    ],
    ['two heads', HEAD + good, 1, ['a']],
    ["somebody else's file", 'virtual = 10.0.0.1:80\n\treal = 10.0.0.2:80\n', 2, []],
  ])('%s: set aside with a warning, what makes sense counts', async (name, text, damaged, servers) => {
    const { path, log, orders, again } = await found(text);
    const isOther = name === 'a head of a later version';
    const what = isOther ? 'was written by another version (its format is 2)' : 'is damaged';
    expect(orders).toEqual(servers);
    expect(log.lines).toEqual([
      `warn: The state file ${path} ${what}: ${damaged} of its lines make no sense, the others count; it is kept as ${path}.damaged`,
    ]);
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(text);
    expect(again.log.lines).toEqual([]);
    expect([...again.state.overrides.all.keys()]).toEqual(servers);
  });

  test.each([
    [{ kind: 'weight', weight: 70_000, at: 1 }],
    [{ kind: 'weight', weight: -1, at: 1 }],
    [{ kind: 'weight', at: 1 }],
    [{ kind: 'format the disk', at: 1 }],
    [{ kind: 'drain' }],
    [{ kind: 'drain', at: 1e300 }],
    ['drain'],
    [[]],
  ])('the order %j makes no sense', async (order) => {
    expect((await found(HEAD + line('a', order))).orders).toEqual([]);
  });

  test('what else stands in an order is left out', async () => {
    const { again } = await found(HEAD + line('a', { kind: 'drain', at: 1, weight: 9, extra: 'x'.repeat(1_000) }));
    expect([...again.state.overrides.all.values()]).toEqual([{ kind: 'drain', at: 1 }]);
  });

  test('a directory in its place is set aside, and the state is kept from then on', async () => {
    const path = join(scratch(), 'a.state');
    mkdirSync(path);
    const { state, log } = await opened(path);
    expect(log.lines).toEqual([
      `warn: The state file ${path} cannot be used, so earlier orders and transitions are not known: it is not a file; it is kept as ${path}.damaged`,
    ]);
    state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    expect(await state.unkept()).toBeUndefined();
  });

  test('one that cannot be written is told of, once', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'sub'), '');
    const { state, log, path } = await opened(join(dir, 'sub', 'a.state'));
    expect(log.lines.splice(0)).toEqual([
      expect.stringContaining('cannot be used, so earlier orders and transitions are not known'),
    ]);
    state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    const why = `its state file ${path} cannot be written: not a directory`;
    expect([await state.unkept(), await state.unkept()]).toEqual([why, why]);
    expect(log.lines).toEqual([
      expect.stringContaining(
        `warn: The state file ${path} cannot be written, so orders and transitions would not outlive this daemon: not a directory; ${join(dir, 'sub')} must be a directory to write in`,
      ),
    ]);
  });
});

describe('servers that leave the configuration', () => {
  test('their orders come back with them', async () => {
    const { state } = await opened();
    state.overrides.give(MEMBER, { kind: 'drain', at: 1 });
    follow(state, configWith());
    follow(state, CONFIG);
    expect(state.overrides.of(MEMBER)).toEqual({ kind: 'drain', at: 1 });
  });

  test('of very many the last ones are kept, and the file stays small', async () => {
    const path = join(scratch(), 'a.state');
    for (let generation = 0; generation < 4; generation++) {
      const { state, log } = await opened(path);
      const config = configWith(
        ...Array.from({ length: generation + 1 }, (_, index) => (index === generation ? 1_500 : 0)),
      );
      for (const member of membersIn(config)) {
        state.overrides.give(member, { kind: 'disable', at: generation });
        state.history.turned(member, { state: 'down', at: generation, reason: 'x' });
      }
      follow(state, config);
      expect(state.overrides.all.size).toBe(1_500 + (generation > 0 ? MOST_DEPARTED : 0));
      expect(state.history.all.size).toBe(1_500 + (generation > 0 ? MOST_DEPARTED : 0));
      const known = new Set([...state.overrides.all.keys()]);
      for (const member of membersIn(config)) expect(known.has(keyOf(member))).toBe(true);
      expect(log.lines.filter((line) => line.includes('are forgotten'))).toHaveLength(generation > 0 ? 1 : 0);
      await state.close();
    }
    const lines = readFileSync(path, 'utf8').split('\n').length;
    expect(lines).toBeLessThan(2 * (2 * 2_500) + 5_000);
  });
});

test('a history of tens of thousands is written without holding the event loop', async () => {
  const { state, path } = await opened();
  const config = configWith(2_000);
  for (let at = 0; at < 50; at++)
    for (const member of membersIn(config))
      state.history.turned(member, { state: at % 2 ? 'up' : 'down', at, reason: 'HTTP 200 OK' });
  await state.unkept();
  const [longest = 0] = await holds(async () => {
    state.history.turned(MEMBER, { state: 'down', at: 1, reason: 'the last' });
    expect(await state.unkept()).toBeUndefined();
  });
  expect(longest).toBeLessThan(60);
  expect(readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)).toContain('the last');
});
