// The manual page of the configuration: its directives and services are the rows of the program's tables.
import { readFileSync } from 'node:fs';
import { DIRECTIVES, type Directive, directive, REPLACED, type Scope } from '../../src/config/directives.ts';
import { SERVICE_NAMES, type ServiceName, serviceOf } from '../../src/config/services.ts';
import { bold, example, item, page, paragraph, plain, rich, section } from './roff.ts';

const ARTICLE = new URL('../../fixtures/good/article.cf', import.meta.url);

function directivesOf(scope: Scope): string[] {
  return Object.keys(DIRECTIVES).flatMap((name) => {
    const row = directive(name);
    return row?.scope === scope ? [directiveItem(name, row)] : [];
  });
}

function directiveItem(name: string, row: Directive<unknown>): string {
  const { syntax, byDefault, doc, deprecated, repeatable } = row;
  return item(
    `${bold(name)} = ${plain(syntax)}`,
    rich(
      [
        doc,
        ...(repeatable === undefined ? [] : ['May be given more than once.']),
        ...(deprecated === undefined ? [] : [`Deprecated: ${deprecated}.`]),
      ].join(' '),
    ),
    ...(byDefault === '' ? [] : [rich(`Default: ${byDefault}.`)]),
  );
}

function serviceItem(name: ServiceName): string {
  const { port, options, asks, up } = serviceOf(name);
  const read = options.map((option) => `\`${option}\``).join(', ');
  return item(
    `${bold(name)}${port === undefined ? '' : ` (port ${port})`}`,
    rich(`Asks: ${asks}.`),
    rich(`Up: ${up}.`),
    ...(options.length === 0 ? [] : [rich(`Reads ${read}.`)]),
  );
}

const CHECK_TYPES: readonly (readonly [string, string])[] = [
  ['negotiate', 'What the service says, see SERVICES; at most `negotiatetimeout`.'],
  ['connect', 'The connection is accepted, within `checktimeout`. For UDP a ping: an open UDP port says nothing.'],
  ['ping', 'An ICMP echo is answered, within `checktimeout`. Uses fping when it is installed, else ping.'],
  [
    'external',
    "`checkcommand` is run with the virtual's address (or mark) and port and the server's address and port. Exit status 0 is " +
      'up; at `checktimeout` it is ended with its children.',
  ],
  ['external-perl', 'The same, run by perl.'],
  ['on', 'Never asked, always up.'],
  ['off', 'Never asked, never in service; the fallback does not come in for it.'],
  ['N', 'A negotiate check, then N connect checks while they succeed, then a negotiate check again.'],
];

export function manualOfTheConfiguration(): string {
  return page('ldirectord.cf', 5, [
    section('NAME', 'ldirectord.cf \\- configuration of tsdirectord and ldirectord'),
    section(
      'DESCRIPTION',
      rich(
        'The file says which virtual services there are, which real servers each of them has, and how these are checked. ' +
          'It is read by *tsdirectord*(8), which takes the files of ldirectord as they are.',
      ),
      paragraph(
        'A line is `name = value`. `#` begins a comment, not inside double quotes. A line `virtual =` (or `virtual6 =`) in the ' +
          'first column opens the block of a virtual service; the lines of the block are indented by a tab or at least four ' +
          'spaces. Blank lines make no difference. A directive that is given again replaces what was given before, ' +
          'unless it may be given more than once.',
      ),
      paragraph(
        'Text stands in double quotes, which may be left out where it has no blanks. A host may be a name wherever an address ' +
          'may stand, and a port the name of a service; they are looked up when the file is read. IPv6 addresses with a port ' +
          'stand in brackets. Commands are split at blanks, with quotes round what belongs together: no shell runs.',
      ),
      paragraph('`tsdirectord check` tells what is wrong with a file, `tsdirectord check --explain` what it means.'),
    ),
    section('EXAMPLE', paragraph('Two web servers behind one address:'), example(readFileSync(ARTICLE, 'utf8'))),
    section('GLOBAL DIRECTIVES', paragraph('They stand in the first column.'), ...directivesOf('global')),
    section(
      'GLOBAL DIRECTIVES THAT A BLOCK MAY CHANGE',
      paragraph(
        'In the first column they are the default of every virtual service; in a block they count for it alone.',
      ),
      ...directivesOf('both'),
    ),
    section('DIRECTIVES OF A VIRTUAL SERVICE', paragraph('They stand in a block.'), ...directivesOf('virtual')),
    section(
      'REPLACED DIRECTIVES',
      ...Object.entries(REPLACED).map(([name, instead]) => item(bold(name), rich(`Refused: ${instead}.`))),
    ),
    section('CHECK TYPES', ...CHECK_TYPES.map(([name, meaning]) => item(bold(name), rich(meaning)))),
    section(
      'SERVICES',
      paragraph(
        'What a negotiate check speaks. A virtual service that names none has the one whose usual port it has. Where a service ' +
          'is not told how to log in, it does not. Besides what it reads, `negotiatetimeout`, `checkport` and, where TLS is ' +
          'spoken, `virtualhost` count for each.',
      ),
      ...SERVICE_NAMES.map(serviceItem),
    ),
    section('SEE ALSO', `${bold('tsdirectord')}(8), ${bold('ipvsadm')}(8)`),
  ]);
}
