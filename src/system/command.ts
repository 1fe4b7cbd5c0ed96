// Runs a program: no shell, bounded output, and an abort that reaches its children too.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { environmentForOthers } from './environment.ts';

export interface CommandRunOptions {
  /** Stops the command's whole process group: TERM, and KILL `killAfterMs` later to what is left of it. */
  readonly signal: AbortSignal;
  /** Standard input; empty (/dev/null) when absent. */
  readonly input?: string;
  /** The whole environment; what others get of ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** How much of the end of each of standard output and standard error is kept; all of it is read. Default 64 KiB. */
  readonly maxOutputBytes?: number;
  /** Default 1000. */
  readonly killAfterMs?: number;
  /** Children that outlive the command are let go instead of killed: it may have been run to start them. */
  readonly leaveChildren?: boolean;
  /** Gets each piece of output as it comes, also of what is not kept. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
}

export interface CommandOutcome {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long children may hold the pipes after the command itself has exited; then they are killed, or let go. */
const LINGER_MS = 100;

/** How often it is asked whether the children of a command that was ended are gone. */
const GONE_POLL_MS = 10;

/** The commands of one owner, who wants to know when none of them is left. */
export class Commands {
  readonly #running = new Set<Promise<unknown>>();

  /** As runCommand. */
  readonly run = (argv: readonly string[], options: CommandRunOptions): Promise<CommandOutcome> => {
    const command = runCommand(argv, options);
    const ended: Promise<unknown> = command.then(
      () => this.#running.delete(ended),
      () => this.#running.delete(ended),
    );
    this.#running.add(ended);
    return command;
  };

  /** Resolves when the commands that run now have ended. It ends none of them: whoever ran them aborts them. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}

/**
 * Resolves when the command has ended, however it ended. Rejects with a system error (ENOENT, EACCES…) when it cannot be
 * started, and with the signal's reason when that is aborted already.
 */
export async function runCommand(argv: readonly string[], options: CommandRunOptions): Promise<CommandOutcome> {
  const { signal, input, maxOutputBytes = 65536, killAfterMs = 1000, leaveChildren = false, onOutput } = options;
  signal.throwIfAborted();
  const [program = '', ...args] = argv;
  // Detached: a process group of its own, so that its children can be stopped with it.
  const child = spawn(program, args, {
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: options.env ?? environmentForOthers(),
  });
  const stdout = collect(child.stdout, maxOutputBytes, (chunk) => onOutput?.('stdout', chunk));
  const stderr = collect(child.stderr, maxOutputBytes, (chunk) => onOutput?.('stderr', chunk));
  // A command that does not read its input closes the pipe under us (EPIPE): that is its right.
  child.stdin?.on('error', () => {}).end(input);

  return new Promise((resolve, reject) => {
    let closed: (() => void) | undefined;
    let killed = false;
    let killTimer: NodeJS.Timeout | undefined;
    let lingerTimer: NodeJS.Timeout | undefined;
    let lastRead: NodeJS.Immediate | undefined;
    let goneTimer: NodeJS.Timeout | undefined;

    function abort(): void {
      clearTimeout(lingerTimer);
      clearImmediate(lastRead);
      signalGroup(child, 'SIGTERM');
      killTimer = setTimeout(kill, killAfterMs);
    }
    function kill(): void {
      killed = true;
      signalGroup(child, 'SIGKILL');
      letGo();
    }
    /** Whoever still holds the pipes, in the group or not, does not keep us waiting. */
    function letGo(): void {
      child.stdout?.destroy();
      child.stderr?.destroy();
      closed?.();
    }
    function release(): void {
      signal.removeEventListener('abort', abort);
      clearTimeout(killTimer);
      clearTimeout(lingerTimer);
      clearImmediate(lastRead);
      clearInterval(goneTimer);
    }

    signal.addEventListener('abort', abort, { once: true });
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('exit', () => {
      if (killTimer !== undefined) return;
      lingerTimer = setTimeout(() => {
        // After the loop was held up the timer comes before what is there to be read.
        lastRead = setImmediate(leaveChildren ? letGo : kill);
      }, LINGER_MS);
    });
    child.once('close', (code, endedBy) => {
      closed = () => {
        release();
        resolve({ code, signal: endedBy, stdout: stdout(), stderr: stderr() });
      };
      if (killTimer === undefined || killed || !signalGroup(child, 0)) closed();
      // A child that ignores TERM and holds no pipe still has its KILL to come; one that has ended is there until init collects it.
      else goneTimer = setInterval(() => signalGroup(child, 0) || closed?.(), GONE_POLL_MS);
    });
  });
}

/** Reads all of a stream, so that the writer never blocks, and keeps its last `limit` bytes: what matters is said in the end. */
function collect(stream: Readable | null, limit: number, heard: (chunk: Buffer) => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    heard(chunk);
    chunks.push(chunk);
    size += chunk.length;
    for (let first = chunks[0]; first !== undefined && size - first.length >= limit; first = chunks[0]) {
      chunks.shift();
      size -= first.length;
    }
  });
  return () => Buffer.concat(chunks).subarray(-limit).toString('utf8');
}

/** False when nobody is left in the group that the command leads (or it never began). */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
