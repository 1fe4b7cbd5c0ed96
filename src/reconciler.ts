// The only writer of the kernel's table: reads, plans, applies, and looks at what has come of it. Never overlaps itself.
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { virtualName } from './config/model.ts';
import { Departures } from './departures.ts';
import { messageOf } from './errors.ts';
import type { Desired } from './ipvs/desired.ts';
import { Draft, isListed } from './ipvs/draft.ts';
import { type Edit, editLine } from './ipvs/edit.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { editMessage, type Occasion } from './ipvs/message.ts';
import { hasVanished, NOTHING_SETTLED, plan, settle, tookEffect } from './ipvs/plan.ts';
import { formatList, shows } from './ipvs/save-format.ts';
import { destinationKey, serviceKey, type Table } from './ipvs/table.ts';
import type { Logger } from './log.ts';
import type { Pass } from './observer.ts';
import { TableTrouble } from './table-trouble.ts';

/**
 * After a pass it rests for four times as long as it has computed, but no longer than this: what changes meanwhile is one batch, and
 * checks of thousands of servers go on. A table of a hundred servers takes a millisecond.
 */
const MOST_REST_MS = 250;
const REST_FACTOR = 4;
/** What many services share is found by several checks; results that come so close together are one batch. */
const GATHER_MS = 5;
/** How long a server that is no longer configured is given to answer what it was asked. */
const DRAIN_MS = 1_000;

/** The table as it was read, and whether its thresholds were. */
interface Reading {
  readonly table: Table;
  readonly thresholds: boolean;
}

/** Edits that were sent, and what was wanted by them. */
interface Sent {
  readonly desired: Desired;
  readonly edits: readonly Edit[];
  readonly occasion: Occasion;
}

export interface Trigger {
  /** The configuration is new (see plan). */
  readonly takeOver?: boolean;
  /** The table as the caller has read it a moment ago (without thresholds), which saves reading it again while it is the same. */
  readonly known?: Table;
  /** Several services share what has changed: what other checks find of it is waited for. What has come already is part in any case. */
  readonly isShared?: boolean;
}

export interface ReconcilerParts {
  readonly kernel: Kernel;
  /** Asked for each line, because a reload may change it. */
  readonly log: () => Logger;
  /** The table that is wanted now; asked anew each time. */
  readonly desired: () => Desired;
  /** Told of each edit that took effect, with its log line. */
  readonly onEdit?: (edit: Edit, message: string) => void;
  /** Told of each pass when it is over. */
  readonly onPass?: (pass: Omit<Pass, 'at'>) => void;
  /** First wait before what failed is tried again; default 250. */
  readonly retryMs?: number;
}

export class Reconciler {
  readonly #kernel: Kernel;
  readonly #log: () => Logger;
  readonly #desired: () => Desired;
  readonly #onEdit: NonNullable<ReconcilerParts['onEdit']>;
  readonly #onPass: NonNullable<ReconcilerParts['onPass']>;
  #settled: Desired = NOTHING_SETTLED;
  /** What the table was brought to last: what is not there any more has vanished. */
  #reached: Desired = NOTHING_SETTLED;
  /** What was sent, but has not been seen in the table. */
  #unseen: Sent | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #isShared = false;
  /** When the pass under way began. */
  #passBegan = 0;
  /** How long the pass under way has held the event loop. */
  #computedMs = 0;
  #restsUntil = 0;
  #takeOver = false;
  #last: Reading | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #trouble: TableTrouble;
  #isLooking = false;
  readonly #closing = new AbortController();
  readonly #departures = new Departures(DRAIN_MS);
  #drainTimer: NodeJS.Timeout | undefined;

  constructor({ kernel, log, desired, onEdit = () => {}, onPass = () => {}, retryMs }: ReconcilerParts) {
    this.#kernel = kernel;
    this.#log = log;
    this.#desired = desired;
    this.#onEdit = onEdit;
    this.#onPass = onPass;
    this.#trouble = new TableTrouble({ log, retryMs });
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** What is wrong with the table, in words; undefined when it is as wanted. */
  get trouble(): string | undefined {
    return this.#trouble.words;
  }

  /** For how many milliseconds it has been at work on one pass; 0 when it rests. */
  get busyMs(): number {
    return this.#running === undefined ? 0 : performance.now() - this.#passBegan;
  }

  /** Resolves when the work under way is done. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Before the first pass: what a daemon before has left (see leftBehind) is removed by it. */
  inherit(left: Desired): void {
    this.#settled = left;
  }

  /**
   * Makes the kernel's table what is wanted; resolves when that has been tried with what is wanted now. Never rejects:
   * trouble is logged, and tried again later.
   */
  reconcile({ takeOver = false, known, isShared = false }: Trigger = {}): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#takeOver ||= takeOver;
    this.#isShared ||= isShared;
    this.#again = true;
    this.#running ??= this.#untilDone(known && { table: known, thresholds: false });
    return this.#running;
  }

