// The soak's claims: a good run has them all, and each fault fails its own and no other.
import { expect, test } from 'vitest';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { claimsOf } from './claims.ts';
import type { Look } from './looks.ts';
import type { Quiet } from './quiet.ts';
import type { Findings } from './soak.ts';
import type { State } from './transitions.ts';

const SERVER = '127.1.0.1:80 (10.9.0.1:80)';
const line = (text: string): string => `[Mon Nov 23 15:26:17 2026] ${text}\n`;
const UP = line(`Real server ${SERVER} is up: 200`);
const DOWN = line(`Real server ${SERVER} is down: 500`) + line(`Quiescent real server: ${SERVER} (Weight set to 0)`);
const LATER = DOWN + UP;

const counted = (failures: number, transitions: number): string =>
  ['check_failures', 'transitions']
    .map((name) => `tsdirectord_server_${name}_total{virtual="10.9.0.1:80",server="127.1.0.1:80"}`)
    .map((series, index) => `${series} ${index === 0 ? failures : transitions}\n`)
    .join('');

const look = (changes: Partial<Look> = {}): Look => ({
  ...{ at: 0, residentMb: 90, descriptors: 30, children: 0, zombies: [] },
  ...changes,
});
const rest = (changes: Partial<Quiet> = {}): Quiet => ({
  ...{ timers: 20, heapMb: 30, resources: { PipeWrap: 2 }, descriptors: { socket: 4 } },
  ...changes,
});
const six = (of: (index: number) => Look): Look[] => Array.from({ length: 6 }, (_, index) => of(index));
const shown = (differs?: string): DaemonSnapshot =>
  ({ virtuals: [{ name: '10.9.0.1:80', servers: [], ...(differs && { differs }) }] }) as unknown as DaemonSnapshot;
const READERS = { read: 9, heard: 9, letGo: 1, kept: 0, troubles: [] };

const GOOD: Findings = {
  residents: [SERVER],
  upMs: 2_000,
  pages: {
    '127.1.0.1': {
      ...{ well: 99, failed: 2 },
      turns: [
        { to: 'up', at: 1 },
        { to: 'down', at: 2 },
        { to: 'up', at: 3 },
      ],
    },
  },
  names: new Map([['127.1.0.1', SERVER]]),
  ...{ log: UP + LATER, laterLog: LATER },
  watched: new Map<string, State[]>([[SERVER, ['up', 'down', 'up']]]),
  metrics: [counted(0, 1), counted(2, 3)],
  looks: six(() => look()),
  late: [{ p50: 0, p99: 30, most: 90, longest: 300 }],
  rest: { before: rest(), after: rest({ timers: 21 }), once: rest(), twice: rest() },
  counts: [1, 2, 3].map(() => ({ timers: 20, heapMb: 30 })),
  reloads: { taken: 3, refused: 1 },
  readers: READERS,
  troubles: [],
  table: { wanted: ['-A', '-a'], found: ['-A', '-a'] },
  shown: shown(),
  end: { code: 0, left: [] },
};

const failed = (changes: Partial<Findings>): string[] =>
  claimsOf({ ...GOOD, ...changes }).flatMap(({ name, holds }) => (holds ? [] : [name]));

test('a good run', () => {
  expect(claimsOf(GOOD).length).toBeGreaterThan(20);
  expect(failed({})).toEqual([]);
});

const WRONG = DOWN.split('\n')[0] ?? '';
test.for<[string, Partial<Findings>, string[]]>([
  ['not up in time', { upMs: Infinity }, ['every server comes up']],
  [
    'a healthy server is found down',
    { log: `${UP + LATER + WRONG}\n${UP}` },
    ['each transition is seen exactly once, says the log', 'no healthy server is found down'],
  ],
  [
    'an event is missed',
    { watched: new Map<string, State[]>([[SERVER, ['up', 'up']]]) },
    ['each transition is seen exactly once, say the events of the status page'],
  ],
  ['counted twice', { metrics: [counted(0, 1), counted(4, 3)] }, ['failed checks and transitions are counted right']],
  ['taken twice', { laterLog: LATER + DOWN }, ['each server that goes down loses its weight once']],
  ['a reload fails', { troubles: ['reload: no'] }, ['every reload is taken, and every broken one refused']],
  ['a page is not answered', { troubles: ['status page: 503'] }, ['the status page answers everybody']],
  ['the listener is let go', { readers: { ...READERS, troubles: ['end'] } }, ['the status page answers everybody']],
  ['a sluggard is kept', { readers: { ...READERS, kept: 1 } }, ['who takes nothing of an answer is let go']],
  ['an error', { log: UP + LATER + line('ERROR: oh') }, ['the log tells of no other trouble']],
  ['late', { late: [{ p50: 1, p99: 1_100, most: 1_200, longest: 1_450 }] }, ['the event loop is not held up']],
  ['memory', { looks: six((index) => look({ residentMb: 90 + 8 * index })) }, ['memory is flat']],
  ['heap at work', { counts: [30, 29, 39].map((heapMb) => ({ timers: 20, heapMb })) }, ['the heap is flat']],
  ['heap at rest', { rest: { ...GOOD.rest, twice: rest({ heapMb: 36 }) } }, ['the heap is flat']],
  ['descriptors', { looks: six((index) => look({ descriptors: 30 + 9 * index })) }, ['descriptors are flat']],
  [
    'a socket is left',
    { rest: { ...GOOD.rest, twice: rest({ descriptors: { socket: 10 } }) } },
    ['at rest as many descriptors are open as before'],
  ],
  ['timers', { rest: { ...GOOD.rest, after: rest({ timers: 40 }) } }, ['no timer is left']],
  [
    'a timer for each reload',
    { rest: { ...GOOD.rest, twice: rest({ timers: 32 }) } },
    ['reloads, reads and listeners at rest leave nothing'],
  ],
  [
    'something that keeps it going',
    { rest: { ...GOOD.rest, after: rest({ resources: { PipeWrap: 9 } }) } },
    ['nothing else keeps the process going than before'],
  ],
  ['a zombie', { looks: six(() => look({ zombies: [7] })) }, ['no child stays a zombie']],
  ['a line too few', { table: { wanted: ['-A', '-a'], found: ['-A'] } }, ['the table is right at the end']],
  ['a line too many', { table: { wanted: ['-A'], found: ['-A', '-a'] } }, ['the table is right at the end']],
  ['it differs', { shown: shown('the kernel also has 1') }, ['"show" finds nothing that differs']],
  ['a bad end', { end: { code: 'SIGKILL', left: [] } }, ['a stop ends it']],
  ['a file is left', { end: { code: 0, left: ['pid'] } }, ['a stop leaves nothing']],
])('%s', ([, changes, expected]) => {
  expect(failed(changes)).toEqual(expected);
});
