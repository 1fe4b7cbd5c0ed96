// What the daemon holds while nothing but its checks goes on: the least of several looks, because checks are under way in each of them.
import { setTimeout as pause } from 'node:timers/promises';
import type { OwnDaemon } from '../../bench/daemon.ts';
import { kindsOf } from './looks.ts';

const LOOKS = 8;
/** Not a part of the interval, so that the looks fall differently within it. */
const LOOK_EVERY_MS = 730;
const COUNTS = 3;
/** A count holds the process up, and what is late then is to be done before the next. */
const COUNT_EVERY_MS = 1_900;
/** What no look has missed may still be something that ends: a few checks. */
const UNDER_WAY = 5;

/** What inside.cjs tells of the last while; `longest` since the program's start. */
export interface Inside {
  readonly loopMs: { readonly p50: number; readonly p99: number; readonly most: number; readonly longest: number };
  readonly resources: Readonly<Record<string, number>>;
}

/** What is alive after a collection of garbage; timers without those of the checks' rhythm. */
export interface Count {
  readonly timers: number;
  readonly heapMb: number;
}

export interface Quiet extends Count {
  /** What keeps the process going, and open descriptors, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  readonly descriptors: Readonly<Record<string, number>>;
}

export async function insideOf(daemon: OwnDaemon): Promise<Inside> {
  return (await daemon.ask('look')) as Inside;
}

export async function countedIn(daemon: OwnDaemon): Promise<Count> {
  return (await daemon.ask('count')) as Count;
}

export async function quiet(daemon: OwnDaemon): Promise<Quiet> {
  const resources: Inside['resources'][] = [];
  const descriptors: Record<string, number>[] = [];
  const counts: Count[] = [];
  while (resources.length < LOOKS) {
    await pause(LOOK_EVERY_MS);
    resources.push((await insideOf(daemon)).resources);
    descriptors.push(kindsOf(daemon.pid));
  }
  while (counts.length < COUNTS) {
    await pause(COUNT_EVERY_MS);
    counts.push(await countedIn(daemon));
  }
  return {
    ...{ resources: leastOf(resources), descriptors: leastOf(descriptors) },
    timers: Math.min(...counts.map(({ timers }) => timers)),
    heapMb: Math.min(...counts.map(({ heapMb }) => heapMb)),
  };
}

/** Of each kind the least; what one of the looks has not seen is none. */
export function leastOf(looks: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const kinds = new Set(looks.flatMap((look) => Object.keys(look)));
  const least = [...kinds].map((kind) => [kind, Math.min(...looks.map((look) => look[kind] ?? 0))] as const);
  return Object.fromEntries(least.filter(([, count]) => count > 0));
}

/** In words, the kinds of which there are more than before, by more than what may be under way. */
export function more(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.entries(after).flatMap(([kind, is]) => {
    const was = before[kind] ?? 0;
    return is - was <= UNDER_WAY ? [] : [`${kind} ${was} → ${is}`];
  });
}
