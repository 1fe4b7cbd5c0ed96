// Log lines for a syslog facility, through one long-lived `logger`: node cannot write to a datagram socket such as /dev/log.
import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf, UsageError } from '../errors.ts';
import type { Level, LineSink } from '../log.ts';
import { runCommand } from './command.ts';
import { environmentForOthers } from './environment.ts';

/** syslog(3) numbers. */
const SEVERITIES: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
/** A longer line is sent in pieces: with its header a piece stays below the 8 KiB that syslog daemons take. */
const MAX_PIECE_BYTES = 8_000;
/** What may wait for a syslog that is away or slow; beyond it the oldest lines are dropped, and the drop is told. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Lines that logger is given before it has sent the first of them. */
const MAX_GIVEN = 64;
/** Pause before logger is started again; doubled each time, until it sends a line. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** How long the end of the log may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;
const TRIAL_MS = 5_000;

export interface SyslogOptions {
  /** `local0`, `daemon`… */
  readonly facility: string;
  /** What stands before each message, with our pid: `ldirectord[1743]: `. Default `ldirectord`. */
  readonly tag?: string;
  /** Default: where the system's syslog listens (/dev/log). */
  readonly socket?: string;
  /** Default `logger`. */
  readonly program?: string;
  /** Is told why lines do not arrive, once until one does again. */
  readonly onTrouble?: (reason: string) => void;
}

/**
 * Opens a syslog facility as a line sink that never blocks. A line is kept until it is sent: it outlives a syslog that restarts.
 * Throws UsageError when there is no logger program, or one that does not know what is asked of it.
 */
export async function openSyslog(options: SyslogOptions): Promise<LineSink> {
  const { facility, program = 'logger' } = options;
  const fail = (reason: string, cause?: unknown): never => {
    throw new UsageError(`cannot log to the syslog facility ${facility}: ${reason}`, 2, { cause });
  };
  const late = AbortSignal.timeout(TRIAL_MS);
  // Sends nothing and does not look for a syslog: that may be started after us.
  const trial = [program, '--no-act', ...argumentsFor(options, 'off')];
  const { code, signal, stderr } = await runCommand(trial, { signal: late }).catch((error) => {
    if (error.code === 'ENOENT')
      return fail(`the program ${program} (package bsdutils or util-linux) is not installed`, error);
    return fail(`${program} cannot be run: ${messageOf(error)}`, error);
  });
  if (late.aborted) fail(`${program} did not end within ${TRIAL_MS / 1000} s`);
  if (code !== 0) fail(`${program} failed with ${signal ?? `status ${code}`}: ${stderr.trim()}`);
  return new Syslog(program, argumentsFor(options, 'on'), options.onTrouble ?? (() => {}));
}

function argumentsFor({ facility, tag = 'ldirectord', socket }: SyslogOptions, socketErrors: 'on' | 'off'): string[] {
  return [
    // Repeats each line on standard error once it is sent.
    '--stderr',
    // Ends when a line cannot be sent, instead of dropping it.
    `--socket-errors=${socketErrors}`,
    '--prio-prefix',
    `--priority=${facility}.info`,
    `--tag=${tag}`,
    // The daemon's pid, also for journald, which then files the line under the daemon's unit.
    `--id=${process.pid}`,
    `--size=${2 * MAX_PIECE_BYTES}`,
    ...(socket === undefined ? [] : [`--socket=${socket}`]),
  ];
}

/** A line as logger reads it. */
interface Entry {
  readonly text: string;
  readonly bytes: number;
  /** How many lines are lost with it: more than itself when it tells of others. */
  readonly stands: number;
}

class Syslog implements LineSink {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #onTrouble: (reason: string) => void;
  /** What is not sent yet, the oldest first. */
  readonly #waiting: Entry[] = [];
  #waitingBytes = 0;
  /** How many of those, from the first on, the running logger has been given. */
  #given = 0;
  #lost = 0;
  #logger: ChildProcess | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #troubled = false;
  #closing: (() => void) | undefined;

  constructor(program: string, args: readonly string[], onTrouble: (reason: string) => void) {
    this.#program = program;
    this.#args = args;
    this.#onTrouble = onTrouble;
    this.#start();
  }

