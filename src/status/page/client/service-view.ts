// One service: a line that says how it is, and, opened, its servers.
import type { OrderName } from '../../../operator/commands.ts';
import type { ServerSnapshot } from '../../snapshot.ts';
import { el, markIcon, moveBefore, say } from './dom.ts';
import type { ServiceDetail } from './feed.ts';
import { spanFor } from './history.ts';
import { COLUMNS, columnClass, ServerRow } from './server-row.ts';
import type { Service } from './store.ts';
import { grouped, type Mark, serverRank, serviceTitle, standingWords } from './words.ts';

/** Of one service, problems first; the others on request. */
const MOST_ROWS = 100;

export interface ViewParts {
  readonly onToggle: (key: string, isOpen: boolean) => void;
  readonly onOrder: (op: OrderName, key: string, server: ServerSnapshot) => void;
  readonly steers: () => boolean;
  /** By the daemon's clock, milliseconds since 1970. */
  readonly now: () => number;
}

/** What stands below a service's line while it is open. */
interface Table {
  readonly table: HTMLElement;
  /** Stands in place of the table while there are no servers. */
  readonly none: HTMLElement;
  readonly body: HTMLTableSectionElement;
  /** Says which time the histories show. */
  readonly spanHead: HTMLElement;
  readonly rest: HTMLButtonElement;
}

let lastId = 0;

export class ServiceView {
  readonly element: HTMLElement;
  readonly #parts: ViewParts;
  readonly #key: string;
  readonly #toggle: HTMLButtonElement;
  readonly #body: HTMLDivElement;
  #service: Service;
  #rows: ReadonlyMap<string, ServerRow> = new Map();
  #table: Table | undefined;
  #detail: ServiceDetail | undefined;
  #limit = MOST_ROWS;
  #drawn = '';

