// What the status page says: of a server, of a service, and of all of them in one sentence.
import { describe, expect, test } from 'vitest';
import { periodsOf, spanFor, stripWords } from '../../../src/status/page/client/history.ts';
import { milliseconds, plotWords } from '../../../src/status/page/client/latency-words.ts';
import { ordersFor } from '../../../src/status/page/client/order-words.ts';
import { summarise } from '../../../src/status/page/client/summary-words.ts';
import {
  grouped,
  markOf,
  reasonOf,
  remarksOf,
  serverRank,
  standingOf,
  standingWords,
  wordOf,
} from '../../../src/status/page/client/words.ts';
import type { ServerSnapshot, VirtualSnapshot } from '../../../src/status/snapshot.ts';
import { serverOf, statusOf, virtualOf } from '../../browser/scenes.ts';

const MAINTENANCE = 'maintenance: file x in /etc/ha.d/maintenance';
const up = (change: Partial<ServerSnapshot> = {}) => serverOf('10.0.0.2:80', change);
const busy = (activeConnections: number) =>
  ({ forwarding: 'gate', weight: 0, activeConnections, inactiveConnections: 0 }) as const;
const drained = { heldDown: 'drained by the operator', override: { kind: 'drain' } } as const;
const disabled = { heldDown: 'disabled by the operator', override: { kind: 'disable' } } as const;

const damping = { downs: 3, firstDownAt: 0, lastDownAt: 40_000, successesNeeded: 4, successes: 2 };

describe('a server', () => {
  test.for([
    ['up', up(), 'Up', 'up', 0, ['recheck', 'weight', 'drain', 'disable']],
    ['down', up({ state: 'down' }), 'Down', 'down', 2, ['recheck', 'weight', 'drain', 'disable']],
    ['new', up({ state: 'unknown' }), 'New', 'new', 1, ['recheck', 'weight', 'drain', 'disable']],
    ['failing', up({ failures: 1 }), 'Up', 'up', 1, ['recheck', 'weight', 'drain', 'disable']],
    ['damped', up({ state: 'down', damping }), 'Down', 'down', 2, ['recheck', 'enable', 'weight', 'drain', 'disable']],
    ['on probation', up({ damping }), 'Up', 'up', 1, ['recheck', 'enable', 'weight', 'drain', 'disable']],
    [
      'drained, connected',
      up({ ...drained, kernel: busy(3) }),
      'Draining',
      'held',
      1,
      ['recheck', 'enable', 'disable'],
    ],
    ['drained, empty', up({ ...drained, kernel: busy(0) }), 'Drained', 'held', 1, ['recheck', 'enable', 'disable']],
    ['disabled', up(disabled), 'Disabled', 'held', 1, ['recheck', 'enable']],
    [
      'in maintenance',
      up({ heldDown: MAINTENANCE }),
      'Maintenance',
      'held',
      1,
      ['recheck', 'weight', 'drain', 'disable'],
    ],
    ['held and down', up({ ...disabled, state: 'down' }), 'Disabled', 'held', 1, ['recheck', 'enable']],
    [
      'another weight',
      up({ override: { kind: 'weight', weight: 3 } }),
      'Up',
      'up',
      1,
      ['recheck', 'enable', 'weight', 'drain', 'disable'],
    ],
    ['differing', up({ differs: 'weight 0' }), 'Up', 'up', 2, ['recheck', 'weight', 'drain', 'disable']],
  ] as const)('%s', ([, server, word, mark, rank, orders]) => {
    expect([wordOf(server), markOf(server), serverRank(server)]).toEqual([word, mark, rank]);
    expect(ordersFor(server).map(({ op }) => op)).toEqual(orders);
  });

  test.for([
    [up({ reason: 'HTTP 200 OK' }), 'HTTP 200 OK', []],
    [up({ ...drained, reason: '' }), 'drained by the operator; its checks say up', []],
    [up({ ...drained, state: 'unknown', reason: '' }), 'drained by the operator; its checks say nothing yet', []],
    [
      up({
        ...drained,
        state: 'down',
        reason: 'refused',
        lastCheck: { at: 0, durationMs: 1, outcome: 'down', detail: 'refused' },
      }),
      'drained by the operator; its checks say down: refused',
      [],
    ],
    [
      up({ failures: 2, lastCheck: { at: 0, durationMs: 1, outcome: 'down', detail: 'silent' } }),
      'HTTP 200 OK',
      ['Failed 2 of 3 checks in a row: silent'],
    ],
    [
      up({ state: 'down', reason: 'refused', damping }),
      'refused',
      ['Flaps: went down 3 times in 40 s; comes back after 4 successes in a row (2 so far)'],
    ],
    [up({ override: { kind: 'weight', weight: 9 } }), 'HTTP 200 OK', ['Weight 9 ordered by the operator']],
    [
      up({ heldDown: MAINTENANCE, override: { kind: 'drain' } }),
      `${MAINTENANCE}; its checks say up: HTTP 200 OK`,
      ['Also drained by the operator'],
    ],
    [
      up({ state: 'down', reason: 'refused', lastCheck: { at: 0, durationMs: 1, outcome: 'down', detail: 'silent' } }),
      'refused',
      ['Last check: silent'],
    ],
    [up({ differs: 'it is not in the kernel' }), 'HTTP 200 OK', ['Kernel differs: it is not in the kernel']],
  ] as const)('why: %#', ([server, why, remarks]) => {
    expect(reasonOf(server)).toBe(why);
    expect(remarksOf(server, 3)).toEqual(remarks);
  });
});

