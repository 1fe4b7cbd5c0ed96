// What the operator has ordered for single servers: drained, disabled, another weight. It lasts until it is undone, across
// reloads and restarts, and counts whatever checks say.
import { type HeldDown, memberKey, type Override, type OverrideOf } from '../ipvs/desired.ts';
import type { Member } from '../observer.ts';

/** The kernel takes no larger one. */
export const MAX_WEIGHT = 65_535;

/** An order and when it was given, milliseconds since 1970. */
export type Ordered = Override & { readonly at: number };

export class Overrides {
  readonly #orders = new Map<string, Ordered>();
  readonly #onChange: (key: string, order: Ordered | undefined) => void;

  /** `onChange`: an order was given, or undone (undefined). */
  constructor(onChange: (key: string, order: Ordered | undefined) => void = () => {}) {
    this.#onChange = onChange;
  }

  /** Takes over what was ordered before this daemon began. */
  restore(orders: ReadonlyMap<string, Ordered>): void {
    for (const [key, order] of orders) this.#orders.set(key, order);
  }

  /** By member key, those of servers that are not configured (now) too. */
  get all(): ReadonlyMap<string, Ordered> {
    return this.#orders;
  }

  of({ virtual, real }: Member): Ordered | undefined {
    return this.#orders.size === 0 ? undefined : this.#orders.get(memberKey(virtual, real));
  }

  readonly overrideOf: OverrideOf = (virtual, real) => this.of({ virtual, real });

  readonly holdsDown: HeldDown = (virtual, real) => {
    const order = this.of({ virtual, real });
    if (order === undefined || order.kind === 'weight') return undefined;
    return order.kind === 'drain' ? 'drained by the operator' : 'disabled by the operator';
  };

  give({ virtual, real }: Member, order: Ordered): void {
    const key = memberKey(virtual, real);
    // The one that was ordered last is the last.
    this.#orders.delete(key);
    this.#orders.set(key, order);
    this.#onChange(key, order);
  }

  /** False when there is nothing to undo. */
  undo({ virtual, real }: Member): boolean {
    return this.forget(memberKey(virtual, real));
  }

  /** The same by member key. */
  forget(key: string): boolean {
    if (!this.#orders.delete(key)) return false;
    this.#onChange(key, undefined);
    return true;
  }
}

/** What an order makes of a server: "is drained". */
export function wordsOf(order: Override): string {
  switch (order.kind) {
    case 'drain':
      return 'is drained';
    case 'disable':
      return 'is disabled';
    case 'weight':
      return `has weight ${order.weight}`;
  }
}

export function isWeight(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_WEIGHT;
}
