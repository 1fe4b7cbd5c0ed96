// What a daemon that had to be killed could not do any more: remove its virtual services from the kernel.
import { cleanStopKeys } from './daemon.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { load } from './load.ts';
import type { Logger } from './log.ts';
import { Reconciler } from './reconciler.ts';

/** Removes the services that the configuration at `path` would have removed at its stop. Throws IpvsError. */
export async function cleanTable(path: string, kernel: Kernel, say: (text: string) => void): Promise<void> {
  const { config } = await load(path);
  if (config === undefined) {
    say(`${path} has errors, so it cannot be said which virtual services are its own; see ipvsadm -Ln`);
    return;
  }
  const log: Logger = { verbose: false, error: say, warn: say, info: say, debug: () => {}, close: () => {} };
  await new Reconciler({ kernel, log: () => log, desired: () => new Map() }).stop(cleanStopKeys(config));
}
