// The lab's end of the control channel to agent.ts: web servers whose behaviour changes at run time, and a web client.
import type { Behaviour, Listener, Request, Tally } from './agent.ts';
import type { Machine } from './network.ts';
import type { ConnectionState } from './open-connections.ts';
import { Remote } from './remote.ts';
import type { Pace, Toll } from './steady-client.ts';

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

  /** Makes requests from now on until told otherwise, several at once, and counts what becomes of them (see SteadyClient). */
  async keepAsking(url: string, from: readonly string[], pace?: Pace): Promise<void> {
    await this.#remote.ask({ op: 'keep asking', url, from, ...(pace === undefined ? {} : { pace }) });
  }

  /** What has become of these requests so far. */
  async toll(): Promise<Toll> {
    return (await this.#remote.ask({ op: 'toll' })) as Toll;
  }

  /** Makes no more, and waits for the last answers. */
  async stopAsking(): Promise<Toll> {
    return (await this.#remote.ask({ op: 'stop asking' })) as Toll;
  }

  /** Starts servers that say their name and then echo. */
  async serveEcho(...listeners: Listener[]): Promise<void> {
    await this.#remote.ask({ op: 'serve echo', listeners });
  }

  /** Opens connections to such servers, which stay open; the names of the servers they have come to. */
  async open(count: number, host: string, port: number, from: string): Promise<string[]> {
    return (await this.#remote.ask({ op: 'open', count, host, port, from })) as string[];
  }

  /** How each open connection fares just now. */
  async connections(): Promise<ConnectionState[]> {
    return (await this.#remote.ask({ op: 'connections' })) as ConnectionState[];
  }

  /** SIGKILL: its listeners are gone, connections are answered with a reset. */
  kill(): Promise<void> {
    return this.#remote.kill();
  }
}
