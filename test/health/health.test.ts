// How one check result changes what is known of a server.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adoptedHealth, applyResult, type Health, unknownHealth } from '../../src/health/health.ts';

const NOW = 2_000;
const at = (state: Health['state'], failures = 0): Health => ({ state, failures, reason: 'before', since: 1_000 });
const changed = (state: Health['state']): Health => ({ state, failures: 0, reason: 'word', since: NOW });
const stays = (state: Health['state'], failures: number, reason: string): Health => ({
  state,
  failures,
  reason,
  since: 1_000,
});

describe('applyResult', () => {
  test.each<[string, Health, boolean, number, Health, ReturnType<typeof applyResult>['event']]>([
    ['unknown, up', at('unknown'), true, 1, changed('up'), { kind: 'up' }],
    ['unknown, up, failurecount 3', at('unknown'), true, 3, changed('up'), { kind: 'up' }],
    ['unknown, down', at('unknown'), false, 1, changed('down'), { kind: 'down' }],
    ['unknown, down, failurecount 3: no mercy yet', at('unknown'), false, 3, changed('down'), { kind: 'down' }],
    ['up, up', at('up'), true, 1, stays('up', 0, 'word'), undefined],
    ['up, up after soft failures', at('up', 2), true, 3, stays('up', 0, 'word'), { kind: 'reset' }],
    ['up, down', at('up'), false, 1, changed('down'), { kind: 'down' }],
    ['up, 1st of 3', at('up'), false, 3, stays('up', 1, 'before'), { kind: 'soft-failure', failures: 1 }],
    ['up, 2nd of 3', at('up', 1), false, 3, stays('up', 2, 'before'), { kind: 'soft-failure', failures: 2 }],
    ['up, 3rd of 3', at('up', 2), false, 3, changed('down'), { kind: 'down' }],
    ['up, more failures than a reload allows now', at('up', 4), false, 2, changed('down'), { kind: 'down' }],
    ['down, down', at('down'), false, 1, stays('down', 0, 'word'), undefined],
    ['down, down, failurecount 3', at('down'), false, 3, stays('down', 0, 'word'), undefined],
    ['down, up', at('down'), true, 1, changed('up'), { kind: 'up' }],
    ['down, up, failurecount 3', at('down'), true, 3, changed('up'), { kind: 'up' }],
  ])('%s', (_, before, up, failureCount, health, event) => {
    expect(applyResult(before, { up, detail: 'word' }, failureCount, NOW)).toEqual(
      event === undefined ? { health } : { health, event },
    );
  });

  test('a server starts unknown, or up when it served already', () => {
    expect(unknownHealth(5)).toMatchObject({ state: 'unknown', failures: 0, since: 5 });
    expect(adoptedHealth(5)).toMatchObject({ state: 'up', failures: 0, since: 5 });
  });

  test('an up server goes down exactly at the failureCount-th failure in a row, and one success brings it back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        (results, failureCount) => {
          let health = adoptedHealth(0);
          let inARow = 0;
          let up = true;
          for (const [index, result] of results.entries()) {
            const change = applyResult(health, { up: result, detail: String(index) }, failureCount, index);
            inARow = result ? 0 : inARow + 1;
            const before = up;
            up = result || (up && inARow < failureCount);
            expect(change.health.state).toBe(up ? 'up' : 'down');
            expect(change.event?.kind === 'up').toBe(up && !before);
            expect(change.event?.kind === 'down').toBe(!up && before);
            expect(change.health.since).toBe(up === before ? health.since : index);
            health = change.health;
          }
        },
      ),
    );
  });
});
