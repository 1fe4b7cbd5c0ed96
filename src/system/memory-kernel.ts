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
    for (const edit of edits) {
      const refusal = this.#apply(edit);
      if (refusal !== undefined) complaints.push(`${editLine(edit)}: ${refusal}`);
    }
    return complaints;
  }

  /** The kernel's words for what cannot be done; undefined when it is done. */
  #apply(edit: Edit): string | undefined {
    const key = serviceKey(edit.service);
    const service = this.#table.get(key);
    if (edit.kind === 'add-service') {
      if (service !== undefined) return 'Service already exists';
      this.#put(key, { ...edit.service, destinations: new Map() });
      return undefined;
    }
    if (service === undefined) return 'No such service';
    return 'destination' in edit
      ? this.#applyToDestination(edit, key, service)
      : this.#applyToService(edit, key, service);
  }

  #applyToService(edit: ServiceEdit, key: string, service: Service): undefined {
    if (edit.kind === 'delete-service') {
      this.#table = new Map([...this.#table].filter(([other]) => other !== key));
    } else {
      this.#put(key, { ...edit.service, destinations: service.destinations } as Service);
    }
  }

  #applyToDestination({ kind, destination }: DestinationEdit, key: string, service: Service): string | undefined {
    const name = destinationKey(destination);
    const exists = service.destinations.has(name);
    if (kind === 'add-destination' && exists) return 'Destination already exists';
    if (kind !== 'add-destination' && !exists) return 'No such destination';
    const destinations = new Map(service.destinations);
    if (kind === 'delete-destination') destinations.delete(name);
    else destinations.set(name, plain(destination));
    this.#put(key, { ...service, destinations });
    return undefined;
  }

  #put(key: string, service: Service): void {
    this.#table = new Map(this.#table).set(key, service);
  }
}

function plain({ address, port, forwarding, weight, lowerThreshold, upperThreshold }: Destination): Destination {
  return { address, port, forwarding, weight, lowerThreshold, upperThreshold };
}