  /** Looks whether something of ours has vanished from the kernel, and puts it back. */
  async watch(): Promise<void> {
    if (this.#isLooking || this.#isBusy) return;
    this.#isLooking = true;
    const listing = await this.#kernel.list();
    this.#isLooking = false;
    // Only what a look finds while nothing is being changed counts.
    if (listing === undefined || this.#isBusy || !hasVanished(this.#reached, listing)) return;
    this.#trouble.vanished();
    await this.reconcile();
  }

  /** Whether a pass is under way, or due because the last one failed: it puts back what has vanished, too. */
  get #isBusy(): boolean {
    return this.#running !== undefined || this.trouble !== undefined || this.#isClosed;
  }

  /** Removes services from the kernel, by key, after the edits under way; changes nothing after that. Throws IpvsError. */
  async stop(keys: ReadonlySet<string>): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#drainTimer);
    await this.#running;
    if (keys.size === 0) return;
    const actual = await this.#kernel.read({ thresholds: false });
    const services = [...actual].filter(([key]) => keys.has(key)).map(([, service]) => service);
    const edits = services.map((service): Edit => ({ kind: 'delete-service', service }));
    const complaints = await this.#kernel.apply(edits);
    const before = { table: actual, thresholds: false };
    const { table: after } = edits.length === 0 ? before : await this.#afterwards(before, edits, complaints);
    for (const service of services) {
      // As ldirectord: neither what is out of service nor the fallback is worth a line.
      const settled = this.#settled.get(serviceKey(service))?.destinations;
      for (const [key, { weight }] of service.destinations) {
        if (weight === 0 || settled?.get(key)?.role === 'fallback') continue;
        this.#log().info(`Purged real server (stop): ${key} (${virtualName(service)})`);
      }
    }
    this.#report(edits, complaints, after, 'stop');
  }

  async #untilDone(known?: Reading): Promise<void> {
    let given = known;
    while (this.#again && !this.#isClosed) {
      this.#passBegan = performance.now();
      await this.#rest(Math.max(this.#isShared ? GATHER_MS : 0, this.#restsUntil - performance.now()));
      if (this.#isClosed) break;
      this.#again = false;
      this.#isShared = false;
      this.#computedMs = 0;
      this.#last = await this.#once(given);
      given = undefined;
      this.#onPass({ durationMs: performance.now() - this.#passBegan, trouble: this.trouble });
      this.#restsUntil = performance.now() + Math.min(REST_FACTOR * this.#computedMs, MOST_REST_MS);
    }
    // In the same breath as the decision to end, so that no call falls between the two.
    this.#running = undefined;
  }

