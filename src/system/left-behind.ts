// The ipvsadm that a daemon which was killed has left at work: it would go on changing the table under the hands of the next one. Each
// carries the daemon's pid file in its environment, by which it is known.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { UsageError } from '../errors.ts';
import { environmentForOthers } from './environment.ts';

const MARK = 'TSDIRECTORD_PID_FILE';
/** A process whose memory is being worked on keeps whoever reads its environment waiting. */
const LOOK_MS = 2_000;
/** SIGKILL ends everything but what waits in the kernel. */
const END_MS = 2_000;
const POLL_MS = 10;

/** The environment for an ipvsadm of the daemon with this pid file. */
export function markedEnvironment(pidFile: string): NodeJS.ProcessEnv {
  return { ...environmentForOthers(), [MARK]: pidFile };
}

/**
 * Ends every ipvsadm that was started for this pid file; to be called while no daemon has it. Throws UsageError when one cannot be ended:
 * it may yet change the table.
 */
export async function endLeftBehind(pidFile: string): Promise<void> {
  const late = new AbortController();
  const { signal } = late;
  const found = await Promise.race([findMarked(pidFile), pause(LOOK_MS, [], { signal }).catch(() => [])]);
  late.abort();
  for (const pid of found) kill(pid);
  const until = performance.now() + END_MS;
  for (const pid of found)
    while (await isLeader(pid)) {
      if (performance.now() > until)
        throw new UsageError(
          `an ipvsadm (pid ${pid}) of the daemon that was killed waits in the kernel and cannot be ended; nothing is changed before it is over (dmesg may say what it waits for)`,
          1,
        );
      await pause(POLL_MS);
    }
}

async function findMarked(pidFile: string): Promise<number[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const mark = `${MARK}=${pidFile}`;
  const marked = await Promise.all(
    numbers.map(async (pid) => {
      // Others are not asked for their environment.
      if (!(await isLeader(pid))) return false;
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(mark);
    }),
  );
  return numbers.filter((_, index) => marked[index]);
}

/** Whether it is alive and leads a session of its own, as all do that we start. */
async function isLeader(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name in parentheses may hold anything; behind it stand state, parent, group and session (proc(5)).
  const [state = 'X', , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return !/[ZX]/.test(state) && session === String(pid);
}

function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Over by now.
  }
}
