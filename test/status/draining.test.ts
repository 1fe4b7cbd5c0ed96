// Which connections are waited for, and when it makes no sense to wait.
import { expect, test } from 'vitest';
import { draining } from '../../src/status/draining.ts';
import type { ServerSnapshot } from '../../src/status/snapshot.ts';
import { daemon, server, virtual, without } from './snapshots.ts';

const drained = (name: string, activeConnections: number, inactiveConnections = 0): ServerSnapshot =>
  server(name, {
    ...{ override: { kind: 'drain' }, heldDown: 'drained by the operator' },
    kernel: { forwarding: 'masq', weight: 0, activeConnections, inactiveConnections },
  });

const SITE = daemon([
  virtual('tcp:10.0.0.1:80', [drained('10.0.0.2:80', 3, 100), drained('10.0.0.3:80', 4), server('10.0.0.4:80')]),
  virtual('tcp:10.0.0.1:53', [drained('10.0.0.2:53', 5, 100)], { serviceName: 'names' }),
  virtual('udp:10.0.0.1:53', [drained('10.0.0.2:53', 0, 7)]),
  virtual('fwm:7', [drained('10.0.0.2:0', 1, 2)]),
  virtual('fwm6:7', [drained('[fd00::2]:0', 10, 20)]),
  virtual('tcp:10.0.0.1:443', [without(drained('10.0.0.2:443', 9), 'kernel')]),
]);

const named = (virtualName: string, ...reals: string[]) => reals.map((real) => ({ virtual: virtualName, real }));

test.for<[string, { virtual: string; real: string }[], number, string[]]>([
  ['10.0.0.1:80', named('10.0.0.1:80', '10.0.0.2:80'), 3, []],
  ['10.0.0.1', named('10.0.0.1:80', '10.0.0.2:80'), 3, []],
  ['10.0.0.1:80', named('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'), 7, []],
  ['all', named('10.0.0.1:80', '10.0.0.2:80', '10.0.0.2:80'), 3, []],
  ['tcp:10.0.0.1:53', named('10.0.0.1:53', '10.0.0.2:53'), 5, []],
  ['names', named('10.0.0.1:53', '10.0.0.2:53'), 5, []],
  ['udp:10.0.0.1:53', named('10.0.0.1:53', '10.0.0.2:53'), 7, []],
  ['all', named('10.0.0.1:53', '10.0.0.2:53'), 12, []],
  ['fwm:7', named('7', '10.0.0.2:0'), 3, []],
  ['fwm6:7', named('7', '[fd00::2]:0'), 30, []],
  ['10.0.0.1:443', named('10.0.0.1:443', '10.0.0.2:443'), 0, []],
  ['10.0.0.1:80', named('10.0.0.1:80', '10.0.0.4:80'), 0, ['10.0.0.4:80 (10.0.0.1:80)']],
  ['10.0.0.1:80', named('10.0.0.1:80', '10.0.0.9:80'), 0, ['10.0.0.9:80 (10.0.0.1:80)']],
  ['10.0.0.9:80', named('10.0.0.9:80', '10.0.0.2:80'), 0, ['10.0.0.2:80 (10.0.0.9:80)']],
])('%s %j', ([wanted, servers, left, lost]) => {
  const found = draining(SITE, wanted, servers);
  expect(found.lost).toEqual(lost);
  if (lost.length === 0) expect(found.left).toBe(left);
  expect(found.isSeen).toBe(true);
});

test('a table that cannot be looked at', () => {
  const virtuals = [virtual('tcp:10.0.0.1:80', [without(drained('10.0.0.2:80', 3), 'kernel')])];
  expect(draining(daemon(virtuals), 'all', named('10.0.0.1:80', '10.0.0.2:80'))).toEqual({
    ...{ left: 0, lost: [], isSeen: false },
  });
  const fallback = { name: '10.0.0.9:80', active: true, kernel: drained('', 0).kernel };
  const behind = virtuals.map((each) => ({ ...each, fallback }) as (typeof virtuals)[number]);
  expect(draining(daemon(behind), 'all', named('10.0.0.1:80', '10.0.0.2:80')).isSeen).toBe(true);
});