  #compute<T>(work: () => T): T {
    const began = performance.now();
    const result = work();
    this.#computedMs += performance.now() - began;
    return result;
  }

  async #rest(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await (ms > 0 ? pause(ms, undefined, { signal }) : turn(undefined, { signal })).catch(() => {});
  }

  /** One pass. `given` is what the caller has read before; what was read last is returned. */
  async #once(given: Reading | undefined): Promise<Reading | undefined> {
    const takeOver = this.#takeOver;
    this.#takeOver = false;
    this.#passBegan = performance.now();
    try {
      const first = this.#compute(() => this.#desired());
      const before = await this.#read(first, takeOver, given);
      const desired = this.#latest(first, before);
      this.#seeLate(before.table);
      const edits = this.#compute(() => {
        const planned = plan({ desired, actual: before.table, settled: this.#settled, takeOver });
        return this.#departures.delay(planned, desired, takeOver);
      });
      clearTimeout(this.#drainTimer);
      if (this.#departures.draining) this.#drainTimer = setTimeout(() => void this.reconcile(), DRAIN_MS);
      if (edits.length === 0) {
        this.#settled = this.#departures.weightless(settle(desired, this.#settled, [], before.table));
        this.#reached = desired;
        this.#recovered();
        return before;
      }
      this.#log().debug(`ipvsadm -R <<\n${edits.map(editLine).join('\n')}`);
      const occasion = takeOver ? 'start' : 'run';
      this.#unseen = { desired, edits, occasion };
      const complaints = await this.#kernel.apply(edits);
      const reading = await this.#afterwards(before, edits, complaints);
      const after = reading.table;
      const failed = this.#compute(() => this.#report(edits, complaints, after, occasion));
      this.#unseen = failed.length === 0 ? undefined : { desired, edits: failed, occasion };
      this.#settled = this.#compute(() => this.#departures.weightless(settle(desired, this.#settled, failed, after)));
      this.#reached = desired;
      // A foreign server that could not be removed would otherwise be forgotten.
      if (failed.length > 0) this.#takeOver ||= takeOver;
      if (this.#log().verbose) this.#log().debug(`the table is now\n${formatList(after).trimEnd()}`);
      return reading;
    } catch (error) {
      // What the pass has sent is seen when the table can be read again; for the rest the next one begins where this one did.
      this.#takeOver ||= takeOver;
      this.#retryAfter(this.#trouble.failed(messageOf(error)));
      return undefined;
    }
  }

  /**
   * What was sent counts as ours, and not as somebody's hand, also when it is not seen in the table before the next pass: what could not
   * be read back, or was read by an ipvsadm that was ill. `table`: as it is now.
   */
  #seeLate(table: Table): void {
    const sent = this.#unseen;
    if (sent === undefined) return;
    this.#unseen = undefined;
    const { desired, edits, occasion } = sent;
    const failed = this.#tell(edits, table, occasion);
    this.#settled = this.#departures.weightless(settle(desired, this.#settled, failed, table));
  }

  /** What came while the table was read is part of this batch; not a reload, nor what asks for thresholds that were not read. */
  #latest(desired: Desired, before: Reading): Desired {
    if (!this.#again || this.#takeOver) return desired;
    const latest = this.#compute(() => this.#desired());
    if (hasThresholds(latest) && !before.thresholds) return desired;
    this.#again = false;
    return latest;
  }

  /** The table, with thresholds where they matter: where we set some, or take over services that may have some. */
  async #read(desired: Desired, takeOver: boolean, given: Reading | undefined): Promise<Reading> {
    const wanted = hasThresholds(desired);
    const known = given ?? (takeOver ? undefined : this.#last);
    const fresh = known && (await this.#ifShown(known));
    const usable = fresh !== undefined && (fresh.thresholds || !wanted);
    const found = usable ? fresh : await this.#readTable(wanted);
    if (found.thresholds || !takeOver || ![...found.table.keys()].some((key) => desired.has(key))) return found;
    return this.#readTable(true);
  }

  /**
   * What is thought to be there, while a look at /proc, which costs no process, shows the same. It does not show options and thresholds;
   * those that somebody has changed by hand stay as they are in any case (see plan).
   */
  async #ifShown(thought: Reading): Promise<Reading | undefined> {
    const listing = await this.#kernel.list();
    return listing !== undefined && shows(listing, thought.table) ? thought : undefined;
  }

  /** The table after edits: as they should have left it, where a look at /proc tells that they have; read otherwise. */
  async #afterwards(
    { table, thresholds }: Reading,
    edits: readonly Edit[],
    complaints: readonly string[],
  ): Promise<Reading> {
    if (complaints.length === 0 && edits.every((edit) => isListed(edit, table))) {
      const draft = new Draft(table);
      for (const edit of edits) draft.apply(edit);
      const shown = await this.#ifShown({ table: draft.table, thresholds });
      if (shown !== undefined) return shown;
    }
    return this.#readTable(thresholds);
  }

  async #readTable(thresholds: boolean): Promise<Reading> {
    return { table: await this.#kernel.read({ thresholds }), thresholds };
  }

  /** Logs what was done, and what was not; returns the edits that had no effect. */
  #report(edits: readonly Edit[], complaints: readonly string[], after: Table, occasion: Occasion): Edit[] {
    const failed = this.#tell(edits, after, occasion);
    if (failed.length === 0) this.#recovered();
    else this.#retryAfter(this.#trouble.refused(failed.map(editLine), edits.length, complaints));
    return failed;
  }

  /** Logs the edits that took effect, and returns the others. */
  #tell(edits: readonly Edit[], after: Table, occasion: Occasion): Edit[] {
    const failed = edits.filter((edit) => !tookEffect(edit, after));
    const without = new Set(failed);
    for (const edit of edits) {
      if (without.has(edit)) continue;
      const real = 'destination' in edit ? { real: destinationKey(edit.destination) } : {};
      const message = editMessage(edit, occasion);
      this.#log().info(message, { virtual: virtualName(edit.service), ...real });
      this.#onEdit(edit, message);
    }
    return failed;
  }

  #retryAfter(waitMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.reconcile(), waitMs);
  }

  #recovered(): void {
    this.#trouble.over();
    clearTimeout(this.#retryTimer);
  }
}

function hasThresholds(desired: Desired): boolean {
  for (const { destinations } of desired.values()) {
    for (const { lowerThreshold, upperThreshold } of destinations.values())
      if (lowerThreshold > 0 || upperThreshold > 0) return true;
  }
  return false;
}
