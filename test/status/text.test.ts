// What `status` says on a terminal.
import { expect, test } from 'vitest';
import type { DaemonSnapshot, ServerSnapshot } from '../../src/status/snapshot.ts';
import { statusText } from '../../src/status/text.ts';
import { ago } from '../../src/status/words.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const before = (seconds: number): number => NOW - seconds * 1000;

const server = (name: string, more: Partial<ServerSnapshot>): ServerSnapshot => ({
  ...{ name, state: 'up', since: before(60), reason: 'HTTP 200 OK', failures: 0, weight: 1, forwarding: 'masq' },
  ...more,
});

const SNAPSHOT: DaemonSnapshot = {
  version: '0.1.0',
  pid: 812,
  path: '/etc/ha.d/ldirectord.cf',
  state: 'running',
  startedAt: before(7500),
  configuredAt: before(200),
  virtuals: [
    {
      ...{ key: 'tcp:10.8.8.45:80', name: '10.8.8.45:80', protocol: 'tcp', scheduler: 'wlc' },
      ...{ persistentSeconds: 0, failureCount: 3 },
      servers: [
        server('10.8.8.48:80', { since: before(7490), weight: 5 }),
        server('10.8.8.149:80', { since: before(90), failures: 2 }),
        server('10.8.8.50:80', { state: 'down', since: before(3), reason: 'HTTP 404 \x1b[2J' }),
        server('10.8.8.51:80', { state: 'unknown', since: before(1), reason: 'not checked yet' }),
        server('10.8.8.52:80', { heldDown: 'maintenance: file 10.8.8.52' }),
        server('10.8.8.53:80', { heldDown: 'drained by the operator', override: { kind: 'drain', at: before(30) } }),
        server('10.8.8.54:80', {
          override: { kind: 'weight', weight: 9 },
          differs: 'weight 1 in the kernel, 9 wanted',
        }),
      ],
      fallback: { name: '127.0.0.1:80', active: false },
      differs: 'the kernel also has 10.8.8.99:80',
    },
    {
      ...{ key: 'fwm:7', name: '7', protocol: 'fwm', scheduler: 'rr', persistentSeconds: 0, failureCount: 1 },
      servers: [],
      fallback: { name: '10.0.0.1:0', active: true },
    },
  ],
};

test('each virtual, each server, since when and why', () => {
  expect(statusText(SNAPSHOT, NOW)).toBe(`tsdirectord 0.1.0, started 2 h 5 min ago, configuration read 3 min ago
3 of 7 real servers of 2 virtual services are up, 1 down, 1 not checked yet, 2 held out of service

TCP 10.8.8.45:80 wlc
  up       10.8.8.48:80  weight 5  2 h 4 min ago: HTTP 200 OK
  up 2/3   10.8.8.149:80 weight 1  1 min ago: 2 of 3 failures in a row; HTTP 200 OK
  DOWN     10.8.8.50:80  weight 1  3 s ago: HTTP 404 \\x1b[2J
  new      10.8.8.51:80  weight 1  1 s ago: not checked yet
  maint    10.8.8.52:80  weight 1  maintenance: file 10.8.8.52; its checks say up: HTTP 200 OK
  drained  10.8.8.53:80  weight 1  30 s ago: drained by the operator; its checks say up: HTTP 200 OK
  up       10.8.8.54:80  weight 9  1 min ago: ! weight 1 in the kernel, 9 wanted; weight 9 ordered, 1 configured; HTTP 200 OK
  fallback 127.0.0.1:80: not needed
  ! the kernel also has 10.8.8.99:80

FWM 7 rr
  fallback 10.0.0.1:0: has the traffic`);
});

test('what is wrong, and what it is doing', () => {
  const text = statusText({ ...SNAPSHOT, state: 'reloading', trouble: 'ipvsadm is missing', virtuals: [] }, NOW);
  expect(text.split('\n').slice(1)).toEqual([
    '0 of 0 real servers of 0 virtual services are up; reloading',
    "! the kernel's table is not as it should be: ipvsadm is missing",
  ]);
});

test('colours only where they are wanted', () => {
  expect(statusText(SNAPSHOT, NOW, true)).toContain('\x1b[31mDOWN    \x1b[0m 10.8.8.50:80');
  expect(statusText(SNAPSHOT, NOW)).not.toContain('\x1b');
});

test.each([
  [-5, '0 s ago'],
  [0, '0 s ago'],
  [59, '59 s ago'],
  [60, '1 min ago'],
  [3599, '59 min ago'],
  [3600, '1 h 0 min ago'],
  [86_399, '23 h 59 min ago'],
  [90_000, '1 d 1 h ago'],
])('%i seconds are %s', (seconds, text) => {
  expect(ago(before(seconds), NOW)).toBe(text);
});
