// What the status page, its interface and the metrics ask of the daemon.
import type { Real, Virtual } from '../config/model.ts';
import type { Listing } from '../ipvs/save-format.ts';
import type { OrderOutcome, OrderRequest } from '../operator/commands.ts';
import type { Transition } from '../operator/history.ts';
import type { DaemonHead, LastCheck } from './snapshot.ts';
import type { VirtualView } from './view.ts';

export interface StatusSource {
  /** Also what is wrong with the kernel's table (`trouble`). Costs nothing. */
  head(): DaemonHead;
  /** Those of the configuration that runs: another list after each reload, the same one between. */
  virtuals(): readonly Virtual[];
  /** Costs nothing by itself; what is asked of it is what is known then. */
  viewOf(virtual: Virtual, listing: Listing | undefined): VirtualView;
  /** The kernel's table as a cheap look shows it; undefined where it cannot be looked at. Never rejects. */
  listing(): Promise<Listing | undefined>;
  /** Undefined before the server's first check, and for one that is never checked. */
  lastCheckOf(virtual: Virtual, real: Real): LastCheck | undefined;
  /** The oldest first. */
  transitionsOf(virtual: Virtual, real: Real): readonly Transition[];
  /** What keeps the daemon from checking or from programming the table, in words; undefined when all goes on. */
  stuck(): string | undefined;
  /** Throws UsageError when the request names a service or server that is not there. */
  find(request: OrderRequest): void;
  /** Rejects with UsageError when it makes no sense, or when the kernel did not take it (it stays ordered then). `from`: as for carryOut. */
  order(request: OrderRequest, from: string): Promise<readonly OrderOutcome[]>;
}
