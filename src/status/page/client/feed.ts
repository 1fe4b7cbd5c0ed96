// Where the page has its news from: the daemon's events as a stream, and, while there is no stream, its status asked for again
// and again. Both with fetch, because an EventSource could not send the token that a daemon may ask for.

import type { Transition } from '../../../operator/history.ts';
import type { Latency } from '../../latencies.ts';
import type { DaemonHead, DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from '../../snapshot.ts';
import { EventText } from './event-text.ts';

/** A service with what its servers have been through. */
export type ServiceDetail = Omit<VirtualSnapshot, 'servers'> & {
  readonly servers: readonly (ServerSnapshot & {
    readonly transitions: readonly Transition[];
    readonly latencies: readonly Latency[];
  })[];
};

export interface FeedEvents {
  /** Everything anew. */
  readonly onStatus: (status: DaemonSnapshot) => void;
  readonly onServer: (virtual: string, server: ServerSnapshot) => void;
  readonly onFallback: (virtual: string, fallback: NonNullable<VirtualSnapshot['fallback']>) => void;
  readonly onHead: (head: DaemonHead) => void;
  /** The daemon is alive; `now` is the time of its own clock, where it tells. */
  readonly onAlive: (now?: number) => void;
  /** Nothing works; why, in words. */
  readonly onTrouble: (words: string) => void;
  /** The daemon wants a token: resolves when there is one. */
  readonly onTokenWanted: () => Promise<void>;
}

/** The daemon says every 2 s that it is alive. */
const SILENCE_MS = 5_500;
/** From one try to the next: longer each time while nothing answers; where only the stream is missing, by what an answer takes. */
const PAUSE_MS = 2_000;
const MOST_PAUSE_MS = 15_000;
const MOST_POLL_MS = 4_000;
const POLL_SHARE = 10;
const REQUEST_MS = 10_000;
/** A stream that stays silent is held back somewhere between: it is tried again only after this time. */
const NO_STREAM_MS = 60_000;

class TokenWanted extends Error {
  constructor() {
    super('the daemon wants its token');
  }
}

export class Feed {
  readonly #events: FeedEvents;
  readonly #tokenOf: () => string | undefined;
  #refreshing: Promise<void> | undefined;
  /** News that came while everything was asked for anew, and may be newer. */
  #pending: (() => void)[] | undefined;
  #streamFrom = 0;
  #pauseMs = PAUSE_MS;
  /** Ends the stream that there is. */
  #endStream: (why: unknown) => void = () => {};

  constructor(events: FeedEvents, tokenOf: () => string | undefined) {
    this.#events = events;
    this.#tokenOf = tokenOf;
  }

  /** Never ends. */
  async follow(): Promise<never> {
    for (;;) {
      if (performance.now() >= this.#streamFrom) await this.#attempt(() => this.#stream());
      const began = performance.now();
      const isThere = await this.#attempt(() => this.refresh());
      const tookMs = performance.now() - began;
      this.#pauseMs = isThere
        ? Math.min(Math.max(PAUSE_MS, tookMs * POLL_SHARE), MOST_POLL_MS)
        : Math.min(this.#pauseMs * 1.5, MOST_PAUSE_MS);
      // Not all pages at once when the daemon comes back.
      await pause(this.#pauseMs * (0.8 + Math.random() * 0.4));
    }
  }

  /** Asks for everything; one at a time. Rejects when there is no answer. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh();
    return this.#refreshing;
  }

  /** One service, with histories. Rejects when there is no answer. */
  async service(key: string): Promise<ServiceDetail> {
    const response = await this.#get(`api/v1/services/${encodeURIComponent(key)}`, AbortSignal.timeout(REQUEST_MS));
    return (await response.json()) as ServiceDetail;
  }

  async #refresh(): Promise<void> {
    this.#pending = [];
    try {
      const response = await this.#get('api/v1/status', AbortSignal.timeout(REQUEST_MS));
      const status = (await response.json()) as DaemonSnapshot;
      this.#events.onStatus(status);
      this.#events.onAlive();
    } finally {
      const pending = this.#pending;
      this.#pending = undefined;
      // Whoever asks from here on, such as for a reload that came meanwhile, gets an answer of its own.
      this.#refreshing = undefined;
      for (const tell of pending) tell();
    }
  }

  /** False when it did not work. Never rejects. */
  async #attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.#events.onTrouble(wordsOf(error));
      if (error instanceof TokenWanted) await this.#events.onTokenWanted();
      return false;
    }
  }

  /** Resolves when the stream has ended; rejects when it breaks or falls silent. */
  async #stream(): Promise<void> {
    const silence = new AbortController();
    let heard = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error('the daemon has fallen silent')), SILENCE_MS);
    };
    watch();
    this.#endStream = (why) => silence.abort(why);
    try {
      const response = await this.#get('events', silence.signal);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const text = new EventText((name, data) => this.#hear(name, data));
      for (;;) {
        const piece = await reader?.read();
        if (piece === undefined || piece.done) return;
        heard++;
        this.#pauseMs = PAUSE_MS;
        watch();
        text.add(piece.value);
      }
    } finally {
      clearTimeout(timer);
      if (heard === 0 && silence.signal.aborted) this.#streamFrom = performance.now() + NO_STREAM_MS;
      silence.abort();
    }
  }

  #hear(name: string, data: unknown): void {
    const tell = () => this.#tell(name, data);
    if (this.#pending === undefined || name === 'alive') tell();
    else this.#pending.push(tell);
  }

  #tell(name: string, data: unknown): void {
    switch (name) {
      // What happened before the stream began is asked for; without an answer the page would show as fresh what is old.
      case 'hello':
      case 'reload':
        this.refresh().catch((error) => this.#endStream(error));
        break;
      case 'server': {
        const { virtual, server } = data as { virtual: string; server: ServerSnapshot };
        this.#events.onServer(virtual, server);
        break;
      }
      case 'fallback': {
        const { virtual, fallback } = data as { virtual: string; fallback: NonNullable<VirtualSnapshot['fallback']> };
        this.#events.onFallback(virtual, fallback);
        break;
      }
      case 'head':
        this.#events.onHead(data as DaemonHead);
        break;
      case 'alive':
        this.#events.onAlive((data as { now: number }).now);
        break;
    }
  }

  /** Throws with the daemon's words when the answer is no. */
  async #get(path: string, signal: AbortSignal): Promise<Response> {
    const token = this.#tokenOf();
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
    if (response.status === 401) throw new TokenWanted();
    if (!response.ok) throw new Error(await refusalOf(response));
    return response;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The `error` of a JSON answer, or its status. */
export async function refusalOf(response: Response): Promise<string> {
  const said: unknown = await response.json().catch(() => undefined);
  const error = (said as { error?: unknown } | undefined)?.error;
  return typeof error === 'string' ? error : `the daemon answered ${response.status} ${response.statusText}`.trim();
}

/** Why a request failed, for people: what browsers say of a dead server is different in each, and helps nobody. */
export function wordsOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'the daemon did not answer in time';
  if (error instanceof TypeError) return 'the daemon cannot be reached';
  return error instanceof Error ? error.message : String(error);
}
