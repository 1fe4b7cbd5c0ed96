// Which checks bring a flapping server back, told as rows of results, and what holds for any results.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyDamped, type DampedChange, dampingOf, dampingWords, eased, forgiven } from '../../src/health/damping.ts';
import { adoptedHealth, applyResult, type Health, unknownHealth } from '../../src/health/health.ts';

const INTERVAL_MS = 10_000;

/** `results`: + passed, - failed, one every ten seconds. Returns what each made of the server. */
function run(results: string, before = unknownHealth(0), failureCount = 1): DampedChange[] {
  let health = before;
  return [...results].map((result, index) => {
    const verdict = { up: result === '+', detail: `${index}${result}` };
    const change = applyDamped(health, verdict, failureCount, (index + 1) * INTERVAL_MS);
    health = change.health;
    return change;
  });
}
/** U up, D down. */
const statesOf = (changes: readonly DampedChange[]): string =>
  changes.map(({ health }) => (health.state === 'up' ? 'U' : 'D')).join('');
const lastOf = (changes: readonly DampedChange[]): Health => changes.at(-1)?.health ?? unknownHealth(0);
const asked = (health: Health): number => health.flaps?.asked ?? 1;
const ups = (states: string): number => states.match(/(?<!U)U/g)?.length ?? 0;

test.for<[string, string, string, number?]>([
  ['the first check of a start', '+', 'U'],
  ['down at the start: the first success is enough', '--+', 'DDU'],
  ['a server that fails once comes back at once', '++-+++', 'UUDUUU'],
  ['alternates: back once, then not without two in a row', '+-+-+-+-+-', 'UDUDDDDDDD'],
  ['two in a row bring it back the third time', '+-+-++', 'UDUDDU'],
  ['then four', '+-+-++-+++-++++', 'UDUDDUDDDDDDDDU'],
  ['a failure between begins the row anew', '+-+-++-+++-+++-++++', 'UDUDDUDDDDDDDDDDDDU'],
  ['failurecount: soft failures are none', '+-+-+-+-', 'UUUUUUUU', 2],
  ['failurecount: it goes down at the second, and comes back like any other', '+--+--+-++', 'UUDUUDDDDU', 2],
  ['32 in a row while up: as good as new', `+-+${'+'.repeat(32)}-+-+`, `UDU${'U'.repeat(32)}DUDD`],
  ['31 are not enough', `+-+${'+'.repeat(31)}-+`, `UDU${'U'.repeat(31)}DD`],
  ['a soft failure begins them anew', `--+${'+'.repeat(31)}-+--+`, `DDU${'U'.repeat(31)}UUUDD`, 2],
])('%s', ([, results, states, failureCount]) => {
  expect(statesOf(run(results, unknownHealth(0), failureCount))).toBe(states);
});

test('never more than 32 in a row', () => {
  const changes = run(`-${`${'+'.repeat(32)}-`.repeat(20)}${'+'.repeat(32)}`);
  expect(asked(lastOf(changes))).toBe(32);
  expect(Math.max(...changes.map(({ health }) => asked(health)))).toBe(32);
  expect(statesOf(changes).slice(-33)).toBe(`${'D'.repeat(32)}U`);
});

test.for(Array.from({ length: 31 }, (_, index) => index + 1))(
  'a server that fails after every %i successes comes up once more than it takes to ask more of it',
  (count) => {
    const states = statesOf(run(`${'+'.repeat(count)}-`.repeat(300)));
    expect(ups(states)).toBe(2 + Math.floor(Math.log2(count)));
    expect(states.slice(-200)).toBe('D'.repeat(200));
  },
);

test('a server that was in service before this daemon starts without a past, too', () => {
  expect(statesOf(run('+-+-+', adoptedHealth(0)))).toBe('UDUDD');
});

test('one that was down before its virtual had damping', () => {
  const down: Health = { state: 'down', failures: 0, reason: '', since: 5 };
  expect(statesOf(run('+-++', down))).toBe('UDDU');
});

