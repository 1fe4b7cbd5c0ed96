// The measuring end of server.ts.
import { Remote } from '../test/kernel/lab/remote.ts';
import type { Pages } from './book.ts';
import type { Arrivals } from './figures.ts';
import type { ServerRequest, Way } from './server.ts';

/** Where a program runs: makes its command line one that runs there. */
export interface Place {
  argv(argv: readonly string[]): string[];
}

export class Servers {
  readonly port: number;
  readonly #remote: Remote<ServerRequest>;
  readonly #failing = new Map<string, Way>();

  private constructor(remote: Remote<ServerRequest>, port: number) {
    this.#remote = remote;
    this.port = port;
  }

  /** Starts the process; every address of the place listens at this port, or (0) at one that is free. */
  static async start(place: Place, port: number): Promise<Servers> {
    const remote = new Remote<ServerRequest>(place, 'server.mjs');
    return new Servers(remote, (await remote.ask({ op: 'listen', port })) as number);
  }

  /** These answer 500 from now on; when that was, in ms since 1970. */
  fail(...addresses: string[]): Promise<number> {
    return this.failIn('error', ...addresses);
  }

  /** The same, in another way. */
  failIn(way: Way, ...addresses: string[]): Promise<number> {
    for (const address of addresses) this.#failing.set(address, way);
    return this.#tell();
  }

  /** These are well again; when that was, in ms since 1970. */
  mend(...addresses: string[]): Promise<number> {
    for (const address of addresses) this.#failing.delete(address);
    return this.#tell();
  }

  /**
   * Connections are taken together so often while `work` goes on: what that costs does not depend on how many come at once. Not for
   * requests, which are answered as late.
   */
  async gathering<T>(everyMs: number, work: () => Promise<T>): Promise<T> {
    await this.#remote.ask({ op: 'gather', everyMs });
    try {
      return await work();
    } finally {
      await this.#remote.ask({ op: 'gather', everyMs: 0 });
    }
  }

  /** What arrives while `work` goes on. */
  async arrivals(work: () => Promise<unknown>): Promise<Arrivals> {
    await this.#remote.ask({ op: 'note' });
    await work();
    return (await this.#remote.ask({ op: 'noted' })) as Arrivals;
  }

  /** When this one was asked last, in ms since 1970. */
  async asked(address: string): Promise<number | undefined> {
    return (await this.#remote.ask({ op: 'asked', address })) as number | undefined;
  }

  /** What each address has answered since the beginning. */
  async book(): Promise<Pages> {
    return (await this.#remote.ask({ op: 'book' })) as Pages;
  }

  close(): Promise<void> {
    return this.#remote.kill();
  }

  async #tell(): Promise<number> {
    return (await this.#remote.ask({ op: 'fail', ways: Object.fromEntries(this.#failing) })) as number;
  }
}
