// The processor time of the whole kernel, second by second, as the machine counts it that runs the kernel (test/kernel/host/meter.ts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const SECOND_MS = 1000;
/** A second's file is there after so long. It is not looked for sooner: what was not there is remembered as not there. */
const WRITTEN_MS = 1500;

/** Where the seconds are written; undefined when nobody counts. */
const METERED = process.env.LAB_METER === '1' ? process.env.LAB_DIR : undefined;

/** How many milliseconds were used in each whole second of a while; times in ms since 1970. Nothing where nobody counts. */
export async function usedMs(fromMs: number, toMs: number, dir = METERED): Promise<number[]> {
  if (dir === undefined) return [];
  await pause(Math.max(0, toMs + WRITTEN_MS - Date.now()));
  const [first, last] = [Math.ceil(fromMs / SECOND_MS), Math.floor(toMs / SECOND_MS)];
  const totals = Array.from({ length: last - first + 1 }, (_, index) => totalMs(dir, first + index));
  return totals.slice(1).map((total, index) => total - (totals[index] ?? NaN));
}

function totalMs(dir: string, second: number): number {
  return Number(readFileSync(join(dir, `cpu-${second}`), 'latin1'));
}
