// The processor time that a kernel takes, as the machine counts it on which it runs: to the nanosecond. The kernel itself looks every
// 10 ms who is at work, and what wakes up by its timers is at work just then, or just not.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECOND_MS = 1000;
const NS_PER_MS = 1e6;

/**
 * Writes at each whole second, until it is stopped, how many milliseconds the processes of a group have used so far: in a file of that
 * second, `cpu-1795487565`, as the kernel inside would not notice that a file which it has read has changed.
 */
export function startMeter(group: number, dir: string): () => void {
  /** Of each thread, in ns. What has ended keeps what it had. */
  const used = new Map<string, number>();
  let timer: NodeJS.Timeout;
  const next = (): void => {
    timer = setTimeout(look, SECOND_MS - (Date.now() % SECOND_MS));
  };
  const look = (): void => {
    for (const pid of membersOf(group))
      for (const thread of list(`/proc/${pid}/task`)) {
        const path = `/proc/${pid}/task/${thread}/schedstat`;
        const [onProcessor = ''] = text(path).split(' ');
        if (onProcessor !== '') used.set(path, Number(onProcessor));
      }
    let sum = 0;
    for (const ns of used.values()) sum += ns;
    writeFileSync(join(dir, `cpu-${Math.round(Date.now() / SECOND_MS)}`), String(sum / NS_PER_MS));
    next();
  };
  next();
  return () => clearTimeout(timer);
}

function membersOf(group: number): string[] {
  return list('/proc').filter((name) => {
    // The group is the third field behind the name in parentheses (proc(5)).
    const fields = /^\d+$/.test(name)
      ? text(`/proc/${name}/stat`)
          .replace(/^.*\) /s, '')
          .split(' ')
      : [];
    return Number(fields[2]) === group;
  });
}

/** Empty for what has ended. */
function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
