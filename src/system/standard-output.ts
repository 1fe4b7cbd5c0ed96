// Log lines on standard output, for whoever supervises the daemon: a reader that is slow or gone never stops it.
import { fstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LineSink } from '../log.ts';

/** Bytes that may wait for a slow reader; what comes after them is dropped, and the drop is told. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** How long the end of the log may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;

/** Whether standard output leads to systemd's journal, which says so in the environment (systemd.exec(5)). */
export function isJournal(): boolean {
  const [device, inode] = (process.env.JOURNAL_STREAM ?? '').split(':');
  if (inode === undefined) return false;
  // As text: an inode may have more digits than a number.
  const { dev, ino } = fstatSync(1, { bigint: true });
  return String(dev) === device && String(ino) === inode;
}

/** A line sink on `out`, which stays open. Once its reader is gone, lines go nowhere: servers are checked all the same. */
export function openStandardOutput(out: Writable = process.stdout): LineSink {
  let dropped = 0;
  let gone = false;
  out.on('error', () => {
    gone = true;
  });
  return {
    write(line) {
      if (gone) return;
      if (out.writableLength > MAX_PENDING_BYTES) {
        dropped++;
        return;
      }
      if (dropped > 0) out.write(`${dropped} log lines were lost: standard output was read too slowly\n`);
      dropped = 0;
      out.write(line);
    },
    close() {
      if (gone || out.writableLength === 0) return;
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(late);
          gone = true;
          resolve();
        };
        const late = setTimeout(end, CLOSE_WAIT_MS);
        // Called when all before it is written, or will never be.
        out.write('', end);
      });
    },
  };
}
