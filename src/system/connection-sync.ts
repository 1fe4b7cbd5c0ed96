// The kernel's own synchronisation of connections between directors, through ipvsadm: its master daemon tells, a backup's listens.
import type { SyncDaemon } from '../config/model.ts';
import { IpvsError, messageOf } from '../errors.ts';
import { runCommand } from './command.ts';

const TIMEOUT_MS = 10_000;

/** The master daemon of this machine's kernel. */
export interface ConnectionSync {
  /** Starts it, or leaves it when it runs so already. Throws IpvsError. */
  start(settings: SyncDaemon): Promise<void>;
  /** Stops it; nothing to do when it does not run. Throws IpvsError. */
  stop(): Promise<void>;
}

/** What there is to synchronise in a table in memory. */
export const NO_SYNC: ConnectionSync = { start: async () => {}, stop: async () => {} };

export class IpvsadmSync implements ConnectionSync {
  readonly #program: string;

  /** `program`: name or path of ipvsadm. */
  constructor(program = 'ipvsadm') {
    this.#program = program;
  }

  async start(settings: SyncDaemon): Promise<void> {
    const { interface: name, syncId } = settings;
    const args = ['--start-daemon', 'master', '--mcast-interface', name, '--syncid', String(syncId)];
    const refused = await this.#run(args);
    if (refused === undefined) return;
    // It goes on when a director is killed.
    const running = await this.#running();
    if (running?.interface === name && running.syncId === syncId) return;
    if (running === undefined) throw new IpvsError(refused);
    await this.stop();
    const again = await this.#run(args);
    if (again !== undefined) throw new IpvsError(again);
  }

  async stop(): Promise<void> {
    const refused = await this.#run(['--stop-daemon', 'master']);
    if (refused !== undefined && (await this.#running()) !== undefined) throw new IpvsError(refused);
  }

  async #running(): Promise<SyncDaemon | undefined> {
    const { stdout } = await this.#ask(['-L', '--daemon']);
    const [, name, syncId] = /^master sync daemon \(mcast=([^,)]+), syncid=(\d+)/m.exec(stdout) ?? [];
    return name === undefined ? undefined : { interface: name, syncId: Number(syncId) };
  }

  /** Why it was refused, undefined when it was done. */
  async #run(args: readonly string[]): Promise<string | undefined> {
    const { stdout, stderr, code, signal } = await this.#ask(args);
    if (code === 0) return undefined;
    const said = stderr.trim() || stdout.trim() || `it ended with ${signal ?? `status ${code}`}`;
    return `"${this.#program} ${args.join(' ')}" failed: ${said}`;
  }

  async #ask(args: readonly string[]) {
    try {
      return await runCommand([this.#program, ...args], { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      throw new IpvsError(`cannot run ${this.#program}: ${messageOf(error)}`, { cause: error });
    }
  }
}
