// What a daemon knows, as plain data for people and programs: its services, their servers, since when and why each is as it is,
// and where the kernel's table is not what it should be. view.ts makes it.
import type { Config, Real, Virtual } from '../config/model.ts';
import type { Damping } from '../health/damping.ts';
import type { Health, State } from '../health/health.ts';
import type { HeldDown, Override, OverrideOf, StateOf } from '../ipvs/desired.ts';
import type { Listed } from '../ipvs/save-format.ts';
import type { DaemonState } from '../observer.ts';

/** The last check of a server that could be made. */
export interface LastCheck {
  /** When it ended, milliseconds since 1970. */
  readonly at: number;
  readonly durationMs: number;
  readonly outcome: 'up' | 'down';
  readonly detail: string;
}

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
  /** What flapdamping asks of it; absent when it does not flap, or is held out of service. */
  readonly damping?: Damping;
  /** As configured. */
  readonly weight: number;
  readonly forwarding: Real['forwarding'];
  /** Why it is out of service whatever its checks say. */
  readonly heldDown?: string;
  /** What the operator has ordered, and when, milliseconds since 1970. */
  readonly override?: Override & { readonly at?: number };
  /** Absent before the first check. */
  readonly lastCheck?: LastCheck;
  /** What the kernel has of it; absent when that is nothing. */
  readonly kernel?: Listed;
  /** How the kernel's table differs from what it should be, in words; absent when it does not. */
  readonly differs?: string;
}

export interface VirtualSnapshot {
  /** What tells it from all others: `tcp:10.8.8.45:80`, `fwm:1`. */
  readonly key: string;
  /** `10.8.8.45:80`, or the mark. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'fwm';
  readonly scheduler: string;
  /** Seconds; 0 is not persistent. */
  readonly persistentSeconds: number;
  readonly serviceName?: string;
  readonly failureCount: number;
  readonly servers: readonly ServerSnapshot[];
  /** The fallback server, and whether it has the traffic. */
  readonly fallback?: { readonly name: string; readonly active: boolean; readonly kernel?: Listed };
  /** How the kernel's table differs from what it should be, apart from the servers, in words. */
  readonly differs?: string;
}

/** What is known of the daemon beside its services. */
export interface DaemonHead {
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
}

export interface DaemonSnapshot extends DaemonHead {
  readonly virtuals: readonly VirtualSnapshot[];
}

/** What a daemon has to say of its servers now. */
export interface Facts {
  readonly config: Config;
  readonly healthOf: (virtual: Virtual, real: Real) => Health;
  readonly lastCheckOf: (virtual: Virtual, real: Real) => LastCheck | undefined;
  readonly stateOf: StateOf;
  readonly heldDown: HeldDown;
  readonly overrideOf: OverrideOf;
}
