// A small process that waits, and starts a program for us again and again. To start one a process is copied: ours has a hundred megabytes
// in thousands of pieces and stands still meanwhile, a shell has one megabyte.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:os';
import { type CommandOutcome, type CommandRunOptions, runCommand, signalGroup } from './command.ts';

/**
 * All that the shell ever reads as commands. What it is given are lines: a mark, then inputs for the program with \n for each end of line.
 * A line that was not given whole is none. It ends when there are no more.
 */
const SCRIPT = `IFS= read -r mark
while IFS= read -r input; do
  printf %b "$input" | "$@" 2>&1
  printf '\\n%s %s\\n' "$mark" $?
done`;
/** What the shell goes by. Whoever counts daemons by their command lines (`pgrep -f tsdirectord`) does not count it. */
const NAME = 'starter';
/** An input so long fits whole into any pipe (pipe(7): PIPE_BUF), so that printf is not held up, and into one write of ours. */
const MAX_LINE_BYTES = 4096;
/** What is kept of the end of what the program says. */
const MAX_OUTPUT_BYTES = 65_536;
/** It ends at once when nothing more can come. */
const END_MS = 1000;
/** As runCommand's. */
const KILL_AFTER_MS = 1000;
/** What a shell says instead of a program's status (POSIX, Shell Command Language 2.8.2): that it found none, or none it could run, */
const NOT_RUN: readonly (number | null)[] = [126, 127];
/** and, with a signal's number added, that this has ended it. */
const SIGNALLED = 128;

export interface LaunchOptions extends Pick<CommandRunOptions, 'signal' | 'maxOutputBytes'> {
  readonly input: string;
}

interface Helper {
  readonly process: ChildProcess;
  /** Gets what comes while the program is at work. */
  heard: ((text: string) => void) | undefined;
}

export class Launcher {
  readonly #argv: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #shell: string;
  /** So that nothing the program says is taken for the shell's own word. */
  readonly #mark = randomBytes(12).toString('hex');
  #helper: Helper | undefined;
  /** Closed, or it cannot be started. */
  #isOver = false;

  /** `argv`: what is started again and again; `env`: its whole environment; `shell`: any that is POSIX. */
  constructor(argv: readonly string[], env: NodeJS.ProcessEnv, shell = '/bin/sh') {
    this.#argv = argv;
    this.#env = env;
    this.#shell = shell;
  }

  /**
   * As runCommand. With a short input the program is started by the waiting process, one at a time: standard error comes with its output
   * then, of which 64 KiB are kept. The first, and all others, are started directly.
   */
  async run(options: LaunchOptions): Promise<CommandOutcome> {
    options.signal.throwIfAborted();
    const line = lineOf(options.input);
    if (line !== undefined && this.#helper !== undefined && this.#helper.heard === undefined) {
      const outcome = await this.#ask(this.#helper, line, options);
      // Started by us, it says why it cannot be.
      if (!NOT_RUN.includes(outcome.code)) return outcome;
    }
    const outcome = await runCommand(this.#argv, { ...options, env: this.#env });
    this.#prepare();
    return outcome;
  }

  /** Ends the waiting process, and resolves when it has ended. */
  async close(): Promise<void> {
    this.#isOver = true;
    const child = this.#helper?.process;
    if (child === undefined) return;
    const closed = once(child, 'close');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), END_MS);
    child.stdin?.end();
    await closed;
    clearTimeout(late);
  }

  #prepare(): void {
    if (this.#isOver || this.#helper !== undefined) return;
    const child = this.#spawn();
    if (child === undefined) {
      this.#isOver = true;
      return;
    }
    const helper: Helper = { process: child, heard: undefined };
    this.#helper = helper;
    child.once('close', () => {
      if (this.#helper === helper) this.#helper = undefined;
    });
    // It has ended: its 'close' comes next.
    child.stdin?.on('error', () => {}).write(`${this.#mark}\n`);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => helper.heard?.(text));
  }

  /** Undefined where there is no such shell, or nothing at all can be started. */
  #spawn(): ChildProcess | undefined {
    try {
      const child = spawn(this.#shell, ['-c', SCRIPT, NAME, ...this.#argv], {
        ...{ detached: true, cwd: '/', env: this.#env },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      return child.on('error', () => {}).pid === undefined ? undefined : child;
    } catch {
      return undefined;
    }
  }

  #ask(helper: Helper, line: string, { signal }: LaunchOptions): Promise<CommandOutcome> {
    const child = helper.process;
    return new Promise((resolve) => {
      let said = '';
      let killTimer: NodeJS.Timeout | undefined;
      const stop = (): void => {
        this.#helper = undefined;
        signalGroup(child, 'SIGTERM');
        killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
      };
      const end = (how: Pick<CommandOutcome, 'code' | 'signal'>, stdout: string): void => {
        helper.heard = undefined;
        child.off('close', ended);
        signal.removeEventListener('abort', stop);
        clearTimeout(killTimer);
        resolve({ ...how, stdout, stderr: '' });
      };
      // Not before the pipe is closed, that is while there is a program which cannot be ended.
      const ended = (code: number | null, endedBy: NodeJS.Signals | null): void => end({ code, signal: endedBy }, said);
      helper.heard = (text) => {
        said = (said + text).slice(-MAX_OUTPUT_BYTES);
        const [output = '', status] = said.split(`\n${this.#mark} `);
        if (status?.endsWith('\n')) end(statusOf(Number(status)), output);
      };
      child.once('close', ended);
      signal.addEventListener('abort', stop, { once: true });
      child.stdin?.write(line);
    });
  }
}

/** Undefined for what is too long, or is none: printf would read a backslash as more than that. */
function lineOf(input: string): string | undefined {
  if (/[\\\0]/.test(input)) return undefined;
  const line = `${input.replaceAll('\n', '\\n')}\n`;
  return Buffer.byteLength(line) <= MAX_LINE_BYTES ? line : undefined;
}

function statusOf(status: number): Pick<CommandOutcome, 'code' | 'signal'> {
  const [name] = Object.entries(constants.signals).find(([, number]) => number === status - SIGNALLED) ?? [];
  return name === undefined ? { code: status, signal: null } : { code: null, signal: name as NodeJS.Signals };
}
