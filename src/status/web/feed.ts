// Server-sent events: what changes, to whoever listens. Costs nothing while nobody does; who does not read is let go.
import type { ServerResponse } from 'node:http';
import type { Virtual } from '../../config/model.ts';
import { serverName } from '../../ipvs/desired.ts';
import { type Listing, listingKey } from '../../ipvs/save-format.ts';
import type { Member, Observer, ServerChange } from '../../observer.ts';
import { inPieces, sliced } from '../slices.ts';
import type { StatusSource } from '../source.ts';
import { headersOf, Refusal } from './answers.ts';

/** Changes of one moment are told together. */
const GATHER_MS = 200;
/** Rounds from one sign of life to the next: 2 s. */
const ALIVE_ROUNDS = 10;
const MAX_LISTENERS = 64;
/** What may wait for one listener; whoever has more unread is let go. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Whoever has taken nothing for so long is let go, too. */
const UNREAD_MS = 30_000;
/** More changes than this at once are told as one: look again. Whoever does is given some rounds for it: 1 s. */
const MAX_CHANGES = 500;
const LOOK_ROUNDS = 5;
/** A browser that has lost the connection comes back after so many milliseconds. */
const COME_BACK_MS = 2_000;

interface Listener {
  readonly response: ServerResponse;
  /** Since when something waits for it, milliseconds of performance.now(). */
  waitingSince: number | undefined;
}

export interface FeedOptions {
  /** Default 200. */
  readonly gatherMs?: number;
  /** Default 30000. */
  readonly unreadMs?: number;
}

export class Feed implements Observer {
  readonly #source: StatusSource;
  readonly #gatherMs: number;
  readonly #unreadMs: number;
  readonly #listeners = new Set<Listener>();
  /** Names of servers that have changed, by their virtual. */
  #changed = new Map<Virtual, Set<string>>();
  /** Virtuals whose fallback has come in or gone. */
  #fallbacks = new Set<Virtual>();
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  /** The round in which changes are told again. */
  #tellFrom = 0;
  /** What was told last. */
  #head = '';
  #virtuals: readonly Virtual[] = [];
  #listing: Listing | undefined;