describe('what is told', () => {
  test('once when more is asked, and once when it is over', () => {
    const changes = run(`+-+-+-++-++++${'+'.repeat(40)}`);
    expect(changes.flatMap(({ damping }, index) => (damping === undefined ? [] : [`${index} ${damping}`]))).toEqual([
      '3 grown',
      '8 grown',
      '44 over',
    ]);
  });

  test('nothing of a server that went down once', () => {
    const changes = run(`+-${'+'.repeat(40)}`);
    expect(changes.every(({ damping }) => damping === undefined)).toBe(true);
    expect(changes.every(({ health }) => dampingOf(health) === undefined)).toBe(true);
    expect(lastOf(changes)).not.toHaveProperty('flaps');
  });

  test('why it is down stays what its last failure said', () => {
    expect(lastOf(run('+-+-+')).reason).toBe('3-');
  });

  test.for<[string, string]>([
    ['+-+-', 'flaps: went down 2 times in 20 s; comes back after 2 successes in a row'],
    ['+-+-+', 'flaps: went down 2 times in 20 s; comes back after 2 successes in a row (1 so far)'],
    ['+-+-++', 'flapped: went down 2 times in 20 s; counts as steady after 32 successes in a row'],
    ['+-+-++++', 'flapped: went down 2 times in 20 s; counts as steady after 32 successes in a row (2 so far)'],
    [`+-+${'-'.repeat(9)}++-`, 'flaps: went down 3 times in 2 min; comes back after 4 successes in a row'],
  ])('%s: %s', ([results, words]) => {
    const health = lastOf(run(results));
    const damping = dampingOf(health);
    expect(damping && dampingWords(health.state, damping)).toBe(words);
  });

  test('a clock that was put back', () => {
    const damping = { downs: 2, firstDownAt: 9_000_000, lastDownAt: 1, successesNeeded: 2, successes: 0 };
    expect(dampingWords('down', damping)).toContain('2 times in 0 s');
  });
});

test('eased: no more than two are asked, and those that it has passed count', () => {
  const health = lastOf(run('+-+-++-++++-+++'));
  expect(health).toMatchObject({ state: 'down', flaps: { asked: 8, successes: 3 } });
  expect(eased(health)).toMatchObject({ state: 'down', flaps: { asked: 2, successes: 3 } });
  expect(statesOf(run('+', eased(health)))).toBe('U');
  expect(eased(eased(health))).toEqual(eased(health));
  const once = lastOf(run('+-'));
  expect(eased(once)).toBe(once);
});

test('forgiven: the next success brings it back', () => {
  const health = lastOf(run('+-+-++-'));
  expect(statesOf(run('+', forgiven(health)))).toBe('U');
  const steady = unknownHealth(0);
  expect(forgiven(steady)).toBe(steady);
});

describe('for any results', () => {
  const results = fc.array(fc.constantFrom('+', '+', '+', '-'), { maxLength: 300 }).map((list) => list.join(''));
  const failureCounts = fc.integer({ min: 1, max: 4 });

  test('damping keeps servers out and never lets one in that is down without it', () => {
    fc.assert(
      fc.property(results, failureCounts, (text, failureCount) => {
        let undamped = unknownHealth(0);
        for (const [index, { health }] of run(text, unknownHealth(0), failureCount).entries()) {
          undamped = applyResult(undamped, { up: text[index] === '+', detail: '' }, failureCount, 0).health;
          if (health.state === 'up') expect(undamped.state).toBe('up');
        }
      }),
    );
  });

  test('it comes back exactly when it has passed what was asked, at most 32, in a row', () => {
    fc.assert(
      fc.property(results, failureCounts, (text, failureCount) => {
        const changes = run(text, unknownHealth(0), failureCount);
        let [before, inARow] = [unknownHealth(0), 0];
        for (const [index, { health }] of changes.entries()) {
          inARow = text[index] === '+' ? inARow + 1 : 0;
          if (before.state === 'down') expect(health.state === 'up').toBe(inARow >= asked(before));
          expect([1, 2, 4, 8, 16, 32]).toContain(asked(health));
          before = health;
        }
      }),
    );
  });
});
