// Which interval holds after a result, by what is known of the servers that the check speaks of.
import { expect, test } from 'vitest';
import type { Health } from '../../src/health/health.ts';
import { fastInterval, type Paced } from '../../src/health/pace.ts';

const INTERVAL_MS = 10_000;
interface Member extends Paced {
  readonly health: Health | undefined;
}
const virtual = (fastIntervalMs: number): Paced['virtual'] => ({ checkIntervalMs: INTERVAL_MS, fastIntervalMs });
const member = (state: Health['state'], failures: number, fastIntervalMs: number): Member => ({
  health: { state, failures, reason: '', since: 0 },
  virtual: virtual(fastIntervalMs),
});

test.for<[string, Member[], number | undefined]>([
  ['nobody', [], undefined],
  ['one of whom nothing is known', [{ health: undefined, virtual: virtual(200) }], undefined],
  ['up', [member('up', 0, 200)], undefined],
  ['not checked yet', [member('unknown', 0, 200)], undefined],
  ['down: nothing is counted', [member('down', 0, 200)], undefined],
  ['failed once', [member('up', 1, 200)], 200],
  ['failed often', [member('up', 7, 200)], 200],
  ['no fastinterval', [member('up', 1, INTERVAL_MS)], undefined],
  ['a fast interval that is longer', [member('up', 1, 2 * INTERVAL_MS)], undefined],
  ['one of several is between', [member('down', 0, 100), member('up', 2, 300), member('up', 0, 100)], 300],
  ['several are between: the shortest', [member('up', 1, 300), member('up', 2, 200)], 200],
  ['the one that is between has none', [member('up', 1, INTERVAL_MS), member('up', 0, 200)], undefined],
])('%s', ([, members, expected]) => {
  expect(fastInterval(members, ({ health }) => health)).toBe(expected);
});