const service = (servers: readonly ServerSnapshot[], change: Partial<VirtualSnapshot> = {}) =>
  virtualOf('10.0.0.1:80', servers, { serviceName: 'web', ...change });
const of = (count: number, change: Partial<ServerSnapshot> = {}, from = 0) =>
  Array.from({ length: count }, (_, index) => serverOf(`10.0.0.${from + index + 2}:80`, change));
const down = { state: 'down' } as const;

test.for([
  [service(of(1)), '1 up'],
  [service(of(3)), 'all 3 up'],
  [service([...of(1, down), ...of(2, {}, 1)]), '1 of 3 down, 2 up'],
  [service([...of(1, disabled), ...of(1, { state: 'unknown' }, 1)]), '1 out of service, 1 not checked yet'],
  [service([]), 'no servers'],
] as const)('the standing of a service: %#', ([virtual, words]) => {
  expect(standingWords(standingOf(virtual))).toBe(words);
});

test.for([
  { name: 'none', services: [], headline: 'There are no servers', tone: 'new' },
  { name: 'one', services: [service(of(1))], headline: 'The one server is up', tone: 'up' },
  { name: 'all up', services: [service(of(3))], headline: 'All 3 servers of 1 service are up', tone: 'up' },
  {
    name: 'starting',
    services: [service(of(2, { state: 'unknown' }))],
    headline: 'No check has ended yet: 2 servers',
    tone: 'new',
  },
  {
    name: 'one down',
    services: [service([...of(1, down), ...of(2, {}, 1)])],
    headline: '1 of 3 servers is down: 10.0.0.2:80 in web',
    tone: 'down',
  },
  {
    name: 'many down',
    services: [service([...of(4, down), ...of(1, {}, 4)])],
    headline: '4 of 5 servers are down, all in web',
    tone: 'down',
  },
  {
    name: 'unserved',
    services: [service(of(2, down))],
    headline: 'web is not served: it has no server that is up',
    tone: 'down',
  },
  {
    name: 'all taken out',
    services: [service(of(2, disabled))],
    headline: 'web is not served: it has no server that is up',
    tone: 'down',
  },
  {
    name: 'not known yet',
    services: [service([...of(1, down), ...of(1, { state: 'unknown' }, 1)])],
    headline: '1 of 2 servers is down: 10.0.0.2:80 in web',
    tone: 'down',
  },
  {
    name: 'fallback',
    services: [service(of(1, down), { fallback: { name: 'f', active: true } })],
    headline: '1 of 1 server is down: 10.0.0.2:80 in web',
    tone: 'down',
  },
  {
    name: 'one drained',
    services: [service([...of(1, drained), ...of(2, {}, 1)])],
    headline: '2 of 3 servers are up, none is down',
    tone: 'up',
  },
  {
    name: 'differing',
    services: [service(of(2), { differs: 'x' })],
    headline: 'All 2 servers of 1 service are up',
    tone: 'warning',
  },
] as const)('the summary: $name', ({ services, headline, tone }) => {
  const said = summarise(
    statusOf([]),
    services.map((virtual) => ({ virtual, standing: standingOf(virtual) })),
  );
  expect([said.headline, said.tone]).toEqual([headline, tone]);
});

