// Read this first: the loop between checks, the health of the servers, and the kernel's table.
//
//   .cf -> Config -> Scheduler -> checks -> results -> health -> desired table -> Reconciler -> kernel
import type { CheckResult, CheckServices } from './checks/check.ts';
import { prepareCheck } from './checks/run.ts';
import { type Config, checkKey, type Real, type Virtual, virtualKey, virtualName } from './config/model.ts';
import { IpvsError } from './errors.ts';
import { FallbackCommands } from './fallback-commands.ts';
import { adoptedHealth, applyResult, type Health, type HealthEvent, unknownHealth } from './health/health.ts';
import { desiredTable, realDestination, type StateOf } from './ipvs/desired.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { destinationKey, EMPTY_TABLE, serviceKey, type Table } from './ipvs/table.ts';
import type { Logger } from './log.ts';
import { Reconciler } from './reconciler.ts';
import { type Job, Scheduler } from './scheduler.ts';

/** How often the kernel's table is looked at for what has vanished. */
const WATCH_INTERVAL_MS = 1_000;

export interface DaemonParts {
  readonly kernel: Kernel;
  readonly log: Logger;
  readonly services: CheckServices;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A real server within its virtual. */
interface Member {
  readonly virtual: Virtual;
  readonly real: Real;
  /** Identity across reloads: the service and the destination that the kernel knows. */
  readonly key: string;
}

export class Daemon {
  readonly #kernel: Kernel;
  readonly #services: CheckServices;
  readonly #now: () => number;
  readonly #reconciler: Reconciler;
  readonly #scheduler: Scheduler;
  readonly #fallbackCommands: FallbackCommands;
  #log: Logger;
  #config: Config;
  /** Health by member key. */
  #health = new Map<string, Health>();
  /** Why the last check of a member could not be made, by member key: told once, not at every interval. */
  readonly #troubles = new Map<string, string>();
  /** Members by the job that checks them. */
  #members = new Map<string, readonly Member[]>();
  #watchTimer: NodeJS.Timeout | undefined;

  constructor(config: Config, { kernel, log, services, now = Date.now }: DaemonParts) {
    this.#config = config;
    this.#kernel = kernel;
    this.#log = log;
    this.#services = services;
    this.#now = now;
    this.#reconciler = new Reconciler({
      kernel,
      log: () => this.#log,
      desired: () => desiredTable(this.#config, this.#stateOf),
    });
    this.#scheduler = new Scheduler((key, result) => this.#onResult(key, result));
    this.#fallbackCommands = new FallbackCommands({ command: services.command, log: () => this.#log });
  }

  /**
   * Programs the table and starts checking. A server that is in the table with a weight serves until a check says otherwise.
   * Throws IpvsError when the kernel cannot be brought to what is wanted; what this start has added is removed again then.
   */
  async start(): Promise<void> {
    const before = await this.#kernel.read({ thresholds: false });
    this.#health = this.#healthFor(this.#config, before);
    await this.#reconciler.reconcile(true, before);
    const { trouble } = this.#reconciler;
    if (trouble !== undefined) {
      const added = this.#config.virtuals.map(serviceKey).filter((key) => !before.has(key));
      await this.#reconciler.stop(new Set(added));
      throw new IpvsError(trouble);
    }
    this.#schedule();
    this.#fallbackCommands.update(this.#config.virtuals, this.#stateOf);
    this.#watchTimer = setInterval(() => void this.#reconciler.watch(), WATCH_INTERVAL_MS);
  }

