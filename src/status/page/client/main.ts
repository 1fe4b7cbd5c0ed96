// The status page, read this first: news from the daemon (feed) into what is known (store), and from there onto the screen.
import type { OrderName } from '../../../operator/commands.ts';
import { byId, say } from './dom.ts';
import { Feed, wordsOf } from './feed.ts';
import { Orders } from './orders.ts';
import { ServiceList } from './service-list.ts';
import { Store } from './store.ts';
import { showColophon, showStale, showSummary } from './summary.ts';

/** The daemon says every 2 s that it is alive. */
const STALE_MS = 6_000;
/** How often connections and last checks of open services are asked for, and those of all. */
const DETAIL_MS = 5_000;
const STATUS_MS = 15_000;
const MOST_DETAILS = 12;
const SAID_MS = 8_000;
/** Each `STATUS_MS`, or this many times what an answer takes, where there are thousands of servers. */
const STATUS_SHARE = 50;

const TOKEN_OFFERED =
  'With the token you can drain, disable and enable servers, change their weight, and have them checked. It is the content of the file that statustoken names; without statustoken, only the command line gives orders.';
const TOKEN_NEEDED = 'This daemon tells nothing without its token: the content of the file that statustoken names.';
const TOKEN_WRONG = 'The daemon does not accept this token. It is the content of the file that statustoken names.';

const store = new Store();
/** What has to be added to this computer's clock to have the daemon's. */
let skew = 0;
/** When the daemon was last heard of: by a clock that nobody sets, and for people. */
let heard: { readonly at: number; readonly time: Date } | undefined;
let trouble: string | undefined;
const now = () => Date.now() + skew;
/** What waits for a token. */
const tokenWanted = new Set<() => void>();

const list = new ServiceList({
  store,
  now,
  steers: () => orders.token !== undefined,
  onSight: () => void askDetails(),
  onOrder: (op, key, server) => {
    const service = store.services.get(key);
    if (service !== undefined) void orders.give(op, service, server).then(() => refocus(op, key, server.name));
  },
});

const orders = new Orders({
  onDone: (key) => void showDetail(key),
  onSaid: announce,
  onToken: () => {
    say(byId('control'), orders.token === undefined ? 'Control…' : 'End control');
    list.redraw();
    if (orders.token === undefined) return;
    for (const goOn of tokenWanted) goOn();
    tokenWanted.clear();
  },
});

const feed = new Feed(
  {
    onStatus: (status) => {
      store.replace(status);
      for (const key of askedAt.keys()) if (!store.services.has(key)) askedAt.delete(key);
      list.updateAll();
      showHead();
    },
    onServer: (key, server) => {
      store.setServer(key, server);
      list.update(key);
      if (list.view(key)?.isOpen) stalePasts.add(key);
      later(showHead);
    },
    onFallback: (key, fallback) => {
      store.setFallback(key, fallback);
      list.update(key);
      later(showHead);
    },
    onHead: (head) => {
      store.setHead(head);
      later(showHead);
    },
    onAlive: (daemonNow) => {
      if (daemonNow !== undefined) skew = daemonNow - Date.now();
      heard = { at: performance.now(), time: new Date() };
      trouble = undefined;
      showAge();
    },
    onTrouble: (words) => {
      trouble = words;
    },
    onTokenWanted: async () => {
      const hadToken = orders.token !== undefined;
      if (hadToken) orders.forget();
      const isGiven = await orders.askToken(hadToken ? TOKEN_WRONG : TOKEN_NEEDED);
      // Whoever closes the dialog is not asked again, but has the button.
      if (!isGiven) await new Promise<void>((resolve) => tokenWanted.add(resolve));
    },
  },
  () => orders.token,
);

function showHead(): void {
  showSummary(store);
  showAge();
}

function isFresh(): boolean {
  return heard !== undefined && performance.now() - heard.at <= STALE_MS;
}

function showAge(): void {
  showColophon(store, now());
  showStale(heard === undefined || isFresh() ? undefined : { since: heard.time, why: trouble });
  if (heard === undefined && trouble !== undefined) say(byId('headline'), `Nothing is known yet: ${trouble}`);
}

const waiting = new Set<() => void>();

/** Once for all that happens within a moment. */
function later(action: () => void): void {
  if (waiting.has(action)) return;
  waiting.add(action);
  setTimeout(() => {
    waiting.delete(action);
    action();
  }, 30);
}

/** Open services whose history has grown. */
const stalePasts = new Set<string>();
/** When each service's detail was last asked for. */
const askedAt = new Map<string, number>();
let asking = false;

/** Histories, connections and last checks of the open services in sight, one after the other. */
async function askDetails(): Promise<void> {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const due = list.watched.map(({ service }) => service.virtual.key).filter(isDue);
    for (const key of due.slice(0, MOST_DETAILS)) await showDetail(key);
  } finally {
    asking = false;
  }
}

function isDue(key: string): boolean {
  return stalePasts.has(key) || performance.now() - (askedAt.get(key) ?? Number.NEGATIVE_INFINITY) >= DETAIL_MS;
}

async function showDetail(key: string): Promise<void> {
  askedAt.set(key, performance.now());
  stalePasts.delete(key);
  try {
    const detail = await feed.service(key);
    store.setService(withoutPasts(detail));
    list.update(key);
    list.view(key)?.showPast(detail, now());
    later(showHead);
  } catch (error) {
    trouble = wordsOf(error);
  }
}

/** What a status has of it. */
function withoutPasts({ servers, ...virtual }: Awaited<ReturnType<Feed['service']>>) {
  return { ...virtual, servers: servers.map(({ transitions: _, latencies: __, ...server }) => server) };
}

/** Connections of all services, which no event tells. Never ends. */
async function keepCounting(): Promise<never> {
  for (let waitMs = STATUS_MS; ; ) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const began = performance.now();
    if (!document.hidden && isFresh()) await feed.refresh().catch(() => {});
    waitMs = Math.max(STATUS_MS, (performance.now() - began) * STATUS_SHARE);
  }
}

/** Where a dialog closes, its button may have been drawn anew meanwhile. */
function refocus(op: OrderName, key: string, server: string): void {
  if (document.activeElement === null || document.activeElement === document.body) list.view(key)?.focus(server, op);
}

let saidTimer: ReturnType<typeof setTimeout> | undefined;

function announce(words: string): void {
  say(byId('said'), words);
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => say(byId('said'), ''), SAID_MS);
}

const filterField = byId<HTMLInputElement>('filter');
const onlyProblems = byId<HTMLInputElement>('only-problems');
const sift = () => list.filter(filterField.value, onlyProblems.checked);
filterField.addEventListener('input', sift);
onlyProblems.addEventListener('change', sift);
byId('tools').addEventListener('submit', (event) => event.preventDefault());
byId('control').addEventListener('click', () => {
  if (orders.token === undefined) void orders.askToken(TOKEN_OFFERED);
  else orders.forget();
});
for (const button of document.querySelectorAll<HTMLElement>('[data-cancel]')) {
  button.addEventListener('click', () => button.closest('dialog')?.close(''));
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void feed.refresh().catch(() => {});
});

setInterval(() => {
  showAge();
  list.tick(now());
  void askDetails();
}, 1_000);
void feed.follow();
void keepCounting();
