// What the operator orders of a running daemon, through its socket or over HTTP: which servers are meant, and what is done with them.
import { printable } from '../checks/text.ts';
import { type Config, formatEndpoint, type Real, type Virtual, virtualKey, virtualName } from '../config/model.ts';
import { UsageError } from '../errors.ts';
import { type HeldDown, type Override, serverId, serverName } from '../ipvs/desired.ts';
import type { Logger } from '../log.ts';
import type { Member } from '../observer.ts';
import { named } from '../wording.ts';
import { isWeight, MAX_WEIGHT, type Overrides, wordsOf } from './overrides.ts';

export type OrderName = 'drain' | 'disable' | 'enable' | 'weight' | 'recheck';

/** As it comes from outside: nothing in it is believed. */
export interface OrderRequest {
  readonly op: OrderName;
  readonly virtual?: unknown;
  readonly real?: unknown;
  readonly weight?: unknown;
}

/** One server that an order was about, and what came of it. */
export interface OrderOutcome {
  readonly virtual: string;
  readonly real: string;
  /** "is drained", "is enabled: its checks decide again", in words for people. */
  readonly done: string;
}

export interface OperatorParts {
  readonly config: () => Config;
  readonly overrides: Overrides;
  /** Has the orders on the disk; why they would not outlive this daemon, in words, where that cannot be done. */
  readonly unkept: () => Promise<string | undefined>;
  /** Why a server is out of service whatever its checks say, by an order or otherwise. */
  readonly heldDown: HeldDown;
  /** Resolves when the table has been brought up to date. */
  readonly holdsChanged: () => Promise<void>;
  readonly recheck: (members: readonly Member[]) => void;
  /** Forgets that a server has flapped; false when it has not. */
  readonly forgive: (member: Member) => boolean;
  /** What is wrong with the kernel's table. */
  readonly trouble: () => string | undefined;
  readonly log: () => Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** How many names an error message lists. */
const MAX_LISTED = 10;
/** How many characters of a wrong name. */
const MAX_SHOWN = 100;
const ALL = 'all';

/**
 * Carries out an order, and resolves when the table is as it wants and the order is on the disk. Throws UsageError when it makes no
 * sense, or when the kernel did not take it (it stays ordered then). `from`: whence it came, for the log: `over HTTP from 192.0.2.7`.
 */
export async function carryOut(
  request: OrderRequest,
  parts: OperatorParts,
  from: string,
): Promise<readonly OrderOutcome[]> {
  if (request.op === 'recheck') return recheck(request, parts);
  const order = orderOf(request);
  const members = membersNamed(parts.config(), request);
  const said =
    order === undefined ? enable(members, parts, from) : members.map((each) => apply(each, order, parts, from));
  const [unkept] = await Promise.all([parts.unkept(), parts.holdsChanged()]);
  const until = unkept === undefined ? '' : `, until this daemon ends: ${unkept}`;
  const done = members.map((member, index) => outcome(member, `${said[index]}${until}`));
  const trouble = parts.trouble();
  if (trouble !== undefined)
    throw new UsageError(`it is ordered, but the kernel's table is not as it should be: ${trouble}`, 1);
  return done;
}

function recheck(request: OrderRequest, parts: OperatorParts): OrderOutcome[] {
  const members = membersNamed(parts.config(), request);
  parts.recheck(members);
  return members.map((member) => {
    const { kind } = member.real.check.spec;
    return outcome(member, kind === 'on' || kind === 'off' ? `has checktype = ${kind}` : 'is being checked');
  });
}

function apply(member: Member, order: Override, parts: OperatorParts, from: string): string {
  const { overrides, log, now = Date.now } = parts;
  const { virtual, real } = member;
  const before = overrides.of(member);
  const fields = { virtual: virtualName(virtual), real: serverName(virtual, real) };
  const words = wordsOf(order);
  if (before !== undefined && wordsOf(before) === words) return `${words} already`;
  overrides.give(member, { ...order, at: now() });
  log().info(`Real server ${serverId(virtual, real)} ${words}, ordered by the operator ${from}`, fields);
  return words;
}

function enable(members: readonly Member[], parts: OperatorParts, from: string): string[] {
  const forgiven = new Set(members.filter((member) => parts.forgive(member)));
  const said = members.map((member) => giveBack(member, forgiven.has(member), parts, from));
  if (forgiven.size > 0) parts.recheck([...forgiven]);
  return said;
}

function giveBack(member: Member, isForgiven: boolean, parts: OperatorParts, from: string): string {
  const { overrides, heldDown, log } = parts;
  const { virtual, real } = member;
  const fields = { virtual: virtualName(virtual), real: serverName(virtual, real) };
  const isUndone = overrides.undo(member);
  const still = heldDown(virtual, real);
  const decides = isForgiven ? 'that it flapped is forgotten, and it is being checked' : 'its checks decide again';
  const after = still === undefined ? decides : `out of service still, ${still}`;
  if (!isUndone && !isForgiven) return still === undefined ? 'had no order' : `had no order; ${after}`;
  log().info(`Real server ${serverId(virtual, real)} is given back by the operator, ${from}: ${after}`, fields);
  return `is enabled: ${after}`;
}

/** Undefined for `enable`. */
function orderOf({ op, weight }: OrderRequest): Override | undefined {
  switch (op) {
    case 'enable':
      return undefined;
    case 'drain':
    case 'disable':
      return { kind: op };
    case 'weight':
      if (isWeight(weight)) return { kind: op, weight };
      throw new UsageError(`a weight is a whole number from 0 to ${MAX_WEIGHT}`, 1);
    default:
      throw new UsageError(`there is no order "${shown(op)}"`, 1);
  }
}

/** Whom a request is about. */
export type Naming = Pick<OrderRequest, 'virtual' | 'real'> & { readonly op?: unknown };

/** The servers that a request names; `all` is every virtual service, or every server of one. Throws UsageError when there are none. */
export function membersNamed(config: Config, request: Naming): Member[] {
  const virtuals = virtualsNamed(config, nameIn(request, 'virtual'));
  const wanted = nameIn(request, 'real');
  const members = virtuals.flatMap((virtual) =>
    virtual.reals.filter((real) => isNamed(wanted, virtual, real)).map((real): Member => ({ virtual, real })),
  );
  if (members.length > 0) return members;
  const known = virtuals.flatMap((virtual) => virtual.reals.map((real) => serverName(virtual, real)));
  const where = virtuals.length === 1 ? virtuals.map(virtualName).join() : 'any virtual service';
  throw new UsageError(`there is no real server "${shown(wanted)}" in ${where}; ${listed(known)}`, 1);
}

function virtualsNamed(config: Config, wanted: string): readonly Virtual[] {
  if (wanted === ALL) return config.virtuals;
  // A key is one service's, even where it is part of another's name: fwm:6 is the mark 6 of IPv4.
  const keyed = config.virtuals.filter((virtual) => virtualKey(virtual) === wanted);
  const found = keyed.length > 0 ? keyed : config.virtuals.filter((virtual) => isCalled(wanted, virtual));
  const [first, second] = found;
  if (first === undefined) {
    throw new UsageError(
      `there is no virtual service "${shown(wanted)}"; ${listed(config.virtuals.map(virtualName))}`,
      1,
    );
  }
  if (second === undefined) return found;
  throw new UsageError(
    `several virtual services are called "${shown(wanted)}": say which of ${namesText(found.map(virtualKey))}`,
    1,
  );
}

/** By its address and port, or its mark, or its servicename, or its address alone. */
function isCalled(wanted: string, virtual: Virtual): boolean {
  const { protocol, address, serviceName } = virtual;
  const name = virtualName(virtual);
  return [name, `${protocol}:${name}`, serviceName, ...(protocol === 'fwm' ? [] : [address])].includes(wanted);
}

/** As the kernel or the configuration calls it, or by its address alone. */
function isNamed(wanted: string, virtual: Virtual, real: Real): boolean {
  if (wanted === ALL) return true;
  return [serverName(virtual, real), formatEndpoint(real.address, real.port), real.address].includes(wanted);
}

/** A name that is left out, or is no text, is a mistake: no order for one server may become one for all. Only a check harms nobody. */
function nameIn(request: Naming, key: 'virtual' | 'real'): string {
  const value = request[key];
  if (typeof value === 'string') return value;
  if (value === undefined && request.op === 'recheck') return ALL;
  const what = key === 'virtual' ? 'virtual service' : 'real server';
  throw new UsageError(`it is not said which ${what} is meant; "${ALL}" is all of them`, 1);
}

function shown(text: unknown): string {
  return printable(String(text), MAX_SHOWN);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'there is none' : `there is ${namesText(names)}`;
}

function namesText(names: readonly string[]): string {
  return named([...new Set(names)], MAX_LISTED);
}

function outcome({ virtual, real }: Member, done: string): OrderOutcome {
  return { virtual: virtualName(virtual), real: serverName(virtual, real), done };
}
