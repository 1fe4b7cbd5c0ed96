// The one daemon of a configuration: its pid file, which it holds open, and the lock that only one can have.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { isDiskFull, isUsageError, UsageError } from '../errors.ts';
import { endLeftBehind } from './left-behind.ts';
import { readOwner } from './pid-owner.ts';

/** Longest wait for another start or stop of the same configuration to come to its end. */
const CLAIM_WAIT_MS = 5_000;
const POLL_MS = 20;

/** The pid file of a running daemon. */
export interface PidFile {
  /** Removes the file and the lock. */
  release(): Promise<void>;
}

/**
 * Makes this process the daemon of `path`, or says who is. Two at once cannot both succeed: a lock in the abstract socket
 * namespace, which the kernel drops when its process dies, is held for as long as the daemon lives.
 * What a daemon that was killed has left at work is ended. Throws UsageError when it cannot be, or when the file cannot be written.
 * @param places where another daemon of the same configuration might have its own
 */
export async function claim(
  path: string,
  places: readonly string[] = [path],
): Promise<PidFile | { readonly running: number }> {
  // Hashed, because the system cuts longer names off.
  const name = createHash('sha256')
    .update(places[0] as string)
    .digest('hex');
  const lock = await takeLock(`\0tsdirectord:${name}`, places);
  if (!('close' in lock)) return lock;
  try {
    const running = await runningIn(places);
    if (running !== undefined) {
      lock.close();
      return { running };
    }
    if (places.some((place) => readOwner(place).state === 'stale')) await endLeftBehind(places[0] as string);
    const file = await writeInPlace(path);
    await removeStale(places);
    return {
      async release() {
        const [ours, there] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
        if (there?.ino === ours.ino) await rm(path, { force: true });
        await file.close();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    if (isUsageError(error)) throw error;
    throw new UsageError(
      `cannot write the pid file ${path}: ${(error as Error).message}; ${remedyFor(error)}, or name another with --pid-file`,
      1,
      { cause: error },
    );
  }
}

function remedyFor(error: unknown): string {
  return isDiskFull(error) ? 'make room there' : 'run as root';
}

/** Writes the file under another name and moves it there, so that nobody ever reads half of it. Stays open. */
async function writeInPlace(path: string): Promise<FileHandle> {
  const temporary = `${path}.new`;
  // Left by one that was killed here, or put there by somebody else, a link to another file perhaps: it is not written to.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o644);
  try {
    await file.writeFile(`${process.pid}\n`);
    await rename(temporary, path);
    return file;
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What daemons that were killed have left, as far as this user may remove it: a status would go on telling of it. */
export async function removeStale(places: readonly string[]): Promise<void> {
  await Promise.all(
    places.map(async (path) => {
      const owner = readOwner(path);
      if (owner.state === 'stale') await rm(path, { force: true }).catch(() => {});
    }),
  );
}

/** The pid of the daemon that has one of the files. */
async function runningIn(places: readonly string[]): Promise<number | undefined> {
  for (const path of places) {
    const owner = readOwner(path);
    if (owner.state === 'running') return owner.pid;
  }
  return undefined;
}

async function takeLock(name: string, places: readonly string[]): Promise<Server | { readonly running: number }> {
  const until = performance.now() + CLAIM_WAIT_MS;
  for (;;) {
    const server = await listen(name);
    if (server !== undefined) return server;
    const running = await runningIn(places);
    if (running !== undefined) return { running };
    if (performance.now() > until) {
      const pids = places.map(readOwner).flatMap((owner) => ('pid' in owner ? [owner.pid] : []));
      const seems = pids.length === 0 ? '' : `; it seems to be pid ${pids[0]}, which may be hidden from this user`;
      throw new UsageError(`another tsdirectord holds the lock of ${places[0]}, but cannot be found${seems}`, 1);
    }
    await pause(POLL_MS);
  }
}

/** Undefined when somebody has the name. */
function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    // Stays: anybody may connect to it, also when this process has too many open files.
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(name, () => resolve(server.unref()));
  });
}

/** Waits until the process has ended; false when it still lives after `timeoutMs`. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  const born = await birth(pid);
  // Another process that gets the number was born at another time.
  for (let now = born; now !== undefined && now === born; now = await birth(pid)) {
    if (performance.now() > until) return false;
    await pause(POLL_MS);
  }
  return true;
}

/** When a process was started, in clock ticks since the boot; undefined when it is gone, or a zombie. */
async function birth(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name in parentheses may hold anything; fields are counted after it (proc(5): state is the 3rd, starttime the 22nd).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}
