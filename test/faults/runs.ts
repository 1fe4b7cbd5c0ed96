// How many cases the generating tests of this folder make up, and how to see the same ones again: FAULT_RUNS=NUMBER for any of them,
// FAULT_RUNS=long for as many as are promised (`npm run test:faults:long`), FAULT_SEED=NUMBER.

const { FAULT_RUNS: asked, FAULT_SEED: seed } = process.env;

export const IS_LONG = asked === 'long';
/** For fast-check. */
export const SEED = seed === undefined ? {} : { seed: Number(seed) };

/** @param usual how many fit into a minute, in CI */
export function runsOf(usual: number, long: number): number {
  if (asked === undefined) return usual;
  return IS_LONG ? long : Number(asked);
}
