// What the state of servers and services is called, and which of them come first.
import { dampingWords } from '../../../health/damping.ts';
import type { ServerSnapshot, VirtualSnapshot } from '../../snapshot.ts';

/** How a server is, for its shape and colour. */
export type Mark = 'up' | 'down' | 'held' | 'new';

/** 2: somebody must do something; 1: somebody may want to know; 0: all well. */
export type Rank = 0 | 1 | 2;

/** The state that counts: who is held out of service is that, whatever checks say. */
export function markOf({ state, heldDown }: ServerSnapshot): Mark {
  if (heldDown !== undefined) return 'held';
  return state === 'unknown' ? 'new' : state;
}

/** Held by a file of the maintenance directory, whatever else was ordered. */
export function isInMaintenance({ heldDown }: ServerSnapshot): boolean {
  return heldDown?.startsWith('maintenance') ?? false;
}

/** "Up", "Down", "Draining", "Drained", "Disabled", "Maintenance", "New". */
export function wordOf(server: ServerSnapshot): string {
  const { override, kernel } = server;
  const mark = markOf(server);
  if (mark !== 'held') return { up: 'Up', down: 'Down', new: 'New' }[mark];
  if (isInMaintenance(server)) return 'Maintenance';
  if (override?.kind !== 'drain') return 'Disabled';
  return (kernel?.activeConnections ?? 0) > 0 ? 'Draining' : 'Drained';
}

/** Why it is as it is. */
export function reasonOf({ state, reason, heldDown }: ServerSnapshot): string {
  if (heldDown === undefined) return reason;
  return `${heldDown}; its checks say ${state === 'unknown' ? 'nothing yet' : state}${reason === '' ? '' : `: ${reason}`}`;
}

/** What stands beside the state: soft failures, an ordered weight, differences. Empty for most. */
export function remarksOf(server: ServerSnapshot, failureCount: number): string[] {
  const { failures, override, differs, lastCheck, state, damping } = server;
  return [
    ...(damping === undefined ? [] : [sentence(dampingWords(state, damping))]),
    ...(failures > 0
      ? [
          `Failed ${failures} of ${failureCount} checks in a row${lastCheck === undefined ? '' : `: ${lastCheck.detail}`}`,
        ]
      : []),
    ...(override?.kind === 'weight' ? [`Weight ${override.weight} ordered by the operator`] : []),
    ...(override !== undefined && override.kind !== 'weight' && isInMaintenance(server)
      ? [override.kind === 'drain' ? 'Also drained by the operator' : 'Also disabled by the operator']
      : []),
    ...(differs === undefined ? [] : [`Kernel differs: ${differs}`]),
    ...(state === 'down' && lastCheck?.outcome === 'down' && lastCheck.detail !== server.reason
      ? [`Last check: ${lastCheck.detail}`]
      : []),
  ];
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function serverRank(server: ServerSnapshot): Rank {
  if (markOf(server) === 'down' || server.differs !== undefined) return 2;
  const { failures, override, damping } = server;
  return markOf(server) === 'up' && failures === 0 && override === undefined && damping === undefined ? 0 : 1;
}

export interface Count {
  readonly up: number;
  readonly down: number;
  readonly held: number;
  readonly new: number;
}

export interface Standing extends Count {
  readonly rank: Rank;
  /** No server is up, no fallback has the traffic, and that is known. */
  readonly unserved: boolean;
  /** The kernel's table is not what it should be. */
  readonly differs: boolean;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
}

/** A service by its servers. */
export function standingOf(virtual: VirtualSnapshot): Standing {
  const count = { up: 0, down: 0, held: 0, new: 0 };
  const differs = virtual.differs !== undefined || virtual.servers.some((server) => server.differs !== undefined);
  let rank: Rank = differs || virtual.fallback?.active === true ? 2 : 0;
  let [activeConnections, inactiveConnections] = [0, 0];
  for (const server of virtual.servers) {
    count[markOf(server)]++;
    rank = Math.max(rank, serverRank(server)) as Rank;
    activeConnections += server.kernel?.activeConnections ?? 0;
    inactiveConnections += server.kernel?.inactiveConnections ?? 0;
  }
  const unserved = count.up === 0 && count.new === 0 && virtual.servers.length > 0 && virtual.fallback?.active !== true;
  if (unserved) rank = 2;
  return { ...count, rank, unserved, differs, activeConnections, inactiveConnections };
}

/** "2 of 10 down, 1 held", "10 up". */
export function standingWords({ up, down, held, new: unchecked }: Count): string {
  const total = up + down + held + unchecked;
  if (total === 0) return 'no servers';
  if (up === total) return total === 1 ? '1 up' : `all ${total} up`;
  const parts = [
    ...(down > 0 ? [`${down} of ${total} down`] : []),
    ...(held > 0 ? [`${held} out of service`] : []),
    ...(unchecked > 0 ? [`${unchecked} not checked yet`] : []),
    ...(up > 0 ? [`${up} up`] : []),
  ];
  return parts.join(', ');
}

/** What people call it: `web`, or else `10.8.8.45:80`. */
export function serviceName(virtual: VirtualSnapshot): string {
  return virtual.serviceName ?? fullName(virtual);
}

/** `web (10.8.8.45:80)`, or its name alone. */
export function serviceTitle(virtual: VirtualSnapshot): string {
  const full = fullName(virtual);
  return virtual.serviceName === undefined ? full : `${virtual.serviceName} (${full})`;
}

function fullName({ name, protocol }: VirtualSnapshot): string {
  return protocol === 'fwm' ? `mark ${name}` : name;
}

/** 12345 as "12 345", which no country takes for a fraction. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}
