// What top does with a key: from what is on the screen, and the key, to what is on the screen next, and what is to be done. No input
// and no output.
import { isWeight, MAX_WEIGHT } from '../../operator/overrides.ts';
import type { ServerSnapshot, VirtualSnapshot } from '../snapshot.ts';
import { isUp } from '../words.ts';
import type { Key } from './keys.ts';
import { type Choice, type Row, SORTS } from './rows.ts';

/** What the daemon is to be ordered, once somebody has said yes. */
export interface Order {
  readonly op: 'drain' | 'disable' | 'enable' | 'weight' | 'recheck';
  /** Key of the virtual service, or `all`. */
  readonly virtual: string;
  /** Name of the server, or `all`. */
  readonly real: string;
  readonly weight?: number;
}

/** What is being asked in the last but one line. */
export type Prompt =
  | { readonly kind: 'filter'; readonly text: string; readonly before: string }
  | { readonly kind: 'weight'; readonly text: string; readonly target: Target; readonly question: string }
  | { readonly kind: 'confirm'; readonly order: Order; readonly question: string };

/** Whom an order is about: fixed when its key is pressed, so that it stays the same while lists move. */
interface Target {
  readonly virtual: string;
  readonly real: string;
}

export interface TopState extends Choice {
  /** The line that keys are about; `index` is where it was, for when it is gone. */
  readonly selected: { readonly id: string | undefined; readonly index: number };
  /** The first line that is seen. */
  readonly first: number;
  readonly paused: boolean;
  readonly help: boolean;
  readonly prompt: Prompt | undefined;
  /** What came of the last order, until the next key. */
  readonly said: { readonly text: string; readonly isBad: boolean } | undefined;
}

export const BEGINNING: TopState = {
  sort: 'file',
  filter: '',
  only: undefined,
  selected: { id: undefined, index: 0 },
  first: 0,
  paused: false,
  help: false,
  prompt: undefined,
  said: undefined,
};

export type Effect = 'quit' | 'suspend' | 'redraw' | Order;

export interface Next {
  readonly state: TopState;
  readonly effect?: Effect;
}

/** What is on the screen: the rows, and how many of them fit. */
export interface Seen {
  readonly rows: readonly Row[];
  readonly height: number;
}

export function press(before: TopState, key: Key, seen: Seen): Next {
  const state = { ...before, said: undefined };
  if (key === 'ctrl-c') return { state, effect: 'quit' };
  if (key === 'ctrl-z') return { state, effect: 'suspend' };
  if (key === 'ctrl-l') return { state, effect: 'redraw' };
  if (state.prompt !== undefined) return answer(state, state.prompt, key);
  if (typeof key !== 'string') return { state };
  if (state.help) return key === 'q' ? { state, effect: 'quit' } : { state: { ...state, help: false } };
  return MOVES[key] === undefined ? command(state, key, seen) : { state: move(state, MOVES[key](seen.height), seen) };
}

/** How many rows a key goes down. */
const MOVES: Readonly<Record<string, (height: number) => number>> = {
  up: () => -1,
  k: () => -1,
  down: () => 1,
  j: () => 1,
  'page-up': (height) => -Math.max(1, height - 1),
  'page-down': (height) => Math.max(1, height - 1),
  home: () => Number.NEGATIVE_INFINITY,
  g: () => Number.NEGATIVE_INFINITY,
  end: () => Number.POSITIVE_INFINITY,
  G: () => Number.POSITIVE_INFINITY,
};

function move(state: TopState, by: number, { rows }: Seen): TopState {
  const index = Math.min(Math.max(0, rows.length - 1), Math.max(0, indexOf(state, rows) + by));
  return { ...state, selected: { id: rows[index]?.id, index } };
}

/** Where the selected row is now; where it was, when it is gone; the first server at the beginning. */
export function indexOf({ selected: { id, index } }: TopState, rows: readonly Row[]): number {
  const found =
    id === undefined ? rows.findIndex(({ kind }) => kind === 'server') : rows.findIndex((row) => row.id === id);
  return found >= 0 ? found : Math.min(index, Math.max(0, rows.length - 1));
}

/** The state for these rows: something of them is selected, and seen. */
export function settle(state: TopState, { rows, height }: Seen): TopState {
  const index = indexOf(state, rows);
  const last = Math.max(0, rows.length - height);
  // The name of the first server's service is seen with it.
  const top = rows[index - 1]?.kind === 'virtual' ? index - 1 : index;
  const first = Math.min(last, Math.max(index - height + 1, Math.min(state.first, height > 1 ? top : index)));
  return { ...state, selected: { id: rows[index]?.id, index }, first: Math.max(0, first) };
}

