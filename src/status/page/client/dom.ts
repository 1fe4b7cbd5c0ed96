// Elements are made here, and nowhere from HTML text: whatever comes from the daemon can only become text.

type Child = Node | string | undefined;
type Attributes = Readonly<Record<string, string | number | undefined>>;

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes (undefined: without it) and children; strings become text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element of index.html. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as E;
}

/** A state's shape; its word stands beside it. */
export function markIcon(mark: string): SVGSVGElement {
  return svg('svg', { class: 'mark', 'aria-hidden': 'true' }, svg('use', { href: `#mark-${mark}` }));
}

/** Leaves the text alone when it is that already: a screen reader says again what is set again. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Moves an element without losing the keyboard's place in it. */
export function moveBefore(parent: Element | null, child: Element, next: Element | null): void {
  if (parent === null || next === child || (child.parentElement === parent && child.nextElementSibling === next))
    return;
  const focused = child.contains(document.activeElement) ? (document.activeElement as HTMLElement) : undefined;
  parent.insertBefore(child, next);
  if (focused !== undefined && focused !== document.activeElement) focused.focus({ preventScroll: true });
}
