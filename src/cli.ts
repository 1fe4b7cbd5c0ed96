// The command line: ldirectord's grammar (`ldirectord [-d] [CONFIG] start`) and ours (`tsdirectord start -f CONFIG`). The only process.exit.
import { access } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf, UsageError } from './errors.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { type Owner, readOwner } from './system/pid-file.ts';
import { VERSION } from './version.ts';

const ACTIONS = ['start', 'stop', 'restart', 'try-restart', 'reload', 'force-reload', 'status'] as const;
type Action = (typeof ACTIONS)[number];

interface Flags {
  readonly debug?: true;
  readonly file?: string;
  readonly ipvsadm: string;
  readonly ipvs: 'kernel' | 'memory';
  readonly pidFile?: string;
  /** Seconds. */
  readonly stopTimeout: number;
  readonly detached?: true;
}

/** What one call is about. */
interface Call {
  readonly action: Action;
  /** As it was given, for messages. */
  readonly program: string;
  /** CONFIG as it was given. */
  readonly config: string | undefined;
  /** Absolute path; undefined when no file was found. */
  readonly path: string | undefined;
  /** Places that were looked at. */
  readonly lookedAt: readonly string[];
  /** The last part of the configuration's path, as ldirectord calls it. */
  readonly name: string;
  readonly pidFile: string;
  readonly flags: Flags;
}

const CONFIG_DIRECTORIES = ['/etc/ha.d', '/etc/ha.d/conf'];

const out = (text: string): void => void process.stdout.write(`${text}\n`);
const err = (text: string): void => void process.stderr.write(`${text}\n`);

