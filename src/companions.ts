// What works beside the daemon, and is set up, reconfigured and ended with it: alerts, monitor files, maintenance, the watch over
// the configuration file with its callback, other configurations, the synchronisation of connections, what systemd is told, the
// socket through which the daemon can be asked, its status page, and the idle connections of tripwire.
import { realpathSync } from 'node:fs';
import { isSea } from 'node:sea';
import { Alerts } from './alerts.ts';
import { Callback } from './callback.ts';
import type { Config } from './config/model.ts';
import { ConfigWatch } from './config-watch.ts';
import { messageOf } from './errors.ts';
import { Executed, type OtherAction } from './execute.ts';
import type { HeldDown } from './ipvs/desired.ts';
import type { Logger } from './log.ts';
import { Maintenance } from './maintenance.ts';
import { MonitorFiles } from './monitor-file.ts';
import type { Member, Observer } from './observer.ts';
import type { State } from './operator/state.ts';
import { ServiceNotices, type Told } from './service-notices.ts';
import { type Control, type Handlers, listenForControl } from './status/control.ts';
import type { WebSource } from './status/web/web.ts';
import { StatusPage } from './status-page.ts';
import { SyncMaster } from './sync-master.ts';
import { runCommand } from './system/command.ts';
import type { ConnectionSync } from './system/connection-sync.ts';
import { localIdentity, mailer } from './system/mail.ts';
import { reverseLookup } from './system/reverse-lookup.ts';
import type { ServiceManager } from './system/service-manager.ts';
import { type Rechecking, Tripwire } from './tripwire.ts';

export interface CompanionsParts {
  /** Absolute path of the configuration. */
  readonly path: string;
  readonly name: string;
  readonly config: Config;
  /** Of the text that `config` was read from. */
  readonly digest: string;
  readonly log: () => Logger;
  /** Orders a reload; rejects when it fails, which is logged by then. */
  readonly reload: () => Promise<void>;
  /** Options of this daemon's call that another configuration is called with, too. */
  readonly optionsFor: (path: string) => readonly string[];
  readonly state: State;
  readonly sync: ConnectionSync;
  /** Whoever runs this process and wants to be told. */
  readonly serviceManager: ServiceManager | undefined;
}

/** What they need of the daemon. */
interface Attended extends Told, Rechecking {
  /** To be called when servers are held down, or are not any more. */
  holdsChanged(): Promise<void>;
}

export class Companions {
  readonly #parts: CompanionsParts;
  readonly #alerts: Alerts;
  readonly #monitorFiles: MonitorFiles;
  readonly #maintenance: Maintenance;
  readonly #callback: Callback;
  readonly #executed: Executed;
  readonly #sync: SyncMaster;
  readonly #notices: ServiceNotices;
  readonly #statusPage: StatusPage;
  readonly #tripwire: Tripwire;
  #config: Config;
  #watch: ConfigWatch | undefined;
  #control: Control | undefined;
  #daemon: Attended | undefined;
  /** Whether the reload under way goes over to another content. */
  #isNew = false;

