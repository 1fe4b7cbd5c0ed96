// One server: a row that says how it is, and on request a second one with its last transitions and what may be ordered.
import type { OrderName } from '../../../operator/commands.ts';
import type { Transition } from '../../../operator/history.ts';
import type { Latency } from '../../latencies.ts';
import type { ServerSnapshot } from '../../snapshot.ts';
import { ago, span as spanWords, wordSince } from '../../words.ts';
import { el, markIcon, say } from './dom.ts';
import type { Span } from './history.ts';
import { historyStrip } from './history-strip.ts';
import { latencyPlot } from './latency-plot.ts';
import { milliseconds, plotWords } from './latency-words.ts';
import { ordersFor } from './order-words.ts';
import { grouped, isInMaintenance, markOf, reasonOf, remarksOf, wordOf } from './words.ts';

/** Columns, and what a cell is called where there is no room for a table. */
export const COLUMNS = ['State', 'Server', 'Why', 'Weight', 'Connections', 'Last check', 'History', 'Latency'] as const;
type Column = (typeof COLUMNS)[number];

/** For its width. */
export function columnClass(column: Column): string {
  return `col-${column.toLowerCase().replace(' ', '-')}`;
}

const SHOWN_TRANSITIONS = 20;
/** Made once, because that takes long. */
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export interface Past {
  readonly transitions: readonly Transition[];
  readonly latencies: readonly Latency[];
}

export interface RowParts {
  readonly onOrder: (op: OrderName, server: ServerSnapshot) => void;
  /** Whether orders can be given. */
  readonly steers: () => boolean;
}

export class ServerRow {
  readonly #parts: RowParts;
  readonly #row: HTMLTableRowElement;
  readonly #more: HTMLTableRowElement;
  readonly #toggle: HTMLButtonElement;
  readonly #cells: Readonly<Record<Column, HTMLTableCellElement>>;
  #server: ServerSnapshot | undefined;
  #failureCount = 1;
  #past: Past | undefined;
  #drawn = '';

