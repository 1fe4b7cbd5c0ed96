// Waiting for a condition, with a deadline.
import { setTimeout as pause } from 'node:timers/promises';

/** Asks until the answer is truthy; throws at the deadline with `seen()`. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  seen: () => unknown = () => '',
  deadlineMs = 8_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}\n${String(await seen())}`);
    await pause(5);
  }
}
