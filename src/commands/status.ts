// status: whether the daemon runs, in words that Heartbeat reads too; and for people what it knows of each server.

import { messageOf } from '../errors.ts';
import type { DaemonSnapshot } from '../status/snapshot.ts';
import { readOwner } from '../system/pid-owner.ts';
import { type Call, described, err, isTerminal, out, print } from './call.ts';

const ANSWER_MS = 5_000;

/**
 * LSB: 0 running, 1 dead with a pid file, 3 stopped. Heartbeat 3 reads the words on standard output instead: `not running`
 * anywhere means no, otherwise `running` or `OK` anywhere (be it in the path) means that this node has the resource.
 */
export async function status(call: Call): Promise<number> {
  const owner = readOwner(call.pidFile);
  if (owner.state === 'running') {
    if (call.flags.json) return json(call);
    out(`${described(call)} is running with pid: ${owner.pid}`);
    if (isTerminal()) await details(call);
    return 0;
  }
  if (call.flags.json) out('null');
  if (owner.state === 'stale') {
    say(call, `${described(call)} is not running, but its pid file ${call.pidFile} is there: it died, or was killed`);
    return 1;
  }
  say(call, `${described(call)} is stopped (not running)`);
  return 3;
}

/** Beside JSON words go to standard error. */
function say({ flags }: Call, text: string): void {
  if (flags.json) err(text);
  else out(text);
}

/** Loaded here: what Heartbeat asks for is to be quick. */
async function askForSnapshot({ pidFile }: Call): Promise<DaemonSnapshot> {
  const { askDaemon, socketPath } = await import('../status/control.ts');
  return askDaemon(socketPath(pidFile), { op: 'show' }, ANSWER_MS) as Promise<DaemonSnapshot>;
}

/** The shape is part of the manual page. */
async function json(call: Call): Promise<number> {
  await print(`${JSON.stringify(await askForSnapshot(call), undefined, 2)}\n`);
  return 0;
}

/** That nothing more can be told does not change whether it runs. */
async function details(call: Call): Promise<void> {
  try {
    const { statusText } = await import('../status/text.ts');
    await print(`${statusText(await askForSnapshot(call), Date.now(), process.env.NO_COLOR === undefined)}\n`);
  } catch (error) {
    err(`What it knows cannot be shown: ${messageOf(error)}`);
  }
}
