// What the soak reads out of logs, events and metrics: each thing that could go wrong is found.
import { describe, expect, test } from 'vitest';
import { lasting } from './looks.ts';
import { leastOf, more } from './quiet.ts';
import { miscounted, surprises } from './texts.ts';
import { answered, differences, falls, logged, only, quiesced, type State, Watched } from './transitions.ts';

const A = '127.1.0.1:80 (10.9.0.1:80)';
const B = '127.1.0.2:80 (10.9.0.1:80)';
const turns = (...states: State[]) => states.map((to, at) => ({ to, at }));
const PAGES = {
  '127.1.0.1': { well: 9, failed: 3, turns: turns('up', 'down', 'up') },
  '127.1.0.2': { well: 9, failed: 0, turns: turns('up') },
};
const NAMES = new Map([
  ['127.1.0.1', A],
  ['127.1.0.2', B],
]);
const line = (text: string): string => `[Mon Nov 23 15:26:17 2026] ${text}\n`;
const up = (server: string): string => line(`Real server ${server} is up: 200 OK`);
const down = (server: string): string => line(`Real server ${server} is down: status 500`);
const SEEN = up(A) + up(B) + down(A) + up(A);

describe('transitions', () => {
  test.for([
    ['all of them', SEEN, []],
    ['one too few', up(A) + up(B) + down(A), [`${A} was up down up, and seen up down`]],
    ['one twice', SEEN + up(A), [`${A} was up down up, and seen up down up up`]],
    ['a healthy server down', SEEN + down(B), [`${B} was up, and seen up down`]],
    ['a server never', up(A) + down(A) + up(A), [`${B} was up, and seen as nothing`]],
    ['a server that is not there', SEEN + up('C (D)'), ['C (D) was nothing, and seen up']],
  ] as const)('%s', ([, log, expected]) => {
    expect(differences(answered(PAGES, NAMES), logged(log))).toEqual(expected);
  });

  test('a fall is to be in the table; to be down from the beginning is none', () => {
    const fallen = falls(
      new Map<string, State[]>([
        [A, ['up', 'down', 'up', 'down']],
        [B, ['down', 'up']],
      ]),
    );
    expect(fallen).toEqual(new Map([[A, ['down', 'down']]]));
    const log = line(`Quiescent real server: ${A} (Weight set to 0)`).repeat(2);
    expect(
      differences(fallen, only(quiesced(log + line(`Quiescent real server: ${B} (Weight set to 0)`)), [A])),
    ).toEqual([]);
    expect(differences(fallen, quiesced(`${log}${log}`))).toHaveLength(1);
  });

  test('whoever is told now and then sees each state once', () => {
    const watched = new Watched();
    for (const [state, since] of [
      ['unknown', 1],
      ['up', 2],
      ['up', 2],
      ['down', 5],
      ['up', 2],
      ['down', 5],
      ['up', 9],
    ] as const)
      watched.see(A, state, since);
    expect(watched.histories).toEqual(new Map([[A, ['up', 'down', 'up']]]));
  });
});

const refusal = line('Reloading /x.cf') + line('ERROR: x.cf:1: no such word') + line('ERROR: Cannot reload /x.cf, …');
test.for([
  ['nothing', SEEN, []],
  ['a refused configuration', refusal + SEEN, []],
  ['that it had no processor time', line('WARNING: This process stood still for 3 s (stopped, …'), []],
  ['an error', line('ERROR: no memory'), [line('ERROR: no memory').trimEnd()]],
  [
    'a warning while it reloads',
    line('Reloading /x.cf') + line('WARNING: odd') + line('Reloaded /x.cf'),
    [line('WARNING: odd').trimEnd()],
  ],
  ['an error in a reload that never ends', line('Reloading /x.cf') + line('ERROR: oh'), [line('ERROR: oh').trimEnd()]],
  ['what node says', '(node:1) MaxListenersExceededWarning\n', ['(node:1) MaxListenersExceededWarning']],
] as const)('%s in the log', ([, log, expected]) => {
  expect(surprises(log)).toEqual(expected);
});

const metrics = (failures: number, transitions: number): string =>
  [
    `tsdirectord_server_check_failures_total{protocol="tcp",virtual="10.9.0.1:80",server="127.1.0.1:80"} ${failures}`,
    `tsdirectord_server_transitions_total{protocol="tcp",virtual="10.9.0.1:80",server="127.1.0.1:80"} ${transitions}`,
    '',
  ].join('\n');
test.for([
  [3, 3, false, []],
  [2, 3, false, [`tsdirectord_server_check_failures_total of ${A}: 2, not 3`]],
  [2, 3, true, []],
  [4, 3, true, [`tsdirectord_server_check_failures_total of ${A}: 4, not 3`]],
  [3, 5, true, [`tsdirectord_server_transitions_total of ${A}: 4, not 2`]],
] as const)('%i failures and %i transitions counted, stood still: %s', ([failures, transitions, still, expected]) => {
  expect(miscounted([metrics(0, 1), metrics(failures, transitions)], PAGES, NAMES, [A], still)).toEqual(expected);
});

test('what is there at rest: the least of some looks, and what has become more', () => {
  expect(leastOf([{ socket: 5, pipe: 1 }, { socket: 3 }])).toEqual({ socket: 3 });
  expect(more({ socket: 3, pipe: 9 }, { socket: 5, timer: 6 })).toEqual(['timer 0 → 6']);
});

test('a zombie is one that two more looks find, too', () => {
  const look = (...zombies: number[]) => ({ at: 0, residentMb: 0, descriptors: 0, children: 0, zombies });
  expect(lasting([look(1), look(2), look(2, 3), look(2, 3)])).toEqual([2]);
});
