// Whose a pid file is: it is only believed while the process it names holds that very file open. Read at once and not in the
// background, because that is all that a status does, and starting node's threads for it would cost as much again.
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `stale`: the file names a process that is gone, or another program that got its number. */
export type Owner =
  | { readonly state: 'running'; readonly pid: number }
  | { readonly state: 'stale'; readonly pid: number | undefined }
  | { readonly state: 'none' };

/** Where the daemon of the configuration `name` has its pid file: ldirectord's place, or ours where only root may use that. */
export function pidFilePlaces(name: string): readonly string[] {
  const file = `ldirectord.${name}.pid`;
  return [join('/var/run', file), join('/run/tsdirectord', file)];
}

/** The one of several places that a call is about: where the daemon is, where one has died, or else where one could begin. */
export function choosePidFile(places: readonly string[], starts: boolean): string {
  const seen = places.map((path) => ({ path, ...readOwner(path) }));
  const running = seen.find(({ state }) => state === 'running');
  if (running !== undefined) return running.path;
  if (!starts) return (seen.find(({ state }) => state === 'stale') ?? seen[0])?.path as string;
  return (places.find((path) => mayWriteIn(dirname(path))) ?? places[0]) as string;
}

function mayWriteIn(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Looks at the pid file and at the process it names. */
export function readOwner(path: string): Owner {
  let text: string;
  try {
    // Without waiting for anybody, should it be a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      text = readFileSync(file, 'latin1');
    } finally {
      closeSync(file);
    }
  } catch {
    return { state: 'none' };
  }
  const pid = /^\s*(\d+)\s*$/.test(text) ? Number(text) : undefined;
  if (pid !== undefined && pid > 1 && holdsOpen(pid, path)) return { state: 'running', pid };
  // Removed while it was being looked at: its daemon has ended in order.
  return stat(path) === undefined ? { state: 'none' } : { state: 'stale', pid };
}

/** Whether the process has this very file open. A number can be given to another program, an open file cannot. */
function holdsOpen(pid: number, path: string): boolean {
  const wanted = stat(path);
  if (wanted === undefined) return false;
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const found = stat(`/proc/${pid}/fd/${fd}`);
      return found?.ino === wanted.ino && found.dev === wanted.dev;
    });
  } catch (error) {
    // Somebody else's process may be seen but not looked into: it is there, and no more can be said.
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Undefined for what is not there, or cannot be looked at. */
function stat(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
