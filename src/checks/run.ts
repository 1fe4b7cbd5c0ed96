// Runs any check: the one deadline, the one try/catch and the one clean-up that all of them share.
import { Alarms } from '../alarms.ts';
import type { CheckKind, CheckPlan, CheckSpec, CheckSpecs, ConstantSpec, Target } from '../config/model.ts';
import { formatEndpoint } from '../config/model.ts';
import { hideSecrets } from '../config/secrets.ts';
import { CannotCheck, CheckFailure } from '../errors.ts';
import type {
  CheckClock,
  CheckContext,
  CheckResult,
  CheckServices,
  CommandOptions,
  CommandResult,
  PingAnswer,
  PingOptions,
  RunnableCheck,
} from './check.ts';
import { CHECKS } from './index.ts';
import { codeOf, explain } from './reasons.ts';
import { Stop } from './stop.ts';
import { duration, printable } from './text.ts';

/** The longest delay that a timer takes, whose time is rounded up; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 2;

/** Characters of a reason. */
const LONGEST_DETAIL = 1_000;

/** Whoever pings keeps the time limit of each attempt by itself; when it does not, that is no fault of the server. */
const PING_GRACE_MS = 2_000;

/** How long a run waits for the command of an earlier run, which has been killed, to be gone. */
const KILLED_COMMAND_MS = 3_000;

interface Closable {
  close(): void;
}

/** What all attempts of one prepared check share. Most checks neither keep anything nor run commands, and there are thousands. */
interface Shared {
  readonly target: Target;
  readonly services: CheckServices;
  readonly clock: CheckClock;
  /** By spec, so that each part of a combined check has its own. */
  kept: Map<CheckSpec, Closable> | undefined;
  /** Commands that have not ended, be it of an earlier run: one that was killed takes a moment to go. */
  commands: Set<Promise<unknown>> | undefined;
}

interface Deadline {
  readonly run: () => void;
}

/** Checks that begin together end together at the latest, and share a timer. */
const deadlines = new Alarms<Deadline>((due) => {
  for (const { run } of due) run();
});

export const SYSTEM_CLOCK: CheckClock = {
  now: () => performance.now(),
  after(ms, run, from = performance.now()) {
    const deadline = { run };
    deadlines.set(deadline, from + ms);
    return () => deadlines.delete(deadline);
  },
};

/** Prepares a check to be run again and again. */
export function prepareCheck(plan: CheckPlan, services: CheckServices, clock = SYSTEM_CLOCK): RunnableCheck {
  return new PreparedCheck(plan, services, clock);
}

class PreparedCheck implements RunnableCheck {
  readonly #spec: CheckSpec;
  readonly #shared: Shared;
  #running: Promise<CheckResult> | undefined;
  /** Of the run under way. */
  #dropped: Stop | undefined;
  #isClosed = false;

  constructor({ target, spec }: CheckPlan, services: CheckServices, clock: CheckClock) {
    this.#spec = spec;
    this.#shared = { target, services, clock, kept: undefined, commands: undefined };
  }

