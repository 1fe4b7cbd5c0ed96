// The last transitions of each server: when it went up or down, was taken out of service or given back, and why.
import type { Health } from '../health/health.ts';
import { memberKey } from '../ipvs/desired.ts';
import type { Member, Observer, Turn } from '../observer.ts';

export interface Transition {
  /** Milliseconds since 1970. A clock that was put back shows: later ones stand later all the same. */
  readonly at: number;
  /** `held`: out of service by somebody's will, whatever checks say; `released`: not any more. */
  readonly to: 'up' | 'down' | 'held' | 'released';
  readonly reason: string;
}

/** Kept for one server. */
export const MOST_TRANSITIONS = 100;
/** Kept for all together: servers that change more often than others lose their oldest first. */
const MOST_IN_ALL = 200_000;
const MOST_REASON_LENGTH = 300;

export class History implements Observer {
  /** The server that changed last is the last. The lists are never changed: whoever writes them to a file takes his time. */
  readonly #byMember = new Map<string, readonly Transition[]>();
  #size = 0;
  readonly #onTransition: (key: string, transition: Transition) => void;

  /** `onTransition` gets each new one. */
  constructor(onTransition: (key: string, transition: Transition) => void = () => {}) {
    this.#onTransition = onTransition;
  }

  /** Takes over one of an earlier daemon's. */
  restore(key: string, transition: Transition): void {
    const known = this.#byMember.get(key) ?? [];
    const after = [...known.slice(1 - MOST_TRANSITIONS), transition];
    this.#byMember.delete(key);
    this.#byMember.set(key, after);
    this.#size += after.length - known.length;
    if (this.#size > MOST_IN_ALL) this.#forgetSome();
  }

  /** The oldest first. */
  of({ virtual, real }: Member): readonly Transition[] {
    return this.#byMember.get(memberKey(virtual, real)) ?? [];
  }

  /** By member key, those of servers that are not configured (now) too. */
  get all(): ReadonlyMap<string, readonly Transition[]> {
    return this.#byMember;
  }

  /** Of all servers together. */
  get size(): number {
    return this.#size;
  }

  turned(member: Member, { state, at, reason }: Turn): void {
    // The first checks of a daemon find what the last one left.
    if (this.#last(member, 'up', 'down')?.to !== state) this.#add(member, { at, to: state, reason });
  }

  held(member: Member, { reason, at }: { readonly reason: string | undefined; readonly at: number }): void {
    const known = this.#last(member, 'held', 'released');
    if (reason === undefined) {
      if (known?.to === 'held') this.#add(member, { at, to: 'released', reason: '' });
    } else if (known?.to !== 'held' || known.reason !== cut(reason)) {
      this.#add(member, { at, to: 'held', reason });
    }
  }

  /** Adds what has become of a server while nobody looked: before this daemon began, or while it was not configured. */
  catchUp(member: Member, health: Health, heldDown: string | undefined, at: number): void {
    const { state, since, reason } = health;
    if (state !== 'unknown') this.turned(member, { state, at: since, reason });
    this.held(member, { reason: heldDown, at });
  }

  forget(key: string): void {
    this.#size -= this.#byMember.get(key)?.length ?? 0;
    this.#byMember.delete(key);
  }

  #last(member: Member, ...kinds: readonly Transition['to'][]): Transition | undefined {
    return this.of(member).findLast(({ to }) => kinds.includes(to));
  }

  #add({ virtual, real }: Member, { at, to, reason }: Transition): void {
    const key = memberKey(virtual, real);
    const transition = { at, to, reason: cut(reason) };
    this.restore(key, transition);
    this.#onTransition(key, transition);
  }

  /** Half of what each has, so that this is rare. */
  #forgetSome(): void {
    this.#size = 0;
    for (const [key, known] of this.#byMember) {
      const rest = known.slice(Math.floor(known.length / 2));
      this.#byMember.set(key, rest);
      this.#size += rest.length;
    }
  }
}

function cut(reason: string): string {
  return reason.slice(0, MOST_REASON_LENGTH);
}
