// What is known of a real server in one virtual service, and how a check's result changes it.

/** `unknown`: not checked yet. */
export type State = 'unknown' | 'up' | 'down';

export interface Health {
  readonly state: State;
  /** Failed checks in a row while up. */
  readonly failures: number;
  /** Why it is in this state, in the words of the last check that said so. */
  readonly reason: string;
  /** When it came into this state, in milliseconds since 1970. */
  readonly since: number;
  /** With flap damping, from when it goes down until it has long been up again (damping.ts). */
  readonly flaps?: Flaps;
}

/** How a server with flap damping has behaved lately. */
export interface Flaps {
  /** How often it went down, and the first and last time, in milliseconds since 1970. */
  readonly downs: number;
  readonly firstDownAt: number;
  readonly lastDownAt: number;
  /** Checks in a row that it must pass to come back: 1, a power of two, at most 32. */
  readonly asked: number;
  /** Those that it has passed since it failed, or came up. */
  readonly successes: number;
}

/** A check's word on a server. */
export interface Verdict {
  readonly up: boolean;
  readonly detail: string;
}

/** What a result changed, for logs and for the table. */
export type HealthEvent =
  | { readonly kind: 'up' }
  | { readonly kind: 'down' }
  | { readonly kind: 'soft-failure'; readonly failures: number }
  | { readonly kind: 'reset' };

export interface Change {
  readonly health: Health;
  /** Absent when nothing changed that anybody needs to know. */
  readonly event?: HealthEvent;
}

/** A server that no check has spoken of. */
export function unknownHealth(now: number): Health {
  return { state: 'unknown', failures: 0, reason: 'not checked yet', since: now };
}

/** A server found in the table with a weight: it serves until a check says otherwise. */
export function adoptedHealth(now: number): Health {
  return { state: 'up', failures: 0, reason: 'in service before this daemon started', since: now };
}

/**
 * Health after a result. A server that is up goes down at the `failureCount`-th failure in a row (at least 1); one that is
 * unknown goes down at the first. One success brings it up and forgets failures.
 */
export function applyResult(health: Health, { up, detail }: Verdict, failureCount: number, now: number): Change {
  if (up) {
    if (health.state !== 'up')
      return { health: { state: 'up', failures: 0, reason: detail, since: now }, event: { kind: 'up' } };
    const after = { ...health, failures: 0, reason: detail };
    return health.failures > 0 ? { health: after, event: { kind: 'reset' } } : { health: after };
  }
  const failures = health.failures + 1;
  if (health.state === 'up' && failures < failureCount) {
    return { health: { ...health, failures }, event: { kind: 'soft-failure', failures } };
  }
  if (health.state === 'down') return { health: { ...health, reason: detail } };
  return { health: { state: 'down', failures: 0, reason: detail, since: now }, event: { kind: 'down' } };
}
