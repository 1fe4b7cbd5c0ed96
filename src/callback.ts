// Runs the callback program when the configuration file has changed: one at a time, and it may restart or stop this daemon.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';
import { environmentForOthers } from './system/environment.ts';

/** A callback that takes longer is ended. */
const TIMEOUT_MS = 60_000;
/** Between its TERM and its KILL. */
const KILL_AFTER_MS = 1_000;
/** How much of the end of its output is looked at for its last line. */
const TAIL_BYTES = 4_096;

export interface CallbackParts {
  /** The configuration's path, which the program gets as its one argument. */
  readonly path: string;
  readonly log: () => Logger;
  readonly timeoutMs?: number;
}

export class Callback {
  readonly #path: string;
  readonly #log: () => Logger;
  readonly #timeoutMs: number;
  #running: { readonly child: ChildProcess; readonly letGo: () => void } | undefined;
  /** To be run when the one that runs has ended. */
  #next: string | undefined;

  constructor({ path, log, timeoutMs = TIMEOUT_MS }: CallbackParts) {
    this.#path = path;
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs a program (an absolute path; no shell). Any number of changes while one runs are one more run. */
  changed(program: string): void {
    if (this.#running !== undefined) this.#next = program;
    else this.#run(program);
  }

  /** Lets go of what runs, and leaves it running: it may be the program that restarts this daemon. */
  close(): void {
    this.#next = undefined;
    this.#running?.letGo();
    this.#running = undefined;
  }

  #run(program: string): void {
    const output = outputFile();
    let child: ChildProcess;
    try {
      // Not a pipe: nobody would read that any more once it has stopped this daemon.
      const stream = output ?? 'ignore';
      const stdio = ['ignore', stream, stream] satisfies StdioOptions;
      child = spawn(program, [this.#path], { detached: true, stdio, env: environmentForOthers() });
    } catch (error) {
      if (output !== undefined) closeSync(output);
      this.#log().error(`Callback ${program} could not be run: ${messageOf(error)}`);
      return;
    }
    let late = false;
    let killTimer: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      late = true;
      signalGroup(child, 'SIGTERM');
      killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
    }, this.#timeoutMs);
    const letGo = (): void => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      child.removeAllListeners().on('error', () => {});
      child.unref();
      if (output !== undefined) closeSync(output);
    };
    const ended = (problem: string | undefined): void => {
      const said = output === undefined ? '' : lastLineOf(output);
      letGo();
      this.#running = undefined;
      const words = said === '' ? '' : `: ${said}`;
      if (problem === undefined) this.#log().info(`Callback ${program} done${words}`);
      else this.#log().error(`Callback ${program} ${problem}${words}`);
      const next = this.#next;
      this.#next = undefined;
      if (next !== undefined) this.#run(next);
    };
    child.once('error', (error) => ended(`could not be run: ${error.message}`));
    child.once('exit', (code, signal) => {
      if (late) ended(`took longer than ${this.#timeoutMs / 1000} s and was ended`);
      else ended(code === 0 ? undefined : `failed with ${signal ?? `status ${code}`}`);
    });
    this.#running = { child, letGo };
  }
}

/** A file without a name, gone with its last user; undefined when there is no place for one. */
function outputFile(): number | undefined {
  const path = join(tmpdir(), `tsdirectord-callback-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } catch {
    return undefined;
  }
}

function lastLineOf(fd: number): string {
  const { size } = fstatSync(fd);
  const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
  readSync(fd, buffer, 0, buffer.length, size - buffer.length);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return (buffer.toString('utf8').trimEnd().split('\n').at(-1) ?? '').replace(/[\u0000-\u001f\u007f]/g, '?');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}
