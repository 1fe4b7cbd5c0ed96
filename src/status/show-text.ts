// What `show` prints: the services as `ipvsadm -Ln` shows them, and beside each server how it is, since when and why. Nothing is
// cut off: where a line is not wide enough, what does not fit stands below it.
import type { Listed } from '../ipvs/save-format.ts';
import { columnsOf, fill, type Look, plain, wrap } from './columns.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from './snapshot.ts';
import { headLines } from './text.ts';
import {
  checkWords,
  checkWordsOf,
  healthWord,
  isUp,
  notesOf,
  type Paint,
  painter,
  span,
  type Tone,
  took,
  wordSince,
} from './words.ts';

/** ipvsadm's width of a server's name; longer ones may widen it up to an IPv6 address where there is room. */
const NAME_COLUMNS = 28;
const MOST_NAME_COLUMNS = 47;
const HEALTH_COLUMNS = 9;
/** From this width on a server is one line. */
const WIDE = 150;
/** Where what is said below a server begins. */
const INDENT = 7;
const ARROW = '  -> ';
/** As ipvsadm names the forwarding methods. */
const FORWARDING = { gate: 'Route', masq: 'Masq', ipip: 'Tunnel', local: 'Local' } as const;

interface Style extends Look {
  readonly now: number;
  readonly paint: Paint;
  readonly nameColumns: number;
  readonly isWide: boolean;
}

/** The whole answer, for a terminal or a file. `now`: milliseconds since 1970. */
export function showText(snapshot: DaemonSnapshot, now: number, look: Look): string {
  const paint = painter(look.color);
  const isWide = look.width >= WIDE;
  const style: Style = { ...look, now, paint, isWide, nameColumns: isWide ? widestName(snapshot, look) : NAME_COLUMNS };
  return [
    ...headLines(snapshot, now).flatMap(([tone, line]) => wrap(line, look.width).map((each) => paint(tone, each))),
    '',
    ...titles(style),
    ...snapshot.virtuals.flatMap((virtual) => virtualLines(virtual, style)),
  ].join('\n');
}

function widestName({ virtuals }: DaemonSnapshot, { width }: Look): number {
  let widest = NAME_COLUMNS;
  for (const { servers } of virtuals) for (const { name } of servers) widest = Math.max(widest, name.length);
  return Math.min(widest, MOST_NAME_COLUMNS, NAME_COLUMNS + width - WIDE);
}

/** What ipvsadm shows behind a name. Dashes: the kernel has nothing. */
function cellsOf(kernel: Listed | undefined, forwarding: string): string {
  if (kernel === undefined) return cellsText(forwarding, '-', '-', '-');
  const { weight, activeConnections, inactiveConnections } = kernel;
  return cellsText(FORWARDING[kernel.forwarding], weight, activeConnections, inactiveConnections);
}

function cellsText(...[forwarding, weight, active, inactive]: readonly (string | number)[]): string {
  return `${fill(`${forwarding}`, 7)} ${fill(`${weight}`, 6)} ${fill(`${active}`, 10)} ${fill(`${inactive}`, 9)}`;
}

function timesText(since: string, checked: string, took: string): string {
  return `${fill(since, 11)} ${fill(checked, 15)} ${fill(took, 7)}`;
}

const CELLS_COLUMNS = cellsText('', '', '', '').length;
const TIMES_COLUMNS = timesText('', '', '').length;

/** Where the health words stand, and on wide terminals the reasons. */
const healthColumn = ({ nameColumns }: Style): number => ARROW.length + nameColumns + 1 + CELLS_COLUMNS + 1;
const whyColumn = (style: Style): number => healthColumn(style) + HEALTH_COLUMNS + 1 + TIMES_COLUMNS + 1;

function titles({ paint, nameColumns, isWide }: Style): string[] {
  const cells = cellsText('Forward', 'Weight', 'ActiveConn', 'InActConn');
  const more = isWide ? `${fill('Health', HEALTH_COLUMNS)} ${timesText('Since', 'Checked', 'Took')} Why` : 'Health';
  return [
    paint('bold', 'Prot LocalAddress:Port Scheduler Flags'),
    paint('bold', `${ARROW}${fill('RemoteAddress:Port', nameColumns)} ${cells} ${more}`),
  ];
}

