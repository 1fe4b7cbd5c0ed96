// What the operator's orders make of the table, whatever the checks say and whatever is there already.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config, Real, Virtual } from '../../src/config/model.ts';
import type { State } from '../../src/health/health.ts';
import { type Desired, desiredTable, memberKey, type Override, type StateOf } from '../../src/ipvs/desired.ts';
import { NOTHING_SETTLED, plan, settle } from '../../src/ipvs/plan.ts';
import { parseSave } from '../../src/ipvs/save-format.ts';
import type { Table } from '../../src/ipvs/table.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { configOf } from '../config-of.ts';

const real = (last: number): string => `\treal = 10.0.0.${last}:80 masq 3\n`;
const configFor = (quiescent: boolean, fallback: boolean): Config =>
  configOf(
    `quiescent = ${quiescent ? 'yes' : 'no'}\n${fallback ? 'fallback = 10.0.0.99:80 masq\n' : ''}` +
      [80, 81].map((port) => `virtual = 10.0.0.1:${port}\n\tservice = http\n${[2, 3, 4].map(real).join('')}`).join(''),
  );

type Orders = ReadonlyMap<string, Override>;
type States = ReadonlyMap<string, State>;

/** As the daemon does it: whoever is drained or disabled is down, whatever checks say. */
function wanted(config: Config, states: States, orders: Orders): Desired {
  const overrideOf = (virtual: Virtual, real: Real) => orders.get(memberKey(virtual, real));
  const stateOf: StateOf = (virtual, real) => {
    const order = overrideOf(virtual, real);
    const isHeld = order !== undefined && order.kind !== 'weight';
    return isHeld ? 'down' : (states.get(memberKey(virtual, real)) ?? 'unknown');
  };
  return desiredTable(config, stateOf, overrideOf);
}

const keys = [80, 81].flatMap((port) => [2, 3, 4].map((last) => `tcp:10.0.0.1:${port} 10.0.0.${last}:80`));
const all = <T>(value: T): ReadonlyMap<string, T> => new Map(keys.map((key) => [key, value]));
const servers = (table: Table | Desired, service = 'tcp:10.0.0.1:80'): string[] =>
  [...(table.get(service)?.destinations ?? [])].map(([name, { weight }]) => `${name} ${weight}`);

describe('one server of three, all of which are up', () => {
  const first = keys[0] as string;
  const others = ['10.0.0.3:80 3', '10.0.0.4:80 3'];
  test.each<[string, boolean, Override, string[]]>([
    ['drain, quiescent', true, { kind: 'drain' }, ['10.0.0.2:80 0', ...others]],
    ['drain, not quiescent', false, { kind: 'drain' }, ['10.0.0.2:80 0', ...others]],
    ['disable, quiescent', true, { kind: 'disable' }, ['10.0.0.2:80 0', ...others]],
    ['disable, not quiescent', false, { kind: 'disable' }, others],
    ['weight', false, { kind: 'weight', weight: 9 }, ['10.0.0.2:80 9', ...others]],
    ['weight 0', false, { kind: 'weight', weight: 0 }, ['10.0.0.2:80 0', ...others]],
  ])('%s', (_, quiescent, order, expected) => {
    const config = configFor(quiescent, true);
    expect(servers(wanted(config, all<State>('up'), new Map([[first, order]])))).toEqual(expected);
  });

  test('a weight counts only while it is up', () => {
    const order = new Map([[first, { kind: 'weight', weight: 9 } as const]]);
    expect(servers(wanted(configFor(true, false), all<State>('down'), order))[0]).toBe('10.0.0.2:80 0');
    expect(servers(wanted(configFor(false, false), all<State>('down'), order))).toEqual([]);
  });
});

test.each([
  ['drain', ['10.0.0.2:80 0', '10.0.0.3:80 0', '10.0.0.4:80 0', '10.0.0.99:80 1']],
  ['disable', ['10.0.0.99:80 1']],
] as const)('the fallback comes in when the last one is out: %s', (kind, expected) => {
  const config = configFor(false, true);
  expect(servers(wanted(config, all<State>('up'), all<Override>({ kind })))).toEqual(expected);
});

test('one that is not in the table is not put there to be drained', () => {
  const config = configFor(false, false);
  const desired = wanted(config, all<State>('down'), all<Override>({ kind: 'drain' }));
  const actual = parseSave('-A -t 10.0.0.1:80 -s wrr\n-A -t 10.0.0.1:81 -s wrr\n');
  expect(plan({ desired, actual, settled: NOTHING_SETTLED, takeOver: false })).toEqual([]);
});

const state = fc.constantFrom<State>('up', 'down', 'unknown');
const order = fc.option(
  fc.oneof(
    fc.constantFrom<Override>({ kind: 'drain' }, { kind: 'disable' }),
    fc.nat(5).map((weight): Override => ({ kind: 'weight', weight })),
  ),
  { nil: undefined },
);
const each = <T>(value: fc.Arbitrary<T>) =>
  fc.tuple(...keys.map(() => value)).map((values) => new Map(keys.map((key, index) => [key, values[index] as T])));
const orders: fc.Arbitrary<Orders> = each(order).map(
  (found) => new Map([...found].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))),
);
/** What checks and the operator do, one after the other. */
const course = fc.array(fc.tuple(each(state), orders), { minLength: 1, maxLength: 5 });

test('whatever is ordered in whatever course: one pass makes the table, another has nothing to do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.boolean(), course, async (quiescent, fallback, steps) => {
      const config = configFor(quiescent, fallback);
      const kernel = new MemoryKernel();
      let settled = NOTHING_SETTLED;
      for (const [states, ordered] of steps) {
        const desired = wanted(config, states, ordered);
        const before = kernel.table;
        const edits = plan({ desired, actual: before, settled, takeOver: false });
        expect(await kernel.apply(edits)).toEqual([]);
        settled = settle(desired, settled, [], kernel.table);
        expect(plan({ desired, actual: kernel.table, settled, takeOver: false })).toEqual([]);
        for (const key of keys) {
          const [service = '', name = ''] = key.split(' ');
          const has = kernel.table.get(service)?.destinations.get(name);
          const given = ordered.get(key);
          if (given?.kind === 'drain' || given?.kind === 'disable') expect(has?.weight ?? 0, key).toBe(0);
          // Nobody who is drained is cut off.
          if (given?.kind === 'drain')
            expect(has !== undefined || !before.get(service)?.destinations.has(name)).toBe(true);
          if (given?.kind === 'disable' && !quiescent) expect(has).toBeUndefined();
          if (given?.kind === 'weight' && states.get(key) === 'up') expect(has?.weight).toBe(given.weight);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('enable gives back exactly the table without the order', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), each(state), orders, (quiescent, fallback, states, ordered) => {
      const config = configFor(quiescent, fallback);
      const left = new Map(ordered);
      for (const key of keys) {
        left.delete(key);
        const [service = '', name = ''] = key.split(' ');
        const isHere = (desired: Desired) => desired.get(service)?.destinations.get(name);
        expect(isHere(wanted(config, states, left))).toEqual(isHere(wanted(config, states, new Map())));
      }
      expect(wanted(config, states, left)).toEqual(wanted(config, states, new Map()));
    }),
  );
});
