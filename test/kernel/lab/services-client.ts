// The lab's end of the control channel to services-agent.ts: the real servers of services.test.ts.
import type { Machine } from './network.ts';
import { Remote } from './remote.ts';
import type { Behaviour } from './servers/switched.ts';
import type { Request } from './services-agent.ts';

export class Services {
  readonly #remote: Remote<Request>;

  private constructor(remote: Remote<Request>) {
    this.#remote = remote;
  }

  /** A server for each service at each of these addresses of the machine; none of them listens yet. */
  static async at(addresses: readonly string[], machine: Machine): Promise<Services> {
    const remote = new Remote<Request>(machine, 'services-agent.mjs');
    await remote.ask({ op: 'serve', addresses });
    return new Services(remote);
  }

  /** From now on all of them do this; connections that are open are closed. */
  async become(behaviour: Behaviour): Promise<void> {
    await this.#remote.ask({ op: 'become', behaviour });
  }
}
