// The configurations of `execute =` lines: daemons of their own, started, reloaded and stopped with this one.
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parse } from './config/parse.ts';
import { messageOf } from './errors.ts';
import { firstThere, placesOf } from './find-config.ts';
import type { Logger } from './log.ts';
import type { CommandOutcome, CommandRunOptions } from './system/command.ts';

export type OtherAction = 'start' | 'reload' | 'stop';

/** How long each may take. A start ends by itself after 60 s; a stop must be over before whoever stops us loses patience (20 s). */
const DEADLINES_MS: Readonly<Record<OtherAction, number>> = { start: 70_000, reload: 40_000, stop: 14_000 };
/** How long a stop waits for a start or reload that is under way: a start that is cut off may leave a daemon behind. */
const FINISH_MS = 5_000;
/** Commands at once. */
const AT_ONCE = 4;
/** How much of what a command says is told. */
const MAX_OUTPUT_BYTES = 4_096;

const DONE: Readonly<Record<OtherAction, string>> = { start: 'started', reload: 'reloaded', stop: 'stopped' };

/** A configuration, in the two ways that make it the same as another. */
export interface ConfigIdentity {
  /** Absolute. */
  readonly path: string;
  /** What the pid file is named after. */
  readonly name: string;
}

export interface ExecutedParts {
  /** The configuration that executes the others. */
  readonly own: ConfigIdentity;
  /** The command line that does something with the configuration at an absolute path. */
  readonly commandFor: (action: OtherAction, path: string) => readonly string[];
  readonly run: (argv: readonly string[], options: CommandRunOptions) => Promise<CommandOutcome>;
  readonly log: () => Logger;
  /** In milliseconds, for tests. */
  readonly deadlines?: Readonly<Record<OtherAction, number>>;
  readonly finishMs?: number;
}

