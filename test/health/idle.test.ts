// What follows from the end of an idle connection: a check or none, and the next connection sooner or later.
import { expect, test } from 'vitest';
import { afterEnd, type End, type Habit, NO_HABIT } from '../../src/health/idle.ts';

const lost = (heldMs: number): End => ({ kind: 'lost', heldMs });
const failed: End = { kind: 'failed', heldMs: 0 };
const flooded = (heldMs: number): End => ({ kind: 'flooded', heldMs });
const closes = (closesAfterMs: number, brief = 0): Habit => ({ closesAfterMs, brief });

test.for<[string, Habit, End, Habit, boolean, number]>([
  ['one that lasted: a check, and soon another', NO_HABIT, lost(3_600_000), closes(3_600_000), true, 50],
  ['one that lasted just long enough', NO_HABIT, lost(10_000), closes(10_000), true, 50],
  ['the second at the same age: a habit', closes(20_000), lost(20_300), closes(20_300), false, 0],
  ['its third, which is late', closes(20_300), lost(21_250), closes(21_250), false, 0],
  ['sooner than its habit', closes(20_000), lost(18_900), closes(18_900), true, 50],
  ['later than its habit', closes(20_000), lost(21_100), closes(21_100), true, 50],
  ['it lasts again', closes(20_000, 5), lost(60_000), closes(60_000), true, 50],
  ['one that did not last', NO_HABIT, lost(9_999), { brief: 1 }, true, 50],
  ['the second', { brief: 1 }, lost(1_000), { brief: 2 }, true, 1_000],
  ['the third', { brief: 2 }, lost(1_000), { brief: 3 }, true, 2_000],
  ['the seventh', { brief: 6 }, lost(1_000), { brief: 7 }, true, 32_000],
  ['the eighth', { brief: 7 }, lost(1_000), { brief: 8 }, true, 60_000],
  ['the two thousandth', { brief: 1_999 }, lost(1_000), { brief: 2_000 }, true, 60_000],
  ['far sooner than its habit', closes(20_000), lost(500), closes(20_000, 1), true, 50],
  ['refused, after one that lasted', closes(20_000), failed, closes(20_000, 1), true, 50],
  ['refused again', closes(20_000, 1), failed, closes(20_000, 2), true, 1_000],
  ['talks: our own doing says nothing of the server', NO_HABIT, flooded(100), { brief: 1 }, false, 50],
  ['talks, slowly', { brief: 3 }, flooded(900_000), { brief: 4 }, false, 4_000],
])('%s', ([, before, end, habit, recheck, retryMs]) => {
  expect(afterEnd(before, end)).toEqual({ habit, recheck, retryMs });
});

test.for([0, 1, 50, 1_000, 9_999, 10_000, 20_000])(
  'closed after %i ms each time: a bounded number of connections',
  (heldMs) => {
    let [habit, at, connections] = [NO_HABIT, 0, 0];
    while (at < 3_600_000) {
      connections += 1;
      const reaction = afterEnd(habit, lost(heldMs));
      habit = reaction.habit;
      at += heldMs + reaction.retryMs;
    }
    expect(connections).toBeLessThanOrEqual(360);
  },
);
