// The last checks of each server: when, how long, and up or down. A small ring per server, so that a check costs no allocation.
import type { CheckResult } from '../checks/check.ts';
import type { Real, Virtual } from '../config/model.ts';
import { memberKey } from '../ipvs/desired.ts';
import type { Member, Observer } from '../observer.ts';

/** One check that could be made. */
export interface Latency {
  /** When it ended, milliseconds since 1970. */
  readonly at: number;
  readonly durationMs: number;
  readonly outcome: 'up' | 'down';
}

/** Kept for one server. */
export const MOST_LATENCIES = 60;

interface Ring {
  readonly at: number[];
  readonly durationMs: number[];
  readonly up: boolean[];
  /** Where the next one goes once there are as many as are kept. */
  next: number;
}

export class Latencies implements Observer {
  /** By member key, which outlives a reload. */
  #rings = new Map<string, Ring>();
  /** The same by what a check comes with, so that no key is made for each. */
  readonly #byReal = new WeakMap<Real, Ring>();
  readonly #now: () => number;

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  checked(member: Member, { outcome, durationMs }: CheckResult): void {
    const ring = this.#byReal.get(member.real) ?? this.#ringOf(member);
    const place = ring.at.length < MOST_LATENCIES ? ring.at.length : ring.next;
    ring.at[place] = this.#now();
    ring.durationMs[place] = durationMs;
    ring.up[place] = outcome === 'up';
    ring.next = (place + 1) % MOST_LATENCIES;
  }

  /** The oldest first. */
  of({ virtual, real }: Member): Latency[] {
    const ring = this.#byReal.get(real) ?? this.#rings.get(memberKey(virtual, real));
    if (ring === undefined) return [];
    const { at, durationMs, up, next } = ring;
    const first = at.length < MOST_LATENCIES ? 0 : next;
    return at.map((_, index) => {
      const place = (first + index) % at.length;
      return {
        at: at[place] ?? 0,
        durationMs: durationMs[place] ?? 0,
        outcome: up[place] ? 'up' : 'down',
      };
    });
  }

  /** Lets go of servers that are not among these any more. */
  keepOnly(virtuals: readonly Virtual[]): void {
    const kept = new Map<string, Ring>();
    for (const virtual of virtuals) {
      for (const real of virtual.reals) {
        const ring = this.#rings.get(memberKey(virtual, real));
        if (ring !== undefined) kept.set(memberKey(virtual, real), ring);
      }
    }
    this.#rings = kept;
  }

  #ringOf({ virtual, real }: Member): Ring {
    const key = memberKey(virtual, real);
    const ring = this.#rings.get(key) ?? { at: [], durationMs: [], up: [], next: 0 };
    this.#rings.set(key, ring);
    this.#byReal.set(real, ring);
    return ring;
  }
}
