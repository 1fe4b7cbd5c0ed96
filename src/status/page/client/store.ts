// What the page knows of the daemon: its services in the order of the configuration, each with its standing.
import type { DaemonHead, DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../../snapshot.ts';
import { type Standing, serviceTitle, standingOf } from './words.ts';

export interface Service {
  readonly virtual: VirtualSnapshot;
  readonly standing: Standing;
  /** Its place in the configuration. */
  readonly place: number;
  /** What the filter looks at, in lower case. */
  readonly words: string;
}

export class Store {
  #head: DaemonHead | undefined;
  readonly #services = new Map<string, Service>();
  #serverCount = 0;

  get head(): DaemonHead | undefined {
    return this.#head;
  }

  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /** Of all services together. */
  get serverCount(): number {
    return this.#serverCount;
  }

  replace({ virtuals, ...head }: DaemonSnapshot): void {
    this.#head = head;
    this.#serverCount = virtuals.reduce((sum, { servers }) => sum + servers.length, 0);
    this.#services.clear();
    for (const [place, virtual] of virtuals.entries()) this.#services.set(virtual.key, service(virtual, place));
  }

  setHead(head: DaemonHead): void {
    this.#head = head;
  }

  setService(virtual: VirtualSnapshot): void {
    const known = this.#services.get(virtual.key);
    if (known !== undefined) this.#services.set(virtual.key, service(virtual, known.place));
  }

  /** Servers and services that are not known are left alone: a reload follows. */
  setServer(key: string, server: ServerSnapshot): void {
    const known = this.#services.get(key);
    if (known === undefined) return;
    const servers = known.virtual.servers.map((each) => (each.name === server.name ? server : each));
    this.setService({ ...known.virtual, servers });
  }

  setFallback(key: string, fallback: NonNullable<VirtualSnapshot['fallback']>): void {
    const known = this.#services.get(key);
    if (known !== undefined) this.setService({ ...known.virtual, fallback });
  }
}

function service(virtual: VirtualSnapshot, place: number): Service {
  const { key, scheduler, servers } = virtual;
  const words = [
    key,
    scheduler,
    serviceTitle(virtual),
    ...servers.flatMap(({ name, reason, heldDown = '' }) => [name, reason, heldDown]),
  ];
  return { virtual, standing: standingOf(virtual), place, words: words.join('\n').toLowerCase() };
}
