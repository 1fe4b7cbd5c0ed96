// reload and restart: the configuration is looked at first, so that one with errors leaves the daemon as it is.
import { askDaemon, socketPath } from '../status/control.ts';
import { readOwner } from '../system/pid-owner.ts';
import { type Call, configPath, described, err, signal } from './call.ts';

const WAIT_MS = 60_000;

/**
 * Resolves with 0 when the daemon has been told, with --wait when the configuration is in force, and with 1 when there is no
 * daemon. Throws UsageError when the configuration has errors, and with --wait whatever keeps it from being in force.
 */
export async function reload(call: Call): Promise<number> {
  const owner = readOwner(call.pidFile);
  if (owner.state !== 'running') {
    err(`${described(call)} is not running, so there is nothing to reload`);
    return 1;
  }
  if (call.flags.wait) {
    // It tells what is wrong itself: another user may see other files.
    await askDaemon(socketPath(call.pidFile), { op: 'reload' }, WAIT_MS);
    return 0;
  }
  await validate(call);
  signal(owner.pid, 'SIGHUP');
  return 0;
}

/** As stop, then start; try-restart does nothing where no daemon runs. Throws UsageError when the configuration has errors. */
export async function restart(call: Call): Promise<number> {
  const owner = readOwner(call.pidFile);
  if (call.action === 'try-restart' && owner.state !== 'running') return 0;
  await validate(call);
  const [{ stop }, { start }] = await Promise.all([import('./stop.ts'), import('./start.ts')]);
  const stopped = await stop(call);
  return stopped === 0 ? start({ ...call, action: 'start' }) : stopped;
}

/** Loads the configuration as a daemon would, and tells what is wrong with it. */
async function validate(call: Call): Promise<void> {
  const [{ load }, { accepted }] = await Promise.all([import('../load.ts'), import('../run.ts')]);
  await accepted(await load(configPath(call)), err, { color: process.stderr.isTTY === true });
}
