// For how long the event loop is held, whatever else the machine does meanwhile.

/** Milliseconds of processor time that this process has used. */
export function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** For how long the event loop is held by the work, in milliseconds of processor time: at each of its turns, the longest first. */
export async function holds(work: () => Promise<unknown>): Promise<number[]> {
  const held: number[] = [];
  let before = usedMs();
  const watch = setInterval(() => {
    const now = usedMs();
    held.push(now - before);
    before = now;
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
  return held.sort((one, other) => other - one);
}
