// A tsdirectord on this machine, for the bench and the soak; what its log tells, and when.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const LOOK_EVERY_MS = 5;
const STOP_MS = 10_000;
const ORDER_MS = 20_000;
const ASK_MS = 20_000;
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface DaemonOptions {
  /** A directory of its own. */
  readonly dir: string;
  readonly config: string;
  /** Its processor, as taskset numbers them, where it comes before the work of others; undefined: any, as anybody. */
  readonly cpu?: number;
  /** Options for node. */
  readonly node?: readonly string[];
  /** Options that say where its table is; in memory when absent. */
  readonly table?: readonly string[];
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** There is somebody inside (by an option for node) who answers over IPC. */
  readonly isAsked?: boolean;
}

/** How long the log was at a time in ms. */
interface Mark {
  readonly at: number;
  readonly size: number;
}

export class OwnDaemon {
  readonly pid: number;
  /** Its configuration. */
  readonly file: string;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  readonly #program: string;
  /** Options that say which daemon it is. */
  readonly #which: readonly string[];
  /** The question under way. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor({ dir, config, cpu, node = [], table = ['--ipvs', 'memory'], env, isAsked = false }: DaemonOptions) {
    this.file = join(dir, 'bench.cf');
    writeFileSync(this.file, config, { mode: 0o644 });
    this.#logPath = join(dir, 'log');
    const log = openSync(this.#logPath, 'w');
    this.#program = join(process.env.BENCH_ROOT ?? '', 'bin/tsdirectord');
    this.#which = [...table, '--pid-file', join(dir, 'pid'), '-f', this.file];
    const start = [process.execPath, ...node, this.#program, 'start', '--foreground', ...this.#which];
    // Others' work on this machine comes second, where we may say so. Neither nice nor taskset changes the pid.
    const held = cpu === undefined ? start : ['nice', '-n', '-5', 'taskset', '-c', String(cpu), ...start];
    const [file = '', ...args] = held;
    const stdio = ['ignore', log, log, ...(isAsked ? (['ipc'] as const) : [])] as const;
    this.#child = spawn(file, args, { stdio: [...stdio], env: { ...process.env, ...env } });
    closeSync(log);
    this.pid = this.#child.pid ?? NaN;
  }

  /**
   * Waits until so many more lines of the log match than `before`; returns what it took in ms, Infinity when it was not within
   * the limit. Throws when the daemon has ended.
   */
  async logged(pattern: RegExp, count: number, limitMs: number, before = 0): Promise<number> {
    const began = performance.now();
    for (;;) {
      const found = this.lines(pattern) - before;
      const took = performance.now() - began;
      if (found >= count) return took;
      if (this.#child.exitCode !== null) throw new Error(`the daemon has ended:\n${this.log().slice(-500)}`);
      if (took > limitMs) return Infinity;
      await pause(100);
    }
  }

  /** How many lines of the log match. */
  lines(pattern: RegExp): number {
    return this.log().match(new RegExp(pattern.source, 'g'))?.length ?? 0;
  }

  log(): string {
    return readFileSync(this.#logPath, 'utf8');
  }

  /** The lines that are logged during `work`, each with the time (performance.now()) at which it was there. */
  async follow(work: () => Promise<unknown>): Promise<{ text: string; at: number }[]> {
    const from = statSync(this.#logPath).size;
    const marks: Mark[] = [];
    const look = (): void => {
      const { size } = statSync(this.#logPath);
      if (size > (marks.at(-1)?.size ?? from)) marks.push({ at: performance.now(), size });
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    await work().finally(() => clearInterval(timer));
    look();
    let end = from;
    let mark = 0;
    return this.log()
      .slice(from)
      .trimEnd()
      .split('\n')
      .map((text) => {
        end += Buffer.byteLength(text) + 1;
        while ((marks[mark]?.size ?? Infinity) < end) mark++;
        return { text, at: marks[mark]?.at ?? performance.now() };
      });
  }

  /** Has every check made at once. Rejects when that cannot be ordered. */
  async recheck(): Promise<void> {
    await this.order('recheck');
  }

  /** Calls the program for this daemon: an action and its options. Resolves with its output; rejects when it does not end with 0. */
  async order(action: string, ...options: string[]): Promise<string> {
    const call = [this.#program, action, ...options, ...this.#which];
    const limits = { timeout: ORDER_MS, maxBuffer: MOST_OUTPUT_BYTES };
    return (await promisify(execFile)(process.execPath, call, limits)).stdout;
  }

  /** What whoever is inside answers, one question after the other; rejects when he does not. */
  ask(question: string): Promise<unknown> {
    const answered = this.#asked.then(async () => {
      this.#child.send(question);
      const [answer] = await once(this.#child, 'message', { signal: AbortSignal.timeout(ASK_MS) });
      return answer;
    });
    this.#asked = answered.catch(() => {});
    return answered;
  }

  /** Its exit code, or the signal that ended it; undefined while it runs. */
  get ended(): number | string | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  /** SIGTERM, and SIGKILL when that does not help. */
  async stop(): Promise<void> {
    if (this.ended !== undefined) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    const timer = setTimeout(() => {
      console.error(`the daemon did not end within ${STOP_MS / 1000} s`);
      this.#child.kill('SIGKILL');
    }, STOP_MS);
    await gone;
    clearTimeout(timer);
  }
}
