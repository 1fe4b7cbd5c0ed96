// What `status` says on a terminal.
import { expect, test } from 'vitest';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { ago, statusText } from '../../src/status/text.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const before = (seconds: number): number => NOW - seconds * 1000;

const SNAPSHOT: DaemonSnapshot = {
  version: '0.1.0',
  pid: 812,
  path: '/etc/ha.d/ldirectord.cf',
  state: 'running',
  startedAt: before(7500),
  configuredAt: before(200),
  virtuals: [
    {
      ...{ name: '10.8.8.45:80', protocol: 'tcp', scheduler: 'wlc', failureCount: 3 },
      servers: [
        { name: '10.8.8.48:80', state: 'up', since: before(7490), reason: 'HTTP 200 OK', failures: 0, weight: 5 },
        { name: '10.8.8.149:80', state: 'up', since: before(90), reason: 'HTTP 200 OK', failures: 2, weight: 1 },
        { name: '10.8.8.50:80', state: 'down', since: before(3), reason: 'HTTP 404 \x1b[2J', failures: 0, weight: 1 },
        { name: '10.8.8.51:80', state: 'unknown', since: before(1), reason: 'not checked yet', failures: 0, weight: 1 },
        {
          ...{ name: '10.8.8.52:80', state: 'up', since: before(60), reason: 'HTTP 200 OK', failures: 0, weight: 1 },
          heldDown: 'maintenance: file 10.8.8.52',
        },
      ],
      fallback: { name: '127.0.0.1:80', active: false },
    },
    {
      name: '7',
      protocol: 'fwm',
      scheduler: 'rr',
      failureCount: 1,
      servers: [],
      fallback: { name: '10.0.0.1:0', active: true },
    },
  ],
};

test('each virtual, each server, since when and why', () => {
  expect(statusText(SNAPSHOT, NOW)).toBe(`tsdirectord 0.1.0, started 2 h 5 min ago, configuration read 3 min ago
2 of 5 real servers of 2 virtual services are up

TCP 10.8.8.45:80 wlc
  up   10.8.8.48:80  weight 5  2 h 4 min ago: HTTP 200 OK
  up   10.8.8.149:80 weight 1  1 min ago, failure 2/3: HTTP 200 OK
  DOWN 10.8.8.50:80  weight 1  3 s ago: HTTP 404 \\x1b[2J
  new  10.8.8.51:80  weight 1  1 s ago: not checked yet
  HELD 10.8.8.52:80  weight 1  1 min ago: maintenance: file 10.8.8.52; its checks say up: HTTP 200 OK
  fallback 127.0.0.1:80: not needed

FWM 7 rr
  fallback 10.0.0.1:0: has the traffic`);
});

test('what is wrong, and what it is doing', () => {
  const text = statusText({ ...SNAPSHOT, state: 'reloading', trouble: 'ipvsadm is missing', virtuals: [] }, NOW);
  expect(text.split('\n').slice(1)).toEqual([
    '0 of 0 real servers of 0 virtual services are up; reloading',
    "the kernel's table is not as it should be: ipvsadm is missing",
  ]);
});

test('colours only where they are wanted', () => {
  expect(statusText(SNAPSHOT, NOW, true)).toContain('\x1b[31mDOWN\x1b[0m 10.8.8.50:80');
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
