// The manual page of the command: actions, options and exit statuses are those of the command line.
import { ACTIONS, commandLine, EXAMPLES, EXIT_STATUS, ONLY_WITH, SUMMARY } from '../../src/commands/command-line.ts';
import { bold, example, italic, item, page, paragraph, plain, rich, section } from './roff.ts';

const options = commandLine('tsdirectord').createHelp().visibleOptions(commandLine('tsdirectord'));

/** `-f, --file <config>` -> bold names, the value in italics. */
function term(flags: string): string {
  const [, names = '', value] = /^(.*?)(?: <(.*)>)?$/.exec(flags) ?? [];
  const all = names.split(', ').map(bold).join(', ');
  return value === undefined ? all : `${all} ${italic(value)}`;
}

function optionItem({ flags, description, defaultValue, argChoices, long }: (typeof options)[number]): string {
  const actions = ONLY_WITH[(long ?? '').replace(/^--/, '') as keyof typeof ONLY_WITH];
  const notes = [
    ...(argChoices === undefined ? [] : [`One of ${argChoices.join(', ')}.`]),
    ...(defaultValue === undefined ? [] : [`Default: ${defaultValue}.`]),
    ...(actions === undefined ? [] : [`Only with ${actions.join(', ')}.`]),
  ];
  // The help begins with the actions that an option is for.
  const said = actions === undefined ? description : description.replace(/^[^:]*: /, '');
  const sentence = `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
  return item(term(flags), rich([sentence, ...notes].join(' ')));
}

export function manualOfTheCommand(): string {
  return page('tsdirectord', 8, [
    section('NAME', 'tsdirectord \\- checks the real servers of Linux Virtual Server clusters'),
    section(
      'SYNOPSIS',
      `.B tsdirectord\n${italic('ACTION')} [${bold('-f')} ${italic('CONFIG')}] [${italic('options')}]`,
      `.br\n.B tsdirectord\n[${italic('options')}] [${bold('--')}] [${italic('CONFIG')}] ${italic('ACTION')}`,
    ),
    section(
      'DESCRIPTION',
      plain(SUMMARY),
      paragraph(
        'A server that fails its check gets no new connections, and gets them back when it is well again. It is ' +
          'ldirectord written anew: it reads its configuration, *ldirectord.cf*(5), takes its command line (the second form ' +
          'above) and writes its log lines.',
      ),
      paragraph(
        'CONFIG is looked for in /etc/ha.d, in /etc/ha.d/conf, and in the current directory; without it ldirectord.cf is ' +
          'used. A path that begins with /, ./ or ../ is only looked for there. Each configuration has a daemon of its own.',
      ),
    ),
    section(
      'ACTIONS',
      ...Object.entries(ACTIONS).map(([name, meaning]) =>
        item(bold(name), `${rich(meaning.charAt(0).toUpperCase() + meaning.slice(1))}.`),
      ),
    ),
    section('OPTIONS', ...options.map(optionItem)),
    section(
      'CHECKING A CONFIGURATION',
      paragraph(
        '`check` prints every error and warning with its line and column, and says at the end whether the configuration is ' +
          'correct. Nothing is created or changed. Names are looked up, because a name that has no address is an error. Without ' +
          "root, a logfile or monitorfile that cannot be written is only a warning: the daemon's user may be able to.",
      ),
      paragraph(
        '`check --explain` prints the configuration as it is understood: with all defaults, ranges of servers spread out, ' +
          "names replaced by addresses, and each server's check in words. A comment behind each value says where it comes " +
          'from. The output is a configuration itself, which means the same, but for secrets: they are shown as ********.',
      ),
      paragraph('`check --json` prints one object:'),
      item(bold('file'), 'The absolute path.'),
      item(bold('correct'), 'Whether it can be used.'),
      item(
        bold('diagnostics'),
        rich(
          'A list of objects with `severity` (error or warning), `line`, `column`, `length`, `message`, mostly `hint`. ' +
            'The place is absent where it is about the whole file: who may change it.',
        ),
      ),
      item(
        bold('configuration'),
        rich(
          'What is understood, null with errors: the global values, and `virtuals`, a list of the virtual services with their ' +
            '`reals`, each with its `check`: whom it asks (`target`) and what (`spec`). Times end in Ms (milliseconds) or ' +
            'Seconds. Values that are not set are absent; secrets are masked.',
        ),
      ),
      item(
        bold('explanation'),
        rich(
          'With --explain: `globals`, and `virtuals` with their `virtual`, `settings` and `reals`, each as objects of `name`, ' +
            '`value` (as it would be written), `from`, and for a server `check`; `unset` names what was not given.',
        ),
      ),
    ),
    section(
      'LOOKING AHEAD',
      paragraph(
        "`plan` reads the kernel's table, as *ipvsadm*(8) shows it, and prints the commands that would make it what a start " +
          'wants at once, with the reason of each; it makes none. A server that is in the table with a weight counts as up ' +
          'until a check says otherwise, one that is not gets its traffic after its first good check. The daemon that runs ' +
          'knows better, which the first line says then: it also removes the virtual services that a reload no longer finds. ' +
          'With --ipvs memory the table is taken to be empty.',
      ),
    ),
    section(
      'EXIT STATUS',
      ...Object.entries(EXIT_STATUS).map(([code, meaning]) => item(bold(code), `${rich(meaning)}.`)),
      paragraph(
        '`status` ends with 0 when the daemon runs, 1 when it died and left its pid file, 3 when it is stopped.',
      ),
    ),
    section(
      'SIGNALS',
      item(bold('SIGHUP'), 'Reload the configuration. One with errors is logged and changes nothing.'),
      item(`${bold('SIGTERM')}, ${bold('SIGINT')}`, rich('Stop, as `stop` does.')),
    ),
    section(
      'FILES',
      item(italic('/etc/ha.d/ldirectord.cf'), 'The configuration.'),
      item(italic('/var/run/ldirectord.CONFIG.pid'), 'The pid file of the daemon of CONFIG.'),
      item(italic('/var/log/ldirectord.log'), 'The log, when the configuration names no other.'),
    ),
    section('EXAMPLES', example(EXAMPLES.map(([words, meaning]) => `# ${meaning}\ntsdirectord ${words}`).join('\n\n'))),
    section('SEE ALSO', `${bold('ldirectord.cf')}(5), ${bold('ipvsadm')}(8)`),
  ]);
}
