// What is on top's screen, line by line, for any size of it.
import { columnsOf, cut, fill, plain } from '../columns.ts';
import { type Paint, painter, shortSpan, shortTally, span } from '../words.ts';
import { HELP } from './help.ts';
import { detailLines, type Line, nameColumns, type Piece, rowLine, titleLine, type View } from './lines.ts';
import { indexOf, type Prompt, type TopState } from './model.ts';
import type { Row, Sort } from './rows.ts';

/** How many rows of the list fit. */
export function listHeight(view: View): number {
  return Math.max(1, view.height - headHeight(view) - 1 - footHeights(view).details - footHeights(view).rest);
}

/** As many lines as the screen has. `rows` are what the state has chosen of the snapshot. */
export function screen(state: TopState, rows: readonly Row[], view: View): string[] {
  const paint = painter(view.color);
  const lines = state.help ? HELP.map((text): Line => [[undefined, text]]) : listLines(state, rows, view);
  const all = Array.from({ length: view.height }, (_, index) => lines[index] ?? []);
  return all.map((line) => fitted(line, view, paint));
}

function listLines(state: TopState, rows: readonly Row[], view: View): Line[] {
  const height = listHeight(view);
  const shown = rows.slice(state.first, state.first + height);
  const selected = indexOf(state, rows) - state.first;
  const style = { ...view, nameColumns: nameColumns(rows, view.width) };
  const list = shown.map((row, index) => rowLine(row, index === selected, style));
  if (list.length === 0) list.push([[undefined, nothingText(state, view)]]);
  const { details, rest } = footHeights(view);
  const foot = [messageLine(state, rows, view), KEYS];
  return [
    ...headOf(view),
    titleLine(style),
    ...list,
    ...Array.from({ length: Math.max(0, height - list.length) }, (): Line => []),
    ...detailLines(rows[indexOf(state, rows)], view, details),
    ...foot.slice(0, rest),
  ];
}

/** On a small screen the list comes first. */
function footHeights({ height }: View): { readonly details: number; readonly rest: number } {
  return {
    details: height < 12 ? 0 : height < 20 ? 2 : height < 36 ? 3 : 5,
    rest: height < 5 ? 0 : height < 8 ? 1 : 2,
  };
}

function headHeight({ snapshot, lost }: View): number {
  if (snapshot === undefined) return 1;
  return 2 + (lost === undefined ? 0 : 1) + (snapshot.trouble === undefined ? 0 : 1);
}

function headOf(view: View): Line[] {
  const { snapshot, now, seenAt, lost, width } = view;
  if (snapshot === undefined) return [[['bold', 'tsdirectord']]];
  const { version, pid, path, state, startedAt, trouble } = snapshot;
  const clock = new Date(now).toTimeString().slice(0, 8);
  const doing = lost === undefined ? `${state} ${shortSpan(now - startedAt)}` : 'not answering';
  // The path comes last: it may be cut off.
  const left = `tsdirectord ${version}, pid ${pid}, ${doing}: ${plain(path, view)}`;
  const room = Math.max(0, width - clock.length - 1);
  return [
    [
      ['bold', fill(cut(left, room, view.unicode), room)],
      [undefined, ` ${clock}`],
    ],
    [[undefined, shortTally(snapshot)]],
    ...(lost === undefined
      ? []
      : [[['red', `! No answer for ${span(now - seenAt)}, trying again: ${plain(lost, view)}`]] satisfies Line]),
    ...(trouble === undefined
      ? []
      : [[['red', `! The kernel's table is not as it should be: ${plain(trouble, view)}`]] satisfies Line]),
  ];
}

function messageLine(state: TopState, rows: readonly Row[], view: View): Line {
  const { prompt, said, paused, filter, only, sort } = state;
  if (prompt !== undefined) return [['inverse', promptText(prompt, view)]];
  if (said !== undefined) return [[said.isBad ? 'red' : 'bold', `${said.isBad ? '! ' : ''}${plain(said.text, view)}`]];
  const service = rows[0]?.virtual.name;
  const parts = [
    ...(only === undefined ? [] : [`only ${service ?? only}: esc shows all`]),
    ...(filter === '' ? [] : [`filter "${plain(filter, view)}"${only === undefined ? ': esc ends it' : ''}`]),
    ...(sort === 'file' ? [] : [SORTED[sort]]),
    ...(rows.length > listHeight(view) ? [`line ${indexOf(state, rows) + 1} of ${rows.length}`] : []),
  ];
  return [
    ...(paused ? [['inverse', 'PAUSED: space goes on'] satisfies Piece, [undefined, '  '] satisfies Piece] : []),
    [undefined, parts.join(', ')],
  ];
}

const SORTED: Readonly<Record<Sort, string>> = {
  file: '',
  trouble: 'trouble first',
  connections: 'most connections first',
  name: 'by name',
};

/** The end of a question, where it is answered, is always seen. */
function promptText(prompt: Prompt, { width, unicode }: View): string {
  if (prompt.kind === 'filter') {
    // What is being typed is seen, its beginning may be not.
    const typed =
      columnsOf(prompt.text) > width - 9 ? [...prompt.text].slice(-Math.floor((width - 9) / 2)).join('') : prompt.text;
    return `Filter: ${typed}_  enter keeps it, esc not`;
  }
  if (prompt.kind === 'weight') return `${cut(prompt.question, width - 12, unicode)} ${prompt.text}_`;
  const end = ' y/n';
  return `${cut(prompt.question, width - end.length, unicode)}${end}`;
}

function nothingText({ filter, only }: TopState, view: View): string {
  const { snapshot, lost } = view;
  if (snapshot === undefined)
    return lost === undefined ? 'Asking the daemon...' : `! The daemon does not answer: ${plain(lost, view)}`;
  if (filter !== '') return 'Nothing matches the filter: esc ends it';
  return only === undefined ? 'There is no virtual service.' : 'This service is not configured any more: esc shows all';
}

const KEYS: Line = Object.entries({
  d: 'drain',
  x: 'disable',
  e: 'enable',
  w: 'weight',
  r: 'recheck',
  '/': 'filter',
  s: 'sort',
  '?': 'help',
  q: 'quit',
}).flatMap(
  ([key, what]): Line => [
    ['bold', key],
    [undefined, ` ${what} `],
  ],
);

/** Cut at the edge of the screen. */
function fitted(line: Line, { width, unicode }: View, paint: Paint): string {
  let left = width;
  let text = '';
  for (const [tone, piece] of line) {
    const part = cut(piece, left, unicode);
    text += paint(tone, part);
    left -= columnsOf(part);
    if (part !== piece || left <= 0) break;
  }
  return text;
}
