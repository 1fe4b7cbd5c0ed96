// Read this first: the loop between checks, the health of the servers, and the kernel's table.
//
//   .cf -> Config -> Scheduler -> checks -> results -> health -> desired table -> Reconciler -> kernel
import { setTimeout as pause } from 'node:timers/promises';
import { CheckTroubles } from './check-troubles.ts';
import type { CheckResult, CheckServices } from './checks/check.ts';
import { prepareCheck } from './checks/run.ts';
import { type Config, checkKey, type Real, type Virtual, virtualKey, virtualName } from './config/model.ts';
import { Damper } from './damper.ts';
import { IpvsError } from './errors.ts';
import { FallbackCommands } from './fallback-commands.ts';
import { forgiven } from './health/damping.ts';
import { type Health, type HealthEvent, unknownHealth } from './health/health.ts';
import { fastInterval } from './health/pace.ts';
import { firstHealth } from './ipvs/adopt.ts';
import {
  desiredTable,
  type HeldDown,
  memberKey,
  type OverrideOf,
  realDestination,
  type StateOf,
  serverName,
} from './ipvs/desired.ts';
import type { Edit } from './ipvs/edit.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { editMessage } from './ipvs/message.ts';
import { leftBehind } from './ipvs/plan.ts';
import type { Listing } from './ipvs/save-format.ts';
import type { ServerStatistics } from './ipvs/stats-format.ts';
import { destinationKey, EMPTY_TABLE, serviceKey, type Table } from './ipvs/table.ts';
import type { Logger } from './log.ts';
import type { DaemonState, Member as ObservedMember, Observer, ServerChange } from './observer.ts';
import { OwnServices } from './operator/own-services.ts';
import { Reconciler, type Trigger } from './reconciler.ts';
import { type Job, Scheduler } from './scheduler.ts';
import type { Tally } from './service-notices.ts';
import { standstillTold } from './standstill.ts';
import type { Facts, LastCheck } from './status/snapshot.ts';

/** How often the kernel's table is looked at for what has vanished. */
const WATCH_INTERVAL_MS = 1_000;

/**
 * A start programs the table when every server has been checked, or no answer has come for QUIET_LOOKS looks, or
 * after so long. So servers that are well come into it with their weight, in one batch, and no fallback for a moment before.
 */
const FIRST_ANSWERS_MS = 1_000;
const QUIET_LOOKS = 4;
const LOOK_EVERY_MS = 10;

/** A check that is this late is never made, and a table that is worked on for so long (ipvsadm has 10 s a call) never done. */
const STUCK_CHECK_MS = 20_000;
const STUCK_TABLE_MS = 90_000;

