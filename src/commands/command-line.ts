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
  show: 'each virtual service as ipvsadm -Ln shows it, with health, reasons, and how the kernel differs from what is wanted',
  top: 'the same as a live screen with keys to look closer, drain, disable and enable; ? explains them',
  drain: 'a server gets no new connections, those it has go on; kept across reloads and restarts until enable',
  disable: 'take a server out of service as if its check failed; kept until enable',
  enable: "undo drain, disable and weight, forget that it flapped: the server's checks decide again",
  weight: 'give a server another weight (0..65535) than the configuration; kept until enable',
  recheck: 'check servers at once',
  plan: "print what a start would change in the kernel's table as it is now, and why; changes nothing",
} as const;
export type Action = keyof typeof ACTIONS;
export const ACTION_NAMES = Object.keys(ACTIONS) as Action[];

/** What some actions are about, behind them on the command line; what is in brackets may be left out. `all` is every one. */
export const OPERANDS: Readonly<Partial<Record<Action, readonly string[]>>> = {
  show: ['[VIRTUAL]'],
  drain: ['VIRTUAL', 'REAL'],
  disable: ['VIRTUAL', 'REAL'],
  enable: ['VIRTUAL', 'REAL'],
  weight: ['VIRTUAL', 'REAL', 'N'],
  recheck: ['[VIRTUAL]', '[REAL]'],
};

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
  /** Seconds. */
  readonly timeout?: number;
  readonly watch?: true;
  readonly printFiles?: true;
  readonly detached?: true;
  /** Started by another configuration, which waits until it is in the background. */
  readonly executed?: true;
}

/** Options that only some actions know; with another they would be taken for something they do not do. */
export const ONLY_WITH: Readonly<Partial<Record<keyof Flags, readonly Action[]>>> = {
  explain: ['check'],
  foreground: ['start'],
  json: ['check', 'status', 'show'],
  timeout: ['drain'],
  wait: ['reload', 'force-reload', 'drain'],
  watch: ['show'],
};

/** What the exit status means. */
export const EXIT_STATUS = {
  0: 'done; of plan: there is nothing to do',
  1: 'failed; show, top and orders: no daemon runs; drain --wait: connections are left',
  2: 'the configuration has errors; nothing was changed',
  3: 'status: stopped',
  10: 'plan: there is something to do',
} as const;

export const EXAMPLES = [
  ['start -f ldirectord.cf', 'the daemon for /etc/ha.d/ldirectord.cf'],
  ['start -d --ipvs memory -f my.cf', 'watch what it would do, without root or IPVS'],
  ['check -f my.cf', 'is it correct? with --explain: what does it mean?'],
  ['show', 'every service and server: how, since when and why'],
  ['drain 10.8.8.45:80 10.8.8.48:80 --wait', 'return when its last connection has gone'],
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
    .option('--json', 'check, status, show: print what is found, and what is understood or known, as JSON')
    .option('--watch', 'show: again every second, until Ctrl-C or the end of the daemon')
    .option(
      '--wait',
      'reload, drain: return when the new configuration is in force, and fail with the reason when it is not; or when the last connection has gone (active ones; for UDP and firewall marks inactive ones, too)',
    )
    .addOption(
      new Option(
        '--timeout <seconds>',
        'drain: how long --wait waits before it fails (300 when nothing is said)',
      ).argParser(secondsOf),
    )
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

/** `VIRTUAL REAL`, `[VIRTUAL [REAL]]`. */
export function operandsText(action: Action): string {
  const operands = OPERANDS[action] ?? [];
  return operands.reduceRight(
    (rest, word) => (word.startsWith('[') && rest !== '' ? `${word.slice(0, -1)} ${rest}]` : `${word} ${rest}`.trim()),
    '',
  );
}

function help(program: string): string {
  const rows = (pairs: readonly (readonly [string, string])[], width: number): string =>
    pairs.map(([left, right]) => `  ${left.padEnd(width)} ${right}`).join('\n');
  const statuses = Object.entries(EXIT_STATUS).map(([code, meaning]) => `${code} ${meaning}`);
  return `
Actions:
${rows(
  ACTION_NAMES.map((name) => [[name, operandsText(name)].join(' ').trim(), ACTIONS[name]]),
  24,
)}

VIRTUAL and REAL are names as show prints them, or "all".

Exit status:
  ${statuses.join('\n  ')}

Examples:
${rows(
  EXAMPLES.map(([words, meaning]) => [`${program} ${words}`, meaning]),
  44,
)}`;
}
