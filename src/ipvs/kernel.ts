// The narrow interface over the kernel's table. Two things stand behind it: ipvsadm, and a table in memory.
import type { Edit } from './edit.ts';
import type { Listing } from './save-format.ts';
import type { ServerStatistics } from './stats-format.ts';
import type { Table } from './table.ts';

export interface ReadOptions {
  /** Thresholds cost a process more; without them they read as 0. */
  readonly thresholds: boolean;
}

export interface Kernel {
  /** The whole table, other people's services included. Throws IpvsError. */
  read(options: ReadOptions): Promise<Table>;
  /**
   * Makes the edits in order, and goes on after one that the kernel refuses. Returns what was complained of; whether an edit
   * took effect is only known by reading back. Throws IpvsError when nothing could be tried.
   */
  apply(edits: readonly Edit[]): Promise<readonly string[]>;
  /** A cheap look at what there is, to notice what has vanished; undefined where there is none. */
  list(): Promise<Listing | undefined>;
  /** What each server has been sent and has answered, understood a server at a time. Throws IpvsError, also then. */
  statistics?(): Promise<Iterable<ServerStatistics>>;
  /** Ends what it keeps for the next call; nothing is to be called after it. */
  close?(): Promise<void>;
}
