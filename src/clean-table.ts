// What a daemon that was killed could not do any more: remove its virtual services from the kernel, and end its synchronisation.
import { cleanStopKeys } from './daemon.ts';
import { messageOf } from './errors.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { serviceKey } from './ipvs/table.ts';
import { load } from './load.ts';
import type { Logger } from './log.ts';
import type { OwnServices } from './operator/own-services.ts';
import { Reconciler } from './reconciler.ts';
import type { ConnectionSync } from './system/connection-sync.ts';

export interface CleanTableParts {
  readonly kernel: Kernel;
  readonly sync: ConnectionSync;
  /** What the daemon had in the table. */
  readonly ownServices: OwnServices;
}

/**
 * Removes the services that the configuration at `path` would have removed at its stop and those of `ownServices` that it does not have
 * any more, and stops what it synchronises. Throws IpvsError.
 */
export async function cleanTable(
  path: string,
  { kernel, sync, ownServices }: CleanTableParts,
  say: (text: string) => void,
): Promise<void> {
  const { config } = await load(path, undefined, false);
  if (config === undefined) {
    say(`${path} has errors, so it cannot be said which virtual services are its own; see ipvsadm -Ln`);
    return;
  }
  const configured = new Set(config.virtuals.map(serviceKey));
  const left = [...ownServices.all].filter((key) => !configured.has(key));
  const log: Logger = { verbose: false, error: say, warn: say, info: say, debug: () => {}, close: () => {} };
  const reconciler = new Reconciler({ kernel, log: () => log, desired: () => new Map() });
  await reconciler.stop(new Set([...cleanStopKeys(config), ...left]));
  if (reconciler.trouble === undefined) ownServices.keepOnly(new Set());
  if (config.syncDaemon === undefined) return;
  await sync.stop().catch((error) => {
    say(`Connections may still be synchronised, see ipvsadm -L --daemon: ${messageOf(error)}`);
  });
}
