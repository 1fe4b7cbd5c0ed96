// The text that Prometheus reads (exposition format 0.0.4). prom-client writes it too, but all of a metric in one go: 10,000 servers
// hold the event loop for 45 to 170 ms a metric, against 3 to 7 ms here, in slices.
import { Slices } from './slices.ts';

/** A metric as it is announced. */
export interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
}

/** The two lines before a metric's samples, which all must stand together. */
export function heading({ name, type, help }: Family): string {
  return `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n`;
}

/** `virtual="10.8.8.45:80",protocol="tcp"`; a label without a value is left out, as Prometheus takes an empty one. */
export function labelText(labels: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(labels)
    .flatMap(([name, value]) => (value ? `${name}="${escaped(value)}"` : []))
    .join(',');
}

/** One line; none for a value that is not known (NaN too). */
export function sample(name: string, labels: string, value = Number.NaN): string {
  if (Number.isNaN(value)) return '';
  return labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
}

/** A metric with one sample for everything. */
export function single(family: Family, value: number | undefined, labels = ''): string {
  return heading(family) + sample(family.name, labels, value);
}

/**
 * Metrics of many things, each in one piece, because all its samples must stand together. Made a thing at a time, so that only text
 * outlives a slice: thousands of objects that do would be work for the garbage collection, which holds the event loop, too.
 */
export async function manyPieces<F extends Family, T>(
  families: readonly F[],
  things: Iterable<T>,
  textOf: (family: F, thing: T) => string,
): Promise<string[]> {
  const made = families.map((family) => ({ family, parts: [heading(family)], lines: [] as string[] }));
  const endSlice = (): void => {
    for (const each of made) each.parts.push(each.lines.splice(0).join(''));
  };
  const slices = new Slices();
  await slices.turn();
  for (const thing of things) {
    for (const { family, lines } of made) lines.push(textOf(family, thing));
    if (!slices.isOver) continue;
    endSlice();
    await slices.turn();
  }
  endSlice();
  const pieces: string[] = [];
  for (const { parts } of made) {
    await slices.turn();
    pieces.push(parts.join(''));
  }
  return pieces;
}

/** Counts durations by how long they were, in seconds. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** Of each bound those that are not longer, and longer than the bound before; then the rest. */
  readonly #counts: number[];
  #sum = 0;

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    let at = 0;
    while (at < this.#bounds.length && seconds > (this.#bounds[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  text(name: string, labels: string): string {
    let count = 0;
    const before = labels === '' ? '' : `${labels},`;
    const buckets = this.#counts.map((each, at) => {
      count += each;
      return sample(`${name}_bucket`, `${before}le="${this.#bounds[at] ?? '+Inf'}"`, count);
    });
    return `${buckets.join('')}${sample(`${name}_sum`, labels, this.#sum)}${sample(`${name}_count`, labels, count)}`;
  }
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n') : value;
}