test('the summary: what else is to be known', () => {
  const virtual = service([...of(1, down), ...of(1, drained, 1)], { differs: 'x' });
  const { notes } = summarise({ ...statusOf([]), state: 'stopping', trouble: 'ipvsadm is missing' }, [
    { virtual, standing: standingOf(virtual) },
  ]);
  expect(notes).toEqual([
    "The kernel's table is not as it should be: ipvsadm is missing",
    '1 of 2 servers is down: 10.0.0.2:80 in web',
    "The kernel's table is not what it should be for web",
    '1 server is out of service on purpose',
    'The daemon is stopping',
  ]);
});

describe('history', () => {
  const NOW = 10_000_000;
  const MINUTE = 60_000;
  const SPAN = { ms: 10 * MINUTE, words: '10 min' };
  const at = (minutes: number, to: 'up' | 'down' | 'held' | 'released') => ({
    at: NOW - minutes * MINUTE,
    to,
    reason: '',
  });
  test.for([
    [[], 'Last 10 min: not known 100 %'],
    [[at(20, 'up')], 'Last 10 min: up 100 %'],
    [[at(5, 'up')], 'Last 10 min: up 50 %, not known 50 %'],
    [[at(20, 'up'), at(5, 'down')], 'Last 10 min: up 50 %, down 50 %'],
    [[at(20, 'up'), at(8, 'down'), at(7, 'up'), at(2, 'down')], 'Last 10 min: up 70 %, down 30 %; down 2 times'],
    [[at(20, 'up'), at(5, 'held')], 'Last 10 min: up 50 %, out of service 50 %'],
    [
      [at(20, 'up'), at(9, 'held'), at(5, 'down'), at(4, 'released')],
      'Last 10 min: up 10 %, down 40 %, out of service 50 %',
    ],
    [[at(20, 'up'), at(0.01, 'down')], 'Last 10 min: up more than 99 %, down less than 1 %'],
    // A clock that was put forward and back again.
    [[at(20, 'up'), at(-5, 'down')], 'Last 10 min: up 100 %'],
    [[at(5, 'up'), at(20, 'down')], 'Last 10 min: down 50 %, not known 50 %'],
  ] as const)('%#: %s', ([transitions, words]) => {
    const periods = periodsOf(transitions, NOW, SPAN.ms);
    expect(periods.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(SPAN.ms);
    expect(stripWords(periods, SPAN)).toBe(words);
  });

  test.for([
    [0, '10 min'],
    [9, '10 min'],
    [11, '1 h'],
    [61, '6 h'],
    [361, '24 h'],
    [100_000, '24 h'],
  ] as const)('%i minutes are shown in %s', ([minutes, words]) => {
    expect(spanFor([[at(minutes, 'up')], []], NOW).words).toBe(words);
  });
});

test.for([
  [[], 'No check yet'],
  [[[2.04, 'up']], 'Last check: half took up to 2.0 ms, the longest 2.0 ms; none failed'],
  [
    [
      [1, 'up'],
      [80, 'down'],
      [3, 'up'],
    ],
    'Last 3 checks: half took up to 3.0 ms, the longest 80 ms; 1 failed',
  ],
] as const)('latency: %#', ([checks, words]) => {
  expect(plotWords(checks.map(([durationMs, outcome]) => ({ at: 0, durationMs, outcome })))).toBe(words);
});

test.for([
  [0.84, '0.8 ms'],
  [12.4, '12 ms'],
  [2_490, '2.5 s'],
] as const)('%f is %s', ([ms, words]) => expect(milliseconds(ms)).toBe(words));

test.for([
  [0, '0'],
  [999, '999'],
  [1_000, '1\u202f000'],
  [1_234_567, '1\u202f234\u202f567'],
] as const)('%i is %s', ([count, words]) => expect(grouped(count)).toBe(words));
