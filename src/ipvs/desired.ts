// (config, health) -> the table that should be in the kernel.
import { type Config, kernelPort, type Real, type Virtual, virtualKey, virtualName } from '../config/model.ts';
import type { State } from '../health/health.ts';
import {
  type Destination,
  destinationKey,
  isFullMask,
  kernelFlags,
  type ServiceId,
  type ServiceOptions,
  serviceKey,
} from './table.ts';

/** What to do about a destination that the kernel does not have: put it there, only if it never was there, or nothing. */
export type WhenMissing = 'add' | 'add-once' | 'leave';

export interface DesiredDestination extends Destination {
  readonly role: 'real' | 'fallback';
  readonly whenMissing: WhenMissing;
}

export interface DesiredService extends ServiceId, ServiceOptions {
  /** No server has traffic yet, and one waits for its first check. */
  readonly awaitsFirstCheck: boolean;
  readonly destinations: ReadonlyMap<string, DesiredDestination>;
}

/** Desired services by `serviceKey`. */
export type Desired = ReadonlyMap<string, DesiredService>;

/** The state of a real server within a virtual. */
export type StateOf = (virtual: Virtual, real: Real) => State;

/**
 * What the operator has ordered for a server: `disable` takes it out of service as a failed check does, `drain` leaves it in the
 * table with weight 0 so that its connections come to their end, `weight` is another one than the configuration's while it is up.
 */
export type Override =
  | { readonly kind: 'disable' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'weight'; readonly weight: number };
export type OverrideOf = (virtual: Virtual, real: Real) => Override | undefined;

/** Why a server is out of service whatever its checks say; undefined when it is not. */
export type HeldDown = (virtual: Virtual, real: Real) => string | undefined;

/** The destination that stands for a real server, at full weight. */
export function realDestination(virtual: Virtual, real: Real): Destination {
  const { address, forwarding, weight, lowerThreshold, upperThreshold } = real;
  return { address, port: kernelPort(real, virtual), forwarding, weight, lowerThreshold, upperThreshold };
}

interface Named {
  readonly virtual: Virtual;
  readonly destination: Destination;
  readonly name: string;
  readonly key: string;
}

// A cache and nothing else: neither virtuals nor real servers ever change, and thousands of them are named many times a second.
const named = new WeakMap<Real, Named>();

function namedOf(virtual: Virtual, real: Real): Named {
  const known = named.get(real);
  if (known?.virtual === virtual) return known;
  const destination = realDestination(virtual, real);
  const name = destinationKey(destination);
  const made = { virtual, destination, name, key: `${virtualKey(virtual)} ${name}` };
  named.set(real, made);
  return made;
}

/** How the kernel, and so log lines, call a real server: `10.8.8.48:80`. */
export function serverName(virtual: Virtual, real: Real): string {
  return namedOf(virtual, real).name;
}

/** A real server and its virtual as log lines name them: `10.8.8.48:80 (10.8.8.45:80)`. */
export function serverId(virtual: Virtual, real: Real): string {
  return `${serverName(virtual, real)} (${virtualName(virtual)})`;
}

/** What tells a real server in one virtual from all others, across reloads. */
export function memberKey(virtual: Virtual, real: Real): string {
  return namedOf(virtual, real).key;
}

/**
 * Whether the fallback takes the traffic: every real server is known to be down. Before the first checks nothing is known,
 * and checktype = off means that neither real servers nor the fallback are wanted (ldirectord's manual).
 */
export function needsFallback(virtual: Virtual, stateOf: StateOf): boolean {
  return virtual.reals.every((real) => stateOf(virtual, real) === 'down' && real.check.spec.kind !== 'off');
}

/** The services of a configuration as they should be. */
export function desiredTable(config: Config, stateOf: StateOf, overrideOf: OverrideOf = () => undefined): Desired {
  const { readdQuiescent } = config;
  return new Map(
    config.virtuals.map((virtual) => [
      serviceKey(virtual),
      desiredService(virtual, { stateOf, overrideOf, readdQuiescent }),
    ]),
  );
}

/** What a service is made of beside its configuration. */
export interface Decided {
  readonly stateOf: StateOf;
  readonly overrideOf: OverrideOf;
  readonly readdQuiescent: boolean;
}

