// Measured figures: printed as they are taken, in a form that is easy to find again (`figure: …`).

/** Prints one figure with the bound it is held to, in ms. */
export function figure(what: string, ms: number, boundMs?: number): void {
  const bound = boundMs === undefined ? '' : ` (bound ${seconds(boundMs)})`;
  console.log(`     figure: ${what}: ${seconds(ms)}${bound}`);
}

/** Prints how many of how many. */
export function count(what: string, number: number, of: number): void {
  console.log(`     figure: ${what}: ${number} of ${of}`);
}

/** Runs the work and returns what it took, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