  constructor(service: Service, parts: ViewParts) {
    this.#parts = parts;
    this.#service = service;
    this.#key = service.virtual.key;
    const id = `service-${lastId++}`;
    this.#toggle = el('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': id });
    this.#toggle.addEventListener('click', () => parts.onToggle(this.#key, !this.isOpen));
    this.#body = el('div', { class: 'servers', id });
    this.#body.hidden = true;
    this.element = el('article', { class: 'service', 'data-key': this.#key }, el('h3', {}, this.#toggle), this.#body);
  }

  get service(): Service {
    return this.#service;
  }

  get isOpen(): boolean {
    return !this.#body.hidden;
  }

  /** Shows the service as it is now. */
  update(service: Service, now: number): void {
    this.#service = service;
    const { virtual, standing } = service;
    const drawn = JSON.stringify([standing, { ...virtual, servers: undefined }]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#drawHead();
    }
    if (this.isOpen) this.#updateRows(now);
  }

  setOpen(isOpen: boolean, now: number): void {
    this.#body.hidden = !isOpen;
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) this.#updateRows(now);
    else {
      // Closed services keep nothing: there may be a thousand.
      this.#rows = new Map();
      this.#table = undefined;
      this.#detail = undefined;
      this.#limit = MOST_ROWS;
      this.#body.replaceChildren();
    }
  }

  /** The keyboard goes on where an order for this server was asked for. */
  focus(server: string, op: OrderName): void {
    this.#rows.get(server)?.focus(op);
  }

  tick(now: number): void {
    for (const row of this.#rows.values()) row.tick(now);
  }

  showPast(detail: ServiceDetail, now: number): void {
    if (this.#table === undefined) return;
    this.#detail = detail;
    const span = spanFor(
      detail.servers.map(({ transitions }) => transitions),
      now,
    );
    this.#table.spanHead.textContent = ` last ${span.words}`;
    for (const { name, transitions, latencies } of detail.servers)
      this.#rows.get(name)?.showPast({ transitions, latencies }, now, span);
  }

  #drawHead(): void {
    const { virtual, standing } = this.#service;
    const { protocol, scheduler, persistentSeconds, fallback, differs } = virtual;
    const mark = markOfService(this.#service);
    this.element.dataset.mark = mark;
    const settings = [
      protocol === 'fwm' ? 'firewall mark' : protocol.toUpperCase(),
      scheduler,
      ...(persistentSeconds > 0 ? [`persistent ${persistentSeconds} s`] : []),
    ];
    const remarks = [
      ...(fallback?.active === true ? [`The fallback ${fallback.name} has the traffic`] : []),
      ...(differs === undefined ? [] : [`Kernel differs: ${differs}`]),
    ];
    this.#toggle.replaceChildren(
      markIcon(mark),
      el('bdi', { class: 'title' }, serviceTitle(virtual)),
      ' ',
      el('span', { class: 'standing' }, standingWords(standing)),
      ' ',
      el('span', { class: 'sub' }, `${settings.join(' · ')} · ${grouped(standing.activeConnections)} active`),
      ...remarks.map((remark) => el('span', { class: 'remark' }, ' ', markIcon('warning'), el('bdi', {}, remark))),
    );
  }

  /** Rows of servers that stay are kept, whatever else changes: somebody may be reading them. */
  #updateRows(now: number): void {
    const { servers, failureCount } = this.#service.virtual;
    this.#table ??= this.#makeTable();
    const { table, none, body, rest } = this.#table;
    const shown = problemsFirst(servers).slice(0, this.#limit);
    const before = this.#rows;
    this.#rows = new Map(shown.map(({ name }) => [name, before.get(name) ?? this.#makeRow(name)]));
    for (const [name, row] of before) if (!this.#rows.has(name)) row.remove();
    for (const server of shown) this.#rows.get(server.name)?.update(server, failureCount, now);
    const elements = [...this.#rows.values()].flatMap((row) => row.elements);
    for (const [index, element] of elements.entries()) moveBefore(body, element, body.children[index] ?? null);
    table.setAttribute('aria-label', `Servers of ${serviceTitle(this.#service.virtual)}`);
    table.hidden = servers.length === 0;
    none.hidden = !table.hidden;
    const left = servers.length - shown.length;
    rest.hidden = left === 0;
    say(rest, `Show ${Math.min(left, MOST_ROWS)} more of ${grouped(left)}`);
  }

  #makeRow(name: string): ServerRow {
    const { onOrder, steers } = this.#parts;
    return new ServerRow(name, `server-${lastId++}`, {
      steers,
      onOrder: (op, server) => onOrder(op, this.#key, server),
    });
  }

  #makeTable(): Table {
    const spanHead = el('span', { class: 'sub' });
    const heads = COLUMNS.map((name) =>
      el(
        'th',
        { role: 'columnheader', scope: 'col', class: columnClass(name) },
        name,
        name === 'History' ? spanHead : undefined,
      ),
    );
    const body = el('tbody', { role: 'rowgroup' });
    const table = el(
      'table',
      { role: 'table' },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...heads)),
      body,
    );
    const rest = el('button', { type: 'button', class: 'rest' });
    rest.addEventListener('click', () => this.#showMore());
    const none = el('p', {}, 'It has no servers.');
    this.#body.replaceChildren(none, table, rest);
    return { table, none, body, spanHead, rest };
  }

  #showMore(): void {
    const known = new Set(this.#rows.values());
    const now = this.#parts.now();
    this.#limit += MOST_ROWS;
    this.#updateRows(now);
    if (this.#detail !== undefined) this.showPast(this.#detail, now);
    // Its button may be gone.
    [...this.#rows.values()].find((row) => !known.has(row))?.focus();
  }
}

/** Otherwise as configured. */
function problemsFirst(servers: readonly ServerSnapshot[]): ServerSnapshot[] {
  return [
    ...servers.filter((server) => serverRank(server) === 2),
    ...servers.filter((server) => serverRank(server) !== 2),
  ];
}

function markOfService({ standing }: Service): Mark | 'warning' {
  if (standing.down > 0) return 'down';
  if (standing.rank === 2) return 'warning';
  if (standing.held > 0) return 'held';
  return standing.new > 0 ? 'new' : 'up';
}
