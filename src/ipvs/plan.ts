// (desired, actual) -> edits. Three sides are compared: what is wanted, what the kernel has, and what was settled before.
// What was settled and still is wanted was changed by somebody's hand: that stays, unless it vanished.
import type { Desired, DesiredDestination, DesiredService } from './desired.ts';
import type { Edit } from './edit.ts';
import { type Listing, listingKey } from './save-format.ts';
import {
  type Destination,
  destinationKey,
  type Service,
  sameDestination,
  sameOptions,
  serviceKey,
  type Table,
} from './table.ts';

export interface PlanInput {
  readonly desired: Desired;
  /** The whole table of the kernel; services in neither `desired` nor `settled` are not ours. */
  readonly actual: Table;
  /** What was wanted and reached by earlier edits (see `settle`); at a start what is left behind, or nothing. */
  readonly settled: Desired;
  /** At a start or reload: options are enforced, and destinations that nobody configured are removed. */
  readonly takeOver: boolean;
}

/** No edits have been made yet. */
export const NOTHING_SETTLED: Desired = new Map();

/**
 * Services that a daemon which was killed has left in the table and nobody wants any more, as settled, so that a plan removes them.
 * `own`: keys of those that were its own; `wanted`: keys of those that are configured now.
 */
export function leftBehind(actual: Table, own: ReadonlySet<string>, wanted: { has(key: string): boolean }): Desired {
  const left = [...actual].filter(([key]) => own.has(key) && !wanted.has(key));
  return new Map(left.map(([key, service]) => [key, { ...service, awaitsFirstCheck: false, destinations: new Map() }]));
}

/** The edits that make `actual` what is desired, in an order that never leaves a service without a server that it could have. */
export function plan({ desired, actual, settled, takeOver }: PlanInput): Edit[] {
  const edits: Edit[] = [];
  for (const [key, service] of desired) {
    const has = actual.get(key);
    if (has === undefined) addService(service, edits);
    else if (service === settled.get(key) && !takeOver) addVanished(service, has, edits);
    else editService(service, has, settled.get(key), takeOver, edits);
  }
  for (const [key, service] of settled) {
    if (!desired.has(key) && actual.has(key)) edits.push({ kind: 'delete-service', service });
  }
  return edits.sort((a, b) => rank(a) - rank(b));
}

/** New servers come, and weights rise, before old ones go. */
const ORDER: Readonly<Record<Edit['kind'], number>> = {
  'add-service': 0,
  'edit-service': 1,
  'add-destination': 2,
  'edit-destination': 3,
  'delete-destination': 5,
  'delete-service': 6,
};

function rank(edit: Edit): number {
  const quiesces = edit.kind === 'edit-destination' && edit.destination.weight === 0;
  return ORDER[edit.kind] + (quiesces ? 1 : 0);
}

function addService(service: DesiredService, edits: Edit[]): void {
  edits.push({ kind: 'add-service', service });
  for (const destination of service.destinations.values()) {
    if (destination.whenMissing !== 'leave')
      edits.push({ kind: 'add-destination', service, destination, role: destination.role });
  }
}

/** The same as editService for a service that is settled as it is wanted: only what has vanished is missed. */
function addVanished(service: DesiredService, has: Service, edits: Edit[]): void {
  for (const [key, destination] of service.destinations) {
    if (destination.whenMissing === 'add' && !has.destinations.has(key))
      edits.push({ kind: 'add-destination', service, destination, role: destination.role });
  }
}

function editService(
  wanted: DesiredService,
  has: Service,
  before: DesiredService | undefined,
  takeOver: boolean,
  edits: Edit[],
): void {
  const wasSettled = before !== undefined && sameOptions(before, wanted);
  if (!sameOptions(has, wanted) && (takeOver || !wasSettled)) edits.push({ kind: 'edit-service', service: wanted });
  for (const [key, destination] of wanted.destinations) {
    const kind = destinationEdit(destination, has.destinations.get(key), before?.destinations.get(key));
    if (kind !== undefined) edits.push({ kind, service: wanted, destination, role: destination.role });
  }
  for (const [key, destination] of has.destinations) {
    const was = before?.destinations.get(key);
    if (wanted.destinations.has(key) || (was === undefined && !takeOver)) continue;
    edits.push({ kind: 'delete-destination', service: wanted, destination, role: was?.role ?? 'foreign' });
  }
}

function destinationEdit(
  wanted: DesiredDestination,
  has: Destination | undefined,
  before: DesiredDestination | undefined,
): 'add-destination' | 'edit-destination' | undefined {
  if (has === undefined) {
    const wantedAnew = wanted.whenMissing === 'add' || (wanted.whenMissing === 'add-once' && before === undefined);
    return wantedAnew ? 'add-destination' : undefined;
  }
  const changedByHand = before !== undefined && sameDestination(before, wanted);
  return sameDestination(has, wanted) || changedByHand ? undefined : 'edit-destination';
}

/** Whether a table that was read back shows the edit's effect. */
export function tookEffect(edit: Edit, actual: Table): boolean {
  const service = actual.get(serviceKey(edit.service));
  if (edit.kind === 'delete-service') return service === undefined;
  if (service === undefined) return false;
  if (!('destination' in edit)) return sameOptions(service, edit.service);
  const has = service.destinations.get(destinationKey(edit.destination));
  if (edit.kind === 'delete-destination') return has === undefined;
  return has !== undefined && sameDestination(has, edit.destination);
}

/**
 * What of `desired` is settled, by a table that was read back after edits of which `failed` had no effect. What failed is left
 * out (or, for a removal, stays in), so that the next plan has it again.
 */
export function settle(desired: Desired, settled: Desired, failed: readonly Edit[], actual: Table): Desired {
  const unreached = new Set(failed.map(editTarget));
  const result = new Map<string, DesiredService>();
  for (const [key, wanted] of desired) {
    const has = actual.get(key);
    if (has === undefined) continue;
    const before = settled.get(key);
    const gone = (before === wanted ? [] : [...(before?.destinations ?? [])]).filter(
      ([name]) => !wanted.destinations.has(name) && has.destinations.has(name),
    );
    // The very same, so that the next plan need not compare the two.
    if (failed.length === 0 && gone.length === 0) {
      result.set(key, wanted);
      continue;
    }
    const reached = [...wanted.destinations].filter(([name]) => !unreached.has(`${key} ${name}`));
    const destinations = new Map([...reached, ...gone]);
    // A service that could not be edited is remembered as what it still is.
    const { destinations: _, ...options } = has;
    const { awaitsFirstCheck } = wanted;
    result.set(key, { awaitsFirstCheck, ...(unreached.has(key) ? options : wanted), destinations });
  }
  for (const [key, service] of settled) {
    if (!desired.has(key) && actual.has(key)) result.set(key, service);
  }
  return result;
}

export function editTarget(edit: Edit): string {
  const key = serviceKey(edit.service);
  return 'destination' in edit ? `${key} ${destinationKey(edit.destination)}` : key;
}

/** Whether something that was settled is gone from the kernel. */
export function hasVanished(settled: Desired, listed: Listing): boolean {
  for (const service of settled.values()) {
    const there = listed.get(listingKey(service));
    if (there === undefined) return true;
    for (const [key, destination] of service.destinations) {
      if (destination.whenMissing === 'add' && !there.has(key)) return true;
    }
  }
  return false;
}