export interface DaemonParts {
  readonly kernel: Kernel;
  readonly log: Logger;
  readonly services: CheckServices;
  /** Told what happens, in this order. */
  readonly observers?: readonly Observer[];
  /** Why a server is out of service whatever its checks say; undefined when it is not. */
  readonly heldDown?: HeldDown;
  /** What the operator has ordered for a server. */
  readonly overrideOf?: OverrideOf;
  /** Which services of the table are ours, from one daemon to the next. */
  readonly ownServices?: OwnServices;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const NONE: ReadonlySet<string> = new Set();

/** A real server within its virtual. */
interface Member extends ObservedMember {
  /** Identity across reloads: the service and the destination that the kernel knows. */
  readonly key: string;
}

/** What is waited for when first answers are. */
interface Answers {
  readonly limitMs: number;
  readonly quietLooks: number;
  readonly isEnough: () => boolean;
}

export class Daemon {
  readonly #kernel: Kernel;
  readonly #services: CheckServices;
  readonly #now: () => number;
  readonly #reconciler: Reconciler;
  readonly #scheduler: Scheduler;
  readonly #fallbackCommands: FallbackCommands;
  readonly #damper: Damper;
  readonly #observers: readonly Observer[];
  readonly #heldDown: HeldDown;
  readonly #overrideOf: OverrideOf;
  readonly #ownServices: OwnServices;
  #state: DaemonState = 'starting';
  #log: Logger;
  #config: Config;
  /** The configuration's virtuals by the key of their service. */
  #virtuals: ReadonlyMap<string, Virtual>;
  /** Health by member key. */
  #health = new Map<string, Health>();
  /** By member key. */
  readonly #lastChecks = new Map<string, LastCheck>();
  /** Why members are held down, by member key, as it was told last. */
  readonly #held = new Map<string, string>();
  readonly #troubles: CheckTroubles;
  /** Members by the job that checks them. */
  #members = new Map<string, readonly Member[]>();
  /** The job that checks a member, by member key. */
  #jobs = new Map<string, string>();
  #watchTimer: NodeJS.Timeout | undefined;
  /** The table waits for the first answers. */
  #isGathering = true;
  /** When the first check began. */
  #checkingSince = 0;
  /** How many servers have been checked that were not before. */
  #firstAnswers = 0;
  /** Servers whose first check has found them down, of which nobody has been told yet, by member key. */
  readonly #firstDown = new Map<string, Member>();
  /** A member that was not checked yet when somebody looked, by key. */
  #awaited = '';

  constructor(config: Config, parts: DaemonParts) {
    const { kernel, log, services, observers = [], now = Date.now } = parts;
    const { heldDown = () => undefined, overrideOf = () => undefined, ownServices = new OwnServices() } = parts;
    this.#config = config;
    this.#virtuals = virtualsOf(config);
    this.#kernel = kernel;
    this.#log = log;
    this.#services = services;
    this.#observers = observers;
    this.#heldDown = heldDown;
    this.#overrideOf = overrideOf;
    this.#ownServices = ownServices;
    this.#now = now;
    this.#reconciler = new Reconciler({
      kernel,
      log: () => this.#log,
      desired: () => desiredTable(this.#config, this.#stateOf, this.#overrideOf),
      onEdit: (edit, message) => this.#onEdit(edit, message),
      onPass: (pass) => {
        for (const observer of this.#observers) observer.reconciled?.({ ...pass, at: this.#now() });
        this.#letGo();
      },
    });
    this.#scheduler = new Scheduler(
      (key, result) => this.#onResult(key, result),
      standstillTold(() => this.#log),
    );
    this.#troubles = new CheckTroubles({ log: () => this.#log });
    this.#fallbackCommands = new FallbackCommands({ command: services.command, log: () => this.#log });
    this.#damper = new Damper({ health: () => this.#health, stateOf: this.#stateOf, heldDown, log: () => this.#log });
  }

