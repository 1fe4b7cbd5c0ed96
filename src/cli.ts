// The command line: ldirectord's grammar (`ldirectord [-d] [CONFIG] start`) and ours (`tsdirectord start -f CONFIG`). What an action does is in commands/.
import { basename, resolve } from 'node:path';
import { CommanderError } from 'commander';
import { type Call, err } from './commands/call.ts';
import { ACTION_NAMES, type Action, commandLine, type Flags, ONLY_WITH } from './commands/command-line.ts';
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

async function understand(program: string, words: readonly string[], flags: Flags): Promise<Call> {
  const action = ACTION_NAMES.find((known) => known === words.at(-1));
  const [first, ...rest] = words;
  const config = flags.file ?? (words.length === 2 ? first : undefined);
  if (action === undefined || words.length > 2 || (flags.file !== undefined && rest.length > 0)) {
    const wrong = words.length === 0 ? 'what to do is missing' : `cannot make sense of "${words.join(' ')}"`;
    throw new UsageError(`${wrong}; expected one of ${ACTION_NAMES.join(', ')}, see ${program} --help`, 1);
  }
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
    path,
    lookedAt,
    name,
    pidFile: choosePidFile(places, STARTING.has(action)),
    pidFilePlaces: places,
    flags: { ...flags, ipvsadm: flags.ipvsadm.includes('/') ? resolve(flags.ipvsadm) : flags.ipvsadm },
  };
}
