// A log file that survives rotation without a signal: when its path names another file, or none, it is opened again.
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SonicBoom } from 'sonic-boom';
import type { LineSink } from '../log.ts';
import { appendFlagsIn, isForEverybody } from './append-flags.ts';

/** How often the path is looked at. */
const LOOK_EVERY_MS = 1_000;
/** Bytes that may wait for a slow disk; what comes after them is dropped, and the drop is told. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** How long the end of the log may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;

/** Opens `path` for appending, as a line sink that never blocks. Throws a system error when it cannot be opened. */
export function openLogFile(path: string, lookEveryMs = LOOK_EVERY_MS): LineSink {
  // Opened here first: the stream would report the failure only later.
  const first = openSync(path, appendFlagsIn(statSync(dirname(path))), 0o640);
  let inode: number | undefined = fstatSync(first).ino;
  closeSync(first);
  const stream = new SonicBoom({ dest: path, append: true, sync: false, maxLength: MAX_PENDING_BYTES, mode: 0o640 });
  let dropped = 0;
  let closed = false;
  stream.on('drop', () => {
    dropped++;
  });
  // A full disk must not stop the daemon; lines wait in memory, and are written when there is room again.
  stream.on('error', () => {});

  const look = async (): Promise<void> => {
    const found = await stat(path).then(
      ({ ino }) => ino,
      () => undefined,
    );
    if (found !== undefined && found === inode) return;
    // The stream opens by name and follows links: the lines stay where they are until the link is gone.
    if (await isForeignLink(path)) return;
    if (closed) return;
    stream.reopen();
    inode = found;
  };
  const timer = setInterval(() => void look(), lookEveryMs).unref();

  /** Tells what was lost before this line, once there is room to tell it. */
  const tellDrops = (): void => {
    const lost = dropped;
    dropped = 0;
    stream.write(`${lost} log lines were lost: writing to ${path} was too slow\n`);
    if (dropped > 0) dropped = lost;
  };

  return {
    write(line) {
      if (closed) return;
      if (dropped > 0) tellDrops();
      stream.write(line);
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      // Not flushSync: on a full disk that would try for ever.
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(late);
          resolve();
        };
        const late = setTimeout(end, CLOSE_WAIT_MS);
        stream.once('close', end).once('error', end);
        stream.end();
      });
    },
  };
}

/** Whether a symbolic link stands there that anybody may have put there. */
async function isForeignLink(path: string): Promise<boolean> {
  const link = await lstat(path).catch(() => undefined);
  if (!link?.isSymbolicLink()) return false;
  return stat(dirname(path)).then(isForEverybody, () => false);
}