function virtualLines(virtual: VirtualSnapshot, style: Style): string[] {
  const { name, protocol, scheduler, persistentSeconds, serviceName, servers, fallback, differs } = virtual;
  const flags = persistentSeconds > 0 ? ` persistent ${persistentSeconds}` : '';
  const called = serviceName === undefined ? '' : `  "${plain(serviceName, style, 60)}"`;
  const title = `${fill(protocol.toUpperCase(), 4)} ${name} ${scheduler}${flags}${called}`;
  const blanks = ' '.repeat(Math.max(2, healthColumn(style) - columnsOf(title)));
  return [
    `${style.paint('bold', title)}${blanks}${upText(servers, style)}`.trimEnd(),
    ...(differs === undefined ? [] : below([['red', `! ${plain(differs, style)}`]], style)),
    ...servers.flatMap((server) => serverLines(server, virtual, style)),
    ...(fallback === undefined ? [] : fallbackLines(fallback, style)),
  ];
}

function upText(servers: readonly ServerSnapshot[], { paint }: Style): string {
  if (servers.length === 0) return '';
  const up = servers.filter(isUp).length;
  const tone: Tone = up === 0 ? 'red' : up < servers.length ? 'yellow' : 'green';
  return paint(tone, up === 0 ? 'NONE up' : `${up}/${servers.length} up`);
}

function serverLines(server: ServerSnapshot, { failureCount }: VirtualSnapshot, style: Style): string[] {
  const { name, kernel, forwarding, lastCheck, differs } = server;
  const { now, paint, isWide } = style;
  const { word, tone } = healthWord(server, failureCount);
  const cells = cellsOf(kernel, FORWARDING[forwarding]);
  const checked = lastCheck && { ago: `${span(now - lastCheck.at)} ago`, took: took(lastCheck.durationMs) };
  const wrong = differs === undefined ? [] : [`! ${plain(differs, style)}`];
  const notes = notesOf(server, failureCount).map((note) => plain(note, style));
  const since = wordSince(server);
  if (isWide) {
    const times = timesText(since === undefined ? '-' : span(now - since), checked?.ago ?? '-', checked?.took ?? '-');
    const row = `${cells} ${paint(tone, fill(word, HEALTH_COLUMNS))} ${times} `;
    const why = [...wrong, ...notes, plain(checkWordsOf(server), style)].join('; ');
    return rowLines(name, row, style, [wrong.length > 0 ? 'red' : undefined, why]);
  }
  const isHeld = server.heldDown !== undefined;
  const forced = isHeld && since !== undefined ? `for ${span(now - since)}: ` : '';
  const state = isHeld ? `its checks: ${server.state} ` : '';
  const when = checked === undefined ? ';' : `, checked ${checked.ago} in ${checked.took}:`;
  return [
    ...rowLines(name, `${cells} ${paint(tone, word)}`, style),
    ...below(
      [
        ...wrong.map((text): Part => ['red', text]),
        ...(notes.length === 0 ? [] : [['yellow', `${forced}${notes.join('; ')}`] satisfies Part]),
        [undefined, `${state}for ${span(now - server.since)}${when} ${plain(checkWords(server), style)}`],
      ],
      style,
    ),
  ];
}

function fallbackLines({ name, active, kernel }: NonNullable<VirtualSnapshot['fallback']>, style: Style): string[] {
  const cells = cellsOf(kernel, '-');
  const word = active ? style.paint('yellow', 'FALLBACK') : 'fallback';
  const why: Part = [undefined, active ? 'has the traffic, because no real server is up' : 'not needed'];
  if (!style.isWide) return [...rowLines(name, `${cells} ${word}`, style), ...below([why], style)];
  return rowLines(name, `${cells} ${word}${' '.repeat(HEALTH_COLUMNS - 8 + 1 + TIMES_COLUMNS + 1)}`, style, why);
}

type Part = readonly [tone: Tone | undefined, text: string];

/**
 * A server's line: its name, the cells behind it, and what follows them, which goes on below itself. A name that is wider than its
 * column has a line of its own, as df does it.
 */
function rowLines(name: string, cells: string, style: Style, [tone, why]: Part = [undefined, '']): string[] {
  const { nameColumns, width, paint } = style;
  const column = whyColumn(style);
  const [first = '', ...rest] = why === '' ? [] : wrap(why, width - column).map((line) => paint(tone, line));
  const after = [`${cells}${first}`, ...rest.map((line) => ' '.repeat(column - ARROW.length - nameColumns - 1) + line)];
  const isLong = name.length > nameColumns;
  const before = (index: number): string =>
    index === 0 && !isLong ? `${ARROW}${fill(name, nameColumns)} ` : ' '.repeat(ARROW.length + nameColumns + 1);
  return [...(isLong ? [`${ARROW}${name}`] : []), ...after.map((text, index) => `${before(index)}${text}`)];
}

function below(parts: readonly Part[], { width, paint }: Style): string[] {
  const room = Math.max(20, width - INDENT);
  return parts.flatMap(([tone, text]) => wrap(text, room).map((line) => ' '.repeat(INDENT) + paint(tone, line)));
}
