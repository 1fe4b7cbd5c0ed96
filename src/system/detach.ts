// A daemon that outlives the command that starts it: a child of its own session, which tells over IPC how its start went.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { isSea } from 'node:sea';

/** What the child tells. */
export type StartMessage =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'done'; readonly exitCode: number };

/** The starting side's longest wait: names (5 s), ipvsadm (a few times 10 s). */
const TIMEOUT_MS = 60_000;

/** Runs this program again with `args`, detached. Resolves with its exit code, or 0 once it lives on; `say` gets what it has to tell. */
export function spawnDetached(args: readonly string[], say: (text: string) => void): Promise<number> {
  const calledAs = process.argv[1] as string;
  // A single executable is no script that node has to be given, and only the name it is called by says how it was called.
  const script = isSea() ? [] : [...process.execArgv, calledAs];
  const child = spawn(process.execPath, [...script, ...args], {
    argv0: isSea() ? calledAs : process.execPath,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Names are looked up on these threads, and a log line must not wait for a slow name server.
    env: { UV_THREADPOOL_SIZE: '16', ...process.env },
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, 8192);
  });
  return new Promise((resolve) => {
    const finish = (exitCode: number): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (child.connected) child.disconnect();
      child.stderr?.destroy();
      child.unref();
      resolve(exitCode);
    };
    const timer = setTimeout(() => {
      say(`the daemon (pid ${child.pid}) is still not ready after ${TIMEOUT_MS / 1000} s; it is ended`);
      child.kill('SIGKILL');
      finish(1);
    }, TIMEOUT_MS);
    child.on('message', (message: StartMessage) => {
      if (message.kind === 'say') say(message.text);
      else finish(message.exitCode);
    });
    child.on('error', (error) => {
      say(`cannot start the daemon: ${error.message}`);
      finish(1);
    });
    // Not at its exit: what it told last may still be on its way then.
    child.on('close', (code, signal) => {
      say(
        `the daemon ended while starting (${signal ?? `status ${code}`})${stderr === '' ? '' : `:\n${stderr.trimEnd()}`}`,
      );
      finish(code || 1);
    });
  });
}

/** The detached side: tells the starting side, for the last time when it is done. Does nothing once that has gone. */
export function tellStarter(message: StartMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return Promise.resolve();
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => {
      if (message.kind === 'done' && process.connected) process.disconnect();
      resolve();
    });
  });
}

/**
 * The detached side, first of all: standard error, which leads to the starter, leads nowhere from now on. Later, when files
 * are being opened on other threads, the number could go to one of them.
 */
export function muteStandardError(): void {
  closeSync(2);
  // The lowest free number, which is 2 again.
  openSync('/dev/null', 'w');
}