  constructor(source: StatusSource, { gatherMs = GATHER_MS, unreadMs = UNREAD_MS }: FeedOptions = {}) {
    this.#source = source;
    this.#gatherMs = gatherMs;
    this.#unreadMs = unreadMs;
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Goes on telling whoever asked until one of the two goes away. Throws Refusal. */
  serve(response: ServerResponse): void {
    if (this.#listeners.size >= MAX_LISTENERS)
      throw new Refusal(503, `${MAX_LISTENERS} others listen already`, { 'Retry-After': '5' });
    response.writeHead(200, { ...headersOf('text/event-stream; charset=utf-8'), 'X-Accel-Buffering': 'no' });
    if (response.req.method === 'HEAD') {
      response.end();
      return;
    }
    const listener: Listener = { response, waitingSince: undefined };
    this.#listeners.add(listener);
    response.on('close', () => this.#listeners.delete(listener));
    // Neither the time limit on answers nor anything but our own rules ends it.
    response.socket?.setTimeout(0);
    const { version, pid, startedAt, configuredAt, state } = this.#source.head();
    const hello = event('hello', { version, pid, startedAt, configuredAt, state });
    this.#send(listener, Buffer.from(`retry: ${COME_BACK_MS}\n${hello}`));
    this.#begin();
  }

  /** Lets everybody go. */
  close(): void {
    for (const { response } of this.#listeners) response.destroy();
    this.#listeners.clear();
    this.#rest();
  }

  turned(member: Member): void {
    this.touch(member);
  }

  held(member: Member): void {
    this.touch(member);
  }

  changed({ virtual, id, role }: ServerChange): void {
    if (this.#listeners.size === 0) return;
    if (role === 'fallback') this.#fallbacks.add(virtual);
    else this.#note(virtual, id.slice(0, id.indexOf(' ')));
  }

  /** A server is not what it was. */
  touch({ virtual, real }: Member): void {
    if (this.#listeners.size > 0) this.#note(virtual, serverName(virtual, real));
  }

  #note(virtual: Virtual, server: string): void {
    const names = this.#changed.get(virtual);
    if (names === undefined) this.#changed.set(virtual, new Set([server]));
    else names.add(server);
  }

  #begin(): void {
    if (this.#timer !== undefined) return;
    this.#rounds = 0;
    this.#tellFrom = 0;
    this.#head = this.#headNow();
    this.#virtuals = this.#source.virtuals();
    this.#listing = undefined;
    this.#next();
  }

  #next(): void {
    const timer = setTimeout(() => {
      void this.#round().finally(() => {
        if (this.#timer !== timer) return;
        if (this.#listeners.size > 0) this.#next();
        else this.#rest();
      });
    }, this.#gatherMs);
    this.#timer = timer;
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#forgetChanges();
    this.#virtuals = [];
    this.#listing = undefined;
  }

  #forgetChanges(): void {
    this.#changed = new Map();
    this.#fallbacks = new Set();
  }

  /** Tells what there is to tell. Never rejects. */
  async #round(): Promise<void> {
    this.#rounds++;
    this.#letGo();
    const head = this.#headNow();
    if (head !== this.#head) this.#tell(`event: head\ndata: ${head}\n\n`);
    this.#head = head;
    // What a reload brings is told when it is in force.
    const isSettled = this.#source.head().state !== 'reloading' && this.#rounds >= this.#tellFrom;
    if (isSettled) await this.#tellChanges();
    if (this.#rounds % ALIVE_ROUNDS !== 0) return;
    this.#tell(event('alive', { now: Date.now() }));
    await this.#lookAtKernel();
  }

  async #tellChanges(): Promise<void> {
    if (this.#virtuals !== this.#source.virtuals()) {
      this.#virtuals = this.#source.virtuals();
      this.#listing = undefined;
      this.#tellReload();
      return;
    }
    const [changed, fallbacks] = [this.#changed, this.#fallbacks];
    let count = fallbacks.size;
    for (const names of changed.values()) count += names.size;
    if (count === 0) return;
    if (count > MAX_CHANGES) {
      this.#tellReload();
      return;
    }
    this.#forgetChanges();
    const listing = await this.#source.listing();
    for await (const text of inPieces(this.#changes(changed, fallbacks, listing))) {
      if (this.#source.virtuals() !== this.#virtuals) return;
      this.#tell(text);
    }
  }

  /** As events. Nothing for a server that has not changed, but all are gone through: a slice may end with any. */
  *#changes(
    changed: ReadonlyMap<Virtual, ReadonlySet<string>>,
    fallbacks: ReadonlySet<Virtual>,
    listing: Listing | undefined,
  ): Generator<string> {
    for (const virtual of new Set([...changed.keys(), ...fallbacks])) {
      const view = this.#source.viewOf(virtual, listing);
      const { key } = view.head;
      const names = changed.get(virtual);
      for (const real of names === undefined ? [] : virtual.reals)
        yield names?.has(serverName(virtual, real)) ? event('server', { virtual: key, server: view.server(real) }) : '';
      const fallback = fallbacks.has(virtual) ? view.fallback : undefined;
      if (fallback !== undefined) yield event('fallback', { virtual: key, fallback });
    }
  }

  /** All that has changed is seen by whoever looks again. */
  #tellReload(): void {
    this.#forgetChanges();
    this.#tellFrom = this.#rounds + LOOK_ROUNDS;
    this.#tell(event('reload', {}));
  }

  /** Somebody else may have changed the kernel's table: what differs from the last look is told in the next round. */
  async #lookAtKernel(): Promise<void> {
    const [before, now, virtuals] = [this.#listing, await this.#source.listing(), this.#virtuals];
    this.#listing = now;
    if (before === undefined || now === undefined) return;
    for await (const { virtual, real } of sliced(membersOf(virtuals))) {
      const [key, name] = [listingKey(virtual), serverName(virtual, real)];
      if (before.get(key)?.get(name)?.weight !== now.get(key)?.get(name)?.weight) this.#note(virtual, name);
    }
  }

  #headNow(): string {
    return JSON.stringify(this.#source.head());
  }

  #tell(text: string): void {
    if (text === '') return;
    const bytes = Buffer.from(text);
    for (const listener of this.#listeners) this.#send(listener, bytes);
  }

  #send({ response }: Listener, bytes: Buffer): void {
    response.write(bytes);
    if (response.writableLength > MAX_WAITING_BYTES) response.destroy();
  }

  /** Those that have not taken what was sent for long. */
  #letGo(): void {
    const now = performance.now();
    for (const listener of this.#listeners) {
      if (listener.response.writableLength === 0) listener.waitingSince = undefined;
      else listener.waitingSince ??= now;
      if (now - (listener.waitingSince ?? now) > this.#unreadMs) listener.response.destroy();
    }
  }
}

function* membersOf(virtuals: readonly Virtual[]): Generator<Member> {
  for (const virtual of virtuals) for (const real of virtual.reals) yield { virtual, real };
}

/** JSON has no line ends. */
function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
