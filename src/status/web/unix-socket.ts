// A unix socket at a path that somebody chose: only a socket that nobody listens on any more is taken away for it.
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';

/** The owner and the group may connect. */
const MODE = 0o660;
const PROBE_MS = 1_000;

/** Rejects with a system error (EADDRINUSE: what is there is none of ours). */
export async function listenOnPath(server: Server, path: string): Promise<void> {
  await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The path is made within this call, so that nobody else may connect from the very beginning, and no other file gets this mode.
    // A chmod would change whatever has the path by then.
    const before = process.umask(0o777 & ~MODE);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(before);
  });
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() && !(await isListening(path))) await unlink(path).catch(() => {});
}

/** Only a refusal says that nobody is there. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.on('connect', () => done(true));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED'));
  });
}
