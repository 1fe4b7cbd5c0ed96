// Holds an idle connection to each real server that is up, for virtuals with tripwire = yes: when a server closes or resets it, the
// server is checked at once. The check decides, never the connection.
import { readFileSync } from 'node:fs';
import type { CheckResult } from './checks/check.ts';
import { duration } from './checks/text.ts';
import { type Config, formatEndpoint, type Real, type Target } from './config/model.ts';
import { tcpTarget } from './config/tcp-target.ts';
import { Gradually } from './gradually.ts';
import { afterEnd, type Habit, NO_HABIT } from './health/idle.ts';
import type { Logger } from './log.ts';
import type { Member, Observer, Turn } from './observer.ts';
import type { Facts } from './status/snapshot.ts';
import { IdleConnection, type IdleConnectionOptions, type IdleEnd } from './system/idle-connection.ts';

/** No more idle connections than this, and no more than half of the files that this process may open: checks need some, too. */
const MAX_CONNECTIONS = 10_000;
/** Connections in a row that end early before that is told. */
const TOLD_AFTER = 3;

/** What it needs of the daemon. */
export interface Rechecking {
  facts(): Pick<Facts, 'config' | 'healthOf'>;
  /** Has the checks of these made at once. */
  recheck(members: readonly Member[]): void;
}

export interface TripwireParts {
  readonly log: () => Logger;
  /** Opens a connection; default the real thing. */
  readonly hold?: (target: Target, options: IdleConnectionOptions) => { close(): void };
  /** Default 10,000, or half of the files that this process may open. */
  readonly maxConnections?: number;
}

/** One address and port, for all virtuals that have a server there. */
interface Wire {
  readonly name: string;
  readonly target: Target;
  members: Member[];
  /** Those of its members that are up; there is no connection while there is none. */
  readonly up: Set<Real>;
  connection: { close(): void } | undefined;
  /** Until the next connection. */
  timer: NodeJS.Timeout | undefined;
  /** How long the next connection waits, once a check has succeeded where one is awaited. */
  retryMs: number;
  /** The next connection waits for a check that succeeds. */
  isDoubted: boolean;
  habit: Habit;
  /** Its habit has been told. */
  isTold: boolean;
}

