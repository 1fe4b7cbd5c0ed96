// What edits make of a table, as the kernel carries them out; it refuses impossible ones.
import type { DestinationEdit, Edit, ServiceEdit } from './edit.ts';
import { type Destination, destinationKey, type Service, serviceKey, type Table } from './table.ts';

/** A copy of a table, to be changed: one for a whole batch, as a copy for each of ten thousand edits would take many seconds. */
export class Draft {
  readonly table: Map<string, Service>;
  /** Destinations that are copied already, by service key. */
  readonly #destinations = new Map<string, Map<string, Destination>>();

  constructor(table: Table) {
    this.table = new Map(table);
  }

  /** The kernel's words for what cannot be done; undefined when it is done. */
  apply(edit: Edit): string | undefined {
    const key = serviceKey(edit.service);
    const service = this.table.get(key);
    if (edit.kind === 'add-service') {
      if (service !== undefined) return 'Service already exists';
      this.#put(key, edit.service, new Map());
      return undefined;
    }
    if (service === undefined) return 'No such service';
    if ('destination' in edit) return applyToDestination(edit, this.#destinationsOf(key, service));
    if (edit.kind === 'delete-service') {
      this.table.delete(key);
      this.#destinations.delete(key);
    } else {
      this.#put(key, edit.service, this.#destinationsOf(key, service));
    }
    return undefined;
  }

  #destinationsOf(key: string, service: Service): Map<string, Destination> {
    const known = this.#destinations.get(key);
    if (known !== undefined) return known;
    const copy = new Map(service.destinations);
    this.#put(key, service, copy);
    return copy;
  }

  #put(key: string, service: ServiceEdit['service'], destinations: Map<string, Destination>): void {
    this.table.set(key, { ...service, destinations } as Service);
    this.#destinations.set(key, destinations);
  }
}

function applyToDestination({ kind, destination }: DestinationEdit, destinations: Map<string, Destination>) {
  const name = destinationKey(destination);
  const exists = destinations.has(name);
  if (kind === 'add-destination' && exists) return 'Destination already exists';
  if (kind !== 'add-destination' && !exists) return 'No such destination';
  if (kind === 'delete-destination') destinations.delete(name);
  else destinations.set(name, plain(destination));
  return undefined;
}

function plain({ address, port, forwarding, weight, lowerThreshold, upperThreshold }: Destination): Destination {
  return { address, port, forwarding, weight, lowerThreshold, upperThreshold };
}

/** Whether a listing (see shows) tells all that an edit of this table has done: neither options of services nor thresholds stand there. */
export function isListed(edit: Edit, table: Table): boolean {
  if (!('destination' in edit)) return edit.kind === 'delete-service';
  const has = table.get(serviceKey(edit.service))?.destinations.get(destinationKey(edit.destination));
  return (
    edit.kind === 'delete-destination' || (isUnlimited(edit.destination) && (has === undefined || isUnlimited(has)))
  );
}

function isUnlimited({ lowerThreshold, upperThreshold }: Destination): boolean {
  return lowerThreshold === 0 && upperThreshold === 0;
}
