// Which services and servers top lists, and in which order.
import type { ServerSnapshot, VirtualSnapshot } from '../snapshot.ts';
import { checkWordsOf, healthWord, isUp, notesOf } from '../words.ts';

/** A line of the list. `id` tells it from all others, as long as the configuration has it. */
export type Row =
  | { readonly kind: 'virtual'; readonly id: string; readonly virtual: VirtualSnapshot }
  | { readonly kind: 'fallback'; readonly id: string; readonly virtual: VirtualSnapshot }
  | {
      readonly kind: 'server';
      readonly id: string;
      readonly virtual: VirtualSnapshot;
      readonly server: ServerSnapshot;
    };

/** What comes first: as the configuration has it, what is not well, the most connections, the lowest name. */
export const SORTS = ['file', 'trouble', 'connections', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export interface Choice {
  readonly sort: Sort;
  /** Part of a name, of a health word or of a reason, in any case; empty is everything. */
  readonly filter: string;
  /** The key of the only virtual service that is shown. */
  readonly only: string | undefined;
}

/** Services with their servers below them. A filter that names a service leaves it all its servers. */
export function rowsOf(virtuals: readonly VirtualSnapshot[], { sort, filter, only }: Choice): Row[] {
  const wanted = filter.toLowerCase();
  const groups = virtuals
    .filter(({ key }) => only === undefined || key === only)
    .map((virtual): Group => ({ virtual, servers: serversShown(virtual, wanted) }))
    .filter(({ virtual, servers }) => wanted === '' || servers.length > 0 || matches(nameText(virtual), wanted));
  return sorted(groups, sort).flatMap(({ virtual, servers }): Row[] => [
    { kind: 'virtual', id: virtual.key, virtual },
    ...servers.map((server): Row => ({ kind: 'server', id: `${virtual.key} ${server.name}`, virtual, server })),
    ...(virtual.fallback !== undefined && (wanted === '' || matches(nameText(virtual), wanted))
      ? [{ kind: 'fallback', id: `${virtual.key} fallback`, virtual } as const]
      : []),
  ]);
}

interface Group {
  readonly virtual: VirtualSnapshot;
  readonly servers: readonly ServerSnapshot[];
}

function serversShown(virtual: VirtualSnapshot, wanted: string): readonly ServerSnapshot[] {
  if (wanted === '' || matches(nameText(virtual), wanted)) return virtual.servers;
  return virtual.servers.filter((server) => matches(serverText(server, virtual), wanted));
}

function matches(text: string, wanted: string): boolean {
  return text.toLowerCase().includes(wanted);
}

function nameText({ protocol, name, serviceName = '' }: VirtualSnapshot): string {
  return `${protocol} ${name} ${serviceName}`;
}

function serverText(server: ServerSnapshot, { failureCount }: VirtualSnapshot): string {
  const { word } = healthWord(server, failureCount);
  return [server.name, word, server.differs ?? '', ...notesOf(server, failureCount), checkWordsOf(server)].join('\n');
}

function sorted(groups: readonly Group[], sort: Sort): readonly Group[] {
  if (sort === 'file') return groups;
  if (sort === 'name') {
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
      BY_NUMBERS.compare(a.name, b.name);
    return groups
      .map(({ virtual, servers }) => ({ virtual, servers: [...servers].sort(byName) }))
      .sort((a, b) => byName(a.virtual, b.virtual));
  }
  const value = sort === 'trouble' ? troubleOf : connectionsOf;
  return groups
    .map(({ virtual, servers }) => {
      const valued = servers.map((server) => ({ server, value: value(server) })).sort((a, b) => b.value - a.value);
      const total = valued.reduce((sum, each) => sum + each.value, 0);
      const first = sort === 'trouble' ? troubleOfAll(virtual) : total;
      return { virtual, servers: valued.map(({ server }) => server), first };
    })
    .sort((a, b) => b.first - a.first);
}

const BY_NUMBERS = new Intl.Collator('en', { numeric: true });

function connectionsOf({ kernel }: ServerSnapshot): number {
  return kernel === undefined ? 0 : kernel.activeConnections + kernel.inactiveConnections / 1e9;
}

/** The more, the sooner somebody should look. */
function troubleOf(server: ServerSnapshot): number {
  const { differs, state, heldDown, failures, damping } = server;
  if (differs !== undefined) return 4;
  if (heldDown !== undefined) return 1;
  if (state === 'down') return 3;
  return failures > 0 || state === 'unknown' || damping !== undefined ? 2 : 0;
}

/** A service that nobody serves is worse than any that somebody does. */
function troubleOfAll(virtual: VirtualSnapshot): number {
  const worst = Math.max(0, ...virtual.servers.map(troubleOf));
  const isDown = virtual.servers.length > 0 && !virtual.servers.some(isUp);
  return worst + (virtual.differs === undefined ? 0 : 5) + (isDown ? 10 : 0);
}
