// What must hold of the edits for any configuration, any health and any table that is there already.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Desired, DesiredDestination, DesiredService } from '../../src/ipvs/desired.ts';
import { NOTHING_SETTLED, plan, settle } from '../../src/ipvs/plan.ts';
import {
  type Destination,
  destinationKey,
  type Service,
  type ServiceId,
  sameDestination,
  sameOptions,
  serviceKey,
  type Table,
} from '../../src/ipvs/table.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';

// Few values, so that what is wanted and what is there often meet.
const serviceId: fc.Arbitrary<ServiceId> = fc.constantFrom<ServiceId>(
  { protocol: 'tcp', family: 4, address: '10.0.0.1', port: 80, mark: 0 },
  { protocol: 'udp', family: 4, address: '10.0.0.1', port: 80, mark: 0 },
  { protocol: 'tcp', family: 6, address: 'fd00::1', port: 80, mark: 0 },
  { protocol: 'fwm', family: 4, address: '', port: 0, mark: 1 },
  { protocol: 'fwm', family: 6, address: '', port: 0, mark: 1 },
);
const options = fc.record({
  scheduler: fc.constantFrom('wlc', 'sh'),
  flags: fc.constantFrom<string[]>([], ['flag-1'], ['flag-1', 'flag-3']),
  persistentSeconds: fc.constantFrom(0, 60),
  netmask: fc.constantFrom('255.255.0.0', undefined),
  onePacket: fc.boolean(),
});
const destination: fc.Arbitrary<Destination> = fc.record({
  address: fc.constantFrom('10.0.0.2', '10.0.0.3', '10.0.0.4'),
  port: fc.constantFrom(80, 8080),
  forwarding: fc.constantFrom('gate', 'masq'),
  weight: fc.constantFrom(0, 1, 2),
  lowerThreshold: fc.constantFrom(0, 1),
  upperThreshold: fc.constantFrom(2, 9),
});

const byKey = (all: readonly Destination[]) => new Map(all.map((each) => [destinationKey(each), each] as const));
const service = fc
  .tuple(serviceId, options, fc.array(destination, { maxLength: 5 }))
  .map(([id, { netmask, ...rest }, all]): Service => {
    return { ...id, ...rest, ...(netmask === undefined ? {} : { netmask }), destinations: byKey(all) };
  });
const table: fc.Arbitrary<Table> = fc
  .array(service, { maxLength: 4 })
  .map((all) => new Map(all.map((each) => [serviceKey(each), each] as const)));
const whenMissing = fc.constantFrom<DesiredDestination['whenMissing']>('add', 'add-once', 'leave');

/** What desiredTable makes: full weight is always added, only a weight of 0 may be left out. */
const desired: fc.Arbitrary<Desired> = fc.tuple(table, fc.infiniteStream(whenMissing)).map(([tables, choices]) => {
  const wanted = (each: Destination): DesiredDestination => {
    const choice = choices.next().value as DesiredDestination['whenMissing'];
    return { ...each, role: 'real', whenMissing: each.weight > 0 ? 'add' : choice };
  };
  return new Map(
    [...tables].map(([key, each]): [string, DesiredService] => {
      const destinations = new Map([...each.destinations].map(([name, one]) => [name, wanted(one)] as const));
      return [key, { ...each, awaitsFirstCheck: false, destinations }];
    }),
  );
});

/** Whether the table is what is desired; servers that may be missing may be. */
function reached(want: Desired, has: Table): void {
  for (const [key, wanted] of want) {
    const there = has.get(key);
    if (there === undefined) throw new Error(`${key} is missing`);
    expect(sameOptions(there, wanted), `options of ${key}`).toBe(true);
    for (const [name, one] of wanted.destinations) {
      const found = there.destinations.get(name);
      if (found === undefined) expect(one.whenMissing, `${key} ${name}`).toBe('leave');
      else expect(sameDestination(found, one), `${key} ${name}`).toBe(true);
    }
    for (const name of there.destinations.keys()) expect([...wanted.destinations.keys()]).toContain(name);
  }
}

const serving = (has: Table, key: string): boolean =>
  [...(has.get(key)?.destinations.values() ?? [])].some(({ weight }) => weight > 0);

test('a start reaches what is desired, at the first try, and leaves other services alone', async () => {
  await fc.assert(
    fc.asyncProperty(desired, table, async (want, actual) => {
      const kernel = new MemoryKernel(actual);
      const edits = plan({ desired: want, actual, settled: NOTHING_SETTLED, takeOver: true });
      expect(await kernel.apply(edits)).toEqual([]);
      reached(want, kernel.table);
      for (const [key, each] of actual) if (!want.has(key)) expect(kernel.table.get(key)).toBe(each);
      const settled = settle(want, NOTHING_SETTLED, [], kernel.table);
      expect(plan({ desired: want, actual: kernel.table, settled, takeOver: true })).toEqual([]);
      expect(plan({ desired: want, actual: kernel.table, settled, takeOver: false })).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('from one desired table to the next: reached, nothing refused, what is no longer ours is gone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(desired, { minLength: 2, maxLength: 5 }),
      table,
      fc.boolean(),
      async (wants, start, takeOver) => {
        const kernel = new MemoryKernel(start);
        let settled: Desired = NOTHING_SETTLED;
        const ours = new Set<string>();
        for (const [index, want] of wants.entries()) {
          const edits = plan({ desired: want, actual: kernel.table, settled, takeOver: takeOver || index === 0 });
          expect(await kernel.apply(edits)).toEqual([]);
          settled = settle(want, settled, [], kernel.table);
          for (const key of want.keys()) ours.add(key);
          for (const key of ours) expect(kernel.table.has(key)).toBe(want.has(key));
          for (const [key, each] of start) if (!ours.has(key)) expect(kernel.table.get(key)).toBe(each);
          for (const [key, wanted] of want) {
            for (const [name, one] of wanted.destinations) {
              const found = kernel.table.get(key)?.destinations.get(name);
              if (one.weight > 0) expect(found, `${key} ${name}`).toMatchObject({ weight: one.weight });
              else expect(found?.weight ?? 0).toBe(0);
            }
          }
          expect(plan({ desired: want, actual: kernel.table, settled, takeOver: false })).toEqual([]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a service that has a server before and after has one all the time', async () => {
  await fc.assert(
    fc.asyncProperty(desired, table, async (want, actual) => {
      const kernel = new MemoryKernel(actual);
      const edits = plan({ desired: want, actual, settled: NOTHING_SETTLED, takeOver: true });
      const wanted = (key: string) =>
        [...(want.get(key)?.destinations.values() ?? [])].some(({ weight }) => weight > 0);
      const watched = [...want.keys()].filter((key) => serving(actual, key) && wanted(key));
      for (const edit of edits) {
        await kernel.apply([edit]);
        for (const key of watched) expect(serving(kernel.table, key), key).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
