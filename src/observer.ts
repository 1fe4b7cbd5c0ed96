// What the daemon tells those who want to know: each check's result, and each change of a server in the kernel's table.
import type { CheckResult } from './checks/check.ts';
import type { Real, Virtual } from './config/model.ts';

/** When something happens, in ldirectord's words (emailalertstatus). */
export type DaemonState = 'starting' | 'running' | 'stopping' | 'reloading';

/** One real server in one virtual service. */
export interface Member {
  readonly virtual: Virtual;
  readonly real: Real;
}

/** A server's change in the kernel's table, once it has taken effect. */
export interface ServerChange {
  readonly virtual: Virtual;
  /** The server's and the virtual's name as in log lines: `10.8.8.48:80 (10.8.8.45:80)`. */
  readonly id: string;
  readonly role: 'real' | 'fallback';
  /** In ldirectord's words: "Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)". */
  readonly message: string;
  /** Whether it has traffic now. */
  readonly inService: boolean;
  readonly state: DaemonState;
}

/** What a check has made of a server. */
export interface Turn {
  readonly state: 'up' | 'down';
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string;
}

/** One pass over the kernel's table: look, compare, change what differs, look again. */
export interface Pass {
  /** When it ended, milliseconds since 1970. */
  readonly at: number;
  readonly durationMs: number;
  /** What is wrong with the table after it; undefined when it is as wanted. */
  readonly trouble: string | undefined;
}

/** Somebody who is told. No method may throw, block or be waited for: whatever takes time is the observer's own affair. */
export interface Observer {
  /** After each check that could be made, once for each member that it speaks of. */
  checked?(member: Member, result: CheckResult): void;
  /** When a check could not be made, which says nothing about the server: as checked. */
  notChecked?(member: Member, result: CheckResult): void;
  changed?(change: ServerChange): void;
  /** When a check has brought a server up or down. */
  turned?(member: Member, turn: Turn): void;
  /** When somebody holds a server down, whatever its checks say, or (`reason` undefined) does not any more. */
  held?(member: Member, hold: { readonly reason: string | undefined; readonly at: number }): void;
  reconciled?(pass: Pass): void;
}
