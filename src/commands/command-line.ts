// The words of the command line: actions and options, each with what it does. The help, the manual page and the shell completions are made from it.
import { Command, InvalidArgumentError, Option } from 'commander';
import { VERSION } from '../version.ts';

/** What the program can be told to do. */
export const ACTIONS = {
  start: "check the configuration, program the kernel's table, go on in the background",
  stop: 'end the daemon; virtual services with cleanstop=yes leave the table',
  restart: 'stop, then start; a configuration with errors leaves the daemon running',
  'try-restart': 'restart if it is running',
  reload: 'go over to the changed configuration',
  'force-reload': 'the same',
  status:
    'whether it runs (exit status 0: running, 1: died and left its pid file, 3: stopped), and on a terminal what it knows',
  check: 'tell every error and warning of the configuration; needs no root and changes nothing',
  plan: "print what a start would change in the kernel's table as it is now, and why; changes nothing",
} as const;
export type Action = keyof typeof ACTIONS;
export const ACTION_NAMES = Object.keys(ACTIONS) as Action[];

export interface Flags {
  readonly debug?: true;
  readonly foreground?: true;
  readonly file?: string;
  readonly ipvsadm: string;
  readonly ipvs: 'kernel' | 'memory';
  readonly pidFile?: string;
  /** Seconds. */
  readonly stopTimeout: number;
  readonly explain?: true;
  readonly json?: true;
  readonly wait?: true;
  readonly printFiles?: true;
  readonly detached?: true;
  /** Started by another configuration, which waits until it is in the background. */
  readonly executed?: true;
}

/** Options that only some actions know; with another they would be taken for something they do not do. */
export const ONLY_WITH: Readonly<Partial<Record<keyof Flags, readonly Action[]>>> = {
  explain: ['check'],
  foreground: ['start'],
  json: ['check', 'status'],
  wait: ['reload', 'force-reload'],
};

/** What the exit status means. */
export const EXIT_STATUS = {
  0: 'done; of plan: there is nothing to do',
  1: 'failed',
  2: 'the configuration has errors; nothing was changed',
  3: 'status: stopped',
  10: 'plan: there is something to do',
} as const;

export const EXAMPLES = [
  ['start -f ldirectord.cf', 'the daemon for /etc/ha.d/ldirectord.cf'],
  ['start -d --ipvs memory -f my.cf', 'watch what it would do, without root or IPVS'],
  ['check -f my.cf', 'is it correct? with --explain: what does it mean?'],
  ['ldirectord.cf start', 'the same as ldirectord, for Heartbeat'],
] as const;

export const SUMMARY =
  "Checks the real servers of Linux Virtual Server clusters and keeps the kernel's table (ipvsadm) right.";

/** The command line of `program`; parsing throws CommanderError, also for --help and --version. */
export function commandLine(program: string): Command {
  return new Command(program)
    .usage(`ACTION [-f CONFIG] [options]\n       ${program} [options] [--] [CONFIG] ACTION`)
    .description(SUMMARY)
    .argument('[words...]', `[CONFIG] and one of ${ACTION_NAMES.join(', ')}`)
    .option(
      '-f, --file <config>',
      'configuration; looked for in /etc/ha.d, /etc/ha.d/conf and here (default: ldirectord.cf)',
    )
    .option('-d, --debug', 'stay in the foreground and log everything to the terminal')
    .option(
      '--foreground',
      'start: stay in the foreground and log to standard output, as a supervisor (systemd) wants it',
    )
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
    .option('--explain', 'check: print the configuration as it is understood, and where each value comes from')
    .option('--json', 'check, status: print what is found, and what is understood or known, as JSON')
    .option('--wait', 'reload: return when the new configuration is in force; fail with the reason when it is not')
    .option('--print-files', 'list what is installed beside the program (units, scripts, manual), and where it belongs')
    .addOption(new Option('--detached').hideHelp())
    .addOption(new Option('--executed').hideHelp())
    .version(`tsdirectord ${VERSION}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', help(program))
    .exitOverride();
}

function secondsOf(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('expected a whole number of seconds.');
  return Number(text);
}

function help(program: string): string {
  const rows = (pairs: readonly (readonly [string, string])[], width: number): string =>
    pairs.map(([left, right]) => `  ${left.padEnd(width)} ${right}`).join('\n');
  const statuses = Object.entries(EXIT_STATUS).map(([code, meaning]) => `${code} ${meaning}`);
  return `
Actions:
${rows(Object.entries(ACTIONS), 13)}

Exit status:
  ${statuses.join('\n  ')}

Examples:
${rows(
  EXAMPLES.map(([words, meaning]) => [`${program} ${words}`, meaning]),
  44,
)}`;
}
