// All services in three groups, those with problems first. A thousand of them are made and brought up to date in slices, so that
// the page never stands still.
import { byId, moveBefore, say } from './dom.ts';
import { ServiceView, type ViewParts } from './service-view.ts';
import type { Store } from './store.ts';
import type { Rank } from './words.ts';

const SLICE_MS = 8;
/** Services of small installations are open from the beginning. */
const FEW_SERVERS = 40;
/** Of services with problems, so many open by themselves. */
const OPEN_PROBLEMS = 15;

export interface ListParts extends Omit<ViewParts, 'onToggle'> {
  readonly store: Store;
  readonly now: () => number;
  /** Open services that are in sight have changed: somebody scrolled, opened or closed one. */
  readonly onSight: () => void;
}

export class ServiceList {
  readonly #parts: ListParts;
  readonly #views = new Map<string, ServiceView>();
  /** What the person has opened and closed. */
  readonly #wishes = new Map<string, boolean>();
  readonly #dirty = new Set<string>();
  readonly #inSight = new Set<Element>();
  readonly #sight: IntersectionObserver;
  readonly #groups: Readonly<Record<Rank, { section: HTMLElement; list: Element; count: Element }>>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #filter = { text: '', onlyProblems: false };

  constructor(parts: ListParts) {
    this.#parts = parts;
    const group = (id: string) => {
      const section = byId(id);
      return {
        section,
        list: section.querySelector('.list') as Element,
        count: section.querySelector('.count') as Element,
      };
    };
    this.#groups = { 2: group('problems'), 1: group('notable'), 0: group('well') };
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#inSight.add(target);
        else this.#inSight.delete(target);
      }
      parts.onSight();
    });
  }

  /** Open and in sight: worth asking for again. */
  get watched(): readonly ServiceView[] {
    return [...this.#inSight].flatMap((element) => {
      const view = this.#views.get((element as HTMLElement).dataset.key ?? '');
      return view?.isOpen ? [view] : [];
    });
  }

  view(key: string): ServiceView | undefined {
    return this.#views.get(key);
  }

  /** Everything may have changed. */
  updateAll(): void {
    const { services } = this.#parts.store;
    for (const [key, view] of this.#views) {
      if (!services.has(key)) this.#remove(key, view);
    }
    // Problems first here, too.
    const keys = [...services].sort(([, a], [, b]) => b.standing.rank - a.standing.rank).map(([key]) => key);
    this.#dirty.clear();
    for (const key of keys) this.#dirty.add(key);
    this.#work();
  }

  update(key: string): void {
    this.#dirty.add(key);
    this.#timer ??= setTimeout(() => this.#work(), 20);
  }

  filter(text: string, onlyProblems: boolean): void {
    this.#filter = { text: text.trim().toLowerCase(), onlyProblems };
    for (const view of this.#views.values()) this.#sift(view);
    this.#count();
  }

  tick(now: number): void {
    for (const view of this.watched) view.tick(now);
  }

  /** Draws open services anew, because orders can be given now, or not any more. */
  redraw(): void {
    for (const view of this.#views.values()) if (view.isOpen) view.update(view.service, this.#parts.now());
  }

  #work(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const end = performance.now() + SLICE_MS;
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      this.#show(key);
      if (performance.now() > end) break;
    }
    this.#count();
    if (this.#dirty.size > 0) this.#timer = setTimeout(() => this.#work());
  }

  #show(key: string): void {
    const { store, now } = this.#parts;
    const service = store.services.get(key);
    if (service === undefined) return;
    const known = this.#views.get(key);
    const view =
      known ?? new ServiceView(service, { ...this.#parts, onToggle: (which, isOpen) => this.#wish(which, isOpen) });
    this.#views.set(key, view);
    view.update(service, now());
    this.#place(view);
    this.#sift(view);
    if (known === undefined) this.#sight.observe(view.element);
    const isOpen = this.#shouldBeOpen(view);
    if (isOpen !== view.isOpen) view.setOpen(isOpen, now());
  }

  #shouldBeOpen(view: ServiceView): boolean {
    const { virtual, standing } = view.service;
    const wish = this.#wishes.get(virtual.key);
    if (wish !== undefined) return wish;
    if (this.#parts.store.serverCount <= FEW_SERVERS) return true;
    if (standing.rank === 2) return view.isOpen || this.#openCount() < OPEN_PROBLEMS;
    // What is well again makes room for the next problem, but not under the eyes of whoever reads it.
    return view.isOpen && this.#inSight.has(view.element);
  }

  #openCount(): number {
    let count = 0;
    for (const view of this.#views.values()) if (view.isOpen) count++;
    return count;
  }

  #wish(key: string, isOpen: boolean): void {
    this.#wishes.set(key, isOpen);
    this.#views.get(key)?.setOpen(isOpen, this.#parts.now());
    this.#parts.onSight();
  }

  /** Into its group, in the order of the configuration. */
  #place({ element, service }: ServiceView): void {
    const { section, list } = this.#groups[service.standing.rank];
    // Nothing in a hidden section can have the keyboard's focus.
    section.hidden = false;
    const place = service.place;
    let [low, high] = [0, list.children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = list.children[middle] as HTMLElement;
      const otherPlace = other === element ? place : (this.#views.get(other.dataset.key ?? '')?.service.place ?? 0);
      if (otherPlace < place) low = middle + 1;
      else high = middle;
    }
    moveBefore(list, element, list.children[low] ?? null);
  }

  #sift({ element, service }: ServiceView): void {
    const { text, onlyProblems } = this.#filter;
    element.hidden = (onlyProblems && service.standing.rank !== 2) || !service.words.includes(text);
  }

  #remove(key: string, { element }: ServiceView): void {
    this.#sight.unobserve(element);
    this.#inSight.delete(element);
    element.remove();
    this.#views.delete(key);
    this.#wishes.delete(key);
  }

  #count(): void {
    let shown = 0;
    for (const { section, list, count } of Object.values(this.#groups)) {
      const some = [...list.children].filter((element) => !(element as HTMLElement).hidden).length;
      shown += some;
      section.hidden = some === 0;
      say(count, String(some));
    }
    const { text, onlyProblems } = this.#filter;
    const nothing = byId('nothing');
    nothing.hidden = shown > 0 || this.#views.size === 0;
    say(
      nothing,
      onlyProblems && text === ''
        ? 'No service has a problem.'
        : `No service${onlyProblems ? ' with a problem' : ''} has “${text}” in its name, its servers or their reasons.`,
    );
  }
}
