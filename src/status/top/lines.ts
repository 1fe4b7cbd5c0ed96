// The lines of top's list, and those below it that tell all of the selected one.
import { columnsOf, fill, type Look, plain, wrap } from '../columns.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../snapshot.ts';
import {
  checkWordsOf,
  flapsOf,
  healthWord,
  isUp,
  notesOf,
  ordersOf,
  shortSpan,
  span,
  type Tone,
  took,
  wordSince,
} from '../words.ts';
import type { Row } from './rows.ts';

export interface View extends Look {
  /** Lines of the screen. */
  readonly height: number;
  /** Undefined until the daemon has answered for the first time. */
  readonly snapshot: DaemonSnapshot | undefined;
  /** When the snapshot was taken; while it is paused or the daemon is away, times stand still. Milliseconds since 1970. */
  readonly seenAt: number;
  readonly now: number;
  /** Why the daemon cannot be asked. */
  readonly lost: string | undefined;
}

/** A piece of a line in one colour. */
export type Piece = readonly [tone: Tone | undefined, text: string];
export type Line = readonly Piece[];

export interface Style extends View {
  readonly nameColumns: number;
}

interface Cell {
  readonly title: string;
  readonly columns: number;
  /** Shown on a narrow screen, too. */
  readonly always?: true;
  readonly of: (server: ServerSnapshot, now: number) => string | number;
}

/** What stands between the health word and the reason. */
const CELLS: readonly Cell[] = [
  { title: 'SINCE', columns: 6, always: true, of: (server, now) => sinceThen(wordSince(server), now) },
  { title: 'WEIGHT', columns: 6, of: ({ kernel }) => kernel?.weight ?? '-' },
  { title: 'ACTIVE', columns: 7, always: true, of: ({ kernel }) => kernel?.activeConnections ?? '-' },
  { title: 'INACT', columns: 7, of: ({ kernel }) => kernel?.inactiveConnections ?? '-' },
  { title: 'CHECK', columns: 6, of: ({ lastCheck }, now) => sinceThen(lastCheck?.at, now) },
];
/** A narrower screen has fewer cells. */
const NARROW = 70;
const HEALTH_COLUMNS = 9;
const MOST_NAME_COLUMNS = 47;
const LEAST_NAME_COLUMNS = 12;
const LEAST_WHY_COLUMNS = 10;
const MARK_COLUMNS = 2;

function sinceThen(then: number | undefined, now: number): string {
  return then === undefined ? '-' : shortSpan(now - then);
}

const cellsOn = (width: number): readonly Cell[] => CELLS.filter(({ always }) => always || width >= NARROW);

/** How wide the names are of what is listed. */
export function nameColumns(rows: readonly Row[], width: number): number {
  let widest = LEAST_NAME_COLUMNS;
  for (const row of rows) if (row.kind === 'server') widest = Math.max(widest, row.server.name.length);
  const cells = cellsOn(width).reduce((sum, { columns }) => sum + columns + 1, 0);
  const room = width - MARK_COLUMNS - 1 - HEALTH_COLUMNS - 1 - cells - LEAST_WHY_COLUMNS;
  return Math.min(widest, MOST_NAME_COLUMNS, Math.max(LEAST_NAME_COLUMNS, room));
}

export function titleLine({ nameColumns: columns, width }: Style): Line {
  const cells = cellsOn(width).map((cell) => fill(cell.title, cell.columns, 'end'));
  const title = `  ${fill('SERVER', columns)} ${fill('HEALTH', HEALTH_COLUMNS)} ${cells.join(' ')} REASON`;
  return [['inverse', fill(title, width)]];
}

export function rowLine(row: Row, isSelected: boolean, style: Style): Line {
  const mark: Piece = ['bold', isSelected ? (style.unicode ? '▶ ' : '> ') : '  '];
  if (row.kind === 'virtual') return [mark, ...virtualPieces(row.virtual, style)];
  if (row.kind === 'fallback') return [mark, ...fallbackPieces(row.virtual, style)];
  return [mark, ...serverPieces(row.server, row.virtual, isSelected, style)];
}

