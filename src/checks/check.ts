// The one signature that every check has, and what it is given. Straight-line code that throws: run.ts does the rest.
import type { CheckKind, CheckSpec, CheckSpecs, Family, Target } from '../config/model.ts';

/** Resolves with a short detail when the server is up; throws when it is down (CheckFailure, or a system error with a code). */
export type Check<K extends CheckKind> = (target: Target, spec: CheckSpecs[K], ctx: CheckContext) => Promise<string>;

export interface CommandOptions {
  /** Stops the command's whole process group: TERM, then KILL. */
  readonly signal: AbortSignal;
  /** Whether children that outlive the command are let go instead of killed. */
  readonly leaveChildren?: boolean;
}
export interface CommandResult {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 64 KiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface PingOptions {
  /** How long an answer may take, from when the echo request is sent. */
  readonly timeoutMs: number;
  /** Whoever aborts gets no answer; others who ask for the same address do. */
  readonly signal: AbortSignal;
}
export interface PingAnswer {
  readonly answered: boolean;
  /** What a router, or this machine, said instead of an answer: "Host Unreachable from 10.0.0.1". Bounded, not printable. */
  readonly said?: string;
}

/** What the outside world gives to checks. */
export interface CheckServices {
  /** Addresses of a host, in the resolver's order; rejects with a system error that has a code. */
  resolve(host: string): Promise<readonly { readonly address: string; readonly family: Family }[]>;
  /** Runs a program without a shell; resolves when it has ended, rejects when it cannot be started. */
  command(argv: readonly string[], options: CommandOptions): Promise<CommandResult>;
  /** One ICMP echo request. Rejects with CannotCheck, or a system error that has a code, when none could be made. */
  ping(target: Pick<Target, 'address' | 'family'>, options: PingOptions): Promise<PingAnswer>;
  /** A line for `-d`: what was sent, what came. Absent when nobody listens. */
  readonly trace?: (line: string) => void;
}

/** Time, as far as checks need it. */
export interface CheckClock {
  /** Milliseconds that only ever grow. */
  readonly now: () => number;
  /** Calls `run` once, so many milliseconds from a moment of this clock (now when absent), unless the function returned is called before. */
  readonly after: (ms: number, run: () => void, from?: number) => () => void;
}

export interface CheckContext extends CheckServices {
  /** Aborted at the check's deadline, and when the check is dropped. */
  readonly signal: AbortSignal;
  /** A timer on the clock that the deadline goes by. */
  readonly after: CheckClock['after'];
  /** Runs when the check ends, however it ends: sockets are destroyed here. */
  defer(cleanUp: () => void): void;
  /**
   * The one thing worth keeping from one run of this check to the next (a prepared client): made at the first call, the
   * same at every other. Closed when the check is dropped and after a run that did not end well, so that the next starts afresh.
   */
  keep<T extends { close(): void }>(make: () => T): T;
  /** How far the check has come, in a few words ("connected, got 0 bytes"); asked for when the deadline passes. */
  progress(describe: () => string): void;
  /** Makes another check of the same target under that check's own deadline; ends as it ends. */
  check(spec: CheckSpec): Promise<string>;
}

/** How a run ended: `error` is our own fault and says nothing about the server. */
export interface CheckResult {
  readonly outcome: 'up' | 'down' | 'error';
  readonly detail: string;
  readonly durationMs: number;
}

/** A check that is run again and again. */
export interface RunnableCheck {
  /** The longest that a run may take, its clean-up included. */
  readonly limitMs: number;
  /**
   * Never rejects, and settles at the deadline at the latest. Deadline and duration count from `startedAt`, which whoever has just looked
   * knows (a moment of the check's clock); now when absent.
   */
  run(startedAt?: number): Promise<CheckResult>;
  /** Aborts a run under way and lets go of everything kept. */
  close(): void;
}