  /**
   * Starts checking and programs the table, with what the first checks have said where that comes at once; or without, when `isEnough`
   * says so. A server that is in the table with a weight serves until a check says otherwise; services that a daemon before has left
   * there and that are no longer configured are removed.
   * Throws IpvsError when the kernel cannot be brought to what is wanted; what this start has added is removed again then.
   */
  async start(isEnough = () => false): Promise<void> {
    const before = await this.#kernel.read({ thresholds: false });
    this.#health = this.#healthFor(this.#config, before);
    const own = this.#ownServices;
    this.#reconciler.inherit(leftBehind(before, own.all, this.#virtuals));
    this.#tellHolds();
    this.#checkingSince = performance.now();
    this.#schedule();
    await own.add(this.#virtuals.keys());
    await this.#answers({ limitMs: FIRST_ANSWERS_MS, quietLooks: QUIET_LOOKS, isEnough });
    this.#isGathering = false;
    await this.#reconciler.reconcile({ takeOver: true, known: before });
    const { trouble } = this.#reconciler;
    if (trouble !== undefined) {
      this.#scheduler.close();
      this.#troubles.clear();
      const added = this.#config.virtuals.map(serviceKey).filter((key) => !before.has(key));
      await this.#reconciler.stop(new Set(added));
      own.keepOnly(new Set([...own.all].filter((key) => before.has(key))));
      throw new IpvsError(trouble);
    }
    this.#tellFirstDown();
    this.#fallbackCommands.update(this.#config.virtuals, this.#stateOf);
    this.#watchTimer = setInterval(() => void this.#reconciler.watch(), WATCH_INTERVAL_MS);
    this.#state = 'running';
    this.#letGo();
  }

  /** Resolves when every server has been checked once and the table shows it, `limitMs` after the first check, or when `isEnough` says so. */
  async firstRound(limitMs: number, isEnough = () => false): Promise<void> {
    await this.#answers({ limitMs, quietLooks: Number.POSITIVE_INFINITY, isEnough });
    await this.#reconciler.settled();
  }

  /** Resolves when every server has been checked once, `limitMs` after the first check, or when so many looks have found no new answer. */
  async #answers({ limitMs, quietLooks, isEnough }: Answers): Promise<void> {
    const end = this.#checkingSince + limitMs;
    let heard = this.#firstAnswers;
    // Looks and not time: where the processor is late, each look comes after what was to be heard before it.
    for (let quiet = 0; quiet < quietLooks && performance.now() < end && this.#hasUnknown() && !isEnough(); quiet++) {
      await pause(LOOK_EVERY_MS);
      if (this.#firstAnswers !== heard) quiet = 0;
      heard = this.#firstAnswers;
    }
  }

  #hasUnknown(): boolean {
    // Not all of them at each look: mostly the one that was awaited still is.
    if (this.#health.get(this.#awaited)?.state === 'unknown') return true;
    for (const [key, { state }] of this.#health) {
      if (state !== 'unknown') continue;
      this.#awaited = key;
      return true;
    }
    return false;
  }

  /** Goes over to another configuration; servers that stay keep their health, checks that stay keep their rhythm. */
  async reload(config: Config, log: Logger): Promise<void> {
    this.#state = 'reloading';
    const virtuals = virtualsOf(config);
    await this.#ownServices.add(virtuals.keys());
    const table = await this.#kernel.read({ thresholds: false }).catch((error) => {
      this.#log.warn(
        `Servers that this reload adds are taken as new, because the table cannot be read: ${error.message}`,
      );
      return EMPTY_TABLE;
    });
    this.#health = this.#healthFor(config, table);
    this.#config = config;
    this.#virtuals = virtuals;
    this.#log = log;
    this.#troubles.clear();
    this.#forget(this.#lastChecks);
    this.#forget(this.#held);
    this.#forget(this.#firstDown);
    this.#tellHolds();
    this.#damper.ease(config.virtuals);
    const programmed = this.#reconciler.reconcile({ takeOver: true });
    this.#schedule();
    await programmed;
    this.#fallbackCommands.update(config.virtuals, this.#stateOf);
    this.#state = 'running';
    this.#letGo();
  }

  /** Ends all checks and removes the services of virtuals with cleanstop from the kernel. Throws IpvsError. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    clearInterval(this.#watchTimer);
    this.#scheduler.close();
    this.#troubles.clear();
    await Promise.all([this.#reconciler.stop(cleanStopKeys(this.#config)), this.#fallbackCommands.close()]);
    // What stays in the table by cleanstop = no is the administrator's from here on.
    if (this.trouble === undefined) this.#ownServices.keepOnly(NONE);
  }

  /** Services that were ours are not any more once they are gone from the table. */
  #letGo(): void {
    if (this.#state === 'running' && this.trouble === undefined) this.#ownServices.keepOnly(this.#virtuals);
  }

  /** Brings the table up to date after `heldDown` or `overrideOf` has changed its mind; resolves when that has been tried. */
  async holdsChanged(): Promise<void> {
    this.#tellHolds();
    this.#damper.ease(this.#config.virtuals);
    await this.#applyHealth();
  }

  /** Tells of servers that are held down now and were not, and the other way round. */
  #tellHolds(): void {
    const at = this.#now();
    for (const member of membersOf(this.#config)) {
      const reason = this.#heldDown(member.virtual, member.real);
      const before = this.#held.get(member.key);
      if (reason === before) continue;
      if (reason === undefined) this.#held.delete(member.key);
      else this.#held.set(member.key, reason);
      for (const observer of this.#observers) observer.held?.(member, { reason, at });
    }
  }

  /** Drops what is remembered of members that are not configured any more. */
  #forget(remembered: Map<string, unknown>): void {
    for (const key of remembered.keys()) if (!this.#health.has(key)) remembered.delete(key);
  }

  readonly #healthOf = ({ key }: Member): Health | undefined => this.#health.get(key);

  readonly #stateOf: StateOf = (virtual, real) =>
    this.#heldDown(virtual, real) === undefined
      ? (this.#health.get(memberKey(virtual, real))?.state ?? 'unknown')
      : 'down';

  /** A server that turns out to be down may have no weight to lose, or not be there: then no edit that is made tells of it. */
  #tellFirstDown(): void {
    for (const { virtual, real } of this.#firstDown.values()) {
      const edit: Edit = {
        kind: virtual.quiescent ? 'edit-destination' : 'delete-destination',
        service: virtual,
        destination: { ...realDestination(virtual, real), weight: 0 },
        role: 'real',
      };
      this.#onEdit(edit, editMessage(edit, 'run'));
    }
    this.#firstDown.clear();
  }

  get state(): DaemonState {
    return this.#state;
  }

  get config(): Config {
    return this.#config;
  }

  /** What is wrong with the kernel's table, in words; undefined when it is as wanted. */
  get trouble(): string | undefined {
    return this.#reconciler.trouble;
  }

  /** What is known of the servers now; asked anew for each look. */
  facts(): Facts {
    return {
      config: this.#config,
      healthOf: (virtual, real) => this.#health.get(memberKey(virtual, real)) ?? unknownHealth(this.#now()),
      lastCheckOf: (virtual, real) => this.#lastChecks.get(memberKey(virtual, real)),
      stateOf: this.#stateOf,
      heldDown: this.#heldDown,
      overrideOf: this.#overrideOf,
    };
  }

  /** The kernel's table as a cheap look shows it; undefined where it cannot be looked at. */
  listing(): Promise<Listing | undefined> {
    return this.#kernel.list();
  }

  /** What each server has been sent and has answered; undefined where nobody counts. Rejects with IpvsError. */
  async statistics(): Promise<Iterable<ServerStatistics> | undefined> {
    return this.#kernel.statistics?.();
  }

  /** For how many milliseconds the check that is latest has been due; 0 when all is in time. */
  get lateMs(): number {
    return this.#scheduler.lateMs();
  }

  /** Has the checks of these members made at once. */
  recheck(members: readonly Pick<Member, 'virtual' | 'real'>[]): void {
    const jobs = new Set<string>();
    for (const { virtual, real } of members) {
      const job = this.#jobs.get(memberKey(virtual, real));
      if (job !== undefined) jobs.add(job);
    }
    this.#scheduler.runNow([...jobs]);
  }

  /** Forgets that a server has flapped; false when it has not. */
  forgive(member: Pick<Member, 'virtual' | 'real'>): boolean {
    return this.#damper.forgive(member);
  }

  /** What systemd shows in one line. */
  tally(): Tally {
    const members = membersOf(this.#config);
    const up = members.filter(({ virtual, real }) => this.#stateOf(virtual, real) === 'up').length;
    return { virtuals: this.#config.virtuals.length, up, reals: members.length };
  }

  /** What keeps it from checking or from programming the table, in words; undefined when all goes on. */
  stuck(): string | undefined {
    const lateMs = this.#scheduler.lateMs();
    if (lateMs > STUCK_CHECK_MS) return `a check has been due for ${Math.round(lateMs / 1000)} s`;
    const { busyMs } = this.#reconciler;
    if (busyMs > STUCK_TABLE_MS) return `the kernel's table has been worked on for ${Math.round(busyMs / 1000)} s`;
    return undefined;
  }

  #onEdit(edit: Edit, message: string): void {
    if (!('destination' in edit) || this.#observers.length === 0) return;
    const virtual = this.#virtuals.get(serviceKey(edit.service));
    if (virtual === undefined) return;
    const server = destinationKey(edit.destination);
    const key = `${virtualKey(virtual)} ${server}`;
    const state = this.#health.get(key)?.state;
    this.#firstDown.delete(key);
    // A server that waits for its first check has not changed; one that leaves is told of when it is gone.
    if (edit.role === 'real' && (state === 'unknown' || (state === undefined && edit.kind !== 'delete-destination')))
      return;
    const change: ServerChange = {
      virtual,
      id: `${server} (${virtualName(virtual)})`,
      role: edit.role === 'fallback' ? 'fallback' : 'real',
      message,
      inService: edit.kind !== 'delete-destination' && edit.destination.weight > 0,
      state: this.#stateFor(virtual),
    };
    for (const observer of this.#observers) observer.changed?.(change);
  }

  /** As ldirectord calls it: what a check has found is of a running daemon, also when the start has waited for it. */
  #stateFor(virtual: Virtual): DaemonState {
    const isChecked = virtual.reals.some((real) => this.#lastChecks.has(memberKey(virtual, real)));
    return this.#state === 'starting' && isChecked ? 'running' : this.#state;
  }

  #healthFor(config: Config, table: Table): Map<string, Health> {
    const now = this.#now();
    const found = this.#foundByCheck();
    return new Map(
      membersOf(config).map((member) => {
        const { virtual, real, key } = member;
        const first = firstHealth(virtual, real, table, now);
        const { kind } = real.check.spec;
        if (kind === 'on' || kind === 'off') return [key, first];
        const health = this.#health.get(key);
        if (health === undefined) return [key, found.get(checkKey(real.check)) ?? first];
        return [key, this.#damper.kept(health, member, () => this.#checked(key))];
      }),
    );
  }

  /** The server as it is checked until a reload says otherwise. */
  #checked(key: string): Real | undefined {
    return this.#members.get(this.#jobs.get(key) ?? '')?.find((member) => member.key === key)?.real;
  }

  /** What the running checks have found: a server that a reload names in one more place need not wait for its next check. */
  #foundByCheck(): Map<string, Health> {
    const found = new Map<string, Health>();
    for (const { real, key } of membersOf(this.#config)) {
      const health = this.#health.get(key);
      const check = checkKey(real.check);
      if (health === undefined || health.state === 'unknown') continue;
      if (health.state === 'down' || !found.has(check)) found.set(check, { ...forgiven(health), failures: 0 });
    }
    return found;
  }

  #schedule(): void {
    const members = new Map<string, Member[]>();
    const jobs = new Map<string, Job>();
    this.#jobs = new Map();
    for (const member of membersOf(this.#config)) {
      const { check } = member.real;
      if (check.spec.kind === 'on' || check.spec.kind === 'off') continue;
      const intervalMs = member.virtual.checkIntervalMs;
      const key = `${checkKey(check)} every ${intervalMs}`;
      this.#jobs.set(member.key, key);
      const sharing = members.get(key);
      if (sharing === undefined) members.set(key, [member]);
      else sharing.push(member);
      jobs.set(key, { intervalMs, prepare: () => prepareCheck(check, this.#services) });
    }
    this.#members = members;
    this.#scheduler.update(jobs);
  }

  #onResult(key: string, result: CheckResult): void {
    let changed = false;
    const members = this.#members.get(key) ?? [];
    const now = this.#now();
    for (const member of members) {
      const before = this.#health.get(member.key);
      if (before === undefined) continue;
      this.#logResult(member, result);
      if (result.outcome === 'error') {
        for (const observer of this.#observers) observer.notChecked?.(member, result);
        continue;
      }
      const { outcome, detail, durationMs } = result;
      this.#lastChecks.set(member.key, { at: now, durationMs, outcome, detail });
      for (const observer of this.#observers) observer.checked?.(member, result);
      const verdict = { up: result.outcome === 'up', detail: result.detail };
      const change = this.#damper.judge(member, before, verdict, now);
      const { health, event } = change;
      this.#health.set(member.key, health);
      if (before.state === 'unknown') {
        this.#firstAnswers++;
        if (health.state === 'down') this.#firstDown.set(member.key, member);
      }
      if (event !== undefined) this.#logEvent(member, event, result);
      this.#damper.judged(member, change);
      const { state, since: at, reason } = health;
      if (state !== before.state && state !== 'unknown')
        for (const observer of this.#observers) observer.turned?.(member, { state, at, reason });
      changed ||= health.state !== before.state;
    }
    if (changed) void this.#applyHealth({ isShared: members.length > 1 });
    const soonMs = fastInterval(members, this.#healthOf);
    if (soonMs !== undefined) this.#scheduler.runAfter(key, soonMs);
  }

  async #applyHealth(trigger?: Trigger): Promise<void> {
    if (this.#isGathering) return;
    await this.#reconciler.reconcile(trigger);
    this.#tellFirstDown();
    this.#fallbackCommands.update(this.#config.virtuals, this.#stateOf);
  }

  #logResult(member: Member, { outcome, detail, durationMs }: CheckResult): void {
    if (outcome !== 'error' && !this.#troubles.any && !this.#log.verbose) return;
    const { real, virtual } = namesOf(member);
    const fields = { virtual, real, reason: detail, durationMs };
    if (outcome === 'error') this.#troubles.failed(`${real} (${virtual})`, detail, fields);
    else this.#troubles.made(`${real} (${virtual})`);
    this.#log.debug(`check ${real} (${virtual}): ${outcome} after ${durationMs.toFixed(1)} ms: ${detail}`, fields);
  }

  #logEvent(member: Member, event: HealthEvent, { detail, durationMs }: CheckResult): void {
    const { real, virtual, id } = namesOf(member);
    const fields = { virtual, real, reason: detail, durationMs };
    switch (event.kind) {
      case 'up':
      case 'down':
        this.#log.info(`Real server ${real} (${virtual}) is ${event.kind}: ${detail}`, fields);
        break;
      case 'soft-failure': {
        this.#log.info(`Real server ${real} (${virtual}) failed a check: ${detail}`, fields);
        const progress = `failure ${event.failures}/${member.virtual.failureCount}`;
        this.#log.info(`Soft failure real server: ${real} (${id}) ${progress}`, fields);
        break;
      }
      case 'reset':
        this.#log.info(`Resetting soft failure count: ${real} (${id})`, fields);
        break;
    }
  }
}

/** Keys of the services that a stop removes. */
export function cleanStopKeys(config: Config): Set<string> {
  return new Set(config.virtuals.filter(({ cleanStop }) => cleanStop).map(serviceKey));
}

function virtualsOf(config: Config): ReadonlyMap<string, Virtual> {
  return new Map(config.virtuals.map((virtual) => [serviceKey(virtual), virtual]));
}

function membersOf(config: Config): Member[] {
  return config.virtuals.flatMap((virtual) =>
    virtual.reals.map((real) => ({ virtual, real, key: memberKey(virtual, real) })),
  );
}

function namesOf({ virtual, real }: Member): { virtual: string; real: string; id: string } {
  return {
    virtual: virtualName(virtual),
    real: serverName(virtual, real),
    id: virtualKey(virtual),
  };
}
