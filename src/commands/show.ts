// show: what the daemon knows of every service and server, beside what the kernel has of it. Once, as JSON, or again every second.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, UsageError } from '../errors.ts';
import { lookOf, plain, wrap } from '../status/columns.ts';
import { virtualsNamed } from '../status/named.ts';
import { showText } from '../status/show-text.ts';
import type { DaemonSnapshot } from '../status/snapshot.ts';
import { readOwner } from '../system/pid-owner.ts';
import { named } from '../wording.ts';
import { askForSnapshot, isRunning, notRunning } from './ask.ts';
import { type Call, described, err, print } from './call.ts';

const REDRAW_MS = 1_000;

/** Resolves with 0, or with 1 when no daemon runs. Throws UsageError when the service that is asked for is not there. */
export async function show(call: Call): Promise<number> {
  const { json, watch: again } = call.flags;
  if (json && again) throw new UsageError('--watch makes no sense with --json', 1);
  if (!(await isRunning(call))) {
    if (json) await print('null\n');
    return 1;
  }
  if (again) return watch(call);
  const snapshot = await shown(call);
  await print(json ? `${JSON.stringify(snapshot, undefined, 2)}\n` : `${text(call, snapshot)}\n`);
  return 0;
}

/** The snapshot, or what of it is asked for. */
async function shown(call: Call): Promise<DaemonSnapshot> {
  const snapshot = await askForSnapshot(call);
  const [wanted = 'all'] = call.operands;
  const virtuals = virtualsNamed(snapshot.virtuals, wanted);
  if (virtuals.length > 0 || snapshot.virtuals.length === 0) return { ...snapshot, virtuals };
  const names = [...new Set(snapshot.virtuals.map(({ name }) => name))];
  const known = named(names, MOST_NAMED);
  throw new UsageError(`there is no virtual service "${plain(wanted, { unicode: true }, 100)}"; there is ${known}`, 1);
}

/** How many names an error message lists. */
const MOST_NAMED = 10;

function text(call: Call, snapshot: DaemonSnapshot): string {
  const look = lookOf(process.stdout, process.env);
  const first = wrap(`${described(call)} is running with pid: ${snapshot.pid}`, look.width);
  return [...first, showText(snapshot, Date.now(), look)].join('\n');
}

/** Until Ctrl-C (0), another signal (as the shell counts them), or the end of the daemon, which it tells (1). */
async function watch(call: Call): Promise<number> {
  const { stdout } = process;
  const ended = endOfWatching();
  stdout.on('error', () => ended.now(0));
  const isTerminal = stdout.isTTY === true && process.env.TERM !== 'dumb';
  let isFirst = true;
  try {
    if (isTerminal) stdout.write(HIDE_CURSOR);
    for (;;) {
      const owner = readOwner(call.pidFile);
      if (owner.state !== 'running') {
        err(notRunning(call, owner));
        return 1;
      }
      const said = await ended.or(
        shown(call)
          .then((snapshot) => text(call, snapshot))
          .catch(isFirst ? thrown : failed),
      );
      isFirst = false;
      if (typeof said === 'number') return said;
      if (!stdout.write(isTerminal ? screenful(said, stdout.rows) : `${said}\n\n`)) {
        const drained = await ended.or(once(stdout, 'drain'));
        if (typeof drained === 'number') return drained;
      }
      const code = await ended.or(pause(REDRAW_MS));
      if (typeof code === 'number') return code;
    }
  } finally {
    if (isTerminal) stdout.write(SHOW_CURSOR);
    ended.close();
  }
}

function thrown(error: unknown): never {
  throw error;
}

/** A service that a reload has taken away, or a daemon that is busy, may be there again in a second. */
function failed(error: unknown): string {
  return `What it knows cannot be shown: ${messageOf(error)}`;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Over what is there, without a flicker; what does not fit is counted. */
function screenful(said: string, rows: number): string {
  const lines = said.split('\n');
  const room = Math.max(2, rows || 24) - 1;
  const left = lines.length - room;
  const shownLines =
    left > 0 ? [...lines.slice(0, room - 1), `(${left + 1} more lines: see "top", or a single service)`] : lines;
  return `\x1b[H${shownLines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`;
}

const SIGNALS = { SIGINT: 0, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

interface End {
  /** Ends whatever is waited for, with this exit code. */
  now(code: number): void;
  /** What comes first: the end, as its exit code, or the work. */
  or<T>(work: Promise<T>): Promise<T | number>;
  close(): void;
}

function endOfWatching(): End {
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const handlers = Object.entries(SIGNALS).map(([name, code]) => [name, () => end(code)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return {
    now: (code) => end(code),
    or: (work) => Promise.race([ended, work]),
    close() {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