function command(state: TopState, key: string, seen: Seen): Next {
  const row = seen.rows[indexOf(state, seen.rows)];
  switch (key) {
    case 'q':
      return { state, effect: 'quit' };
    case '?':
    case 'h':
      return { state: { ...state, help: true } };
    case ' ':
      return { state: { ...state, paused: !state.paused } };
    case 's':
      return { state: { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'file' } };
    case '/':
      return { state: { ...state, prompt: { kind: 'filter', text: state.filter, before: state.filter } } };
    case 'enter':
      return { state: row === undefined ? state : { ...state, only: row.virtual.key } };
    case 'escape':
      return { state: state.only === undefined ? { ...state, filter: '' } : { ...state, only: undefined } };
    case 'd':
    case 'x':
    case 'e':
    case 'w':
    case 'r':
      return { state: ordering(state, key, row) };
    default:
      return { state };
  }
}

const ORDERS = { d: 'drain', x: 'disable', e: 'enable', w: 'weight', r: 'recheck' } as const;

function ordering(state: TopState, key: keyof typeof ORDERS, row: Row | undefined): TopState {
  const op = ORDERS[key];
  if (row?.kind === 'virtual' && op === 'recheck') {
    const { virtual } = row;
    const order: Order = { op, virtual: virtual.key, real: 'all' };
    const question = `Check all ${virtual.servers.length} servers of ${virtual.name} now?`;
    return { ...state, prompt: { kind: 'confirm', order, question } };
  }
  if (row?.kind !== 'server')
    return {
      ...state,
      said: { text: `To ${op === 'weight' ? 'change the weight of' : op} a server, go to its line first`, isBad: true },
    };
  const { virtual, server } = row;
  const target = { virtual: virtual.key, real: server.name };
  if (op === 'weight') {
    const question = `Weight of ${nameOf(virtual, server)} (configured: ${server.weight}):`;
    return { ...state, prompt: { kind: 'weight', text: '', target, question } };
  }
  const isLast = isUp(server) && virtual.servers.filter(isUp).length === 1;
  const question = QUESTIONS[op](`${nameOf(virtual, server)}${isLast ? LAST[op] : ''}`, server);
  return { ...state, prompt: { kind: 'confirm', order: { op, ...target }, question } };
}

/** What takes the last server away should not be said yes to by habit. */
const LAST = { drain: ', the last one up', disable: ', the last one up', enable: '', recheck: '' } as const;

type Question = (name: string, server: ServerSnapshot) => string;

const QUESTIONS: Readonly<Record<Exclude<Order['op'], 'weight'>, Question>> = {
  drain: (name, { kernel }) =>
    `Drain ${name}? It gets no new connections${kernel?.activeConnections ? `, its ${kernel.activeConnections} go on` : ''}.`,
  disable: (name) => `Disable ${name}? It is taken out of service.`,
  enable: (name) => `Enable ${name}? Its checks decide again.`,
  recheck: (name) => `Check ${name} now?`,
};

function nameOf({ name }: VirtualSnapshot, server: ServerSnapshot): string {
  return `${server.name} (${name})`;
}

function answer(state: TopState, prompt: Prompt, key: Key): Next {
  const closed = { ...state, prompt: undefined };
  if (prompt.kind === 'confirm') {
    if (key === 'y' || key === 'Y') return { state: closed, effect: prompt.order };
    return { state: { ...closed, said: { text: 'Nothing was done', isBad: false } } };
  }
  if (key === 'escape') return { state: prompt.kind === 'filter' ? { ...closed, filter: prompt.before } : closed };
  if (key === 'enter') return prompt.kind === 'filter' ? { state: closed } : weighed(closed, prompt);
  const text = edited(prompt.text, key, TYPED[prompt.kind]);
  const filter = prompt.kind === 'filter' ? text : state.filter;
  return { state: { ...state, filter, prompt: { ...prompt, text } } };
}

function weighed(state: TopState, { text, target, question }: Extract<Prompt, { kind: 'weight' }>): Next {
  if (text === '') return { state };
  const weight = Number(text);
  if (!isWeight(weight))
    return { state: { ...state, said: { text: `A weight is from 0 to ${MAX_WEIGHT}`, isBad: true } } };
  const asked = question.replace(/^W/, 'Change the w').replace(/ \(configured.*$/, '');
  const order: Order = { op: 'weight', ...target, weight };
  return { state: { ...state, prompt: { kind: 'confirm', order, question: `${asked} to ${weight}?` } } };
}

/** What cannot be typed there, and how much can. */
const TYPED = { filter: { not: /\p{C}/gu, most: 60 }, weight: { not: /[^0-9]/g, most: 5 } } as const;

function edited(text: string, key: Key, { not, most }: (typeof TYPED)['filter' | 'weight']): string {
  if (key === 'backspace') return [...text].slice(0, -1).join('');
  // Names of keys are longer than a character.
  const added = typeof key !== 'string' ? key.pasted : [...key].length === 1 ? key : '';
  return [...`${text}${added.replace(not, '')}`].slice(0, most).join('');
}
