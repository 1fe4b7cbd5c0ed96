// Does things in groups with pauses in between, so that thousands of them do not hold the event loop.

const GROUP = 50;
const PAUSE_MS = 10;

/** The first group is done at once, after what happens in the same turn of the event loop. What is added twice is done once. */
export class Gradually<T> {
  readonly #waiting = new Set<T>();
  readonly #act: (items: readonly T[]) => void;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(act: (items: readonly T[]) => void) {
    this.#act = act;
  }

  add(item: T): void {
    this.#waiting.add(item);
    if (this.#timer === undefined) this.#immediate ??= setImmediate(() => this.#next());
  }

  delete(item: T): void {
    this.#waiting.delete(item);
  }

  close(): void {
    this.#waiting.clear();
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }

  #next(): void {
    this.#immediate = undefined;
    this.#timer = undefined;
    const items: T[] = [];
    for (const item of this.#waiting) {
      if (items.length === GROUP) break;
      this.#waiting.delete(item);
      items.push(item);
    }
    if (items.length === 0) return;
    this.#timer = setTimeout(() => this.#next(), PAUSE_MS);
    this.#act(items);
  }
}
