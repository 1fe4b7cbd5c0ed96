// The head of the page: the sentence that says how everything is, and whether that can still be believed.
import { ago } from '../../words.ts';
import { byId, el, say } from './dom.ts';
import type { Store } from './store.ts';
import { summarise } from './summary-words.ts';

export function showSummary({ head, services }: Store): void {
  if (head === undefined) return;
  const { tone, headline, notes, short } = summarise(head, [...services.values()]);
  byId('summary').dataset.tone = tone;
  byId('summary-mark').setAttribute('href', `#mark-${tone}`);
  say(byId('headline'), headline);
  const list = byId('notes');
  if (list.dataset.words !== notes.join('\n')) {
    list.dataset.words = notes.join('\n');
    list.replaceChildren(...notes.map((note) => el('li', {}, note)));
  }
  document.title = `${short} – tsdirectord`;
  say(byId('about'), `${head.path} on ${location.host}`);
}

export function showColophon({ head }: Store, now: number): void {
  if (head === undefined) return;
  const { version, pid, startedAt, configuredAt } = head;
  say(
    byId('colophon'),
    `tsdirectord ${version}, pid ${pid}, started ${ago(startedAt, now)}, configuration read ${ago(configuredAt, now)}`,
  );
}

/** `since`: when the daemon was last heard of, by this browser's clock. Undefined: all is fresh. */
export function showStale(stale: { readonly since: Date; readonly why: string | undefined } | undefined): void {
  const banner = byId('stale');
  document.documentElement.classList.toggle('stale', stale !== undefined);
  if (stale !== undefined) {
    const why = stale.why === undefined ? '' : ` (${stale.why})`;
    say(
      byId('stale-words'),
      `Out of date: nothing has come from the daemon since ${stale.since.toLocaleTimeString()}${why}. What stands below was true then.`,
    );
    if (!document.title.startsWith('Out of date')) document.title = `Out of date – ${document.title}`;
  }
  banner.hidden = stale === undefined;
}
