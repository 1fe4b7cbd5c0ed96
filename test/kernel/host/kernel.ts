// One boot of user-mode-linux: starts it, passes on what the tests inside print, and never lets it outlive us.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Counts } from '../lab/reporter.ts';
import { startMeter } from './meter.ts';

const MEMORY_MB = 2048;

/** The tests measure times: other work on this machine comes second (where we may say so, otherwise nice only warns). */
const PLACE = ['-n', '-5', 'taskset', '-c'];

/** What to run inside one kernel. */
export interface Boot {
  /** Distinguishes side-by-side boots in the output. */
  readonly name: string;
  /** Directory of the bundled tests. */
  readonly bundles: string;
  readonly env: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** The processor it is held to: moving between two makes a kernel of this kind two to three times slower. */
  readonly cpu: number;
  readonly print: (line: string) => void;
  /** Given the boot's directory when it is over, before that is removed. */
  readonly collect?: (dir: string) => void;
}

/** The processors that we may use. */
export function processors(): number[] {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** What came of it: the counts, or why there are none. */
export interface Outcome {
  readonly counts?: Counts;
  readonly error?: string;
}

const running = new Set<() => void>();

/** Kills every kernel that is still running and removes its directory; for signal handlers. */
export function killAll(): void {
  for (const kill of running) kill();
}

/** Boots a kernel, runs the tests in it, and returns when it is gone. */
export function boot(options: Boot): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), 'tsdirectord-uml-'));
  const debug = process.env.LAB_DEBUG === '1';
  prepare(dir, options);
  const child = spawn('nice', [...PLACE, String(options.cpu), 'linux.uml', ...kernelArguments(dir)], {
    env: { ...process.env, ...(roomInShm() ? {} : { TMPDIR: dir }) },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const guardian = guard(child, debug ? [] : [dir, options.bundles]);
  const stopMeter = options.env.LAB_METER === '1' && child.pid !== undefined ? startMeter(child.pid, dir) : undefined;
  const cleanUp = (): void => {
    stopMeter?.();
    guardian.kill('SIGKILL');
    killGroup(child);
    if (!debug) rmSync(dir, { recursive: true, force: true });
  };
  running.add(cleanUp);
  const console_: string[] = [];
  let begun = false;
  let ended = false;
  let late = false;
  const onLine = (raw: string): void => {
    const line = raw.replace(/\r$/, '');
    console_.push(line);
    if (line === '@@lab begin') begun = true;
    else if (line.startsWith('@@lab end')) {
      ended = true;
      setTimeout(() => killGroup(child), 3_000).unref();
    } else if (begun && !ended) options.print(line);
  };
  createInterface({ input: child.stdout }).on('line', onLine);
  createInterface({ input: child.stderr }).on('line', (line) => console_.push(line));
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, options.deadlineMs);

  return new Promise((resolve) => {
    child.on('error', (error) => console_.push(String(error)));
    child.on('close', () => {
      clearTimeout(timer);
      const counts = readCounts(join(dir, 'results.json'));
      if (debug) writeFileSync(join(dir, 'console.log'), `${console_.join('\n')}\n`);
      options.collect?.(dir);
      running.delete(cleanUp);
      cleanUp();
      const tail = `\n  | ${console_.slice(-15).join('\n  | ')}`;
      if (debug) options.print(`everything is kept in ${dir}`);
      if (counts !== undefined && !late) resolve({ counts });
      else if (late) resolve({ error: `stopped at its deadline of ${options.deadlineMs / 1000} s.${tail}` });
      else if (!begun) resolve({ error: `the kernel never reached the tests.${tail}` });
      else resolve({ error: `the tests ended without a result.${tail}` });
    });
  });
}

/** What the kernel finds in its directory: its init, the tests' command and environment, the bundles. */
function prepare(dir: string, { bundles, env }: Boot): void {
  copyFileSync(new URL('init.sh', `file://${bundles}/`), join(dir, 'init.sh'));
  chmodSync(join(dir, 'init.sh'), 0o755);
  const settings = { ...env, LAB_DIR: dir, LAB_BUNDLES: bundles, PATH: process.env.PATH ?? '' };
  const exports = Object.entries(settings).map(([key, value]) => `export ${key}=${quote(value)}`);
  const reporter = quote(join(bundles, 'reporter.mjs'));
  const command = `exec ${quote(process.execPath)} --test-reporter=${reporter} --test-reporter-destination=stdout`;
  const script = ['#!/bin/bash', ...exports, `${command} ${quote(join(bundles, 'inside.mjs'))}`];
  writeFileSync(join(dir, 'tests.sh'), `${script.join('\n')}\n`, { mode: 0o755 });
}

function kernelArguments(dir: string): string[] {
  return [
    `mem=${MEMORY_MB}M`,
    'rootfstype=hostfs',
    'rootflags=/',
    'rw',
    'quiet',
    'loglevel=1',
    `uml_dir=${dir}`,
    'umid=kernel',
    `init=${join(dir, 'init.sh')}`,
    'con=null',
    'con0=fd:0,fd:1',
    `LAB_DIR=${dir}`,
  ];
}

/** Should we be killed without a chance to clean up, this does it: its standard input ends when we do. */
function guard(child: ChildProcess, dirs: readonly string[]): ChildProcess {
  const script = 'read -r _; kill -9 "-$0"; rm -rf "$@"';
  return spawn('sh', ['-c', script, String(child.pid), ...dirs], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
}

/** The kernel's memory is a file that it maps executable: in /dev/shm where that can be, otherwise on disk. */
function roomInShm(): boolean {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === '/dev/shm');
    const noexec = mount?.split(' ')[3]?.split(',').includes('noexec') ?? true;
    return !noexec && bavail * bsize > 2 * MEMORY_MB * 1024 * 1024;
  } catch {
    return false;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function readCounts(file: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return undefined;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
