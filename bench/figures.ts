// What is made of measured times: mean, percentiles, and how late the checks of each server came.

export function mean(values: readonly number[]): number {
  return values.length === 0 ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Infinity when one of them is; NaN for none. */
export function worst(values: readonly number[]): number {
  return values.length === 0 ? NaN : values.reduce((most, value) => Math.max(most, value), -Infinity);
}

/** The value that `share` (0.99 for the 99th percentile) of the values do not exceed; NaN for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/**
 * So many numbers from 0 to 1, one at random from each of as many equal parts, in any order: their mean scatters far less than that of
 * numbers from anywhere.
 */
export function scattered(count: number, random = Math.random): number[] {
  const numbers = Array.from({ length: count }, (_, part) => (part + random()) / count);
  for (let left = count - 1; left > 0; left--) {
    const other = Math.floor(random() * (left + 1));
    [numbers[left], numbers[other]] = [numbers[other] ?? 0, numbers[left] ?? 0];
  }
  return numbers;
}

/** When each server was asked, in ms since 1970, by its address. */
export type Arrivals = Readonly<Record<string, readonly number[]>>;

/** How many requests these are. */
export function requests(arrivals: Arrivals): number {
  return Object.values(arrivals).reduce((sum, times) => sum + times.length, 0);
}

/** For each check but a server's first: how much later it came than one interval after the one before; negative is early. */
export function latenesses(arrivals: Arrivals, intervalMs: number): number[] {
  return Object.values(arrivals).flatMap((times) =>
    times.slice(1).map((time, index) => time - (times[index] ?? time) - intervalMs),
  );
}

/**
 * How far each check of a server is from that server's own beat: the evenly spaced times, an interval apart, that fit its checks
 * best. A check that comes late and the next one in time count once.
 */
export function offBeat(arrivals: Arrivals, intervalMs: number): number[] {
  return Object.values(arrivals).flatMap((times) => {
    const phases = times.map((time, index) => time - index * intervalMs);
    const beat = percentile(phases, 0.5);
    return phases.map((phase) => Math.abs(phase - beat));
  });
}
