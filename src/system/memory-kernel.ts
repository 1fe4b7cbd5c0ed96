// A table in memory that behaves like the kernel's: for trying things out without root, and for tests. It refuses impossible edits.
import { Draft } from '../ipvs/draft.ts';
import { type Edit, editLine } from '../ipvs/edit.ts';
import type { Kernel } from '../ipvs/kernel.ts';
import { type Listing, listTable } from '../ipvs/save-format.ts';
import { EMPTY_TABLE, type Table } from '../ipvs/table.ts';

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
    const draft = new Draft(this.#table);
    for (const edit of edits) {
      const refusal = draft.apply(edit);
      if (refusal !== undefined) complaints.push(`${editLine(edit)}: ${refusal}`);
    }
    this.#table = draft.table;
    return complaints;
  }
}