export class Tripwire implements Observer {
  readonly #log: () => Logger;
  readonly #hold: NonNullable<TripwireParts['hold']>;
  readonly #maxConnections: number | undefined;
  readonly #connects = new Gradually<Wire>((wires) => {
    for (const wire of wires) this.#connect(wire);
  });
  readonly #rechecks = new Gradually<Wire>((wires) => {
    this.#daemon?.recheck(wires.flatMap(({ members }) => members));
  });
  #daemon: Rechecking | undefined;
  /** By address and port. */
  #wires = new Map<string, Wire>();
  #byReal = new Map<Real, Wire>();

  constructor({ log, hold, maxConnections }: TripwireParts) {
    this.#log = log;
    this.#hold = hold ?? ((target, options) => new IdleConnection(target, options));
    this.#maxConnections = maxConnections;
  }

  /** The daemon has started. */
  attend(daemon: Rechecking): void {
    this.#daemon = daemon;
    this.follow();
  }

  /** Goes over to the configuration that the daemon has now; connections that are wanted still are kept. */
  follow(): void {
    if (this.#daemon === undefined) return;
    const { config, healthOf } = this.#daemon.facts();
    const before = this.#wires;
    this.#wires = new Map();
    this.#byReal = new Map();
    for (const wire of before.values()) {
      wire.members = [];
      wire.up.clear();
    }
    for (const { target, member } of watched(config)) {
      const name = formatEndpoint(target.address, target.port);
      const wire = this.#wires.get(name) ?? before.get(name) ?? wireOf(name, target);
      this.#wires.set(name, wire);
      wire.members.push(member);
      this.#byReal.set(member.real, wire);
      if (healthOf(member.virtual, member.real).state === 'up') wire.up.add(member.real);
    }
    this.#keepWithinBound();
    for (const [name, wire] of before) if (!this.#wires.has(name)) this.#rest(wire);
    for (const wire of this.#wires.values()) this.#settle(wire);
  }

  turned({ real }: Member, { state }: Turn): void {
    const wire = this.#byReal.get(real);
    if (wire === undefined) return;
    if (state === 'up') wire.up.add(real);
    else wire.up.delete(real);
    this.#settle(wire);
  }

  /** Failures are counted at the pace of the checks: nothing is tried, and no check asked for, before one succeeds. */
  checked({ real }: Member, { outcome }: CheckResult): void {
    const wire = this.#byReal.get(real);
    if (wire === undefined || !wire.up.has(real)) return;
    if (outcome === 'up' && wire.isDoubted) this.#connectLater(wire);
    else if (outcome === 'down' && wire.timer !== undefined) this.#doubt(wire);
  }

  close(): void {
    this.#daemon = undefined;
    for (const wire of this.#wires.values()) this.#rest(wire);
    this.#connects.close();
    this.#rechecks.close();
    this.#wires.clear();
    this.#byReal.clear();
  }

  #keepWithinBound(): void {
    if (this.#wires.size === 0) return;
    const bound = this.#maxConnections ?? Math.min(MAX_CONNECTIONS, Math.floor(maxOpenFiles() / 2));
    const beyond = [...this.#wires].slice(bound);
    if (beyond.length === 0) return;
    for (const [name, { members }] of beyond) {
      this.#wires.delete(name);
      for (const { real } of members) this.#byReal.delete(real);
    }
    this.#log().warn(
      `tripwire: ${beyond.length} of ${bound + beyond.length} servers get no idle connection, because no more than ${bound} are held; they are checked at their interval`,
    );
  }

  #settle(wire: Wire): void {
    if (wire.up.size === 0) this.#rest(wire);
    else if (wire.connection === undefined && wire.timer === undefined && !wire.isDoubted) this.#connects.add(wire);
  }

  /** Nothing is held to a server that is down, and nothing is remembered of it: it may come back as another. */
  #rest(wire: Wire): void {
    this.#connects.delete(wire);
    this.#rechecks.delete(wire);
    clearTimeout(wire.timer);
    wire.timer = undefined;
    wire.connection?.close();
    wire.connection = undefined;
    wire.isDoubted = false;
    wire.habit = NO_HABIT;
  }

  #connectLater(wire: Wire): void {
    wire.isDoubted = false;
    wire.timer = setTimeout(() => this.#connects.add(wire), wire.retryMs);
  }

  #doubt(wire: Wire): void {
    clearTimeout(wire.timer);
    wire.timer = undefined;
    this.#connects.delete(wire);
    wire.isDoubted = true;
  }

  #connect(wire: Wire): void {
    wire.timer = undefined;
    wire.connection = this.#hold(wire.target, { onEnd: (end) => this.#ended(wire, end) });
  }

  #ended(wire: Wire, end: IdleEnd): void {
    const { habit, recheck, retryMs } = afterEnd(wire.habit, end);
    wire.connection = undefined;
    wire.habit = habit;
    wire.retryMs = retryMs;
    if (recheck) {
      this.#doubt(wire);
      this.#rechecks.add(wire);
    } else this.#connectLater(wire);
    this.#tell(wire, end, recheck);
  }

  #tell(wire: Wire, { kind, heldMs, reason }: IdleEnd, recheck: boolean): void {
    const log = this.#log();
    const held = duration(Math.round(heldMs));
    if (log.verbose)
      log.debug(`tripwire ${wire.name}: ${kind} after ${held} (${reason})${recheck ? ': checked now' : ''}`);
    if (wire.isTold || wire.habit.brief < TOLD_AFTER) return;
    wire.isTold = true;
    const what = {
      lost: `the server closes idle connections (the last one after ${held})`,
      failed: `no connection comes about (${reason}), although its check succeeds`,
      flooded: 'the server talks without being asked',
    }[kind];
    log.info(
      `The tripwire of ${wire.name} is mostly absent, because ${what}: tried every minute at most; its checks go on as ever`,
    );
  }
}

function wireOf(name: string, target: Target): Wire {
  return {
    ...{ name, target, members: [], up: new Set<Real>() },
    ...{ connection: undefined, timer: undefined, retryMs: 0, isDoubted: false, habit: NO_HABIT, isTold: false },
  };
}

function watched({ virtuals }: Config): { target: Target; member: Member }[] {
  return virtuals.flatMap((virtual) => {
    if (!virtual.tripwire) return [];
    return virtual.reals.flatMap((real) => {
      const target = tcpTarget(virtual.protocol, real.check);
      return target === undefined ? [] : [{ target, member: { virtual, real } }];
    });
  });
}

/** Node raises what it may open to what it is allowed at most. */
function maxOpenFiles(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return found === undefined ? MAX_CONNECTIONS * 2 : Number(found);
  } catch {
    return 1_024;
  }
}