function commandLine(program: string): Command {
  return new Command(program)
    .usage(`ACTION [-f CONFIG] [options]\n       ${program} [options] [--] [CONFIG] ACTION`)
    .description(
      "Checks the real servers of Linux Virtual Server clusters and keeps the kernel's table (ipvsadm) right.",
    )
    .argument('[words...]', `[CONFIG] and one of ${ACTIONS.join(', ')}`)
    .option(
      '-f, --file <config>',
      'configuration; looked for in /etc/ha.d, /etc/ha.d/conf and here (default: ldirectord.cf)',
    )
    .option('-d, --debug', 'stay in the foreground and log everything to the terminal')
    .option('--ipvsadm <path>', 'the ipvsadm program', 'ipvsadm')
    .addOption(
      new Option('--ipvs <kind>', 'keep the table in the kernel, or only in memory to try things out')
        .choices(['kernel', 'memory'])
        .default('kernel'),
    )
    .option('--pid-file <path>', 'pid file (default: /var/run/ldirectord.CONFIG.pid)')
    .addOption(
      new Option('--stop-timeout <seconds>', 'how long stop waits before it kills the daemon and cleans up after it')
        .argParser(secondsOf)
        .default(20),
    )
    .addOption(new Option('--detached').hideHelp())
    .version(`tsdirectord ${VERSION}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', HELP)
    .exitOverride();
}

function secondsOf(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('expected a whole number of seconds.');
  return Number(text);
}

const HELP = `
Actions:
  start          check the configuration, program the kernel's table, go on in the background
  stop           end the daemon; virtual services with cleanstop=yes leave the table
  restart        stop, then start; a configuration with errors leaves the daemon running
  try-restart    restart if it is running
  reload         go over to the changed configuration; force-reload is the same
  status         exit status 0: running, 1: died and left its pid file, 3: stopped

Exit status: 0 done, 1 failed, 2 the configuration has errors.

Examples:
  tsdirectord start -f ldirectord.cf           the daemon for /etc/ha.d/ldirectord.cf
  tsdirectord start -d --ipvs memory -f my.cf  watch what it would do, without root or IPVS
  tsdirectord ldirectord.cf start              the same as ldirectord, for Heartbeat`;

/** Runs one call; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = basename(argv[1] ?? 'tsdirectord').replace(/\.cjs$/, '');
  const command = commandLine(program);
  try {
    // ldirectord takes -? for help.
    command.parse([...argv.slice(0, 2), ...argv.slice(2).map((word) => (word === '-?' ? '--help' : word))]);
    const call = await understand(program, command.args, command.opts<Flags>());
    return await perform(call);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof UsageError) {
      err(`${program}: ${error.message}`);
      return error.exitCode;
    }
    const code = (error as { code?: unknown }).code;
    err(`${program}: ${code === undefined && error instanceof Error ? error.stack : messageOf(error)}`);
    return 1;
  }
}

async function understand(program: string, words: readonly string[], flags: Flags): Promise<Call> {
  const action = ACTIONS.find((known) => known === words.at(-1));
  const [first, ...rest] = words;
  const config = flags.file ?? (words.length === 2 ? first : undefined);
  if (action === undefined || words.length > 2 || (flags.file !== undefined && rest.length > 0)) {
    const wrong = words.length === 0 ? 'what to do is missing' : `cannot make sense of "${words.join(' ')}"`;
    throw new UsageError(`${wrong}; expected one of ${ACTIONS.join(', ')}, see ${program} --help`, 1);
  }
  const name = config === undefined ? 'ldirectord' : basename(config);
  const lookedAt = placesOf(config ?? 'ldirectord.cf');
  const exists = await Promise.all(
    lookedAt.map((place) =>
      access(place).then(
        () => true,
        () => false,
      ),
    ),
  );
  const path = lookedAt.find((_, index) => exists[index]);
  return {
    action,
    program,
    config,
    path,
    lookedAt,
    name,
    // Absolute, because the daemon leaves the directory it is started in.
    pidFile: resolve(flags.pidFile ?? `/var/run/ldirectord.${name}.pid`),
    flags: { ...flags, ipvsadm: flags.ipvsadm.includes('/') ? resolve(flags.ipvsadm) : flags.ipvsadm },
  };
}

/** ldirectord's order. A path that says where it starts (/…, ./…, ../…) is only looked for there. */
function placesOf(config: string): string[] {
  if (/^\.{0,2}\//.test(config)) return [resolve(config)];
  return [...CONFIG_DIRECTORIES.map((directory) => resolve(directory, config)), resolve(config)];
}

function configPath(call: Call): string {
  if (call.path !== undefined) return call.path;
  throw new UsageError(`there is no configuration file; looked for ${call.lookedAt.join(', ')}`, 1);
}

async function perform(call: Call): Promise<number> {
  switch (call.action) {
    case 'start':
      return start(call);
    case 'stop':
      return stop(call);
    case 'status':
      return status(call);
    case 'reload':
    case 'force-reload':
      return reload(call);
    case 'restart':
    case 'try-restart':
      return restart(call);
  }
}

async function start(call: Call): Promise<number> {
  const { flags, name, pidFile } = call;
  // The detached process finds that out when it claims the pid file, and tells its starter.
  const owner: Owner = flags.detached ? { state: 'none' } : await readOwner(pidFile);
  if (owner.state === 'running') {
    out(`${described(call)} is running already, with pid ${owner.pid}`);
    return 0;
  }
  const path = configPath(call);
  if (!flags.debug && !flags.detached) {
    const { spawnDetached } = await import('./system/detach.ts');
    return spawnDetached(detachedArguments(call), err);
  }
  const { muteStandardError, tellStarter } = await import('./system/detach.ts');
  if (flags.detached) muteStandardError();
  const { run } = await import('./run.ts');
  const options = {
    path,
    name,
    pidFile,
    kernel: await kernelOf(flags),
    debug: flags.debug === true,
    detached: flags.detached === true,
  };
  if (!flags.detached) return run({ ...options, say: err });
  const exitCode = await run({ ...options, say: (text) => tellStarter({ kind: 'say', text }) }).catch(async (error) => {
    const text = error instanceof Error && !('code' in error) ? error.stack : messageOf(error);
    await tellStarter({ kind: 'say', text: `${call.program}: ${text}` });
    return error instanceof UsageError ? error.exitCode : 1;
  });
  await tellStarter({ kind: 'done', exitCode });
  return exitCode;
}

/** The command line of the background process: what this call amounts to, as a start. */
function detachedArguments({ config, pidFile, flags }: Call): string[] {
  const file = config === undefined ? [] : ['--file', config];
  return ['start', ...file, '--ipvs', flags.ipvs, '--ipvsadm', flags.ipvsadm, '--pid-file', pidFile, '--detached'];
}

async function kernelOf({ ipvs, ipvsadm }: Flags): Promise<Kernel> {
  if (ipvs === 'memory') return new (await import('./system/memory-kernel.ts')).MemoryKernel();
  return new (await import('./system/ipvsadm.ts')).IpvsadmKernel(ipvsadm);
}

/** `ldirectord for /etc/ha.d/ldirectord.cf`, in the name it was called by. */
function described({ program, path, name }: Call): string {
  return `${program} for ${path ?? name}`;
}

async function stop(call: Call): Promise<number> {
  const owner = await readOwner(call.pidFile);
  if (owner.state !== 'running') {
    if (owner.state === 'stale') await cleanUpAfter(call);
    out(`${described(call)} is stopped (not running)`);
    return 0;
  }
  const timeoutMs = call.flags.stopTimeout * 1000;
  const { waitUntilGone } = await import('./system/pid-file.ts');
  signal(owner.pid, 'SIGTERM');
  if (await waitUntilGone(owner.pid, timeoutMs)) return 0;
  err(
    `${described(call)} did not end within ${call.flags.stopTimeout} s of SIGTERM; killing pid ${owner.pid} and cleaning up after it`,
  );
  signal(owner.pid, 'SIGKILL');
  if (!(await waitUntilGone(owner.pid, timeoutMs))) throw new UsageError(`pid ${owner.pid} cannot be killed`, 1);
  await cleanUpAfter(call);
  return 0;
}

/** Removes what a daemon that did not end by itself has left: its pid file, its services. What cannot be cleaned is told: stopped it is. */
async function cleanUpAfter(call: Call): Promise<void> {
  const [{ rm }, { cleanTable }] = await Promise.all([import('node:fs/promises'), import('./clean-table.ts')]);
  await rm(call.pidFile, { force: true });
  try {
    await cleanTable(configPath(call), await kernelOf(call.flags), err);
  } catch (error) {
    err(`Its virtual services may still be in the kernel, see ipvsadm -Ln: ${messageOf(error)}`);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Gone already is as good.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH')
      throw new UsageError(`cannot signal pid ${pid}: ${messageOf(error)}`, 1, { cause: error });
  }
}

/**
 * LSB: 0 running, 1 dead with a pid file, 3 stopped. Heartbeat 3 reads the words on standard output instead: `not running`
 * anywhere means no, otherwise `running` or `OK` anywhere (be it in the path) means that this node has the resource.
 */
async function status(call: Call): Promise<number> {
  const owner = await readOwner(call.pidFile);
  if (owner.state === 'running') {
    out(`${described(call)} is running with pid: ${owner.pid}`);
    return 0;
  }
  if (owner.state === 'stale') {
    out(`${described(call)} is not running, but its pid file ${call.pidFile} is there: it died, or was killed`);
    return 1;
  }
  out(`${described(call)} is stopped (not running)`);
  return 3;
}

/** Loads the configuration as a daemon would, and tells what is wrong with it. Throws UsageError when it has errors. */
async function validate(call: Call): Promise<void> {
  const [{ load }, { accepted }] = await Promise.all([import('./load.ts'), import('./run.ts')]);
  await accepted(await load(configPath(call)), err, process.stderr.isTTY === true);
}

async function reload(call: Call): Promise<number> {
  const owner = await readOwner(call.pidFile);
  if (owner.state !== 'running') {
    err(`${described(call)} is not running, so there is nothing to reload`);
    return 1;
  }
  await validate(call);
  signal(owner.pid, 'SIGHUP');
  return 0;
}

async function restart(call: Call): Promise<number> {
  const owner = await readOwner(call.pidFile);
  if (call.action === 'try-restart' && owner.state !== 'running') return 0;
  await validate(call);
  const stopped = await stop(call);
  return stopped === 0 ? start({ ...call, action: 'start' }) : stopped;
}
