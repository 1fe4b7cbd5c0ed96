// Why a start makes an edit, in words for people who read the plan.
import { type Config, kernelPort, type Real, type Virtual } from '../config/model.ts';
import type { HeldDown, OverrideOf, StateOf } from './desired.ts';
import type { DestinationEdit, Edit } from './edit.ts';
import {
  type Destination,
  destinationKey,
  listedFlags,
  type ServiceOptions,
  sameDestination,
  serviceKey,
  type Table,
} from './table.ts';

/** What a plan was made of. */
export interface Grounds {
  readonly stateOf: StateOf;
  /** Why a server is out of service whatever its checks say. */
  readonly heldDown: HeldDown;
  readonly overrideOf: OverrideOf;
  /** The table that the edits change. */
  readonly actual: Table;
  /** By `serviceKey`. */
  readonly virtuals: ReadonlyMap<string, Virtual>;
  /** By `serviceKey`, then by `destinationKey`. */
  readonly reals: ReadonlyMap<string, ReadonlyMap<string, Real>>;
}

export function groundsOf(
  config: Config,
  actual: Table,
  decided: Pick<Grounds, 'stateOf' | 'heldDown' | 'overrideOf'>,
): Grounds {
  return {
    ...decided,
    actual,
    virtuals: new Map(config.virtuals.map((virtual) => [serviceKey(virtual), virtual])),
    reals: new Map(
      config.virtuals.map((virtual) => [
        serviceKey(virtual),
        new Map(virtual.reals.map((real) => [keyOf(real, virtual), real])),
      ]),
    ),
  };
}

/** Why the edit is made. */
export function editReason(edit: Edit, grounds: Grounds): string {
  const virtual = grounds.virtuals.get(serviceKey(edit.service));
  const has = grounds.actual.get(serviceKey(edit.service));
  switch (edit.kind) {
    case 'add-service':
      return `new: line ${virtual?.line}`;
    case 'edit-service':
      return has === undefined ? 'changed' : optionChanges(has, edit.service);
    case 'delete-service':
      return 'not in the configuration any more';
    default:
      return virtual === undefined ? '' : destinationReason(edit, virtual, grounds);
  }
}

function destinationReason(
  { kind, destination, role }: DestinationEdit,
  virtual: Virtual,
  { stateOf, heldDown, overrideOf, actual, reals }: Grounds,
): string {
  const key = destinationKey(destination);
  const real = reals.get(serviceKey(virtual))?.get(key);
  const held = real && heldDown(virtual, real);
  if (kind === 'delete-destination') return held ?? removal(key, real, virtual);
  if (role === 'fallback') return virtual.reals.length === 0 ? 'there is no real server' : 'no real server is up';
  if (real === undefined) return '';
  const state = stateOf(virtual, real);
  const line = `line ${real.line}`;
  const has = actual.get(serviceKey(virtual))?.destinations.get(key);
  const isOrdered = state === 'up' && overrideOf(virtual, real)?.kind === 'weight';
  const why = held ?? (isOrdered ? 'ordered by the operator' : stateReason(real, state));
  if (has === undefined) return `new: ${line}; ${why}`;
  return `${destinationChanges(has, destination)}: ${state === 'up' && !isOrdered ? line : why}`;
}

function removal(key: string, real: Real | undefined, virtual: Virtual): string {
  if (real !== undefined) return real.check.spec.kind === 'off' ? `checktype = off: line ${real.line}` : 'down';
  const { fallback } = virtual;
  if (fallback !== undefined && keyOf(fallback, virtual) === key)
    return 'the fallback: it comes back when all real servers are known to be down';
  return 'not in the configuration any more';
}

function stateReason(real: Real, state: ReturnType<StateOf>): string {
  if (real.check.spec.kind === 'on') return 'checktype = on, or service = none: always up';
  if (real.check.spec.kind === 'off') return 'checktype = off: gets no traffic';
  if (state === 'unknown') return 'not checked yet: gets traffic after its first good check';
  return state;
}

function keyOf(server: Parameters<typeof kernelPort>[0] & { readonly address: string }, virtual: Virtual): string {
  return destinationKey({ address: server.address, port: kernelPort(server, virtual) });
}

function optionChanges(has: ServiceOptions, wanted: ServiceOptions): string {
  const persistence = ({ persistentSeconds, netmask }: ServiceOptions): string =>
    persistentSeconds === 0 ? 'off' : `${persistentSeconds} s${netmask === undefined ? '' : ` by ${netmask}`}`;
  const flags = (options: ServiceOptions): string => listedFlags(options).join(',') || 'none';
  return changes([
    ['scheduler', has.scheduler, wanted.scheduler],
    ['flags', flags(has), flags(wanted)],
    ['persistence', persistence(has), persistence(wanted)],
    ['one-packet scheduling', has.onePacket ? 'on' : 'off', wanted.onePacket ? 'on' : 'off'],
  ]);
}

function destinationChanges(has: Destination, wanted: Destination): string {
  const sameForwarding = sameDestination(has, { ...has, forwarding: wanted.forwarding });
  return changes([
    ['weight', has.weight, wanted.weight],
    ['forwarding', has.forwarding, sameForwarding ? has.forwarding : wanted.forwarding],
    ['lower threshold', has.lowerThreshold, wanted.lowerThreshold],
    ['upper threshold', has.upperThreshold, wanted.upperThreshold],
  ]);
}

function changes(rows: readonly (readonly [string, string | number, string | number])[]): string {
  return rows
    .filter(([, before, after]) => before !== after)
    .map(([what, before, after]) => `${what} ${before} -> ${after}`)
    .join(', ');
}
