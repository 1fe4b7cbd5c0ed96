// Services that are made up, for what real ones would take days to show: a shop at night, a thousand services, a hostile server.
import type { Transition } from '../../src/operator/history.ts';
import type { Latency } from '../../src/status/latencies.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../../src/status/snapshot.ts';
import type { Past, Scene } from './fake-daemon.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export function serverOf(name: string, change: Partial<ServerSnapshot> = {}, now = Date.now()): ServerSnapshot {
  const weight = change.weight ?? 1;
  const isOut = change.state === 'down' || change.heldDown !== undefined;
  return {
    name,
    state: 'up',
    since: now - 26 * HOUR,
    reason: 'HTTP 200 OK',
    failures: 0,
    weight,
    forwarding: 'gate',
    lastCheck: {
      at: now - 1_300,
      durationMs: 4.2,
      outcome: change.state === 'down' ? 'down' : 'up',
      detail: change.reason ?? 'HTTP 200 OK',
    },
    kernel: {
      forwarding: 'gate',
      weight: isOut ? 0 : weight,
      activeConnections: isOut ? 0 : 132,
      inactiveConnections: 18,
    },
    ...change,
  };
}

export function virtualOf(
  name: string,
  servers: readonly ServerSnapshot[],
  change: Partial<VirtualSnapshot> = {},
): VirtualSnapshot {
  return {
    key: `tcp:${name}`,
    name,
    protocol: 'tcp',
    scheduler: 'wlc',
    persistentSeconds: 0,
    failureCount: 3,
    servers,
    ...change,
  };
}

export function statusOf(virtuals: readonly VirtualSnapshot[], now = Date.now()): DaemonSnapshot {
  return {
    version: '0.1.0',
    pid: 1743,
    path: '/etc/ha.d/ldirectord.cf',
    state: 'running',
    startedAt: now - 31 * HOUR,
    configuredAt: now - 7 * HOUR,
    virtuals,
  };
}

/** Twelve servers of three services; with problems, or all well. */
export function shop(isWell: boolean, now = Date.now()): Scene {
  const bad = (change: Partial<ServerSnapshot>) => (isWell ? {} : change);
  const web = ['10.8.8.48:80', '10.8.8.49:80', '10.8.8.50:80', '10.8.8.51:80'];
  const status = statusOf(
    [
      virtualOf(
        '10.8.8.45:443',
        [
          serverOf('10.8.8.48:443'),
          serverOf('10.8.8.49:443'),
          serverOf(
            '10.8.8.50:443',
            bad({ heldDown: 'maintenance: file 10.8.8.50 in /etc/ha.d/maintenance', since: now - 3 * HOUR }),
          ),
          serverOf('10.8.8.51:443', { weight: 2 }),
        ],
        { serviceName: 'shop-tls', persistentSeconds: 600 },
      ),
      virtualOf(
        '10.8.8.45:80',
        [
          serverOf(web[0] as string),
          serverOf(
            web[1] as string,
            bad({ state: 'down', since: now - 4 * MINUTE, reason: 'HTTP 503 Service Unavailable' }),
          ),
          serverOf(
            web[2] as string,
            bad({ heldDown: 'drained by the operator', override: { kind: 'drain' }, since: now - 26 * HOUR }),
          ),
          serverOf(
            web[3] as string,
            bad({
              failures: 1,
              lastCheck: { at: now - 900, durationMs: 10_000, outcome: 'down', detail: 'no answer within 10 s' },
            }),
          ),
        ],
        { serviceName: 'shop' },
      ),
      virtualOf(
        '10.8.8.46:53',
        [
          serverOf('10.8.9.10:53', {
            reason: 'answered with 2 addresses',
            ...bad({
              differs: 'weight 0 in the kernel, 1 wanted',
              kernel: { forwarding: 'masq', weight: 0, activeConnections: 0, inactiveConnections: 911 },
            }),
          }),
          ...['10.8.9.11:53', '10.8.9.12:53', '10.8.9.13:53'].map((name) =>
            serverOf(name, { reason: 'answered with 2 addresses' }),
          ),
        ],
        { key: 'udp:10.8.8.46:53', protocol: 'udp', scheduler: 'rr', serviceName: 'dns' },
      ),
    ],
    now,
  );
  const pastIn = (key: string, name: string) => pastOf(status, key, name, now);
  return { status: sinceTheirLast(status, pastIn), token: 'a-fake-token', pastOf: pastIn };
}

/** The same, with every server as it is since the end of its past. */
function sinceTheirLast(status: DaemonSnapshot, pastIn: Scene['pastOf']): DaemonSnapshot {
  const virtuals = status.virtuals.map((virtual) => ({
    ...virtual,
    servers: virtual.servers.map((server) => {
      const last = pastIn(virtual.key, server.name).transitions.findLast(({ to }) => to === server.state);
      return { ...server, since: last?.at ?? server.since };
    }),
  }));
  return { ...status, virtuals };
}

/** A past that fits how a server is now. */
function pastOf({ virtuals }: DaemonSnapshot, key: string, name: string, now: number): Past {
  const server = virtuals.find((virtual) => virtual.key === key)?.servers.find((each) => each.name === name);
  const noise = noiseFrom(`${key} ${name}`);
  const transitions: Transition[] = [{ at: now - 26 * HOUR, to: 'up', reason: 'HTTP 200 OK' }];
  if (noise() > 0.6) {
    const at = now - (4 + 16 * noise()) * HOUR;
    transitions.push(
      { at, to: 'down', reason: 'connection refused' },
      { at: at + (5 + 40 * noise()) * MINUTE, to: 'up', reason: 'HTTP 200 OK' },
    );
  }
  if (server?.state === 'down') {
    for (const minutes of [190, 95, 40])
      transitions.push(
        { at: now - minutes * MINUTE, to: 'down', reason: 'HTTP 503 Service Unavailable' },
        { at: now - (minutes - 12) * MINUTE, to: 'up', reason: 'HTTP 200 OK' },
      );
    transitions.push({ at: server.since, to: 'down', reason: server.reason });
  } else if (server?.heldDown !== undefined)
    transitions.push({ at: now - 3 * HOUR, to: 'held', reason: server.heldDown });
  const latencies = Array.from({ length: 60 }, (_, index): Latency => {
    const isDown = server?.state === 'down' ? index > 12 : index === 59 && (server?.failures ?? 0) > 0;
    return {
      at: now - (60 - index) * 5_000,
      durationMs: 3 + 3 * noise() + (noise() > 0.93 ? 25 * noise() : 0),
      outcome: isDown ? 'down' : 'up',
    };
  });
  return { transitions: transitions.sort((a, b) => a.at - b.at), latencies };
}

/** The same numbers for the same text, between 0 and 1. */
function noiseFrom(text: string): () => number {
  let seed = [...text].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) | 0, 7);
  return () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) / 0x7fffff;
  };
}

/** As many services with ten servers each; a few servers are down. */
export function many(services: number): Scene {
  const now = Date.now();
  const virtuals = Array.from({ length: services }, (_, index) => {
    const net = `10.${20 + (index >> 8)}.${index & 255}`;
    const servers = Array.from({ length: 10 }, (__, server) =>
      serverOf(
        `${net}.${10 + server}:80`,
        index % 250 === 99 && server < 2 ? { state: 'down', reason: 'no route to host', since: now - 90_000 } : {},
      ),
    );
    return virtualOf(`10.8.${index >> 8}.${index & 255}:80`, servers, { serviceName: `service-${index}` });
  });
  const status = statusOf(virtuals, now);
  return { status, pastOf: (key, name) => pastOf(status, key, name, now) };
}
