// What a test may not know: how long the machine that runs it stands still.

/**
 * Milliseconds that a busy shared machine may add to a measured time. An upper bound is a time that is expected plus this, and what
 * the test is there for must take longer: a hang lasts until the test times out, after half a minute.
 */
export const NOISE_MS = 5_000;
