// Alarms by the millisecond: those that are due in the same one share a timer, and with it a turn of the event loop. Waking up costs as
// much as a check.

interface Group<T> {
  readonly timer: NodeJS.Timeout;
  readonly items: Set<T>;
}

export class Alarms<T> {
  readonly #onDue: (items: Iterable<T>) => void;
  readonly #dueAt = new Map<T, number>();
  readonly #groups = new Map<number, Group<T>>();

  /** `onDue` gets those that are due together, in the order in which they were set. */
  constructor(onDue: (items: Iterable<T>) => void) {
    this.#onDue = onDue;
  }

  /** Sets the one alarm that an item has. `at` is of performance.now(), and is rounded up. */
  set(item: T, at: number): void {
    this.delete(item);
    const ms = Math.ceil(at);
    this.#dueAt.set(item, ms);
    const group = this.#groups.get(ms);
    if (group !== undefined) group.items.add(item);
    else {
      const timer = setTimeout(() => this.#ring(ms), Math.max(0, ms - performance.now()));
      this.#groups.set(ms, { timer, items: new Set([item]) });
    }
  }

  delete(item: T): void {
    const ms = this.#dueAt.get(item);
    if (ms === undefined) return;
    this.#dueAt.delete(item);
    const group = this.#groups.get(ms);
    group?.items.delete(item);
    if (group?.items.size !== 0) return;
    clearTimeout(group.timer);
    this.#groups.delete(ms);
  }

  #ring(ms: number): void {
    const { items } = this.#groups.get(ms) ?? { items: new Set() };
    this.#groups.delete(ms);
    for (const item of items) this.#dueAt.delete(item);
    this.#onDue(items);
  }
}
