// What a daemon knows, as plain data for people and programs: its services, their servers, and since when and why each is as it is.
import type { State } from '../health/health.ts';
import type { DaemonState } from '../observer.ts';

export interface ServerSnapshot {
  /** `10.8.8.48:80`, as the kernel knows it. */
  readonly name: string;
  readonly state: State;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** What the last check that counted said. */
  readonly reason: string;
  /** Failed checks in a row while it is up. */
  readonly failures: number;
  /** As configured. */
  readonly weight: number;
  /** Why it is out of service whatever its checks say. */
  readonly heldDown?: string;
}

export interface VirtualSnapshot {
  /** `10.8.8.45:80`, or the mark. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'fwm';
  readonly scheduler: string;
  readonly failureCount: number;
  readonly servers: readonly ServerSnapshot[];
  /** The fallback server, and whether it has the traffic. */
  readonly fallback?: { readonly name: string; readonly active: boolean };
}

export interface DaemonSnapshot {
  readonly version: string;
  readonly pid: number;
  /** The configuration's path. */
  readonly path: string;
  readonly state: DaemonState;
  readonly startedAt: number;
  /** When the configuration that runs was read. */
  readonly configuredAt: number;
  /** What is wrong with the kernel's table. */
  readonly trouble?: string;
  readonly virtuals: readonly VirtualSnapshot[];
}
