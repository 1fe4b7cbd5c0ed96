// How a file is opened whose lines others may read, rotate and delete: a named pipe that nobody reads does not hold us up, and where
// everybody may put a symbolic link none is followed. Elsewhere one may be meant: /var/log often is on another disk.
import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Flags for appending to the file at `path`, which is made when it is not there. Rejects when its directory is not. */
export async function appendFlags(path: string): Promise<number> {
  return appendFlagsIn(await stat(dirname(path)));
}

/** The same in a directory that has been looked at. */
export function appendFlagsIn(directory: { readonly mode: number }): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  return O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | (isForEverybody(directory) ? O_NOFOLLOW : 0);
}

/** Whether every user may make files in a directory. */
export function isForEverybody({ mode }: { readonly mode: number }): boolean {
  return (mode & 0o002) !== 0;
}