  /** Empty until it is brought up to date. `id`: of its second row. */
  constructor(name: string, id: string, parts: RowParts) {
    this.#parts = parts;
    const cells = COLUMNS.map(
      (column) => [column, el('td', { role: 'cell', class: columnClass(column), 'data-label': column })] as const,
    );
    this.#cells = Object.fromEntries(cells) as Record<Column, HTMLTableCellElement>;
    this.#row = el('tr', { role: 'row', class: 'server' }, ...cells.map(([, cell]) => cell));
    this.#more = el('tr', { role: 'row', class: 'more', id });
    this.#more.hidden = true;
    this.#toggle = el(
      'button',
      { type: 'button', class: 'name', 'aria-expanded': 'false', 'aria-controls': id },
      el('bdi', {}, name),
    );
    this.#toggle.addEventListener('click', () => this.#turn(this.#more.hidden !== false));
    this.#cells.Server.append(this.#toggle);
  }

  get elements(): readonly HTMLTableRowElement[] {
    return [this.#row, this.#more];
  }

  remove(): void {
    for (const element of this.elements) element.remove();
  }

  /** The button of this order, or the server's own. */
  focus(op?: OrderName): void {
    const button = op && this.#more.querySelector<HTMLElement>(`[data-op="${op}"]`);
    (button ?? this.#toggle).focus();
  }

  /** Shows a server as it is now; what has not changed is left alone. */
  update(server: ServerSnapshot, failureCount: number, now: number): void {
    const drawn = JSON.stringify([server, failureCount, this.#parts.steers()]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#server = server;
      this.#failureCount = failureCount;
      this.#draw(server);
    }
    this.tick(now);
  }

  /** Times go on. */
  tick(now: number): void {
    for (const time of this.#row.querySelectorAll<HTMLTimeElement>('time[data-at]')) {
      const at = Number(time.dataset.at);
      say(time, time.dataset.words === 'for' ? `for ${spanWords(now - at)}` : ago(at, now));
    }
  }

  showPast(past: Past, now: number, span: Span): void {
    const server = this.#server;
    if (server === undefined) return;
    const before = this.#since(server);
    this.#past = past;
    if (this.#since(server) !== before) this.#draw(server);
    else if (!this.#more.hidden) this.#drawMore(server);
    this.tick(now);
    this.#cells.History.replaceChildren(historyStrip(past.transitions, now, span));
    this.#cells.Latency.replaceChildren(latencyPlot(past.latencies), longest(past.latencies));
  }

  /** Since when it is as it is. Who is held for maintenance has only its past to tell. */
  #since(server: ServerSnapshot): number | undefined {
    const known = isInMaintenance(server) ? undefined : wordSince(server);
    return known ?? this.#past?.transitions.findLast(({ to }) => to === 'held')?.at;
  }

  #draw(server: ServerSnapshot): void {
    const { kernel, weight, lastCheck } = server;
    const since = this.#since(server);
    const mark = markOf(server);
    this.#row.dataset.mark = mark;
    this.#cells.State.replaceChildren(
      el('span', { class: `state ${mark}` }, markIcon(mark), wordOf(server)),
      ...(since === undefined ? [] : [el('span', { class: 'sub' }, timeOf(since, 'for'))]),
    );
    const remarks = remarksOf(server, this.#failureCount);
    this.#cells.Why.replaceChildren(
      el('bdi', { class: 'reason' }, reasonOf(server)),
      ...remarks.map((remark) => el('span', { class: 'remark' }, markIcon('warning'), el('bdi', {}, remark))),
    );
    this.#cells.Weight.replaceChildren(
      el('span', {}, kernel === undefined ? '–' : String(kernel.weight)),
      ...(kernel?.weight === weight
        ? []
        : [
            el(
              'span',
              { class: 'sub' },
              kernel === undefined ? `not in the kernel, configured ${weight}` : `configured ${weight}`,
            ),
          ]),
    );
    this.#cells.Connections.replaceChildren(
      ...(kernel === undefined
        ? ['–']
        : [
            grouped(kernel.activeConnections),
            el('span', { class: 'sub' }, `${grouped(kernel.inactiveConnections)} inactive`),
          ]),
    );
    this.#cells['Last check'].replaceChildren(
      ...(lastCheck === undefined
        ? ['none yet']
        : [
            `${milliseconds(lastCheck.durationMs)}${lastCheck.outcome === 'up' ? '' : ', failed'}`,
            el('span', { class: 'sub' }, timeOf(lastCheck.at, 'ago')),
          ]),
    );
    if (!this.#more.hidden) this.#drawMore(server);
  }

  #turn(isOpen: boolean): void {
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    this.#row.classList.toggle('open', isOpen);
    this.#more.hidden = !isOpen;
    if (isOpen && this.#server !== undefined) this.#drawMore(this.#server);
  }

  #drawMore(server: ServerSnapshot): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset.op;
    const isHere = this.#more.contains(document.activeElement);
    const { transitions = [], latencies = [] } = this.#past ?? {};
    const shown = transitions.slice(-SHOWN_TRANSITIONS).reverse();
    const orders = this.#parts.steers() ? ordersFor(server) : [];
    const buttons = orders.map(({ op, label }) => {
      const button = el('button', { type: 'button', 'data-op': op }, label);
      button.addEventListener('click', () => this.#parts.onOrder(op, this.#server ?? server));
      return button;
    });
    const history =
      shown.length === 0
        ? el(
            'p',
            {},
            this.#past === undefined ? 'Its history has not come yet.' : 'It has not changed since this is recorded.',
          )
        : el('ol', { class: 'transitions' }, ...shown.map(transitionLine));
    const cell = el(
      'td',
      { role: 'cell', colspan: COLUMNS.length },
      ...(buttons.length > 0
        ? [el('div', { class: 'orders', role: 'group', 'aria-label': `Orders for ${server.name}` }, ...buttons)]
        : []),
      history,
      el('p', { class: 'sub' }, `${plotWords(latencies)}. Forwarding: ${server.forwarding}.`),
    );
    this.#more.replaceChildren(cell);
    if (isHere) (buttons.find(({ dataset }) => dataset.op === focused) ?? this.#toggle).focus({ preventScroll: true });
  }
}

function transitionLine({ at, to, reason }: Transition): HTMLLIElement {
  const word = { up: 'Up', down: 'Down', held: 'Out of service', released: 'Given back' }[to];
  const mark = { up: 'up', down: 'down', held: 'held', released: 'new' }[to];
  return el(
    'li',
    {},
    markIcon(mark),
    exactTime(at),
    ' ',
    el('b', {}, word),
    reason === '' ? '' : ': ',
    el('bdi', {}, reason),
  );
}

/** Its words are brought up to date by tick(). */
function timeOf(at: number, words: 'for' | 'ago'): HTMLTimeElement {
  return el('time', { datetime: iso(at), title: EXACT.format(at), 'data-at': at, 'data-words': words });
}

function exactTime(at: number): HTMLTimeElement {
  return el('time', { datetime: iso(at) }, EXACT.format(at));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function longest(latencies: readonly Latency[]): HTMLSpanElement {
  const most = Math.max(0, ...latencies.map(({ durationMs }) => durationMs));
  return el('span', { class: 'sub', 'aria-hidden': 'true' }, latencies.length === 0 ? '' : `max ${milliseconds(most)}`);
}
