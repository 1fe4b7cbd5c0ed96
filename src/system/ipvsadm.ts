// The kernel's table through ipvsadm: one process for a thousand edits, one to read.
import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { printable } from '../checks/text.ts';
import { IpvsError, messageOf } from '../errors.ts';
import { type Edit, editLine } from '../ipvs/edit.ts';
import type { Kernel, ReadOptions } from '../ipvs/kernel.ts';
import { type Listing, parseProcListing, parseSave, parseThresholds } from '../ipvs/save-format.ts';
import { parseStatistics, type ServerStatistics } from '../ipvs/stats-format.ts';
import type { Table } from '../ipvs/table.ts';
import { runCommand } from './command.ts';
import { environmentForOthers } from './environment.ts';
import { Launcher } from './launcher.ts';

/** ipvsadm answers in milliseconds; one that does not answer for this long is stuck. */
const TIMEOUT_MS = 10_000;
/** Whoever asks for statistics does not wait longer (Prometheus gives up after 10 s), and can do without. */
const STATISTICS_TIMEOUT_MS = 3_000;
/** Room for the largest table: about 60 bytes a server, 90 with its statistics. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/**
 * An ipvsadm is told so much, about a thousand changes, that its pipe takes all of it at once (by default it takes some 200 KB): of more,
 * a daemon that is killed meanwhile leaves it half a line, and half of `-d … -r 10.0.0.12:80` deletes 10.0.0.1.
 */
const MAX_INPUT_BYTES = 64 * 1024;
/** TERM and then KILL end a stuck one within a second; what is there after so long cannot be ended. */
const UNENDING_MS = 2_000;
const HELD_UP_MS = 100;
/** What is passed on of a complaint: so much of it, and of a line of it. */
const MAX_SAID = 64 * 1024;
const MAX_SAID_LINE = 240;
const MAX_LISTED = 10;
const LISTING = '/proc/net/ip_vs';
/** What stands above the services, and more than that. */
const EMPTY = /^IP Virtual Server [^\n]*\nProt [^\n]*\n +-> [^\n]*\n$/;
const HEAD_BYTES = 512;
/** A listing of up to a thousand servers takes less time to read than to have read: /proc gives 4 KB at once, each a turn of a thread. */
const READ_AT_ONCE = 64 * 1024;

export interface IpvsadmOptions {
  /** Where the kernel shows its table; default /proc/net/ip_vs. */
  readonly listing?: string;
  readonly run?: typeof runCommand;
  /** Keeps a process ready that makes changes, until it is closed. */
  readonly isLasting?: boolean;
  /** Its environment; what others get of ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
}

interface Running {
  readonly input?: string;
  readonly timeoutMs?: number | undefined;
}

export class IpvsadmKernel implements Kernel {
  readonly #program: string;
  readonly #timeoutMs: number;
  readonly #listing: string;
  readonly #runCommand: typeof runCommand;
  readonly #launcher: Launcher | undefined;
  readonly #env: NodeJS.ProcessEnv;
  /** Whether there has been a listing: then there is the module, and none without it. */
  #wasListed = false;
  /** The last one. */
  #listed: { readonly text: string; readonly listing: Listing } | undefined;
  /** Calls that could not even be killed, until they are over: one of them may yet make a change. */
  readonly #unending = new Set<{ readonly call: string }>();

  /** `program`: name or path of ipvsadm. */
  constructor(
    program = 'ipvsadm',
    timeoutMs = TIMEOUT_MS,
    { listing = LISTING, run = runCommand, isLasting = false, env = environmentForOthers() }: IpvsadmOptions = {},
  ) {
    this.#program = program;
    this.#timeoutMs = timeoutMs;
    this.#listing = listing;
    this.#runCommand = run;
    this.#launcher = isLasting ? new Launcher([program, '-R'], env) : undefined;
    this.#env = env;
  }