interface Remembered {
  readonly circumstances: readonly Circumstances[];
  readonly service: DesiredService;
}

// A cache and nothing else, for tables of thousands of services of which one has changed.
const remembered = new WeakMap<Virtual, Remembered>();

/** One service as it should be; the very same one as before while nothing has changed. */
export function desiredService(virtual: Virtual, decided: Decided): DesiredService {
  const known = remembered.get(virtual);
  if (known !== undefined && isAsBefore(virtual, known, decided)) return known.service;
  const { stateOf, overrideOf, readdQuiescent } = decided;
  const circumstances = virtual.reals.map((real) => ({
    state: stateOf(virtual, real),
    override: overrideOf(virtual, real),
    readdQuiescent,
  }));
  const service = serviceIn(virtual, circumstances);
  remembered.set(virtual, { circumstances, service });
  return service;
}

function isAsBefore(virtual: Virtual, { circumstances }: Remembered, decided: Decided): boolean {
  const { stateOf, overrideOf, readdQuiescent } = decided;
  return virtual.reals.every((real, index) => {
    const before = circumstances[index];
    return (
      before?.state === stateOf(virtual, real) &&
      before.override === overrideOf(virtual, real) &&
      before.readdQuiescent === readdQuiescent
    );
  });
}

function serviceIn(virtual: Virtual, circumstances: readonly Circumstances[]): DesiredService {
  const { protocol, family, address, port, mark, netmask } = virtual;
  const destinations = new Map<string, DesiredDestination>();
  const states = new Map(virtual.reals.map((real, index) => [real, circumstances[index]?.state ?? 'unknown']));
  for (const [index, real] of virtual.reals.entries()) {
    const destination = desiredReal(virtual, real, circumstances[index] as Circumstances);
    if (destination !== undefined) destinations.set(serverName(virtual, real), destination);
  }
  const known = new Set(states.values());
  if (virtual.fallback !== undefined && needsFallback(virtual, (_, real) => states.get(real) ?? 'unknown')) {
    const fallback = desiredFallback(virtual, virtual.fallback);
    destinations.set(destinationKey(fallback), fallback);
  }
  return {
    protocol,
    family,
    address,
    port,
    mark,
    scheduler: virtual.scheduler,
    flags: kernelFlags(virtual.schedulerFlags),
    persistentSeconds: virtual.persistentSeconds,
    ...(netmask === undefined || isFullMask(netmask, family) ? {} : { netmask }),
    onePacket: virtual.onePacket,
    awaitsFirstCheck: known.has('unknown') && !known.has('up'),
    destinations,
  };
}

/** What decides about one real server. */
export interface Circumstances {
  readonly state: State;
  readonly override: Override | undefined;
  readonly readdQuiescent: boolean;
}

/** A real server as it should be; undefined where it should not be in the table. */
export function desiredReal(
  virtual: Virtual,
  real: Real,
  { state, override, readdQuiescent }: Circumstances,
): DesiredDestination | undefined {
  const full = namedOf(virtual, real).destination;
  const role = 'real';
  if (state === 'up') {
    const { weight } = override?.kind === 'weight' ? override : full;
    return { ...full, weight, role, whenMissing: 'add' };
  }
  if (virtual.quiescent) return { ...full, weight: 0, role, whenMissing: readdQuiescent ? 'add' : 'add-once' };
  // Not quiescent: a server that is down has no place in the table; one that is not known yet may keep a weight of 0, and so does
  // one that is drained: its connections are to come to their end. One that is not there has none.
  const mayStay = state === 'unknown' || override?.kind === 'drain';
  return mayStay ? { ...full, weight: 0, role, whenMissing: 'leave' } : undefined;
}

/** The fallback as it should be while it is needed. */
export function desiredFallback(virtual: Virtual, fallback: NonNullable<Virtual['fallback']>): DesiredDestination {
  const { address, forwarding } = fallback;
  const destination = {
    address,
    port: kernelPort(fallback, virtual),
    forwarding,
    weight: 1,
    lowerThreshold: 0,
    upperThreshold: 0,
  };
  return { ...destination, role: 'fallback', whenMissing: 'add' };
}
