// What keys do: moving, choosing, asking before anything is ordered.
import { describe, expect, test } from 'vitest';
import type { DaemonSnapshot } from '../../../src/status/snapshot.ts';
import type { Key } from '../../../src/status/top/keys.ts';
import { BEGINNING, type Effect, press, settle, type TopState } from '../../../src/status/top/model.ts';
import { rowsOf } from '../../../src/status/top/rows.ts';
import { DAEMON, daemon, server, virtual } from '../snapshots.ts';

/** Presses keys one after the other, as top does it; the last state, and every effect. */
function pressed(keys: readonly Key[], { height = 20, snapshot = DAEMON, from = BEGINNING } = {}) {
  const effects: Effect[] = [];
  const settled = (state: TopState): TopState => settle(state, { rows: rowsOf(snapshot.virtuals, state), height });
  let state = settled(from);
  for (const key of keys) {
    const next = press(state, key, { rows: rowsOf(snapshot.virtuals, state), height });
    state = settled(next.state);
    if (next.effect !== undefined) effects.push(next.effect);
  }
  return { state, effects };
}

const FIRST = 'tcp:10.8.8.45:80 10.8.8.48:80';
const MANY = daemon([
  virtual(
    'tcp:10.0.0.1:80',
    Array.from({ length: 100 }, (_, index) => server(`10.0.1.${index}:80`)),
  ),
]);

describe('moving', () => {
  test.for<[Key[], number, number]>([
    [[], 1, 0],
    [['down'], 2, 0],
    [['j', 'j', 'k'], 2, 0],
    [['up'], 0, 0],
    [['up', 'up', 'up'], 0, 0],
    [['page-down'], 10, 1],
    [['page-down', 'page-down'], 19, 10],
    [['page-down', 'page-up'], 1, 0],
    [['end'], 100, 91],
    [['G', 'j'], 100, 91],
    [['end', 'g'], 0, 0],
    [['end', 'up'], 99, 91],
    [['end', 'home', 'down'], 1, 0],
  ])('%j', ([keys, index, first]) => {
    expect(pressed(keys, { height: 10, snapshot: MANY }).state).toMatchObject({ selected: { index }, first });
  });

  test('a single line is enough', () => {
    expect(pressed(['down'], { height: 1, snapshot: MANY }).state).toMatchObject({ selected: { index: 2 }, first: 2 });
  });

  test('nothing at all', () => {
    const { state, effects } = pressed(['down', 'end', 'd', 'y', 'enter', 'r', 'w'], { snapshot: daemon([]) });
    expect(state).toMatchObject({ selected: { id: undefined, index: 0 }, first: 0 });
    expect(effects).toEqual([]);
  });

  test('what is selected stays so when the order changes; its neighbour is when it is gone', () => {
    const { state } = pressed(['j', 'j']);
    expect(state.selected.id).toBe('tcp:10.8.8.45:80 10.8.8.50:80');
    expect(pressed(['s'], { from: state }).state.selected.id).toBe(state.selected.id);
    const [web, ...others] = DAEMON.virtuals;
    const servers = web?.servers.filter(({ name }) => name !== '10.8.8.50:80') ?? [];
    const less: DaemonSnapshot = {
      ...DAEMON,
      virtuals: [{ ...(web ?? MANY.virtuals[0]), servers } as never, ...others],
    };
    expect(pressed([], { from: state, snapshot: less }).state.selected).toEqual({
      ...{ id: 'tcp:10.8.8.45:80 10.8.8.51:80', index: 3 },
    });
  });
});

describe('choosing', () => {
  test.for<[Key[], Partial<TopState>]>([
    [['s'], { sort: 'trouble' }],
    [['s', 's', 's', 's'], { sort: 'file' }],
    [[' '], { paused: true }],
    [[' ', ' '], { paused: false }],
    [['?'], { help: true }],
    [['h', 'j'], { help: false, selected: { id: FIRST, index: 1 } }],
    [['enter'], { only: 'tcp:10.8.8.45:80' }],
    [['enter', 'escape'], { only: undefined }],
    [['/', 'd', 'q', 'ö', ' '], { filter: 'dqö ', paused: false }],
    [['/', 'a', 'b', 'backspace', 'enter'], { filter: 'a', prompt: undefined }],
    [['/', 'a', 'enter', '/', 'b', 'escape'], { filter: 'a', prompt: undefined }],
    [['/', 'a', 'enter', 'escape'], { filter: '' }],
    [['/', 'a', 'enter', 'end', 'enter', 'escape'], { filter: 'a', only: undefined }],
    [['/', 'up', 'page-down', 'home'], { filter: '' }],
    [['/', '🚀', 'x', 'backspace', 'backspace', 'backspace'], { filter: '' }],
    [['/', { pasted: '10.8\n\x1b[A.8' }], { filter: '10.8[A.8' }],
    [['/', { pasted: 'x'.repeat(500) }, 'y'], { filter: 'x'.repeat(60) }],
    [[{ pasted: 'dyq' }], { prompt: undefined }],
  ])('%j', ([keys, expected]) => {
    const { state, effects } = pressed(keys);
    expect(state).toMatchObject(expected);
    expect(effects).toEqual([]);
  });
});

