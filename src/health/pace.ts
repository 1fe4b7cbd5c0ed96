// When a check whose failures are being counted is made again.
import type { Health } from './health.ts';

/** A server that a check speaks of, in one virtual service. */
export interface Paced {
  readonly virtual: { readonly checkIntervalMs: number; readonly fastIntervalMs: number };
}

/**
 * The interval to the next run of a check while one of its servers is up and has failed, but not often enough to be down; the
 * shortest when there are several. Undefined when the usual interval holds. A server that is down has the usual one: nothing is
 * being counted, and one that is down for days would be asked all the time. One that must pass several checks before it comes back
 * (damping.ts) is not hurried either: that it passes them over some time is what is asked of it.
 */
export function fastInterval<M extends Paced>(
  members: readonly M[],
  healthOf: (member: M) => Health | undefined,
): number | undefined {
  let shortest: number | undefined;
  for (const member of members) {
    const health = healthOf(member);
    if (health === undefined || health.failures === 0) continue;
    const { checkIntervalMs, fastIntervalMs } = member.virtual;
    if (fastIntervalMs < (shortest ?? checkIntervalMs)) shortest = fastIntervalMs;
  }
  return shortest;
}