  write(line: string, level: Level): void {
    if (this.#closing !== undefined) return;
    for (const text of line.replace(/\n$/, '').split('\n'))
      for (const piece of piecesOf(text)) this.#add(entryOf(level, piece));
    this.#give();
  }

  close(): Promise<void> | void {
    if (this.#closing !== undefined) return;
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#logger?.kill('SIGKILL');
        end();
      }, CLOSE_WAIT_MS);
      const end = (): void => {
        clearTimeout(late);
        resolve();
      };
      this.#closing = end;
      clearTimeout(this.#retryTimer);
      if (this.#logger === undefined) this.#start();
      else this.#give();
    });
  }

  #add(entry: Entry): void {
    this.#waiting.push(entry);
    this.#waitingBytes += entry.bytes;
    // What logger has been given may be sent already.
    while (this.#waitingBytes > MAX_WAITING_BYTES) this.#lost += this.#take(this.#given, 1);
  }

  /** Removes entries; returns how many lines they stand for. */
  #take(from: number, count: number): number {
    let stood = 0;
    for (const { bytes, stands } of this.#waiting.splice(from, count)) {
      this.#waitingBytes -= bytes;
      stood += stands;
    }
    return stood;
  }

  #give(): void {
    const stdin = this.#logger?.stdin;
    if (stdin == null) return;
    if (this.#lost > 0 && this.#given < MAX_GIVEN) {
      const told = entryOf(
        'warn',
        `WARNING: ${this.#lost} log lines were lost: syslog was away or too slow`,
        this.#lost,
      );
      this.#waiting.splice(this.#given, 0, told);
      this.#waitingBytes += told.bytes;
      this.#lost = 0;
    }
    for (; this.#given < Math.min(MAX_GIVEN, this.#waiting.length); this.#given++)
      stdin.write(this.#waiting[this.#given]?.text ?? '');
    if (this.#closing !== undefined && this.#given === this.#waiting.length) stdin.end();
  }

  #sent(count: number): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#troubled = false;
    this.#given -= count;
    this.#take(0, count);
    this.#give();
  }

  #start(): void {
    let child: ChildProcess;
    try {
      // Detached: a ^C or a hang-up of the terminal is not for it.
      const env = environmentForOthers();
      child = spawn(this.#program, this.#args, { detached: true, stdio: ['pipe', 'ignore', 'pipe'], env });
    } catch (error) {
      this.#ended(messageOf(error));
      return;
    }
    this.#logger = child;
    let said = '';
    let reason = '';
    let over = false;
    const end = (why: string): void => {
      if (over) return;
      over = true;
      this.#ended(why);
    };
    child.once('error', (error) => end(error.message));
    // After its last word: what it has sent is known then.
    child.once('close', (code, signal) => end(reason || `${this.#program} ended with ${signal ?? `status ${code}`}`));
    // It has ended: its 'close' comes next.
    child.stdin?.on('error', () => {});
    child.stderr?.setEncoding('latin1').on('data', (text: string) => {
      const lines = (said + text).split('\n');
      said = lines.pop() ?? '';
      // `<134>Nov 23 …` repeats a line, anything else is a complaint.
      const sent = lines.filter((line) => line.startsWith('<')).length;
      reason = lines.findLast((line) => !line.startsWith('<')) ?? reason;
      if (sent > 0) this.#sent(Math.min(sent, this.#given));
    });
    this.#give();
  }

  #ended(reason: string): void {
    this.#logger = undefined;
    this.#given = 0;
    if (this.#closing !== undefined) {
      this.#closing();
      return;
    }
    if (!this.#troubled) this.#onTrouble(reason);
    this.#troubled = true;
    this.#retryTimer = setTimeout(() => this.#start(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }
}

function entryOf(level: Level, text: string, stands = 1): Entry {
  const line = `<${SEVERITIES[level]}>${text}\n`;
  return { text: line, bytes: Buffer.byteLength(line), stands };
}

/** The text cut between characters, so that no piece is too long. */
function piecesOf(text: string): string[] {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_PIECE_BYTES) return [text];
  const pieces: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = from + MAX_PIECE_BYTES;
    // UTF-8: bytes 10xxxxxx continue a character.
    while (to < bytes.length && ((bytes[to] ?? 0) & 0xc0) === 0x80) to--;
    pieces.push(bytes.toString('utf8', from, to));
    from = to;
  }
  return pieces;
}
