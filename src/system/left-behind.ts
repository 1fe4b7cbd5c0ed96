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

interface Process {
  readonly pid: number;
  /** The process that leads its session. */
  readonly session: number;
}

/**
 * Ends every ipvsadm that was started for this pid file, and the shell that was to start more; to be called while no daemon has it. Throws
 * UsageError when one cannot be ended: it may yet change the table.
 */
export async function endLeftBehind(pidFile: string): Promise<void> {
  const late = new AbortController();
  const { signal } = late;
  const found = await Promise.race([findMarked(pidFile), pause(LOOK_MS, [], { signal }).catch(() => [])]);
  late.abort();
  for (const { session } of found) kill(session);
  const until = performance.now() + END_MS;
  for (const each of found)
    while ((await alive(each.pid))?.session === each.session) {
      if (performance.now() > until)
        throw new UsageError(
          `an ipvsadm (pid ${each.pid}) of the daemon that was killed waits in the kernel and cannot be ended; nothing is changed before it is over (dmesg may say what it waits for)`,
          1,
        );
      await pause(POLL_MS);
    }
}

/** All that we start leads a session of its own, or was started by what leads it and has its environment. */
async function findMarked(pidFile: string): Promise<Process[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const processes = (await Promise.all(numbers.map(alive))).filter((each) => each !== undefined);
  const pids = new Set(processes.map(({ pid }) => pid));
  const mark = `${MARK}=${pidFile}`;
  const answers = new Map<number, Promise<boolean>>();
  const isMarked = (pid: number): Promise<boolean> => {
    const known = answers.get(pid);
    if (known !== undefined) return known;
    const environment = readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const answer = environment.then((text) => text.split('\0').includes(mark));
    answers.set(pid, answer);
    return answer;
  };
  // Only leaders are asked for their environment, and whom a leader has left alone.
  const marked = await Promise.all(processes.map(({ pid, session }) => isMarked(pids.has(session) ? session : pid)));
  return processes.filter((_, index) => marked[index]);
}

/** Undefined when it is no more, or was not collected yet. */
async function alive(pid: number): Promise<Process | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name in parentheses may hold anything; behind it stand state, parent, group and session (proc(5)).
  const [state = 'X', , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Session 0 is the kernel's own.
  return /[ZX]/.test(state) || session === '0' ? undefined : { pid, session: Number(session) };
}

/** The group is the session: nobody in it makes another. */
function kill(session: number): void {
  try {
    process.kill(-session, 'SIGKILL');
  } catch {
    // Over by now.
  }
}
