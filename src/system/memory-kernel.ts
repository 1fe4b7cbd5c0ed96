// A table in memory that behaves like the kernel's: for trying things out without root, and for tests. It refuses impossible edits.
import type { DestinationEdit, Edit, ServiceEdit } from '../ipvs/edit.ts';
import { editLine } from '../ipvs/edit.ts';
import type { Kernel } from '../ipvs/kernel.ts';
import { type Listing, listTable } from '../ipvs/save-format.ts';
import { type Destination, destinationKey, EMPTY_TABLE, type Service, serviceKey, type Table } from '../ipvs/table.ts';

export class MemoryKernel implements Kernel {
  #table: Table;

  constructor(table: Table = EMPTY_TABLE) {
    this.#table = table;
  }

  /** The table as it is. */
  get table(): Table {
    return this.#table;
  }

  /** What an administrator's hand would do. */
  set table(table: Table) {
    this.#table = table;
  }

  async read(): Promise<Table> {
    return this.#table;
  }

  async list(): Promise<Listing> {
    return listTable(this.#table);
  }

  async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    const complaints: string[] = [];
    // One copy for all of them: of ten thousand, a copy for each would take many seconds.
    const draft = new Draft(this.#table);
    for (const edit of edits) {
      const refusal = draft.apply(edit);
      if (refusal !== undefined) complaints.push(`${editLine(edit)}: ${refusal}`);
    }
    this.#table = draft.table;
    return complaints;
  }
}

/** A copy of a table, to be changed. */
class Draft {
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
