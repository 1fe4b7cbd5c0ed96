// Asking the daemon of a call: whether it runs, in LSB's words, what it knows, and what it is ordered.
import { UsageError } from '../errors.ts';
import type { Question } from '../status/control.ts';
import type { DaemonSnapshot } from '../status/snapshot.ts';
import { type Owner, readOwner } from '../system/pid-owner.ts';
import { type Call, described, err } from './call.ts';

const SNAPSHOT_MS = 5_000;

/** That no daemon runs, in words that Heartbeat reads too. */
export function notRunning(call: Call, { state }: Owner): string {
  return state === 'stale'
    ? `${described(call)} is not running, but its pid file ${call.pidFile} is there: it died, or was killed`
    : `${described(call)} is stopped (not running)`;
}

/** Whether it runs; that it does not is told on standard error. */
export async function isRunning(call: Call): Promise<boolean> {
  const owner = readOwner(call.pidFile);
  if (owner.state !== 'running') err(notRunning(call, owner));
  return owner.state === 'running';
}

/** Throws UsageError with what is to be done when nobody answers. */
export async function ask(call: Call, question: Question, deadlineMs: number): Promise<unknown> {
  // Loaded here: a status that nobody looks at does not ask, and is to be quick.
  const { askDaemon, socketPath } = await import('../status/control.ts');
  const path = socketPath(call.pidFile);
  try {
    return await askDaemon(path, question, deadlineMs);
  } catch (error) {
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    if (reason === undefined) throw error;
    throw new UsageError(`the daemon cannot be asked through ${path}: ${reason}`, 1, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'only root and the user it runs as may do that',
  ENOENT: 'it is not there; the daemon is starting, is ending, or says in its log why it could not make it',
  ECONNREFUSED: 'nobody listens; the daemon is ending, or was killed',
};

export function askForSnapshot(call: Call): Promise<DaemonSnapshot> {
  return ask(call, { op: 'show' }, SNAPSHOT_MS) as Promise<DaemonSnapshot>;
}
