// stop: TERM, then KILL and the cleaning up that a killed daemon could not do.
import { messageOf, UsageError } from '../errors.ts';
import { socketPath } from '../status/control.ts';
import { removeStale, waitUntilGone } from '../system/pid-file.ts';
import { readOwner } from '../system/pid-owner.ts';
import { type Call, configPath, described, err, kernelOf, out, signal, syncOf, WARNINGS_ONLY } from './call.ts';

/** Resolves with 0 once no daemon is there any more, in bounded time. Throws UsageError when it cannot be killed. */
export async function stop(call: Call): Promise<number> {
  const owner = readOwner(call.pidFile);
  if (owner.state !== 'running') {
    if (owner.state === 'stale') await cleanUpAfter(call);
    out(`${described(call)} is stopped (not running)`);
    return 0;
  }
  const timeoutMs = call.flags.stopTimeout * 1000;
  signal(owner.pid, 'SIGTERM');
  if (await waitUntilGone(owner.pid, timeoutMs)) {
    await removeStale(call.pidFilePlaces);
    return 0;
  }
  err(
    `${described(call)} did not end within ${call.flags.stopTimeout} s of SIGTERM; killing pid ${owner.pid} and cleaning up after it`,
  );
  signal(owner.pid, 'SIGKILL');
  if (!(await waitUntilGone(owner.pid, timeoutMs))) throw new UsageError(`pid ${owner.pid} cannot be killed`, 1);
  await cleanUpAfter(call);
  return 0;
}

/** Removes what a daemon that did not end by itself has left: its ipvsadm, its services, its socket and its pid file. What cannot be cleaned is told: stopped it is. */
async function cleanUpAfter(call: Call): Promise<void> {
  const [{ rm }, { cleanTable }, { endLeftBehind }, { State, statePath }] = await Promise.all([
    import('node:fs/promises'),
    import('../clean-table.ts'),
    import('../system/left-behind.ts'),
    import('../operator/state.ts'),
  ]);
  // Nobody listens there any more.
  await rm(socketPath(call.pidFile), { force: true });
  const state = await State.open(statePath(call.pidFile, call.flags.ipvs), () => WARNINGS_ONLY);
  try {
    await endLeftBehind(call.pidFilePlaces[0] as string);
    const { ownServices } = state;
    const [kernel, sync] = await Promise.all([kernelOf(call), syncOf(call.flags)]);
    await cleanTable(configPath(call), { kernel, sync, ownServices }, err);
  } catch (error) {
    err(`Its virtual services may still be in the kernel, see ipvsadm -Ln: ${messageOf(error)}`);
  } finally {
    await state.close();
    // Last: a start that finds it knows that there may be an ipvsadm at work.
    await removeStale(call.pidFilePlaces);
  }
}
