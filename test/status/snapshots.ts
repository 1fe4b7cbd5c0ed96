// Snapshots to show: builders for single services and servers, and one daemon that has some of everything.
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../../src/status/snapshot.ts';

export const NOW = Date.UTC(2026, 10, 23, 12);
export const ago = (seconds: number): number => NOW - seconds * 1000;

/** Up for a minute, checked two seconds ago, in the kernel with its weight. */
export function server(name: string, more: Partial<ServerSnapshot> = {}): ServerSnapshot {
  const { weight = 1, forwarding = 'masq' } = more;
  return {
    ...{ name, state: 'up', since: ago(60), reason: 'HTTP 200 OK', failures: 0, weight, forwarding },
    lastCheck: { at: ago(2), durationMs: 12, outcome: 'up', detail: 'HTTP 200 OK' },
    kernel: { forwarding, weight, activeConnections: 0, inactiveConnections: 0 },
    ...more,
  };
}

/** Without the kernel's part or its checks. */
export function without(
  from: ServerSnapshot,
  ...keys: readonly (keyof Pick<ServerSnapshot, 'kernel' | 'lastCheck'>)[]
): ServerSnapshot {
  const rest: Partial<Record<keyof ServerSnapshot, unknown>> = { ...from };
  for (const key of keys) delete rest[key];
  return rest as unknown as ServerSnapshot;
}

export function virtual(
  key: string,
  servers: readonly ServerSnapshot[],
  more: Partial<VirtualSnapshot> = {},
): VirtualSnapshot {
  const [, protocol = 'tcp', name = ''] = /^(tcp|udp|fwm)6?:(.*)$/.exec(key) ?? [];
  return {
    ...{ key, name, protocol: protocol as VirtualSnapshot['protocol'], scheduler: 'wlc' },
    ...{ persistentSeconds: 0, failureCount: 3, servers },
    ...more,
  };
}

export function daemon(virtuals: readonly VirtualSnapshot[], more: Partial<DaemonSnapshot> = {}): DaemonSnapshot {
  return {
    ...{ version: '0.1.0', pid: 812, path: '/etc/ha.d/ldirectord.cf', state: 'running' },
    ...{ startedAt: ago(7500), configuredAt: ago(200), virtuals },
    ...more,
  };
}

const connections = (weight: number, activeConnections: number, inactiveConnections: number) => ({
  kernel: { forwarding: 'masq', weight, activeConnections, inactiveConnections } as const,
});

export const WEB = virtual(
  'tcp:10.8.8.45:80',
  [
    server('10.8.8.48:80', { weight: 5, since: ago(7490), ...connections(5, 120, 31) }),
    server('10.8.8.149:80', {
      failures: 2,
      lastCheck: { at: ago(1), durationMs: 3_000, outcome: 'down', detail: 'no answer within 3 s' },
    }),
    without(
      server('10.8.8.50:80', {
        ...{ state: 'down', since: ago(3), reason: 'HTTP 404 Not Found' },
        lastCheck: { at: ago(3), durationMs: 4, outcome: 'down', detail: 'HTTP 404 Not Found' },
      }),
      'kernel',
    ),
    without(
      server('10.8.8.51:80', { state: 'unknown', since: ago(1), reason: 'not checked yet' }),
      'lastCheck',
      'kernel',
    ),
    server('10.8.8.53:80', {
      ...{ heldDown: 'drained by the operator', override: { kind: 'drain', at: ago(30) } },
      ...connections(0, 3, 1),
    }),
  ],
  { fallback: { name: '127.0.0.1:80', active: false }, persistentSeconds: 600, serviceName: 'shop' },
);

export const MARK = virtual(
  'fwm:7',
  [
    server('10.8.8.60:0', { heldDown: 'maintenance: file 10.8.8.60', forwarding: 'gate' }),
    server('10.8.8.61:0', {
      forwarding: 'gate',
      weight: 2,
      differs: 'weight 2 in the kernel, 9 wanted',
      override: { kind: 'weight', weight: 9, at: ago(5) },
    }),
  ],
  { scheduler: 'rr', differs: 'the kernel also has 10.8.8.99:0' },
);

const NAME_SERVER = without(
  server('[2001:db8:0:1::1234:5678]:53', { state: 'down', since: ago(90_000), reason: 'no answer within 10 s' }),
  'kernel',
  'lastCheck',
);

export const DNS = virtual('udp:[2001:db8::45]:53', [NAME_SERVER], {
  scheduler: 'rr',
  fallback: {
    ...{ name: '[2001:db8::99]:53', active: true },
    kernel: { forwarding: 'local', weight: 1, activeConnections: 0, inactiveConnections: 7 },
  },
});

export const DAEMON = daemon([WEB, MARK, DNS]);
