// A log file that survives rotation without a signal: when its path names another file, or none, it is opened again.
import { closeSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { SonicBoom } from 'sonic-boom';
import type { LineSink } from '../log.ts';

/** How often the path is looked at, at most. */
const LOOK_EVERY_MS = 1_000;
/** Bytes that may wait for a slow disk; what comes after them is dropped, and the drop is told. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;

/** Opens `path` for appending, as a line sink that never blocks. Throws a system error when it cannot be opened. */
export function openLogFile(path: string, now: () => number = Date.now): LineSink {
  // Opened here first: the stream would report the failure only later.
  closeSync(openSync(path, 'a', 0o640));
  const stream = new SonicBoom({ dest: path, append: true, sync: false, maxLength: MAX_PENDING_BYTES, mode: 0o640 });
  let dropped = 0;
  let looked = now();
  let inode: number | undefined;
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
    if (found === undefined || (inode !== undefined && found !== inode)) stream.reopen();
    inode = found;
  };
  void look();

  return {
    write(line) {
      if (now() - looked >= LOOK_EVERY_MS) {
        looked = now();
        void look();
      }
      if (dropped > 0 && stream.write(`${dropped} log lines were lost: writing to ${path} was too slow\n`)) dropped = 0;
      stream.write(line);
    },
    close() {
      try {
        stream.flushSync();
        stream.end();
      } catch {
        // Nothing is left to tell it to.
      }
    },
  };
}
