// How far servers are that are drained: the connections that they still have.
import { virtualsNamed } from './named.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from './snapshot.ts';

/** A server as an order's outcome names it. */
interface Named {
  readonly virtual: string;
  readonly real: string;
}

export interface Draining {
  /** Connections of all of them. */
  readonly left: number;
  /** Servers that are not drained any more, or not configured. */
  readonly lost: readonly string[];
  /** Whether the kernel's table shows any server at all: it may be that it cannot be looked at. */
  readonly isSeen: boolean;
}

/** `servers`: what was drained; `wanted`: the virtual service as the order named it, because a name may stand for TCP and UDP. */
export function draining({ virtuals }: DaemonSnapshot, wanted: string, servers: readonly Named[]): Draining {
  const found = new Map<string, { virtual: VirtualSnapshot; server: ServerSnapshot }[]>();
  for (const virtual of virtualsNamed(virtuals, wanted))
    for (const server of virtual.servers) {
      const key = keyOf({ virtual: virtual.name, real: server.name });
      found.set(key, [...(found.get(key) ?? []), { virtual, server }]);
    }
  const isDrained = (named: Named): boolean => {
    const members = found.get(keyOf(named)) ?? [];
    return members.length > 0 && members.every(({ server }) => server.override?.kind === 'drain');
  };
  const drained = [...new Set(servers.map(keyOf))].flatMap((key) => found.get(key) ?? []);
  return {
    left: drained.reduce((sum, { virtual, server }) => sum + connectionsOf(virtual, server), 0),
    lost: servers.filter((named) => !isDrained(named)).map(({ virtual, real }) => `${real} (${virtual})`),
    isSeen: virtuals.some(({ servers: all, fallback }) =>
      [...all, fallback].some((each) => each?.kernel !== undefined),
    ),
  };
}

function keyOf({ virtual, real }: Named): string {
  return `${virtual} ${real}`;
}

/**
 * What is waited for. The inactive connections of TCP are those that are about to end; those of UDP are all inactive for the
 * kernel, and so may be those of a firewall mark.
 */
function connectionsOf({ protocol }: VirtualSnapshot, { kernel }: ServerSnapshot): number {
  if (kernel === undefined) return 0;
  return kernel.activeConnections + (protocol === 'tcp' ? 0 : kernel.inactiveConnections);
}
