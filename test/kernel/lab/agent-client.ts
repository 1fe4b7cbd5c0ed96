// The lab's end of the control channel to agent.ts: web servers whose behaviour changes at run time, and a web client.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Behaviour, Listener, Reply, Request, Tally } from './agent.ts';
import type { Machine } from './network.ts';

const DEADLINE_MS = 20_000;

/** A node process on a machine. */
export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** It goes before everything else in the kernel: servers must not look slow because directors are busy. */
  static async start(machine: Machine): Promise<Agent> {
    const program = join(process.env.LAB_BUNDLES ?? '', 'agent.mjs');
    const [file = '', ...args] = machine.argv(['nice', '-n', '-10', process.execPath, program]);
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const agent = new Agent(child);
    await agent.#ask({ op: 'hello' });
    return agent;
  }

  /** Starts web servers. */
  async serve(...listeners: Listener[]): Promise<void> {
    await this.#ask({ op: 'serve', listeners });
  }

  /** Changes what the server at `address:port` does from now on, to connections that are open too. */
  async behave(at: string, behaviour: Behaviour): Promise<void> {
    await this.#ask({ op: 'behave', at, behaviour });
  }

  /** How many connections the server at `address:port` has had. */
  async hits(at: string): Promise<number> {
    return (await this.#ask({ op: 'hits', at })) as number;
  }

  /** Makes `count` requests, a few at a time, and says which servers answered how often (`error: …` for those that failed). */
  async get(url: string, count: number, from?: string): Promise<Tally> {
    return (await this.#ask({ op: 'get', url, count, ...(from === undefined ? {} : { from }) })) as Tally;
  }

  /** SIGKILL: its listeners are gone, connections are answered with a reset. */
  kill(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }

  #ask(request: Request): Promise<unknown> {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`an agent did not answer '${request.op}'`)), DEADLINE_MS);
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        if (reply.error === undefined) resolve(reply.value);
        else reject(new Error(`agent: ${request.op}: ${reply.error}`));
      });
      this.#child.send({ id, request });
    });
  }
}
