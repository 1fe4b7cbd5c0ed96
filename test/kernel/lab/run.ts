// Commands with a deadline, and waiting for a condition with a deadline: nothing in the lab waits for ever, or blindly.
import { type ChildProcess, spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

const DEADLINE_MS = 30_000;
const POLL_MS = 50;

/** How a command ended; `ms` is its duration, `heldOpen` that something it left behind still has its output open. */
export interface Ran {
  readonly command: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  readonly heldOpen: boolean;
}

/** What a command may be given. */
export interface RunOptions {
  readonly stdin?: string;
  readonly deadlineMs?: number;
}

/** Runs a command and reports how it ended, whatever its exit code; at the deadline its process group is killed (code null). */
export function run(argv: readonly string[], { stdin, deadlineMs = DEADLINE_MS }: RunOptions = {}): Promise<Ran> {
  const began = performance.now();
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(stdin ?? '');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => killGroup(child), deadlineMs);
    let ended: { code: number | null; ms: number } | undefined;
    const done = (heldOpen: boolean): void => {
      if (ended === undefined) return;
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ command: argv.join(' '), ...ended, stdout, stderr, heldOpen });
    };
    child.on('error', reject);
    child.on('exit', (code) => {
      clearTimeout(timer);
      ended = { code, ms: performance.now() - began };
      setTimeout(() => done(true), 1_000).unref();
    });
    child.on('close', () => done(false));
  });
}

/** Runs a command that has to succeed, and returns what it printed. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { command, code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${command}: exit ${code}\n${stderr}${stdout}${options.stdin ?? ''}`);
  return stdout;
}

/** What a probe answers while its condition does not hold; what it saw is put into words only when that goes on too long. */
export class NotYet {
  readonly seen: () => string;
  constructor(seen: () => string) {
    this.seen = seen;
  }
}

/** Asks the probe (every 50 ms unless told) until it answers something else than NotYet; throws at the deadline with what was seen. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  probe: () => T | NotYet | Promise<T | NotYet>,
  everyMs = POLL_MS,
): Promise<T> {
  const began = performance.now();
  for (;;) {
    const answer = await probe();
    if (!(answer instanceof NotYet)) return answer;
    if (performance.now() - began > deadlineMs) {
      throw new Error(`not within ${(deadlineMs / 1000).toFixed(1)} s: ${what}\nlast seen:\n${answer.seen()}`);
    }
    await pause(everyMs);
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
