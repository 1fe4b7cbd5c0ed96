// A real server as a child of the tests: started in the foreground, stopped, hung and woken again, and never left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { isRoot } from '../debian-packages.ts';
import { until } from '../until.ts';
import type { Guardian } from './guardian.ts';
import { again, familyOf, type Process, signal } from './processes.ts';

export interface DaemonOptions {
  /** Program (whole path) and arguments. It must stay in the foreground. */
  readonly argv: readonly string[];
  /** TCP ports of 127.0.0.1 that accept when it is up. */
  readonly ports?: readonly number[];
  /** Whether it answers, asked when the ports accept; a rejection means not yet. */
  readonly ready?: () => Promise<boolean>;
  /** The system user it runs as when the tests run as root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What makes it end soon; TERM by default. */
  readonly stopSignal?: NodeJS.Signals;
}

/** Nothing here takes so long, on a busy machine either. */
const START_MS = 30_000;
const STOP_MS = 5_000;
const MAX_OUTPUT = 16_384;

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #guardian: Guardian;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(options: DaemonOptions, guardian: Guardian) {
    this.#options = options;
    this.#guardian = guardian;
  }

  /** The end of what it has printed and nobody has taken yet. */
  takeOutput(): string {
    const output = this.#output;
    this.#output = '';
    return output;
  }

  /** Resolves when it answers; at once when it does already. A daemon that hangs is woken. */
  async start(): Promise<void> {
    if (this.#child !== undefined && this.#alive()) return this.resume();
    const { argv, user, env = {} } = this.#options;
    const [program = '', ...args] = asUser(argv, user);
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...env },
    });
    const keep = (text: string) => {
      this.#output = (this.#output + text).slice(-MAX_OUTPUT);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => keep(`${error.message}\n`));
    child.once('exit', (code, endedBy) => keep(`[ended: ${endedBy ?? `exit status ${code}`}]\n`));
    this.#child = child;
    if (child.pid !== undefined) this.#guardian.started(child.pid);
    try {
      await until(
        `${argv[0]} answers`,
        () => this.#answers(),
        () => this.#output,
        START_MS,
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    this.resume();
    const family = familyOf(pid);
    signal(pid, this.#options.stopSignal ?? 'SIGTERM');
    await gone(family, STOP_MS).catch(() => {});
    for (const left of [...family.flatMap(living), ...familyOf(pid)]) signal(left.pid, 'SIGKILL');
    await gone(family, STOP_MS);
    this.#guardian.ended(pid);
    this.#child = undefined;
  }

  /** Hangs: its ports stay open and the kernel accepts connections, but nobody answers. */
  async pause(): Promise<void> {
    await until('every process of the server is stopped', () => {
      const moving = this.#family().filter(({ state }) => state !== 'T');
      for (const { pid } of moving) signal(pid, 'SIGSTOP');
      return moving.length === 0;
    });
  }

  resume(): void {
    for (const { pid, state } of this.#family()) if (state === 'T') signal(pid, 'SIGCONT');
  }

  #family(): Process[] {
    const pid = this.#child?.pid;
    return pid === undefined ? [] : familyOf(pid);
  }

  #alive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async #answers(): Promise<boolean> {
    if (!this.#alive()) throw new Error(`${this.#options.argv[0]} has ended:\n${this.#output}`);
    const { ports = [], ready = async () => true } = this.#options;
    for (const port of ports) if (!(await accepts(port))) return false;
    return ready().catch(() => false);
  }
}

function asUser(argv: readonly string[], user: string | undefined): readonly string[] {
  if (user === undefined || !isRoot()) return argv;
  return ['/usr/bin/setpriv', '--reuid', user, '--regid', user, '--init-groups', '--', ...argv];
}

function living(known: Process): Process[] {
  const now = again(known);
  return now === undefined ? [] : [now];
}

function gone(family: readonly Process[], withinMs: number): Promise<unknown> {
  return until(
    'the end of every process of the server',
    () => family.flatMap(living).length === 0,
    () => '',
    withinMs,
  );
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
