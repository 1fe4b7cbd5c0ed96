// Whether a process is still there.
import { readFileSync } from 'node:fs';

/** One that has ended, but was not collected yet, is a process no more. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
