// Flap damping: how many checks in a row a server must pass before it comes back, when it keeps going down again.
//
// It costs one success, as without damping, until a server goes down again before it has passed STEADY_SUCCESSES checks in a row since
// it came up: then two in a row, and twice as many each further time, at most MOST_ASKED. Counted in checks, not in time: a clock that
// jumps changes nothing. The first result of a start is never damped, and what nobody saw come up has not flapped.
import { applyResult, type Change, type Flaps, type Health, type State, type Verdict } from './health.ts';

/** No server has to pass more checks in a row than these to come back. */
const MOST_ASKED = 32;
/** A server that has passed so many in a row since it came up is as good as one that never went down. */
const STEADY_SUCCESSES = 32;
/**
 * Nor more than these while no server of its service is up: a doubtful server serves better than none. Two, because one that
 * alternates serves nobody well.
 */
export const ASKED_OF_THE_LAST = 2;

/** What is to be known of a server that flaps. */
export interface Damping {
  /** How often it went down, and the first and last time, in milliseconds since 1970. */
  readonly downs: number;
  readonly firstDownAt: number;
  readonly lastDownAt: number;
  /** Checks in a row that it must pass: to come back while it is down, to count as steady while it is up. */
  readonly successesNeeded: number;
  /** Those that it has passed so far. */
  readonly successes: number;
}

export interface DampedChange extends Change {
  /** `grown`: it went down, and more is asked of it than before; `over`: it counts as steady again. */
  readonly damping?: 'grown' | 'over';
}

/** As applyResult, for a server that is damped when it flaps. */
export function applyDamped(health: Health, verdict: Verdict, failureCount: number, now: number): DampedChange {
  const { state, flaps } = health;
  if (state === 'down' && flaps !== undefined && verdict.up && flaps.successes + 1 < flaps.asked)
    return { health: { ...health, flaps: { ...flaps, successes: flaps.successes + 1 } } };
  const change = applyResult(health, verdict, failureCount, now);
  const after = flapsAfter(health, change.health, verdict, now);
  if (flaps === undefined && after === undefined) return change;
  const damping = newsOf(flaps, after);
  return {
    ...change,
    health: after === undefined ? forgiven(change.health) : { ...change.health, flaps: after },
    ...(damping === undefined ? {} : { damping }),
  };
}

/** Without what is held against it. */
export function forgiven(health: Health): Health {
  if (health.flaps === undefined) return health;
  const { flaps: _, ...rest } = health;
  return rest;
}

/** As is right while no server of its service is up; the very same when that changes nothing. */
export function eased(health: Health): Health {
  const { flaps } = health;
  if (flaps === undefined || flaps.asked <= ASKED_OF_THE_LAST) return health;
  return { ...health, flaps: { ...flaps, asked: ASKED_OF_THE_LAST } };
}

/** Undefined for a server that does not flap. */
export function dampingOf({ state, flaps }: Health): Damping | undefined {
  if (flaps === undefined || flaps.asked === 1) return undefined;
  const { downs, firstDownAt, lastDownAt, asked, successes } = flaps;
  return { downs, firstDownAt, lastDownAt, successesNeeded: state === 'up' ? STEADY_SUCCESSES : asked, successes };
}

/** "flaps: went down 3 times in 40 s; comes back after 4 successes in a row (2 so far)" */
export function dampingWords(state: State, damping: Damping): string {
  const { downs, firstDownAt, lastDownAt, successesNeeded, successes } = damping;
  const past = `went down ${downs} times in ${spanWords(lastDownAt - firstDownAt)}`;
  const soFar = successes > 0 ? ` (${successes} so far)` : '';
  const after = `after ${successesNeeded} successes in a row${soFar}`;
  return state === 'up' ? `flapped: ${past}; counts as steady ${after}` : `flaps: ${past}; comes back ${after}`;
}

function flapsAfter(before: Health, after: Health, { up }: Verdict, now: number): Flaps | undefined {
  const { flaps } = before;
  if (after.state === 'down') {
    if (before.state !== 'down') return flaps === undefined ? firstDown(now) : downAgain(flaps, now);
    return flaps && (flaps.successes === 0 ? flaps : { ...flaps, successes: 0 });
  }
  // It may have gone down before its virtual had damping.
  if (before.state === 'down') return { ...(flaps ?? firstDown(before.since)), successes: 0 };
  if (flaps === undefined) return undefined;
  const successes = up ? flaps.successes + 1 : 0;
  return successes < STEADY_SUCCESSES ? { ...flaps, successes } : undefined;
}

function firstDown(at: number): Flaps {
  return { downs: 1, firstDownAt: at, lastDownAt: at, asked: 1, successes: 0 };
}

function downAgain({ downs, firstDownAt, asked }: Flaps, now: number): Flaps {
  return { downs: downs + 1, firstDownAt, lastDownAt: now, asked: Math.min(2 * asked, MOST_ASKED), successes: 0 };
}

function newsOf(before: Flaps | undefined, after: Flaps | undefined): DampedChange['damping'] {
  if (after === undefined) return before !== undefined && before.asked > 1 ? 'over' : undefined;
  return after.asked > 1 && after.downs > (before?.downs ?? 0) ? 'grown' : undefined;
}

/** A clock that was put back has no say in it. */
function spanWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
