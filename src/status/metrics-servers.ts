// What is told of each virtual service and each real server: the metrics that have one series for each.
import type { ServerStatistics } from '../ipvs/stats-format.ts';
import { type Family, Histogram, labelText, sample } from './metrics-text.ts';
import type { ServerSnapshot, VirtualSnapshot } from './snapshot.ts';

/** Upper bounds in seconds: from a server in the same rack to time limits. */
const CHECK_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30];

/** What is counted of a service as its checks end. */
export class ServiceCounts {
  readonly durations = new Histogram(CHECK_SECONDS);
  /** By the labels that tell them apart. */
  readonly results = new Map([['outcome="up"', 0]]);

  count(labels: string): void {
    this.results.set(labels, (this.results.get(labels) ?? 0) + 1);
  }
}

/** What is counted of a server as its checks end. */
export interface ServerCounts {
  failures: number;
  failuresInRow: number;
  transitions: number;
}

/** A service at a scrape. */
export interface SeenService {
  /** As Prometheus reads them, without braces. */
  readonly labels: string;
  readonly fallback: VirtualSnapshot['fallback'];
  readonly counts: ServiceCounts;
}

/** A server at a scrape: of a fallback only what the kernel knows. */
export interface SeenServer {
  readonly labels: string;
  readonly server: Partial<ServerSnapshot>;
  readonly counts?: ServerCounts | undefined;
  readonly statistics?: ServerStatistics | undefined;
}

/** Of a service, or of a server in it. Marks of IPv6 are of the protocol fwm6, so that no two services have the same labels. */
export function labelsOf(
  { key, name, serviceName }: Pick<VirtualSnapshot, 'key' | 'name' | 'serviceName'>,
  server?: string,
): string {
  return labelText({ protocol: key.slice(0, key.indexOf(':')), virtual: name, server, service: serviceName });
}

export interface ServiceFamily extends Family {
  text(name: string, seen: SeenService): string;
}

export const SERVICE_FAMILIES: readonly ServiceFamily[] = [
  {
    name: 'tsdirectord_fallback_active',
    type: 'gauge',
    help: 'Whether the fallback has the traffic of the virtual service, because all its servers are down (1) or not (0).',
    text: (name, { labels, fallback }) => sample(name, labels, fallback && Number(fallback.active)),
  },
  {
    name: 'tsdirectord_checks_total',
    type: 'counter',
    help: 'Checks of the servers of a virtual service: outcome is up, down, or error when one could not be made; reason is why, of a few kinds.',
    text: (name, { labels, counts }) =>
      [...counts.results].map(([result, count]) => sample(name, `${labels},${result}`, count)).join(''),
  },
  {
    name: 'tsdirectord_check_duration_seconds',
    type: 'histogram',
    help: 'How long the checks of the servers of a virtual service took, failed ones too.',
    text: (name, { labels, counts }) => counts.durations.text(name, labels),
  },
];

export interface ServerFamily extends Family {
  /** Undefined: this server has no such series now. */
  value(seen: SeenServer): number | undefined;
}

export const SERVER_FAMILIES: readonly ServerFamily[] = [
  {
    name: 'tsdirectord_server_up',
    type: 'gauge',
    help: 'Whether the checks of a server say that it is well (1), or that it is down or nothing yet (0).',
    value: ({ server: { state } }) => state && Number(state === 'up'),
  },
  {
    name: 'tsdirectord_server_held',
    type: 'gauge',
    help: 'Whether a server is out of service by the will of somebody, whatever its checks say (1), or not (0).',
    value: ({ server: { state, heldDown } }) => state && Number(heldDown !== undefined),
  },
  {
    name: 'tsdirectord_server_weight_configured',
    type: 'gauge',
    help: 'The weight of a server in the configuration.',
    value: ({ server: { weight } }) => weight,
  },
  {
    name: 'tsdirectord_server_weight_kernel',
    type: 'gauge',
    help: 'The weight of a server in the kernel; none for one that is not there.',
    value: ({ server: { kernel } }) => kernel?.weight,
  },
  {
    name: 'tsdirectord_server_check_failures_total',
    type: 'counter',
    help: 'Failed checks of a server.',
    value: ({ counts }) => counts?.failures,
  },
  {
    name: 'tsdirectord_server_check_failures_in_row',
    type: 'gauge',
    help: 'Failed checks of a server since the last one that it passed.',
    value: ({ counts }) => counts?.failuresInRow,
  },
  {
    name: 'tsdirectord_server_damping_successes_needed',
    type: 'gauge',
    help: 'Checks in a row that a flapping server must pass to come back (flapdamping); none for one that is up or not damped.',
    value: ({ server: { state, damping } }) => (state === 'down' ? damping?.successesNeeded : undefined),
  },
  {
    name: 'tsdirectord_server_transitions_total',
    type: 'counter',
    help: 'How often checks have brought a server up or down.',
    value: ({ counts }) => counts?.transitions,
  },
  {
    name: 'tsdirectord_server_last_check_timestamp_seconds',
    type: 'gauge',
    help: 'When the last check of a server ended, in seconds since 1970; none before the first.',
    value: ({ server: { lastCheck } }) => lastCheck && lastCheck.at / 1000,
  },
  {
    name: 'tsdirectord_server_last_check_duration_seconds',
    type: 'gauge',
    help: 'How long the last check of a server took.',
    value: ({ server: { lastCheck } }) => lastCheck && lastCheck.durationMs / 1000,
  },
  {
    name: 'tsdirectord_ipvs_connections_active',
    type: 'gauge',
    help: 'Active connections of a server in the kernel.',
    value: ({ server: { kernel } }) => kernel?.activeConnections,
  },
  {
    name: 'tsdirectord_ipvs_connections_inactive',
    type: 'gauge',
    help: 'Connections of a server in the kernel that are about to end, and all of UDP.',
    value: ({ server: { kernel } }) => kernel?.inactiveConnections,
  },
  {
    name: 'tsdirectord_ipvs_connections_total',
    type: 'counter',
    help: 'Connections that the kernel has given to a server.',
    value: ({ statistics }) => statistics?.connections,
  },
  {
    name: 'tsdirectord_ipvs_incoming_packets_total',
    type: 'counter',
    help: 'Packets that the kernel has passed on to a server.',
    value: ({ statistics }) => statistics?.inPackets,
  },
  {
    name: 'tsdirectord_ipvs_incoming_bytes_total',
    type: 'counter',
    help: 'Bytes that the kernel has passed on to a server.',
    value: ({ statistics }) => statistics?.inBytes,
  },
  {
    name: 'tsdirectord_ipvs_outgoing_packets_total',
    type: 'counter',
    help: 'Packets of a server that came back past the director; with direct routing and tunnels there are none.',
    value: ({ statistics }) => statistics?.outPackets,
  },
  {
    name: 'tsdirectord_ipvs_outgoing_bytes_total',
    type: 'counter',
    help: 'Bytes of a server that came back past the director; with direct routing and tunnels there are none.',
    value: ({ statistics }) => statistics?.outBytes,
  },
];