  async read({ thresholds }: ReadOptions): Promise<Table> {
    // A process less, where a start is waited for.
    if (await this.#isEmpty()) return new Map();
    // Both at once: the second costs nothing but its own time.
    const [save, limits] = await Promise.all([
      this.#list(['-Sn']),
      thresholds ? this.#list(['-Ln', '--thresholds']) : '',
    ]);
    try {
      return parseSave(save, parseThresholds(limits));
    } catch (error) {
      throw new IpvsError(printable(messageOf(error), MAX_SAID_LINE), { cause: error });
    }
  }

  /** Whether the kernel shows its table, and nothing in it. */
  async #isEmpty(): Promise<boolean> {
    const file = await open(this.#listing).catch(() => undefined);
    if (file === undefined) return false;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES));
      return EMPTY.test(buffer.toString('latin1', 0, bytesRead));
    } catch {
      return false;
    } finally {
      await file.close().catch(() => {});
    }
  }

  async list(): Promise<Listing | undefined> {
    try {
      const isSmall = this.#listed !== undefined && this.#listed.text.length < READ_AT_ONCE;
      const text = isSmall ? readFileSync(this.#listing, 'latin1') : await readFile(this.#listing, 'latin1');
      this.#wasListed = true;
      if (this.#listed?.text !== text) this.#listed = { text, listing: parseProcListing(text) };
      return this.#listed.listing;
    } catch (error) {
      const isGone = this.#wasListed && (error as NodeJS.ErrnoException).code === 'ENOENT';
      return isGone ? NOTHING_LISTED : undefined;
    }
  }

  async statistics(): Promise<Iterable<ServerStatistics>> {
    const timeoutMs = Math.min(this.#timeoutMs, STATISTICS_TIMEOUT_MS);
    return parseStatistics(await this.#list(['-Ln', '--stats', '--exact'], timeoutMs));
  }

  async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    const complaints: string[] = [];
    for (const input of inputsOf(edits)) complaints.push(...(await this.#restore(input)));
    return complaints;
  }

  async close(): Promise<void> {
    await this.#launcher?.close();
  }

  async #restore(input: string): Promise<string[]> {
    const { stdout, stderr, code, signal } = await this.#run(['-R'], { input });
    const complaints = linesOf(`${stdout}\n${stderr}`);
    if (code === 0 || complaints.length > 0) return complaints;
    return [`${this.#program} -R ended with ${signal ?? `status ${code}`}`];
  }

  async #list(args: readonly string[], timeoutMs?: number): Promise<string> {
    const { stdout, stderr, code, signal } = await this.#run(args, { timeoutMs });
    if (code === 0) return stdout;
    const lines = [stderr, stdout]
      .map(linesOf)
      .find(({ length }) => length > 0)
      ?.slice(0, MAX_LISTED);
    const said = lines?.join('\n') ?? `ended with ${signal ?? `status ${code}`}`;
    throw new IpvsError(`"${this.#program} ${args.join(' ')}" failed: ${said}${hint(said)}`);
  }

  async #run(args: readonly string[], { input, timeoutMs = this.#timeoutMs }: Running = {}) {
    const call = `"${this.#program} ${args.join(' ')}"`;
    const [unending] = this.#unending;
    if (unending !== undefined)
      throw new IpvsError(
        `${unending.call} still waits in the kernel and cannot be ended; nothing else is tried before it is over (dmesg may say what it waits for)`,
      );
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const options = { signal, maxOutputBytes: MAX_OUTPUT_BYTES };
      const running =
        input === undefined || this.#launcher === undefined
          ? this.#runCommand([this.#program, ...args], { ...options, ...(input && { input }), env: this.#env })
          : this.#launcher.run({ ...options, input });
      const result = await endOf(running, timeoutMs + UNENDING_MS);
      if (result === undefined) {
        const held = { call };
        const over = () => this.#unending.delete(held);
        this.#unending.add(held);
        running.then(over, over);
      }
      // Of one that ended well the answer is whole, also where we were held up for longer than it had.
      if (result === undefined || (signal.aborted && result.code !== 0))
        throw new IpvsError(`${call} gave no answer within ${timeoutMs / 1000} s`);
      return result;
    } catch (error) {
      if (error instanceof IpvsError) throw error;
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new IpvsError(`cannot run ${this.#program}: ${messageOf(error)}${CANNOT_RUN[code] ?? ''}`, {
        cause: error,
      });
    }
  }
}

const NOTHING_LISTED: Listing = new Map();

const CANNOT_RUN: Readonly<Record<string, string>> = {
  ENOENT: '; install the package ipvsadm, or name it with --ipvsadm PATH',
  EACCES:
    '; it is there, but may not be run: look at its mode (chmod 755) and at how its file system is mounted (noexec)',
};

/** What it resolves with, or undefined when it has not some time after `limitMs`. */
async function endOf<T>(running: Promise<T>, limitMs: number): Promise<T | undefined> {
  const limit = new AbortController();
  const { signal } = limit;
  const late = pause(limitMs, undefined, { signal })
    // After the loop was held up a timer comes before what is there to be read.
    .then(() => pause(HELD_UP_MS, undefined, { signal }))
    .catch(() => undefined);
  try {
    return await Promise.race([running, late]);
  } finally {
    limit.abort();
  }
}

/** The edits as lines, as many together as one ipvsadm is told. */
function* inputsOf(edits: readonly Edit[]): Generator<string> {
  let lines: string[] = [];
  let size = 0;
  for (const edit of edits) {
    const line = `${editLine(edit)}\n`;
    if (size + line.length > MAX_INPUT_BYTES) {
      yield lines.join('');
      lines = [];
      size = 0;
    }
    lines.push(line);
    size += line.length;
  }
  if (lines.length > 0) yield lines.join('');
}

/** What was said, a line at a time, printable; one that comes again is counted. */
function linesOf(said: string): string[] {
  const times = new Map<string, number>();
  for (const line of said.slice(0, MAX_SAID).split('\n')) {
    const text = line.trim();
    if (text !== '') times.set(text, (times.get(text) ?? 0) + 1);
  }
  return [...times].map(([text, count]) => printable(text, MAX_SAID_LINE) + (count > 1 ? ` (${count} times)` : ''));
}

function hint(said: string): string {
  if (/permission denied|must be root|not permitted/i.test(said)) return ' (root, or CAP_NET_ADMIN, is needed)';
  if (/protocol not available|initialize ipvs|no such file/i.test(said))
    return ' (is the kernel module there? modprobe ip_vs)';
  return '';
}
