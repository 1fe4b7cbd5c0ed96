// The lab's end of the control channel to agent.ts: web servers whose behaviour changes at run time, and a web client.
import type { Behaviour, Listener, Request, Tally } from './agent.ts';
import type { Machine } from './network.ts';
import { Remote } from './remote.ts';

/** A node process on a machine. */
export class Agent {
  readonly #remote: Remote<Request>;

  private constructor(remote: Remote<Request>) {
    this.#remote = remote;
  }

  static async start(machine: Machine): Promise<Agent> {
    const remote = new Remote<Request>(machine, 'agent.mjs');
    await remote.ask({ op: 'hello' });
    return new Agent(remote);
  }

  /** Starts web servers. */
  async serve(...listeners: Listener[]): Promise<void> {
    await this.#remote.ask({ op: 'serve', listeners });
  }

  /** Changes what the server at `address:port` does from now on, to connections that are open too. */
  async behave(at: string, behaviour: Behaviour): Promise<void> {
    await this.#remote.ask({ op: 'behave', at, behaviour });
  }

  /** How many connections the server at `address:port` has had. */
  async hits(at: string): Promise<number> {
    return (await this.#remote.ask({ op: 'hits', at })) as number;
  }

  /** Makes `count` requests, a few at a time, and says which servers answered how often (`error: …` for those that failed). */
  async get(url: string, count: number, from?: string): Promise<Tally> {
    return (await this.#remote.ask({ op: 'get', url, count, ...(from === undefined ? {} : { from }) })) as Tally;
  }

  /** SIGKILL: its listeners are gone, connections are answered with a reset. */
  kill(): Promise<void> {
    return this.#remote.kill();
  }
}