  /** Goes over to another configuration; servers that stay keep their health, checks that stay keep their rhythm. */
  async reload(config: Config, log: Logger): Promise<void> {
    const table = await this.#kernel.read({ thresholds: false }).catch((error) => {
      this.#log.warn(
        `Servers that this reload adds are taken as new, because the table cannot be read: ${error.message}`,
      );
      return EMPTY_TABLE;
    });
    this.#health = this.#healthFor(config, table);
    this.#config = config;
    this.#log = log;
    this.#troubles.clear();
    const programmed = this.#reconciler.reconcile(true);
    this.#schedule();
    await programmed;
    this.#fallbackCommands.update(config.virtuals, this.#stateOf);
  }

  /** Ends all checks and removes the services of virtuals with cleanstop from the kernel. Throws IpvsError. */
  async stop(): Promise<void> {
    clearInterval(this.#watchTimer);
    this.#scheduler.close();
    await Promise.all([this.#reconciler.stop(cleanStopKeys(this.#config)), this.#fallbackCommands.close()]);
  }

  readonly #stateOf: StateOf = (virtual, real) => this.#health.get(memberKey(virtual, real))?.state ?? 'unknown';

  #healthFor(config: Config, table: Table): Map<string, Health> {
    const now = this.#now();
    const found = this.#foundByCheck();
    return new Map(
      membersOf(config).map(({ virtual, real, key }) => {
        const kind = real.check.spec.kind;
        if (kind === 'on') return [key, { state: 'up', failures: 0, reason: 'never checked: always up', since: now }];
        if (kind === 'off') return [key, { state: 'down', failures: 0, reason: 'checktype = off', since: now }];
        const inTable = table
          .get(serviceKey(virtual))
          ?.destinations.get(destinationKey(realDestination(virtual, real)));
        const first = (inTable?.weight ?? 0) > 0 ? adoptedHealth(now) : unknownHealth(now);
        return [key, this.#health.get(key) ?? found.get(checkKey(real.check)) ?? first];
      }),
    );
  }

  /** What the running checks have found: a server that a reload names in one more place need not wait for its next check. */
  #foundByCheck(): Map<string, Health> {
    const found = new Map<string, Health>();
    for (const { real, key } of membersOf(this.#config)) {
      const health = this.#health.get(key);
      const check = checkKey(real.check);
      if (health === undefined || health.state === 'unknown') continue;
      if (health.state === 'down' || !found.has(check)) found.set(check, { ...health, failures: 0 });
    }
    return found;
  }

  #schedule(): void {
    const members = new Map<string, Member[]>();
    const jobs = new Map<string, Job>();
    for (const member of membersOf(this.#config)) {
      const { check } = member.real;
      if (check.spec.kind === 'on' || check.spec.kind === 'off') continue;
      const intervalMs = member.virtual.checkIntervalMs;
      const key = `${checkKey(check)} every ${intervalMs}`;
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
    for (const member of this.#members.get(key) ?? []) {
      const before = this.#health.get(member.key);
      if (before === undefined) continue;
      this.#logResult(member, result);
      if (result.outcome === 'error') continue;
      const verdict = { up: result.outcome === 'up', detail: result.detail };
      const { health, event } = applyResult(before, verdict, member.virtual.failureCount, this.#now());
      this.#health.set(member.key, health);
      if (event !== undefined) this.#logEvent(member, event, result);
      changed ||= health.state !== before.state;
    }
    if (changed) void this.#applyHealth();
  }

  async #applyHealth(): Promise<void> {
    await this.#reconciler.reconcile();
    this.#fallbackCommands.update(this.#config.virtuals, this.#stateOf);
  }

  #logResult(member: Member, { outcome, detail, durationMs }: CheckResult): void {
    const troubled = this.#troubles.get(member.key);
    if (outcome === 'error') this.#troubles.set(member.key, detail);
    else this.#troubles.delete(member.key);
    const isNews = outcome === 'error' && detail !== troubled;
    if (!isNews && !this.#log.verbose) return;
    const { real, virtual } = namesOf(member);
    const fields = { virtual, real, reason: detail, durationMs };
    if (isNews)
      this.#log.error(
        `The check of ${real} (${virtual}) could not be made, which says nothing about the server: ${detail}`,
        fields,
      );
    else this.#log.debug(`check ${real} (${virtual}): ${outcome} after ${durationMs.toFixed(1)} ms: ${detail}`, fields);
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

function membersOf(config: Config): Member[] {
  return config.virtuals.flatMap((virtual) =>
    virtual.reals.map((real) => ({ virtual, real, key: memberKey(virtual, real) })),
  );
}

function memberKey(virtual: Virtual, real: Real): string {
  return `${virtualKey(virtual)} ${destinationKey(realDestination(virtual, real))}`;
}

function namesOf({ virtual, real }: Member): { virtual: string; real: string; id: string } {
  return {
    virtual: virtualName(virtual),
    real: destinationKey(realDestination(virtual, real)),
    id: virtualKey(virtual),
  };
}
