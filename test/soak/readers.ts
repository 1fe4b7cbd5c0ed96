// Those who read the status page all the time: one who takes every answer, one who listens to the events, and two who take nothing.
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { DaemonSnapshot, ServerSnapshot } from '../../src/status/snapshot.ts';
import { Watched } from './transitions.ts';

const ANSWER_MS = 30_000;
/** The daemon lets go of whoever takes nothing when it has looked twice, 15 s apart. */
const UNREAD_MS = 45_000;

/** A status page on a unix socket. */
export class Page {
  readonly #path: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });
  /** How many answers have been read. */
  read = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The body. Rejects when it is not whole, or not a good answer. `isAlone`: over a connection of its own. */
  text(path: string, isAlone = false): Promise<string> {
    const agent = isAlone ? { agent: false as const } : { agent: this.#agent };
    return new Promise((resolve, reject) => {
      const request = get({ socketPath: this.#path, path, ...agent, timeout: ANSWER_MS }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
          else resolve(Buffer.concat(parts).toString());
          this.read++;
        });
      });
      request.on('timeout', () => request.destroy(new Error(`${path}: no answer within ${ANSWER_MS / 1_000} s`)));
      request.on('error', reject);
    });
  }

  async status(): Promise<DaemonSnapshot> {
    return JSON.parse(await this.text('/api/v1/status', true)) as DaemonSnapshot;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** As the page in a browser: a look at all, then what the events tell, and another look when they say so. */
export class Listener {
  readonly #page: Page;
  readonly #path: string;
  readonly #ended = new AbortController();
  readonly #watched = new Watched();
  #looking: Promise<void> = Promise.resolve();
  #troubles: string[] = [];
  /** Events so far. */
  heard = 0;

  constructor(page: Page, path: string) {
    this.#page = page;
    this.#path = path;
  }

  get watched(): Watched {
    return this.#watched;
  }

  /** What has gone wrong: a listener that listens is never let go. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Resolves when the first look is done. */
  async begin(): Promise<void> {
    const { signal } = this.#ended;
    await new Promise<void>((resolve, reject) => {
      const request = get({ socketPath: this.#path, path: '/events', agent: false, signal }, (response) => {
        let rest = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          const events = (rest + text).split('\n\n');
          rest = events.pop() ?? '';
          for (const event of events) this.#hear(event);
        });
        response.on('close', () => this.#isOver('the events have ended'));
        response.on('error', () => {});
        resolve();
      });
      request.on('error', (error) => {
        this.#isOver(error.message);
        reject(error);
      });
    });
    await this.#look();
  }

  /** After a last look. */
  async end(): Promise<void> {
    await this.#look();
    this.#ended.abort();
  }

  #isOver(why: string): void {
    if (!this.#ended.signal.aborted) this.#troubles.push(why);
  }

  #hear(text: string): void {
    this.heard++;
    const [, name, data = '{}'] = /^event: (\w+)\ndata: (.*)$/m.exec(text) ?? [];
    if (name === 'reload') void this.#look();
    if (name !== 'server') return;
    const { virtual, server } = JSON.parse(data) as { virtual: string; server: ServerSnapshot };
    this.#see(virtual.replace(/^tcp:/, ''), server);
  }

  #look(): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      try {
        const { virtuals } = await this.#page.status();
        for (const { name, servers } of virtuals) for (const server of servers) this.#see(name, server);
      } catch (error) {
        this.#isOver(String(error));
      }
    });
    return this.#looking;
  }

  #see(virtual: string, { name, state, since }: ServerSnapshot): void {
    this.#watched.see(`${name} (${virtual})`, state, since);
  }
}

/** Asks for something, takes nothing of it for a while, and then looks whether it has been let go. */
export class Sluggard {
  readonly #path: string;
  readonly #ended = new AbortController();
  /** How often it was let go, and how often it was not. */
  letGo = 0;
  kept = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when it has ended. Rejects when it cannot ask. */
  async askForAll(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const socket = this.#ask('/api/v1/status');
      await pause(UNREAD_MS, undefined, { signal }).catch(() => {});
      if (!signal.aborted) {
        const end = await lastOf(socket);
        if (end.endsWith('0\r\n\r\n')) this.kept++;
        else this.letGo++;
      }
      socket.destroy();
    }
  }

  /** Until the end; whatever it is sent stays in the buffers between the two. */
  async listen(): Promise<void> {
    const socket = this.#ask('/events');
    const { signal } = this.#ended;
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    socket.destroy();
  }

  end(): void {
    this.#ended.abort();
  }

  #ask(path: string) {
    const socket = connect(this.#path);
    socket.on('error', () => {});
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    return socket;
  }
}

/** The end of what still comes. */
function lastOf(socket: ReturnType<typeof connect>): Promise<string> {
  return new Promise((resolve) => {
    let last = '';
    socket.setEncoding('latin1');
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('data', (text: unknown) => {
      last = (last + String(text)).slice(-100);
    });
    socket.on('close', () => resolve(last));
    socket.resume();
  });
}