  constructor(parts: CompanionsParts) {
    const { path, name, config, log, optionsFor } = parts;
    this.#parts = parts;
    this.#config = config;
    const identity = localIdentity();
    this.#alerts = new Alerts(config, { send: mailer(identity), log, host: identity.host });
    this.#maintenance = new Maintenance({
      reverse: reverseLookup,
      log,
      onChange: () => void this.#daemon?.holdsChanged(),
    });
    this.#monitorFiles = new MonitorFiles({
      words: ({ real }) => real.monitorWords ?? '',
      inMaintenance: ({ virtual, real }) => this.#maintenance.reasonFor(virtual, real) !== undefined,
      log,
    });
    this.#callback = new Callback({ path, log });
    this.#sync = new SyncMaster({ sync: parts.sync, log });
    this.#notices = new ServiceNotices(parts.serviceManager, log);
    this.#statusPage = new StatusPage({ log });
    this.#tripwire = new Tripwire({ log });
    // Absolute: this process leaves the directory that it was started in.
    const program = [process.execPath, ...(isSea() ? [] : [realpathSync(process.argv[1] ?? '')])];
    this.#executed = new Executed({
      own: { path, name },
      run: runCommand,
      log,
      commandFor: (action, other) => [...program, ...otherArguments(action, other), ...optionsFor(other)],
    });
  }

  get observers(): readonly Observer[] {
    const { history } = this.#parts.state;
    return [this.#alerts, this.#monitorFiles, this.#notices, history, this.#statusPage, this.#tripwire];
  }

  get heldDown(): HeldDown {
    const { overrides } = this.#parts.state;
    return (virtual, real) => this.#maintenance.holdsDown(virtual, real) ?? overrides.holdsDown(virtual, real);
  }

  /** Before the daemon starts. */
  async prepare(): Promise<void> {
    this.#monitorFiles.reconfigure(this.#config);
    await this.#maintenance.follow(this.#config);
  }

  /** Once the daemon has started. Never rejects: it does its work without them. */
  async attend(daemon: Attended, socket: string, handlers: Handlers, source: WebSource): Promise<void> {
    const { path, digest, log } = this.#parts;
    this.#daemon = daemon;
    this.#tripwire.attend(daemon);
    this.#watch = new ConfigWatch({ path, log, onChange: () => void this.#changedOnDisk() }, digest);
    this.#control = await listenForControl(socket, handlers).catch((error) => {
      log().warn(`Nobody can ask this daemon for its status, because its socket cannot be made: ${messageOf(error)}`);
      return undefined;
    });
    void this.#executed.update(this.#config.execute);
    void this.#statusPage.attend(source, this.#config);
    await this.#sync.follow(this.#config.syncDaemon);
    this.#notices.ready(daemon);
  }

  /** The operator has ordered something for these. */
  ordered(members: readonly Member[]): void {
    this.#statusPage.ordered(members);
  }

  /** Before a reload. */
  reloading(): void {
    this.#notices.reloading();
  }

  /** When a reload has read the file, whatever is in it. */
  seen(digest: string): void {
    this.#isNew = this.#watch?.accept(digest) ?? false;
  }

  /** Before the daemon goes over to another configuration. */
  async reconfigure(config: Config): Promise<void> {
    this.#config = config;
    this.#alerts.reconfigure(config);
    this.#monitorFiles.reconfigure(config);
    await Promise.all([this.#maintenance.follow(config), this.#sync.follow(config.syncDaemon)]);
  }

  /** After a reload, also one that failed. Resolves when the service manager knows. */
  async reloaded(): Promise<void> {
    void this.#executed.update(this.#config.execute);
    void this.#statusPage.follow(this.#config);
    this.#tripwire.follow();
    if (this.#isNew) this.#callBack();
    await this.#notices.reloaded();
  }

  /** While the daemon stops: it is not told of any change any more, and the other configurations are stopped. */
  async stop(): Promise<void> {
    this.#hearNothingMore();
    await Promise.all([this.#executed.stop(), this.#sync.stop(), this.#notices.stopping()]);
  }

  /** When the daemon has ended: lets go of everything, after what it had to say has been sent and written, within some seconds. */
  async close(): Promise<void> {
    this.#hearNothingMore();
    await Promise.all([
      this.#control?.close(),
      this.#statusPage.close(),
      this.#alerts.close(),
      this.#monitorFiles.close(),
      this.#parts.state.close(),
    ]);
  }

  #hearNothingMore(): void {
    this.#notices.close();
    this.#watch?.close();
    this.#callback.close();
    this.#maintenance.close();
    this.#tripwire.close();
  }

  async #changedOnDisk(): Promise<void> {
    const { path, log, reload } = this.#parts;
    const { autoReload } = this.#config;
    log().info(
      `Configuration file ${path} has changed on disk: ${autoReload ? 'reloading' : 'not reloaded, autoreload = no'}`,
    );
    if (autoReload) await reload().catch(() => {});
    // As ldirectord: after the reload, and whether or not there was one.
    this.#callBack();
  }

  #callBack(): void {
    this.#isNew = false;
    if (this.#config.callback !== undefined) this.#callback.changed(this.#config.callback);
  }
}

/** A stop must be over before whoever stops this daemon loses patience. */
function otherArguments(action: OtherAction, path: string): string[] {
  return [
    action,
    '-f',
    path,
    ...(action === 'stop' ? ['--stop-timeout', '8'] : []),
    ...(action === 'start' ? ['--executed'] : []),
  ];
}