describe('orders', () => {
  const of = { virtual: 'tcp:10.8.8.45:80', real: '10.8.8.48:80' };
  const name = '10.8.8.48:80 (10.8.8.45:80)';

  test.for<[Key[], string, Effect]>([
    [['d'], `Drain ${name}? It gets no new connections, its 120 go on.`, { op: 'drain', ...of }],
    [['x'], `Disable ${name}? It is taken out of service.`, { op: 'disable', ...of }],
    [['e'], `Enable ${name}? Its checks decide again.`, { op: 'enable', ...of }],
    [['r'], `Check ${name} now?`, { op: 'recheck', ...of }],
    [['w', '7', 'enter'], `Change the weight of ${name} to 7?`, { op: 'weight', ...of, weight: 7 }],
    [['w', '0', 'x', '0', '9', 'enter'], `Change the weight of ${name} to 9?`, { op: 'weight', ...of, weight: 9 }],
    [
      ['up', 'r'],
      'Check all 5 servers of 10.8.8.45:80 now?',
      { op: 'recheck', virtual: 'tcp:10.8.8.45:80', real: 'all' },
    ],
  ])('%j asks "%s"', ([keys, question, order]) => {
    const asked = pressed(keys);
    expect(asked.effects).toEqual([]);
    expect(asked.state.prompt).toMatchObject({ kind: 'confirm', question });
    for (const yes of ['y', 'Y']) expect(pressed([...keys, yes]).effects).toEqual([order]);
    for (const no of ['n', 'enter', 'escape', ' ', 'q', 'down', { pasted: 'y' }]) {
      const { state, effects } = pressed([...keys, no]);
      expect(effects).toEqual([]);
      expect(state).toMatchObject({ prompt: undefined, said: { text: 'Nothing was done', isBad: false } });
    }
  });

  test('the last server that is up is told', () => {
    const servers = [server('10.0.0.2:80'), server('10.0.0.3:80', { state: 'down' })];
    const snapshot = daemon([virtual('tcp:10.0.0.1:80', servers)]);
    const asked = (...keys: Key[]) => (pressed(keys, { snapshot }).state.prompt as { question?: string }).question;
    expect(asked('d')).toBe('Drain 10.0.0.2:80 (10.0.0.1:80), the last one up? It gets no new connections.');
    expect(asked('x')).toBe('Disable 10.0.0.2:80 (10.0.0.1:80), the last one up? It is taken out of service.');
    expect(asked('r')).toBe('Check 10.0.0.2:80 (10.0.0.1:80) now?');
    expect(asked('j', 'x')).toBe('Disable 10.0.0.3:80 (10.0.0.1:80)? It is taken out of service.');
  });

  test('the server stays the same while the list changes', () => {
    const asked = pressed(['d']).state;
    expect(pressed(['y'], { from: asked, snapshot: MANY }).effects).toEqual([{ op: 'drain', ...of }]);
  });

  test.for<[Key[], string]>([
    [['up', 'd'], 'To drain a server, go to its line first'],
    [['up', 'w'], 'To change the weight of a server, go to its line first'],
    [['end', 'x'], 'To disable a server, go to its line first'],
    [['end', 'r'], 'To recheck a server, go to its line first'],
    [['w', '7', '0', '0', '0', '0', 'enter'], 'A weight is from 0 to 65535'],
  ])('%j makes no sense', ([keys, text]) => {
    const { state, effects } = pressed([...keys, 'y']);
    expect(effects).toEqual([]);
    expect(pressed(keys).state.said).toEqual({ text, isBad: true });
    // Until the next key.
    expect(state.said).toBeUndefined();
  });

  test.for<[Key[]]>([[['w', 'enter', 'y']], [['w', 'escape', 'y']], [['w', '5', 'escape', 'y']]])(
    '%j is none',
    ([keys]) => {
      expect(pressed(keys)).toMatchObject({ effects: [], state: { prompt: undefined } });
    },
  );
});

test.for<[Key[], Effect[]]>([
  [['q'], ['quit']],
  [['?', 'q'], ['quit']],
  [['ctrl-c'], ['quit']],
  [['d', 'ctrl-c'], ['quit']],
  [['/', 'ctrl-c'], ['quit']],
  [['/', 'q'], []],
  [['ctrl-z'], ['suspend']],
  [['ctrl-l'], ['redraw']],
])('%j: %j', ([keys, effects]) => {
  expect(pressed(keys).effects).toEqual(effects);
});
