// status: whether the daemon runs, in words that Heartbeat reads too; and for people what it knows of each server.
import { messageOf } from '../errors.ts';
import { readOwner } from '../system/pid-owner.ts';
import { askForSnapshot, notRunning } from './ask.ts';
import { type Call, described, err, isTerminal, out, print } from './call.ts';

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
  // Beside JSON words go to standard error.
  const say = call.flags.json ? err : out;
  say(notRunning(call, owner));
  return owner.state === 'stale' ? 1 : 3;
}

/** The shape is part of the manual page. */
async function json(call: Call): Promise<number> {
  await print(`${JSON.stringify(await askForSnapshot(call), undefined, 2)}\n`);
  return 0;
}

/** That nothing more can be told does not change whether it runs. */
async function details(call: Call): Promise<void> {
  try {
    const [{ wantsColor }, { statusText }] = await Promise.all([
      import('../status/columns.ts'),
      import('../status/text.ts'),
    ]);
    const color = wantsColor(process.stdout, process.env);
    await print(`${statusText(await askForSnapshot(call), Date.now(), color)}\n`);
  } catch (error) {
    err(`What it knows cannot be shown: ${messageOf(error)}`);
  }
}
