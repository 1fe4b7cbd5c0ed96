// Serves the status page as the configuration has it (statuslisten, statustoken), and is nothing but a few empty calls while it has
// none. What cannot be opened is tried again; the daemon works without.
import { setTimeout as pause } from 'node:timers/promises';
import type { CheckResult } from './checks/check.ts';
import { type Config, formatEndpoint, isLocal, type StatusListen } from './config/model.ts';
import { messageOf, systemReason } from './errors.ts';
import type { Logger } from './log.ts';
import type { Member, Observer, Pass, ServerChange, Turn } from './observer.ts';
import type { Web, WebSource } from './status/web/web.ts';
import { readToken } from './system/token-file.ts';

/** The address may come later, and whoever has it now may go. */
const RETRY_MS = 5_000;
/** From one line about a wrong token to the next. */
const STRANGER_MS = 60_000;
/** How long what is under way may hold up the end of the daemon. */
const CLOSE_WAIT_MS = 1_000;

export interface StatusPageParts {
  readonly log: () => Logger;
  /** Default 5000. */
  readonly retryMs?: number;
}

type Wanted = Pick<Config, 'statusListen' | 'statusToken'>;

export class StatusPage implements Observer {
  readonly #log: () => Logger;
  readonly #retryMs: number;
  #source: WebSource | undefined;
  /** Once it was on. */
  #loaded: Web | undefined;
  /** While it is on, also while it tries to listen. */
  #web: Web | undefined;
  #wanted: Wanted = {};
  /** What is open now, so that a reload which changes nothing of it drops nobody. */
  #open = '';
  #work: Promise<void> = Promise.resolve();
  #retryTimer: NodeJS.Timeout | undefined;
  /** What is wrong now; said once, not at every try. */
  #trouble: string | undefined;
  /** No wrong token is told before. */
  #quietUntil = 0;
  #closed = false;

  constructor({ log, retryMs = RETRY_MS }: StatusPageParts) {
    this.#log = log;
    this.#retryMs = retryMs;
  }

  /** The daemon has started, and can be asked. */
  attend(source: WebSource, config: Config): Promise<void> {
    this.#source = source;
    return this.follow(config);
  }

  /** Goes over to these settings; resolves when that has been tried. Never rejects: the daemon works without. */
  follow(config: Wanted): Promise<void> {
    if (this.#closed || this.#source === undefined) return Promise.resolve();
    this.#wanted = config;
    this.#web?.reloaded();
    return this.#soon();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    // A file system that hangs is not waited for.
    await Promise.race([this.#work, pause(CLOSE_WAIT_MS, undefined, { ref: false })]);
    await this.#web?.off();
    this.#web = undefined;
  }

  /** The operator has ordered something for these. */
  ordered(members: readonly Member[]): void {
    this.#web?.ordered(members);
  }

  checked(member: Member, result: CheckResult): void {
    this.#web?.checked(member, result);
  }

  notChecked(member: Member, result: CheckResult): void {
    this.#web?.notChecked(member, result);
  }

  changed(change: ServerChange): void {
    this.#web?.changed(change);
  }

  turned(member: Member, turn: Turn): void {
    this.#web?.turned(member, turn);
  }

  held(member: Member, hold: { readonly reason: string | undefined; readonly at: number }): void {
    this.#web?.held(member, hold);
  }

  reconciled(pass: Pass): void {
    this.#web?.reconciled(pass);
  }

  #soon(): Promise<void> {
    clearTimeout(this.#retryTimer);
    this.#work = this.#work.then(() => this.#settle());
    return this.#work;
  }

  async #settle(): Promise<void> {
    const { statusListen: listen, statusToken } = this.#wanted;
    if (this.#closed) return;
    if (listen === undefined) {
      await this.#off();
      return;
    }
    try {
      const { token, lack } = await tokenFor(listen, statusToken);
      await this.#openDoor(listen, token);
      if (lack === undefined) this.#trouble = undefined;
      else this.#failed(lack);
    } catch (error) {
      this.#open = '';
      await this.#web?.shut();
      this.#failed(`cannot listen on ${placeOf(listen)}: ${reasonOf(error)}`);
    }
  }

  async #openDoor(listen: StatusListen, token: string | undefined): Promise<void> {
    const open = JSON.stringify([listen, token]);
    if (open === this.#open) return;
    const url = await (await this.#on()).open({ listen, token, onWrongToken: (from) => this.#wrongToken(from) });
    this.#open = open;
    this.#log().info(`The status page is at ${url}${token === undefined ? ', read-only' : ''}`);
  }

  /** Loaded when it is wanted for the first time. */
  async #on(): Promise<Web> {
    if (this.#loaded === undefined) {
      const onFault = (error: unknown) =>
        this.#log().error(`A fault of ours in the status page: ${error instanceof Error ? error.stack : error}`);
      const { Web } = await import('./status/web/web.ts');
      this.#loaded = new Web(this.#source as WebSource, { onFault });
    }
    this.#web = this.#loaded;
    return this.#web;
  }

  async #off(): Promise<void> {
    if (this.#open !== '') this.#log().info('The status page is off');
    this.#open = '';
    this.#trouble = undefined;
    const web = this.#web;
    this.#web = undefined;
    await web?.off();
  }

  /** Once a minute at most: whoever tries many must not fill the log. */
  #wrongToken(from: string): void {
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + STRANGER_MS;
    this.#log().warn(`Somebody at ${from} has tried a wrong token on the status page`);
  }

  #failed(trouble: string): void {
    if (trouble !== this.#trouble) this.#log().error(`The status page is not as it should be: ${trouble}`);
    this.#trouble = trouble;
    clearTimeout(this.#retryTimer);
    if (!this.#closed) this.#retryTimer = setTimeout(() => void this.#soon(), this.#retryMs);
  }
}

/** Without a token it is read-only, and `lack` says why there is none though one is wanted. Rejects where the network could ask without. */
async function tokenFor(
  listen: StatusListen,
  path: string | undefined,
): Promise<{ readonly token: string | undefined; readonly lack?: string }> {
  if (path === undefined) return { token: undefined };
  try {
    return { token: (await readToken(path)).token };
  } catch (error) {
    if (!isLocal(listen)) throw error;
    return { token: undefined, lack: `${messageOf(error)}; until then it is read-only` };
  }
}

function placeOf(listen: StatusListen): string {
  return listen.kind === 'unix' ? listen.path : formatEndpoint(listen.address, listen.port);
}

/** In words that say what to do where the system's own do not. */
function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return 'another program listens there, or a file that is no socket of ours has that name';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address now';
    case undefined:
      return messageOf(error);
    default:
      return systemReason(error);
  }
}