  get limitMs(): number {
    return longest(this.#spec) + KILLED_COMMAND_MS;
  }

  run(startedAt = this.#shared.clock.now()): Promise<CheckResult> {
    this.#running ??= this.#runOnce(startedAt);
    return this.#running;
  }

  close(): void {
    this.#isClosed = true;
    this.#dropped?.stop();
    this.#letGo();
  }

  async #runOnce(startedAt: number): Promise<CheckResult> {
    const { clock } = this.#shared;
    const dropped = new Stop();
    if (this.#isClosed) dropped.stop();
    this.#dropped = dropped;
    const result = (outcome: CheckResult['outcome'], detail: string) => ({
      outcome,
      // Each check sees to that by itself; none that forgets it does harm.
      detail: printable(hideSecrets(detail), LONGEST_DETAIL),
      durationMs: clock.now() - startedAt,
    });
    try {
      return result('up', await attempt(this.#shared, this.#spec, dropped, startedAt));
    } catch (error) {
      this.#letGo();
      if (dropped.isStopped) return result('error', 'the check was dropped before it ended');
      const failure = explain(error);
      return result(failure.outcome, failure.detail);
    } finally {
      this.#running = undefined;
      this.#dropped = undefined;
    }
  }

  #letGo(): void {
    const { kept, services } = this.#shared;
    for (const each of kept?.values() ?? []) guarded(() => each.close(), services);
    this.#shared.kept = undefined;
  }
}

/** One check of one spec: settles at its deadline, or when it is `dropped`, whatever the check's own code does. */
async function attempt(shared: Shared, spec: CheckSpec, dropped: Stop, startedAt?: number): Promise<string> {
  if (isConstant(spec)) return constant(spec);
  dropped.throwIfStopped();
  return new Attempt(shared, spec).make(dropped, startedAt);
}

/** What one run of a check is given; methods of a class, as this is made a hundred times a second. */
class Attempt implements CheckContext {
  readonly #shared: Shared;
  readonly #spec: CheckSpecs[CheckKind];
  readonly #stopped = new Stop();
  readonly #cleanUps: (() => void)[] = [];
  readonly trace?: (line: string) => void;
  #ended = false;
  #progress: (() => string) | undefined;
  /** Names that are looked up now. */
  #resolving = 0;

  constructor(shared: Shared, spec: CheckSpecs[CheckKind]) {
    this.#shared = shared;
    this.#spec = spec;
    const { trace } = shared.services;
    if (trace !== undefined) this.trace = traceOf(shared.target, trace);
  }

  /** `startedAt`: now when absent. */
  async make(dropped: Stop, startedAt?: number): Promise<string> {
    const { clock, commands, target } = this.#shared;
    const stopped = this.#stopped;
    let disarm: (() => void) | undefined;
    let from = startedAt;
    const aborted = new Promise<never>((_resolve, reject) => stopped.onStop(reject));
    const forget = dropped.onStop((reason) => stopped.stop(reason));
    try {
      if (commands !== undefined && commands.size > 0) {
        disarm = clock.after(KILLED_COMMAND_MS, () =>
          stopped.stop(new CheckFailure('the command of the last run is still there, although killed')),
        );
        await Promise.race([aborted, Promise.all(commands)]);
        disarm();
        from = undefined;
      }
      const limitMs = limitOf(this.#spec);
      if (limitMs !== undefined)
        disarm = clock.after(Math.min(limitMs, LONGEST_TIMER_MS), () => stopped.stop(this.#late(limitMs)), from);
      return await Promise.race([aborted, perform(target, this.#spec, this)]);
    } finally {
      this.#ended = true;
      disarm?.();
      forget();
      for (const cleanUp of this.#cleanUps.reverse()) this.#guarded(cleanUp);
    }
  }

  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  async resolve(host: string): ReturnType<CheckServices['resolve']> {
    this.#resolving++;
    try {
      return await this.#shared.services.resolve(host);
    } catch (error) {
      throw isResolverSilent(error)
        ? new CannotCheck(`no answer from the resolver of this machine for ${host}`, { cause: error })
        : error;
    } finally {
      this.#resolving--;
    }
  }

  command(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const command = this.#shared.services.command(argv, options);
    this.#shared.commands ??= new Set();
    remember(this.#shared.commands, command);
    return command;
  }

  ping(peer: Pick<Target, 'address' | 'family'>, options: PingOptions): Promise<PingAnswer> {
    return this.#shared.services.ping(peer, options);
  }

  after(ms: number, run: () => void): () => void {
    return this.#shared.clock.after(ms, run);
  }

  defer(cleanUp: () => void): void {
    // A check that ignores its deadline may still open something afterwards.
    if (this.#ended) this.#guarded(cleanUp);
    else this.#cleanUps.push(cleanUp);
  }

  keep<T extends Closable>(make: () => T): T {
    const found = this.#shared.kept?.get(this.#spec) as T | undefined;
    if (found !== undefined) return found;
    const made = make();
    this.#shared.kept ??= new Map();
    this.#shared.kept.set(this.#spec, made);
    return made;
  }

  progress(describe: () => string): void {
    this.#progress = describe;
  }

  check(part: CheckSpec): Promise<string> {
    return attempt(this.#shared, part, this.#stopped);
  }

  #late(limitMs: number): Error {
    return noAnswer(limitMs, this.#progress?.() ?? '', this.#resolving > 0);
  }

  #guarded(action: () => void): void {
    guarded(action, this.#shared.services);
  }
}

/** Keeps a command in the set until it has ended. */
function remember(commands: Set<Promise<unknown>>, command: Promise<unknown>): void {
  const ended: Promise<unknown> = command.then(
    () => commands.delete(ended),
    () => commands.delete(ended),
  );
  commands.add(ended);
}

function isConstant(spec: CheckSpec): spec is ConstantSpec {
  return spec.kind === 'on' || spec.kind === 'off';
}

/** Never asks anybody. */
function constant({ kind }: ConstantSpec): string {
  if (kind === 'on') return 'checktype on';
  throw new CheckFailure('checktype off');
}

function perform(target: Target, spec: CheckSpecs[CheckKind], ctx: CheckContext): Promise<string> {
  // TypeScript cannot see that a check found by a spec's kind takes that spec; the type of CHECKS guarantees it.
  const check = CHECKS[spec.kind] as (
    target: Target,
    spec: CheckSpecs[CheckKind],
    ctx: CheckContext,
  ) => Promise<string>;
  return check(target, spec, ctx);
}

/** Milliseconds for the whole check; a combined check has none of its own, the check that it makes has. */
function limitOf(spec: CheckSpecs[CheckKind]): number | undefined {
  if (spec.kind === 'combined') return undefined;
  return spec.kind === 'ping' ? spec.attempts * (spec.timeoutMs + PING_GRACE_MS) : spec.timeoutMs;
}

function longest(spec: CheckSpec): number {
  if (spec.kind === 'combined') return Math.max(longest(spec.connect), longest(spec.negotiate));
  return isConstant(spec) ? 0 : (limitOf(spec) ?? 0);
}

/** That the resolver does not answer is not the server's fault. */
function noAnswer(limitMs: number, progress: string, isResolving: boolean): CheckFailure | CannotCheck {
  const words = `no answer within ${duration(limitMs)}${progress && ` (${progress})`}`;
  return isResolving ? new CannotCheck(words) : new CheckFailure(words);
}

function isResolverSilent(error: unknown): boolean {
  return ['EAI_AGAIN', 'ETIMEDOUT'].includes(codeOf(error) ?? '');
}

function traceOf(target: Target, trace: (line: string) => void): (line: string) => void {
  const name = target.port === 0 ? target.address : formatEndpoint(target.address, target.port);
  return (line) => trace(`${name} ${line}`);
}

function guarded(action: () => void, { trace }: CheckServices): void {
  try {
    action();
  } catch (error) {
    trace?.(`clean-up failed: ${explain(error).detail}`);
  }
}