/** Nothing that goes wrong with the others matters to this daemon: it is logged, and no method throws. */
export class Executed {
  readonly #own: ConfigIdentity;
  readonly #commandFor: ExecutedParts['commandFor'];
  readonly #run: ExecutedParts['run'];
  readonly #log: () => Logger;
  readonly #deadlines: Readonly<Record<OtherAction, number>>;
  readonly #finishMs: number;
  /** Those in our charge, by what the configuration calls them. */
  #others = new Map<string, ConfigIdentity>();
  /** One thing after the other. */
  #queue: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor({ own, commandFor, run, log, deadlines = DEADLINES_MS, finishMs = FINISH_MS }: ExecutedParts) {
    this.#own = own;
    this.#commandFor = commandFor;
    this.#run = run;
    this.#log = log;
    this.#deadlines = deadlines;
    this.#finishMs = finishMs;
  }

  /**
   * Makes these the ones in our charge: what is new is started, what stays is reloaded (started, if it is not running), what is
   * listed no more is stopped. Resolves when all that is done. Does nothing after stop().
   */
  update(configs: readonly string[]): Promise<void> {
    this.#queue = this.#queue
      .then(() => this.#update(configs))
      .catch((error) => this.#log().error(`Cannot execute other configurations: ${messageOf(error)}`));
    return this.#queue;
  }

  /** Stops those in our charge. */
  async stop(): Promise<void> {
    const cut = setTimeout(() => this.#stopped.abort(), this.#finishMs);
    this.#queue = this.#queue.then(() => this.#stopped.abort());
    await this.#queue;
    clearTimeout(cut);
    await eachOf([...this.#others.values()], (other) => this.#perform('stop', other));
  }

  async #update(configs: readonly string[]): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const before = this.#others;
    const after = await this.#found(configs);
    this.#others = after;
    const names = new Set([...after.values()].map(({ name }) => name));
    // One that is listed and left out all the same is no longer ours, but nobody wanted it stopped.
    const dropped = [...before].filter(([config, { name }]) => !configs.includes(config) && !names.has(name));
    await eachOf(dropped, ([, other]) => this.#perform('stop', other));
    const running = new Set([...before.values()].map(({ name }) => name));
    await eachOf([...after.values()], async (other) => {
      if (!running.has(other.name)) await this.#perform('start', other);
      else if ((await this.#perform('reload', other)) === 'not running') await this.#perform('start', other);
    });
  }

  /** The configurations that can be put in our charge. Says why others cannot. */
  async #found(configs: readonly string[]): Promise<Map<string, ConfigIdentity>> {
    const found = new Map<string, ConfigIdentity>();
    for (const config of configs) {
      const other = (await identify(config, this.#own)) ?? this.#others.get(config);
      if (other === undefined) {
        const places = placesOf(config, dirname(this.#own.path)).join(', ');
        this.#log().error(`execute = ${config}: there is no such configuration; looked for ${places}`);
        continue;
      }
      if ([...found.values()].some(({ name }) => name === other.name)) continue;
      const circle = await wayBack(other, this.#own, new Set());
      if (circle === undefined) found.set(config, other);
      else
        this.#log().error(
          `execute = ${config} is left out, because it would go round in a circle: ${[this.#own.name, ...circle].join(' -> ')}`,
        );
    }
    return found;
  }

  /** `not running` is told by a reload only, which logs nothing then. */
  async #perform(action: OtherAction, { name, path }: ConfigIdentity): Promise<'done' | 'failed' | 'not running'> {
    const stopped = this.#stopped.signal;
    const deadlineMs = this.#deadlines[action];
    const late = AbortSignal.timeout(deadlineMs);
    try {
      const signal = action === 'stop' ? late : AbortSignal.any([late, stopped]);
      const outcome = await this.#run(this.#commandFor(action, path), {
        signal,
        // It is this very program: what says how it is to be run counts for the others, too.
        env: process.env,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        leaveChildren: true,
      });
      if (late.aborted) return this.#failed(action, name, `took longer than ${deadlineMs / 1000} s and was ended`);
      if (signal.aborted) return 'failed';
      // A reload's 1 is: not running.
      if (action === 'reload' && outcome.code === 1) return 'not running';
      if (outcome.code !== 0) {
        const said = outcome.stderr.trim() || outcome.stdout.trim();
        const how = outcome.signal ?? `status ${outcome.code}`;
        return this.#failed(action, name, `failed with ${how}${said === '' ? '' : `:\n${said}`}`);
      }
      const said = outcome.stdout.trim();
      this.#log().info(`Configuration ${name} (execute) is ${DONE[action]}${said === '' ? '' : `: ${said}`}`);
      return 'done';
    } catch (error) {
      // Nothing is begun any more.
      if (action !== 'stop' && stopped.aborted) return 'failed';
      return this.#failed(action, name, `could not be run: ${messageOf(error)}`);
    }
  }

  #failed(action: OtherAction, name: string, how: string): 'failed' {
    this.#log().error(`Configuration ${name} (execute): its ${action} ${how}`);
    return 'failed';
  }
}

/** Which configuration a name in an execute line of `by` means; undefined when there is none. Beside `by` counts as here. */
async function identify(config: string, by: ConfigIdentity): Promise<ConfigIdentity | undefined> {
  const path = firstThere(placesOf(config, dirname(by.path)));
  return path === undefined ? undefined : { path, name: basename(config) };
}

/** The names on the way from a configuration to `own`, along execute lines as the files are now; undefined when no way leads there. */
async function wayBack(
  from: ConfigIdentity,
  own: ConfigIdentity,
  seen: Set<string>,
): Promise<readonly string[] | undefined> {
  const file = await realpath(from.path).catch(() => from.path);
  // The same pid file, or the same services: either would meet itself.
  if (from.name === own.name || file === (await realpath(own.path).catch(() => own.path))) return [from.name];
  if (seen.has(file)) return undefined;
  seen.add(file);
  for (const config of await executedBy(from.path)) {
    const next = await identify(config, from);
    const rest = next && (await wayBack(next, own, seen));
    if (rest !== undefined) return [from.name, ...rest];
  }
  return undefined;
}

async function executedBy(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return (parse(text).given.execute ?? []).map(({ value }) => value);
}

/** Does something with each, a few at once. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
