// What outlives the daemon: the operator's orders, each server's transitions and which services are ours, in one file.
import { readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Config, Real, Virtual } from '../config/model.ts';
import { isDiskFull, messageOf, systemReason } from '../errors.ts';
import type { Health } from '../health/health.ts';
import { type HeldDown, memberKey, serverId } from '../ipvs/desired.ts';
import type { Logger } from '../log.ts';
import type { Member } from '../observer.ts';
import { type Journal, JournalFile, readJournal } from '../system/journal-file.ts';
import { named } from '../wording.ts';
import { History, type Transition } from './history.ts';
import { isWeight, type Ordered, Overrides, wordsOf } from './overrides.ts';
import { OwnServices } from './own-services.ts';

/**
 * A line of the file. `server` is a member key (ipvs/desired.ts), `service` a service key (ipvs/table.ts). A service is ours since some
 * moment of that boot of this machine, whose table does not outlive it, or not any more (null).
 */
type Line =
  | { readonly format: 'tsdirectord state'; readonly version: 1 }
  | ({ readonly server: string } & Transition)
  | { readonly server: string; readonly order: Ordered | null }
  | { readonly service: string; readonly boot: string | null };

const HEAD = { format: 'tsdirectord state', version: 1 } as const satisfies Line;
/** Of how many servers that are not configured any more orders and transitions are kept: they may come back. */
export const MOST_DEPARTED = 1_000;
/** How many orders one log line names. */
const MAX_LISTED = 20;

/** What a configuration and its daemon say of the servers. */
export interface Followed {
  readonly config: Config;
  readonly healthOf: (virtual: Virtual, real: Real) => Health;
  readonly heldDown: HeldDown;
}

/**
 * The state file of the daemon with this pid file: NAME.state in /var/lib/tsdirectord, or beside a pid file that is elsewhere.
 * Undefined where it would be that of the real daemon, and the table is only in memory (`--ipvs memory`): trying things out has no
 * part in what is ordered there.
 */
export function statePath(pidFile: string, ipvs: 'kernel' | 'memory'): string | undefined {
  const name = basename(pidFile).replace(/^ldirectord\.|\.pid$/g, '');
  const isUsual = ['/var/run', '/run', '/run/tsdirectord'].includes(dirname(pidFile));
  if (isUsual && ipvs === 'memory') return undefined;
  // `start` and `start -f ldirectord.cf` mean the same configuration (system/pid-file.ts).
  return isUsual
    ? join('/var/lib/tsdirectord', `${name === 'ldirectord' ? 'ldirectord.cf' : name}.state`)
    : join(dirname(pidFile), `${name}.state`);
}

export class State {
  readonly overrides: Overrides;
  readonly history: History;
  readonly ownServices: OwnServices;
  readonly #log: () => Logger;
  readonly #boot: string;
  #file: JournalFile | undefined;
  /** Member keys of the orders that the log has told of. */
  readonly #told = new Set<string>();

