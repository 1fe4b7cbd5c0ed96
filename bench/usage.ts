// What processes use, out of /proc.
import { readFileSync } from 'node:fs';

/** /proc counts processor time in hundredths of a second, on every Linux. */
const TICK_MS = 10;
const KB_PER_MB = 1024;

/** Processor time in ms, user and system, of these processes and of their children that have ended and been waited for. */
export function cpuMs(pids: readonly number[]): number {
  return total(pids, (pid) => {
    // utime, stime, cutime, cstime: fields 14 to 17, counted behind the name, which may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return TICK_MS * fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  });
}

/** MB of memory as PSS: what several processes share counts once. */
export function memoryMb(pids: readonly number[]): number {
  return total(pids, (pid) => {
    const [, kb] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')) ?? [];
    return Number(kb) / KB_PER_MB;
  });
}

/** MB of memory as RSS of each process: what several share counts for each. */
export function residentMb(pids: readonly number[]): number {
  return total(pids, (pid) => {
    const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kb ?? 0) / KB_PER_MB;
  });
}

function total(pids: readonly number[], of: (pid: number) => number): number {
  let sum = 0;
  for (const pid of pids) {
    try {
      sum += of(pid);
    } catch {
      // Ended meanwhile: its processor time is its parent's now.
    }
  }
  return sum;
}
