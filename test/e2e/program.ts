// The real program, run as people and Heartbeat run it: bin/tsdirectord as `npm run build` leaves it, with the table in memory.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync as readdir,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from '../until.ts';

export const BIN = fileURLToPath(new URL('../../bin/tsdirectord', import.meta.url));
/** Nothing here takes longer, on a busy machine either. */
const DEADLINE_MS = 20_000;

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Another name for the program: a symlink. */
  readonly bin?: string;
}

/** A directory with a configuration, a pid file and a log; whatever daemon it has at the end of the test is killed. */
export class Site {
  readonly dir: string;
  readonly config: string;
  readonly pidFile: string;
  readonly logFile: string;

  constructor(text = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate\n', name = 'test.cf') {
    this.dir = mkdtempSync(join(tmpdir(), 'tsdirectord-e2e-'));
    this.config = join(this.dir, name);
    mkdirSync(join(this.config, '..'), { recursive: true });
    this.pidFile = join(this.dir, 'pid');
    this.logFile = join(this.dir, 'log');
    this.configure(text);
    onTestFinished(() => {
      for (const pid of this.pids()) signal(pid, 'SIGKILL');
      rmSync(this.dir, { recursive: true, force: true });
    });
  }

  configure(text: string, logFile = this.logFile): void {
    // Whatever the umask: one that others may change is warned of.
    writeFileSync(this.config, `logfile = "${logFile}"\n${text}`, { mode: 0o644 });
  }

  /** Our grammar: `start -f CONFIG`. */
  run(action: string, ...more: string[]): Promise<Ran> {
    return exec([action, '-f', this.config, ...this.flags, ...more]);
  }

  /** ldirectord's grammar: `CONFIG start`. */
  runOld(action: string, options?: RunOptions): Promise<Ran> {
    return exec([...this.flags, this.config, action], options);
  }

  get flags(): string[] {
    return ['--ipvs', 'memory', '--pid-file', this.pidFile];
  }

  get pid(): number {
    return Number.parseInt(readFileSync(this.pidFile, 'utf8'), 10);
  }

  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Its log without the prefixes. */
  get lines(): string[] {
    return this.log
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/^\[[^\]]*\] /, ''));
  }

  /** Every process that has this site's pid file on its command line. */
  pids(): number[] {
    const listed = readdir('/proc').filter((name) => /^\d+$/.test(name));
    return listed.map(Number).filter((pid) => pid !== process.pid && commandLine(pid).includes(this.pidFile));
  }

  /** The command line of one of them. */
  wordsOf(pid: number): string {
    return commandLine(pid).join(' ');
  }

  /** Waits until it has no process any more: one that could not start may end a moment after its starter. */
  async ended(): Promise<void> {
    await until('the end of every process', () => this.pids().length === 0);
  }

  symlink(name: string): string {
    const path = join(this.dir, name);
    symlinkSync(BIN, path);
    return path;
  }
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Runs the program and waits until it has ended *and* nobody holds its output open any more, as `$(…)` in a shell does. */
export function exec(args: readonly string[], { cwd, bin = BIN }: RunOptions = {}): Promise<Ran> {
  return command([bin, ...args], cwd);
}

export function command([file = '', ...args]: readonly string[], cwd?: string): Promise<Ran> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${args.join(' ')}: no end within ${DEADLINE_MS} ms\n${stdout}${stderr}`));
    }, DEADLINE_MS);
    child.on('error', reject);
    child.on('close', (code, endedBy) => {
      clearTimeout(timer);
      resolve({ code, signal: endedBy, stdout, stderr });
    });
  });
}
