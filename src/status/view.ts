// How a daemon's facts become its snapshot: one virtual service at a time, and of that one server at a time, because it may have
// thousands and no check is to wait for them.
import { formatEndpoint, kernelPort, type Real, type Virtual, virtualKey, virtualName } from '../config/model.ts';
import { dampingOf } from '../health/damping.ts';
import { type DesiredDestination, desiredFallback, desiredReal, needsFallback, serverName } from '../ipvs/desired.ts';
import { type Listed, type Listing, listingKey } from '../ipvs/save-format.ts';
import { named } from '../wording.ts';
import { inPieces } from './slices.ts';
import type { DaemonHead, Facts, ServerSnapshot, VirtualSnapshot } from './snapshot.ts';

/** How many servers that nobody configured are named. */
const MAX_LISTED = 5;

export class VirtualView {
  readonly virtual: Virtual;
  readonly #facts: Facts;
  /** Whether the kernel can be looked at. */
  readonly #isSeen: boolean;
  /** What the kernel has of the service; undefined when that is nothing. */
  readonly #listed: ReadonlyMap<string, Listed> | undefined;
  readonly #fallbackName: string | undefined;
  #isFallbackActive: boolean | undefined;

  /** `listing`: the kernel's table; undefined when it cannot be looked at. */
  constructor(virtual: Virtual, facts: Facts, listing: Listing | undefined) {
    const { fallback } = virtual;
    this.virtual = virtual;
    this.#facts = facts;
    this.#isSeen = listing !== undefined;
    this.#listed = listing?.get(listingKey(virtual));
    this.#fallbackName = fallback && formatEndpoint(fallback.address, kernelPort(fallback, virtual));
  }

  /** What is configured of the service, apart from its servers. */
  get head(): Omit<VirtualSnapshot, 'servers' | 'fallback' | 'differs'> {
    const { protocol, scheduler, persistentSeconds, failureCount, serviceName } = this.virtual;
    const names = {
      key: virtualKey(this.virtual),
      name: virtualName(this.virtual),
      ...present('serviceName', serviceName),
    };
    return { ...names, protocol, scheduler, persistentSeconds, failureCount };
  }

  server(real: Real): ServerSnapshot {
    const { virtual } = this;
    const { healthOf, heldDown, overrideOf, lastCheckOf } = this.#facts;
    const health = healthOf(virtual, real);
    const { state, since, reason, failures } = health;
    const name = serverName(virtual, real);
    const held = heldDown(virtual, real);
    return {
      ...{ name, state, since, reason, failures, weight: real.weight, forwarding: real.forwarding },
      ...present('damping', held === undefined ? dampingOf(health) : undefined),
      ...present('heldDown', held),
      ...present('override', overrideOf(virtual, real)),
      ...present('lastCheck', lastCheckOf(virtual, real)),
      ...present('kernel', this.#listed?.get(name)),
      ...present('differs', this.#serverDiffers(name, real)),
    };
  }

  get fallback(): VirtualSnapshot['fallback'] {
    const name = this.#fallbackName;
    if (name === undefined) return undefined;
    return { name, active: this.#needsFallback, ...present('kernel', this.#listed?.get(name)) };
  }

  /** The JSON text of a VirtualSnapshot, a server at a time. `detailOf`: what is told of a server. */
  *texts(detailOf: (server: ServerSnapshot, real: Real) => object = (server) => server): Generator<string> {
    yield `${JSON.stringify(this.head).slice(0, -1)},"servers":[`;
    const names = new Set<string>();
    for (const real of this.virtual.reals) {
      const server = this.server(real);
      yield `${names.size === 0 ? '' : ','}${JSON.stringify(detailOf(server, real))}`;
      names.add(server.name);
    }
    const differs = this.#isSeen ? this.#differs(names) : undefined;
    const rest = JSON.stringify({ ...present('fallback', this.fallback), ...present('differs', differs) });
    yield rest === '{}' ? ']}' : `],${rest.slice(1)}`;
  }

  get #needsFallback(): boolean {
    this.#isFallbackActive ??= needsFallback(this.virtual, this.#facts.stateOf);
    return this.#isFallbackActive;
  }

  /** `names`: those of the configured servers. */
  #differs(names: ReadonlySet<string>): string | undefined {
    const [listed, fallback] = [this.#listed, this.#fallbackName];
    if (listed === undefined) return 'it is not in the kernel';
    const { protocol, family } = this.virtual;
    // Marks of both address families share a listing.
    const isOurs = (name: string): boolean => protocol !== 'fwm' || name.startsWith('[') === (family === 6);
    const foreign = [...listed.keys()].filter((name) => !names.has(name) && name !== fallback && isOurs(name));
    const behind = fallback === undefined || names.has(fallback) ? undefined : this.#serverDiffers(fallback);
    const said = [
      ...(behind === undefined ? [] : [`the fallback ${fallback}: ${behind}`]),
      ...(foreign.length === 0 ? [] : [`the kernel also has ${named(foreign, MAX_LISTED)}`]),
    ];
    return said.length === 0 ? undefined : said.join('; ');
  }

  #serverDiffers(name: string, real?: Real): string | undefined {
    if (this.#listed === undefined) return undefined;
    const has = this.#listed.get(name);
    const wanted = this.#wanted(name, real);
    if (wanted === undefined) return has && `it is in the kernel with weight ${has.weight}, and should not be`;
    if (has === undefined)
      return wanted.whenMissing === 'leave' || wanted.weight === 0 ? undefined : 'it is not in the kernel';
    if (has.weight !== wanted.weight) return `weight ${has.weight} in the kernel, ${wanted.weight} wanted`;
    // The kernel calls a server on this machine local, whatever was asked for.
    if (has.forwarding !== wanted.forwarding && has.forwarding !== 'local')
      return `${has.forwarding} in the kernel, ${wanted.forwarding} wanted`;
    return undefined;
  }

  /** As it should be in the kernel; a server may be its service's fallback, too. */
  #wanted(name: string, real: Real | undefined): DesiredDestination | undefined {
    const { virtual } = this;
    const { config, stateOf, overrideOf } = this.#facts;
    if (virtual.fallback !== undefined && name === this.#fallbackName && this.#needsFallback)
      return desiredFallback(virtual, virtual.fallback);
    if (real === undefined) return undefined;
    const { readdQuiescent } = config;
    const override = overrideOf(virtual, real);
    return desiredReal(virtual, real, { state: stateOf(virtual, real), override, readdQuiescent });
  }
}

function present<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

/** The JSON text of a DaemonSnapshot, in pieces that delay no check. */
export function snapshotText(
  head: DaemonHead,
  virtuals: readonly Virtual[],
  viewOf: (virtual: Virtual) => Pick<VirtualView, 'texts'>,
): AsyncGenerator<string> {
  function* texts(): Generator<string> {
    yield `${JSON.stringify(head).slice(0, -1)},"virtuals":[`;
    for (const [index, virtual] of virtuals.entries()) {
      if (index > 0) yield ',';
      yield* viewOf(virtual).texts();
    }
    yield ']}';
  }
  return inPieces(texts());
}