  private constructor(log: () => Logger, boot: string) {
    this.#log = log;
    this.#boot = boot;
    this.overrides = new Overrides((server, order) => {
      this.#told.add(server);
      this.#append({ server, order: order ?? null });
    });
    this.history = new History((server, transition) => this.#append({ server, ...transition }));
    this.ownServices = new OwnServices(
      (service, isOwn) => this.#append({ service, boot: isOwn ? boot : null }),
      async () => this.#file?.written(),
    );
  }

  /**
   * Reads what there is. Never rejects: a file that cannot be read, or is damaged, is set aside with a warning. Without a path
   * nothing outlives the daemon.
   */
  static async open(path: string | undefined, log: () => Logger): Promise<State> {
    const state = new State(log, await bootId());
    if (path === undefined) return state;
    const { lines, isTorn } = await readJournal(path).catch(async (error): Promise<Journal> => {
      const consequence = 'so earlier orders and transitions are not known';
      log().warn(`The state file ${path} cannot be used, ${consequence}: ${messageOf(error)}; ${await setAside(path)}`);
      return { lines: [], isTorn: false };
    });
    const damaged = state.#restore(lines);
    if (damaged > 0) {
      const which = `${damaged} of its lines make no sense, the others count`;
      const version = otherVersionOf(lines[0]);
      const what = version === undefined ? 'is damaged' : `was written by another version (its format is ${version})`;
      log().warn(`The state file ${path} ${what}: ${which}; ${await setAside(path)}`);
    }
    // Behind a torn line a new one could not be read.
    const isWhole = damaged === 0 && !isTorn && lines.length > 0;
    state.#file = new JournalFile(path, state.#fileOptions(path), isWhole ? lines.length : undefined);
    if (!isWhole && lines.length > 0) state.#file.save();
    return state;
  }

  /** Once the daemon runs a configuration: catches up with what nobody saw, and forgets those that left it long ago. */
  follow({ config, healthOf, heldDown }: Followed, at: number): void {
    const members = new Map<string, Member>();
    for (const virtual of config.virtuals)
      for (const real of virtual.reals) members.set(memberKey(virtual, real), { virtual, real });
    this.#forgetDeparted(members);
    for (const member of members.values()) {
      const { virtual, real } = member;
      this.history.catchUp(member, healthOf(virtual, real), heldDown(virtual, real), at);
    }
    this.#tellOrders(members);
  }

  /** Has the orders on the disk; why they would not outlive this daemon, in words, when that cannot be done (now). */
  async unkept(): Promise<string | undefined> {
    if (this.#file === undefined)
      return 'what is ordered with --ipvs memory is kept only beside a --pid-file of its own';
    if (await this.#file.flush()) return undefined;
    const { path, trouble } = this.#file;
    return `its state file ${path} ${trouble === undefined ? 'is not on the disk after a second' : `cannot be written: ${trouble}`}`;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  #forgetDeparted(members: ReadonlyMap<string, Member>): void {
    const departed = (known: ReadonlyMap<string, unknown>): string[] =>
      [...known.keys()].filter((key) => !members.has(key)).slice(0, -MOST_DEPARTED);
    for (const key of departed(this.history.all)) this.history.forget(key);
    const orders = departed(this.overrides.all);
    for (const key of orders) this.overrides.forget(key);
    if (orders.length > 0)
      this.#log().warn(
        `The operator's orders for ${orders.length} servers that are not configured any more are forgotten: there are more than ${MOST_DEPARTED}`,
      );
  }

  /** Whoever wonders why a server has no traffic finds that in the log of this start. */
  #tellOrders(members: ReadonlyMap<string, Member>): void {
    const known = [...this.overrides.all].flatMap(([key, order]) => {
      const member = members.get(key);
      if (member === undefined) this.#told.delete(key);
      if (member === undefined || this.#told.has(key)) return [];
      this.#told.add(key);
      const when = new Date(order.at).toISOString().replace(/\.\d+Z$/, 'Z');
      return [`${serverId(member.virtual, member.real)} ${wordsOf(order)} since ${when}`];
    });
    if (known.length === 0) return;
    this.#log().info(`The operator's orders from before count: ${named(known, MAX_LISTED)}`);
  }

  /** Returns how many lines make no sense. */
  #restore(lines: readonly string[]): number {
    const { orders, transitions, services, damaged } = understood(lines);
    this.overrides.restore(orders);
    this.ownServices.restore(servicesOf(services, this.#boot));
    for (const { server, ...transition } of transitions) this.history.restore(server, transition);
    return damaged;
  }

  #serviceLines(): Line[] {
    return [...this.ownServices.all].map((service) => ({ service, boot: this.#boot }));
  }

  #append(line: Line): void {
    this.#file?.append(JSON.stringify(line));
  }

  #fileOptions(path: string) {
    return {
      state: () => linesOf([...this.overrides.all], [...this.history.all], this.#serviceLines()),
      size: () => 1 + this.overrides.all.size + this.history.size + this.ownServices.all.size,
      onFailure: (error: NodeJS.ErrnoException) =>
        this.#log().warn(
          `The state file ${path} cannot be written, so orders and transitions would not outlive this daemon: ${systemReason(error)}; ${remedyFor(error, path)}`,
        ),
      onRecovery: () => this.#log().info(`The state file ${path} can be written again`),
    };
  }
}

/** What is to be done about a file that cannot be written, which is tried again. */
function remedyFor(error: NodeJS.ErrnoException, path: string): string {
  if (['EACCES', 'EPERM', 'EROFS'].includes(error.code ?? ''))
    return `uid ${process.getuid?.()} must be able to write in ${dirname(path)} (in a systemd unit: StateDirectory=tsdirectord)`;
  return isDiskFull(error) ? 'make room there' : `${dirname(path)} must be a directory to write in`;
}

/** What a daemon with this state file would find, as far as the file can be read; nothing is changed. */
export async function peek(
  path: string | undefined,
): Promise<{ readonly overrides: Overrides; readonly ownServices: ReadonlySet<string> }> {
  const overrides = new Overrides();
  if (path === undefined) return { overrides, ownServices: new Set() };
  const [{ lines }, boot] = await Promise.all([readJournal(path).catch(() => ({ lines: [] })), bootId()]);
  const { orders, services } = understood(lines);
  overrides.restore(orders);
  return { overrides, ownServices: new Set(servicesOf(services, boot)) };
}

/** What tells one boot of this machine from another; empty where the kernel does not tell. */
async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')).trim();
}

function servicesOf(services: ReadonlyMap<string, string>, boot: string): string[] {
  return [...services].filter(([, since]) => since === boot).map(([service]) => service);
}

function* linesOf(
  orders: readonly (readonly [string, Ordered])[],
  histories: readonly (readonly [string, readonly Transition[]])[],
  services: readonly Line[],
): Generator<string> {
  const text = (line: Line): string => JSON.stringify(line);
  yield text(HEAD);
  for (const [server, order] of orders) yield text({ server, order });
  for (const line of services) yield text(line);
  for (const [server, known] of histories) for (const transition of known) yield text({ server, ...transition });
}

/** Returns what came of it, in words. */
async function setAside(path: string): Promise<string> {
  const aside = `${path}.damaged`;
  return rename(path, aside).then(
    () => `it is kept as ${aside}`,
    (error) => `it cannot be set aside: ${messageOf(error)}`,
  );
}

const TURNS: readonly unknown[] = ['up', 'down', 'held', 'released'] satisfies Transition['to'][];

function understood(lines: readonly string[]) {
  const orders = new Map<string, Ordered>();
  const transitions: ({ readonly server: string } & Transition)[] = [];
  const services = new Map<string, string>();
  let damaged = 0;
  for (const [index, text] of lines.entries()) {
    const line = understand(text);
    if (line === undefined || 'format' in line !== (index === 0)) damaged++;
    if (line === undefined || 'format' in line) continue;
    if ('to' in line) transitions.push(line);
    else if ('service' in line) {
      if (line.boot === null) services.delete(line.service);
      else services.set(line.service, line.boot);
    } else {
      orders.delete(line.server);
      if (line.order !== null) orders.set(line.server, line.order);
    }
  }
  return { orders, transitions, services, damaged };
}

/** Of the format, as the first line says it; undefined when it is ours, or is not said. */
function otherVersionOf(head = ''): number | undefined {
  const { format, version } = objectIn(head) ?? {};
  return format === HEAD.format && version !== HEAD.version && Number.isInteger(version) ? Number(version) : undefined;
}

/** Undefined for what is no line of ours. */
function understand(text: string): Line | undefined {
  const line = objectIn(text);
  if (line === undefined) return undefined;
  if (line.format === HEAD.format && line.version === HEAD.version) return HEAD;
  const { service, boot } = line;
  if (typeof service === 'string') return boot === null || typeof boot === 'string' ? { service, boot } : undefined;
  if (typeof line.server !== 'string') return undefined;
  const { server, at, to, reason } = line;
  if ('order' in line) {
    const order = line.order === null ? null : orderIn(line.order);
    return order === undefined ? undefined : { server, order };
  }
  if (!TURNS.includes(to) || !isTime(at) || typeof reason !== 'string') return undefined;
  return { server, at, to: to as Transition['to'], reason };
}

function objectIn(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function orderIn(value: unknown): Ordered | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, at, weight } = value as Partial<Record<string, unknown>>;
  if (!isTime(at)) return undefined;
  if (kind === 'drain' || kind === 'disable') return { kind, at };
  return kind === 'weight' && isWeight(weight) ? { kind, weight, at } : undefined;
}

/** One that a Date can show. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}
