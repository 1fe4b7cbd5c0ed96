// What systemd shows of a running daemon, and its watchdog: the daemon's state, how many servers are up, and that checks go on.

import type { Logger } from './log.ts';
import type { Observer } from './observer.ts';
import type { ServiceManager } from './system/service-manager.ts';
import { counted } from './wording.ts';

/** How many of the servers are up, over all virtual services. */
export interface Tally {
  readonly virtuals: number;
  readonly up: number;
  readonly reals: number;
}

/** What it needs of the daemon. */
export interface Told {
  tally(): Tally;
  /** What keeps it from its work, in words; undefined when all goes on. */
  stuck(): string | undefined;
}

/** Changes of one moment are told together. */
const STATUS_PAUSE_MS = 1_000;

export class ServiceNotices implements Observer {
  readonly #manager: ServiceManager | undefined;
  readonly #log: () => Logger;
  #daemon: Told | undefined;
  #status = '';
  #statusTimer: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #trouble: string | undefined;

  constructor(manager: ServiceManager | undefined, log: () => Logger) {
    this.#manager = manager;
    this.#log = log;
  }

  /** The daemon has started: the table is programmed. */
  ready(daemon: Told): void {
    if (this.#manager === undefined) return;
    this.#daemon = daemon;
    this.#status = statusOf(daemon.tally());
    this.#manager.tell({ state: 'READY', status: this.#status, alive: true });
    const { watchdogMs } = this.#manager;
    if (watchdogMs === undefined) return;
    // After the checks that are due in the same turn: a machine that slept is no stuck daemon.
    this.#watchdog = setInterval(() => setImmediate(() => this.#signOfLife()), watchdogMs / 2);
  }

  reloading(): void {
    this.#manager?.tell({ state: 'RELOADING' });
  }

  /** Also after a reload that failed: the daemon goes on as it was. Resolves when that is told. */
  async reloaded(): Promise<void> {
    this.#manager?.tell({ state: 'READY' });
    this.checked();
    await this.#manager?.told();
  }

  /** Also without a check: a server that is always up may be in maintenance. */
  changed(): void {
    this.checked();
  }

  checked(): void {
    if (this.#daemon === undefined) return;
    this.#statusTimer ??= setTimeout(() => this.#tellStatus(), STATUS_PAUSE_MS);
  }

  /** The daemon ends. Resolves when that is told. */
  async stopping(): Promise<void> {
    this.close();
    this.#manager?.tell({ state: 'STOPPING' });
    await this.#manager?.told();
  }

  close(): void {
    this.#daemon = undefined;
    clearTimeout(this.#statusTimer);
    clearInterval(this.#watchdog);
  }

  #tellStatus(): void {
    this.#statusTimer = undefined;
    if (this.#daemon === undefined) return;
    const status = statusOf(this.#daemon.tally());
    if (status === this.#status) return;
    this.#status = status;
    this.#manager?.tell({ status });
  }

  #signOfLife(): void {
    if (this.#daemon === undefined) return;
    const trouble = this.#daemon.stuck();
    if (trouble === undefined) this.#manager?.tell({ alive: true });
    else if (trouble !== this.#trouble) this.#log().error(`The watchdog is not told that all is well: ${trouble}`);
    this.#trouble = trouble;
  }
}

function statusOf({ virtuals, up, reals }: Tally): string {
  return `${counted(virtuals, 'virtual service')}, ${up} of ${counted(reals, 'real server')} up`;
}
