// Long work in slices, so that it delays no check: however much of it is under way, the event loop is held by one slice at a time.

/** How long the event loop is held at most, and how many steps are made before the clock is looked at. */
const SLICE_MS = 2;
const STEPS = 10;

/** Work that waits for its turn. There is one event loop, so this is one for all. */
const waiting: (() => void)[] = [];

function giveTurn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(giveTurn);
}

/** Who does long work waits for its turn, and asks after each step whether others should have theirs. */
export class Slices {
  #until = 0;
  #steps = 0;

  /** Resolves when checks, and other long work, have had their turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(() => {
        this.#until = performance.now() + SLICE_MS;
        resolve();
      });
      if (waiting.length === 1) setImmediate(giveTurn);
    });
  }

  get isOver(): boolean {
    this.#steps++;
    return this.#steps % STEPS === 0 && performance.now() > this.#until;
  }
}

/** Goes through the items in slices; what is done with one should take less than a tenth of a millisecond. */
export async function* sliced<T>(items: Iterable<T>): AsyncGenerator<T> {
  const slices = new Slices();
  await slices.turn();
  for (const item of items) {
    yield item;
    if (slices.isOver) await slices.turn();
  }
}

/** Joins texts, which are made as they are asked for, to pieces of one slice each. */
export async function* inPieces(texts: Iterable<string>): AsyncGenerator<string> {
  const slices = new Slices();
  await slices.turn();
  let piece: string[] = [];
  for (const text of texts) {
    piece.push(text);
    if (!slices.isOver) continue;
    yield piece.join('');
    piece = [];
    await slices.turn();
  }
  yield piece.join('');
}
