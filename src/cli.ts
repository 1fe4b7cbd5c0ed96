// The command line: ldirectord's grammar (`ldirectord [-d] [CONFIG] start`) and ours (`tsdirectord start -f CONFIG`). What an action does is in commands/.
import { basename, resolve } from 'node:path';
import { CommanderError } from 'commander';
import { type Call, err } from './commands/call.ts';
import {
  ACTION_NAMES,
  type Action,
  commandLine,
  type Flags,
  ONLY_WITH,
  OPERANDS,
  operandsText,
} from './commands/command-line.ts';
import { isUsageError, messageOf, UsageError } from './errors.ts';
import { firstThere, placesOf } from './find-config.ts';
import { choosePidFile, pidFilePlaces } from './system/pid-owner.ts';

const STARTING: ReadonlySet<Action> = new Set(['start', 'restart', 'try-restart']);

/** Runs one call; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = basename(argv[1] ?? 'tsdirectord').replace(/\.cjs$/, '');
  const command = commandLine(program);
  try {
    // ldirectord takes -? for help.
    command.parse([...argv.slice(0, 2), ...argv.slice(2).map((word) => (word === '-?' ? '--help' : word))]);
    const flags = command.opts<Flags>();
    if (flags.printFiles) return await (await import('./commands/print-files.ts')).printFiles();
    const call = await understand(program, command.args, flags);
    return await perform(call);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (isUsageError(error)) {
      if (error.details !== undefined) err(error.details);
      err(`${program}: ${error.message}`);
      return error.exitCode;
    }
    const code = (error as { code?: unknown }).code;
    err(`${program}: ${code === undefined && error instanceof Error ? error.stack : messageOf(error)}`);
    return 1;
  }
}

async function perform(call: Call): Promise<number> {
  const { action } = call;
  if (action === 'status') return (await import('./commands/status.ts')).status(call);
  return (await import('./actions.ts')).ACTIONS[action](call);
}

/** What a command line's words mean: `[CONFIG] ACTION`, with the operands of an action that takes some behind it. */
interface Meaning {
  readonly action: Action;
  readonly config: string | undefined;
  readonly operands: readonly string[];
}

/** Throws UsageError when they mean nothing. */
function meaningOf(words: readonly string[], { file }: Flags, program: string): Meaning {
  // Two words that end with an action are ldirectord's, whatever the configuration is called.
  const last = words.length - 1;
  const isClassic = words.length <= 2 && isAction(words[last]);
  const at = isClassic ? last : [0, 1].find((index) => isAction(words[index]) && OPERANDS[words[index]] !== undefined);
  const action = at === undefined ? undefined : words[at];
  if (at === undefined || !isAction(action) || (file !== undefined && at > 0)) {
    const wrong = words.length === 0 ? 'what to do is missing' : `cannot make sense of "${words.join(' ')}"`;
    throw new UsageError(`${wrong}; expected one of ${ACTION_NAMES.join(', ')}, see ${program} --help`, 1);
  }
  const operands = words.slice(at + 1);
  const known = OPERANDS[action] ?? [];
  const needed = known.filter((word) => !word.startsWith('[')).length;
  if (operands.length < needed || operands.length > known.length) {
    const there = operands.length === 0 ? 'nothing' : `"${operands.join(' ')}"`;
    const wanted = `${action} wants ${operandsText(action)} behind it, not ${there}`;
    throw new UsageError(`${wanted}; names are as show prints them, or "all"`, 1);
  }
  return { action, config: file ?? (at > 0 ? words[0] : undefined), operands };
}

function isAction(word: string | undefined): word is Action {
  return ACTION_NAMES.some((known) => known === word);
}

async function understand(program: string, words: readonly string[], flags: Flags): Promise<Call> {
  const { action, config, operands } = meaningOf(words, flags, program);
  for (const [flag, actions] of Object.entries(ONLY_WITH)) {
    if (flag in flags && !actions.includes(action))
      throw new UsageError(`--${flag} makes no sense with ${action}; it is for ${actions.join(', ')}`, 1);
  }
  const name = config === undefined ? 'ldirectord' : basename(config);
  const lookedAt = placesOf(config ?? 'ldirectord.cf');
  const path = firstThere(lookedAt);
  // Absolute, because the daemon leaves the directory it is started in.
  const places = flags.pidFile === undefined ? pidFilePlaces(name) : [resolve(flags.pidFile)];
  return {
    action,
    program,
    config,
    operands,
    path,
    lookedAt,
    name,
    pidFile: choosePidFile(places, STARTING.has(action)),
    pidFilePlaces: places,
    flags: { ...flags, ipvsadm: flags.ipvsadm.includes('/') ? resolve(flags.ipvsadm) : flags.ipvsadm },
  };
}
