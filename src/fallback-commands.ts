// Runs a virtual's fallbackcommand when its last real server goes down, and when the first comes up.
import type { CommandOptions, CommandResult } from './checks/check.ts';
import { type Virtual, virtualKey, virtualName } from './config/model.ts';
import { hideSecrets } from './config/secrets.ts';
import { messageOf } from './errors.ts';
import type { StateOf } from './ipvs/desired.ts';
import { needsFallback } from './ipvs/desired.ts';
import type { Logger } from './log.ts';

type Wanted = 'start' | 'stop';

/** A fallback command that takes longer is ended. */
const TIMEOUT_MS = 30_000;

export interface FallbackCommandParts {
  readonly command: (argv: readonly string[], options: CommandOptions) => Promise<CommandResult>;
  readonly log: () => Logger;
}

/** What the command should have been told last; undefined while nothing is known of the servers. */
function wantedCommand(virtual: Virtual, stateOf: StateOf): Wanted | undefined {
  if (virtual.reals.some((real) => stateOf(virtual, real) === 'up')) return 'stop';
  return needsFallback(virtual, stateOf) ? 'start' : undefined;
}

export class FallbackCommands {
  readonly #command: FallbackCommandParts['command'];
  readonly #log: () => Logger;
  /** By virtual: what was asked for last. */
  readonly #wanted = new Map<string, Wanted>();
  /** By virtual: the run under way. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor({ command, log }: FallbackCommandParts) {
    this.#command = command;
    this.#log = log;
  }

  /** Runs what the states call for; a command of one virtual never overlaps itself, and the last word wins. */
  update(virtuals: readonly Virtual[], stateOf: StateOf): void {
    const commanded = virtuals.filter(({ fallbackCommand }) => fallbackCommand !== undefined);
    const known = new Set(commanded.map(virtualKey));
    for (const key of this.#wanted.keys()) if (!known.has(key)) this.#wanted.delete(key);
    for (const virtual of commanded) {
      const key = virtualKey(virtual);
      const wanted = wantedCommand(virtual, stateOf);
      if (wanted === undefined || wanted === this.#wanted.get(key)) continue;
      this.#wanted.set(key, wanted);
      if (!this.#running.has(key))
        this.#running.set(
          key,
          this.#run(key, virtual).finally(() => this.#running.delete(key)),
        );
    }
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running.values());
  }

  async #run(key: string, virtual: Virtual): Promise<void> {
    for (let said: Wanted | undefined; said !== this.#wanted.get(key) && !this.#stopped.signal.aborted; ) {
      said = this.#wanted.get(key) as Wanted;
      const command = virtual.fallbackCommand ?? [];
      const told = [said, virtualName(virtual), virtual.protocol];
      const problem = await this.#problemOf([...command, ...told]);
      const shown = [hideSecrets(command.join(' ')), ...told].join(' ');
      // Ended by our own stop: that is no fault of the command.
      if (this.#stopped.signal.aborted) return;
      if (problem !== undefined)
        this.#log().error(`Fallback command "${shown}" ${problem}`, { virtual: virtualName(virtual) });
      else this.#log().info(`Fallback command "${shown}" done`, { virtual: virtualName(virtual) });
    }
  }

  async #problemOf(argv: readonly string[]): Promise<string | undefined> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const { code, signal, stderr } = await this.#command(argv, {
        signal: AbortSignal.any([late, this.#stopped.signal]),
        // It may start the server that shows the emergency page.
        leaveChildren: true,
      });
      if (late.aborted) return `took longer than ${TIMEOUT_MS / 1000} s and was ended`;
      if (code === 0) return undefined;
      const said = stderr.trim().split('\n').at(-1);
      return `failed with ${signal ?? `status ${code}`}${said ? `: ${said}` : ''}`;
    } catch (error) {
      return `could not be run: ${messageOf(error)}`;
    }
  }
}