function virtualPieces(virtual: VirtualSnapshot, style: Style): Line {
  const { protocol, name, scheduler, serviceName, servers, differs } = virtual;
  const called = serviceName === undefined ? '' : ` "${plain(serviceName, style, 40)}"`;
  const title = `${protocol.toUpperCase()} ${name} ${scheduler}${called}`;
  const blanks = ' '.repeat(Math.max(2, style.nameColumns + 1 - columnsOf(title)));
  const up = servers.filter(isUp).length;
  const tone: Tone = up === 0 ? 'red' : up < servers.length ? 'yellow' : 'green';
  const count: Piece = [tone, up === 0 ? 'NONE up' : `${up}/${servers.length} up`];
  const wrong: Line = differs === undefined ? [] : [['red', `  ! ${plain(differs, style)}`]];
  return [['bold', title], [undefined, blanks], ...(servers.length === 0 ? [] : [count]), ...wrong];
}

function serverPieces(server: ServerSnapshot, virtual: VirtualSnapshot, isSelected: boolean, style: Style): Line {
  const { name, differs } = server;
  const { word, tone } = healthWord(server, virtual.failureCount);
  const cells = cellsOn(style.width).map(({ columns, of }) => fill(`${of(server, style.seenAt)}`, columns, 'end'));
  // The health word counts the failures already.
  const why = [...ordersOf(server), ...flapsOf(server), checkWordsOf(server)].join('; ');
  return [
    [isSelected ? 'bold' : undefined, fill(cutStart(name, style), style.nameColumns)],
    [tone, ` ${fill(word, HEALTH_COLUMNS)} `],
    [undefined, `${cells.join(' ')} `],
    ...(differs === undefined ? [] : [['red', `! ${plain(differs, style)}; `] satisfies Piece]),
    [undefined, plain(why, style)],
  ];
}

/** The end of an address and its port tell more than its beginning. */
function cutStart(name: string, { nameColumns: columns, unicode }: Style): string {
  return name.length <= columns ? name : `${unicode ? '…' : '~'}${name.slice(name.length - columns + 1)}`;
}

function fallbackPieces({ fallback }: VirtualSnapshot, style: Style): Line {
  if (fallback === undefined) return [];
  const { name, active } = fallback;
  return [
    [undefined, fill(cutStart(name, style), style.nameColumns)],
    active ? ['yellow', ' FALLBACK  has the traffic'] : [undefined, ' fallback  not needed'],
  ];
}

/** All there is to say of what is selected, in `count` lines: what it is in the first, and why it is so in the others. */
export function detailLines(row: Row | undefined, view: View, count: number): Line[] {
  if (row === undefined) return Array.from({ length: count }, () => []);
  const [what, why] = row.kind === 'server' ? serverDetails(row, view) : virtualDetails(row.virtual, view);
  const [tone, text] = why;
  const lines: Line[] = [[['bold', what]], ...wrap(text, view.width).map((line): Line => [[tone, line]])];
  return Array.from({ length: count }, (_, index) => lines[index] ?? []);
}

type Details = readonly [what: string, why: Piece];

function serverDetails({ server, virtual }: Extract<Row, { kind: 'server' }>, view: View): Details {
  const { name, weight, forwarding, lastCheck, differs } = server;
  const checked =
    lastCheck === undefined ? '' : `, checked ${span(view.seenAt - lastCheck.at)} ago in ${took(lastCheck.durationMs)}`;
  const wrong = differs === undefined ? [] : [`! ${differs}`];
  const why = [...wrong, ...notesOf(server, virtual.failureCount), checkWordsOf(server)].join('; ');
  return [
    `${name} (${virtual.name}) ${forwarding}, weight ${weight}${checked}`,
    [differs === undefined ? undefined : 'red', plain(why, view, 600)],
  ];
}

function virtualDetails(virtual: VirtualSnapshot, view: View): Details {
  const { protocol, name, scheduler, persistentSeconds, failureCount, fallback, differs } = virtual;
  const persistent = persistentSeconds > 0 ? `, persistent ${persistentSeconds} s` : '';
  const behind = fallback && `fallback ${fallback.name} ${fallback.active ? 'has the traffic' : 'is not needed'}`;
  return [
    `${protocol.toUpperCase()} ${name}: ${scheduler}${persistent}, failurecount ${failureCount}`,
    differs === undefined ? [undefined, behind ?? ''] : ['red', `! ${plain(differs, view)}`],
  ];
}
