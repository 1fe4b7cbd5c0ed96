// A node program on a machine of the lab that does as it is asked over IPC: agent.ts, services-agent.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Reply } from './agent.ts';
import type { Machine } from './network.ts';

const DEADLINE_MS = 20_000;

export class Remote<Request extends { readonly op: string }> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #count = 0;

  /** It goes before everything else in the kernel: servers must not look slow because directors are busy. */
  constructor(machine: Pick<Machine, 'argv'>, program: string) {
    const path = join(process.env.LAB_BUNDLES ?? '', program);
    const [file = '', ...args] = machine.argv(['nice', '-n', '-10', process.execPath, path]);
    this.#child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** Resolves with its answer; rejects with its error, or when it does not answer. */
  ask(request: Request): Promise<unknown> {
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

  /** SIGKILL. */
  kill(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }
}
