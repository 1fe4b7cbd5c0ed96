// The measuring end of server.ts.
import { Remote } from '../test/kernel/lab/remote.ts';
import type { Arrivals } from './figures.ts';
import type { ServerRequest } from './server.ts';

/** Where a program runs: makes its command line one that runs there. */
export interface Place {
  argv(argv: readonly string[]): string[];
}

export class Servers {
  readonly #remote: Remote<ServerRequest>;
  readonly #failing = new Set<string>();

  private constructor(place: Place) {
    this.#remote = new Remote<ServerRequest>(place, 'server.mjs');
  }

  /** Starts the process; every address of the place listens at this port. */
  static async start(place: Place, port: number): Promise<Servers> {
    const servers = new Servers(place);
    await servers.#remote.ask({ op: 'listen', port });
    return servers;
  }

  /** These answer 500 from now on; when that was, in ms since 1970. */
  fail(...addresses: string[]): Promise<number> {
    for (const address of addresses) this.#failing.add(address);
    return this.#tell();
  }

  /** These are well again; when that was, in ms since 1970. */
  mend(...addresses: string[]): Promise<number> {
    for (const address of addresses) this.#failing.delete(address);
    return this.#tell();
  }

  /** What arrives while `work` goes on. */
  async arrivals(work: () => Promise<unknown>): Promise<Arrivals> {
    await this.#remote.ask({ op: 'note' });
    await work();
    return (await this.#remote.ask({ op: 'noted' })) as Arrivals;
  }

  close(): Promise<void> {
    return this.#remote.kill();
  }

  async #tell(): Promise<number> {
    return (await this.#remote.ask({ op: 'fail', addresses: [...this.#failing] })) as number;
  }
}
