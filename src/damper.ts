// Flap damping in a running daemon (the rules: health/damping.ts): who is damped, when it is eased or forgotten, and what the log says.
import { checkKey, type Real, type Virtual, virtualName } from './config/model.ts';
import {
  ASKED_OF_THE_LAST,
  applyDamped,
  type DampedChange,
  dampingOf,
  dampingWords,
  eased,
  forgiven,
} from './health/damping.ts';
import { applyResult, type Health, type Verdict } from './health/health.ts';
import { type HeldDown, memberKey, type StateOf, serverName } from './ipvs/desired.ts';
import type { Logger } from './log.ts';
import type { Member } from './observer.ts';

/** Health by member key. */
type Healths = Map<string, Health>;

export interface DamperParts {
  /** Those of the configuration that runs. */
  readonly health: () => Healths;
  readonly stateOf: StateOf;
  readonly heldDown: HeldDown;
  readonly log: () => Logger;
}

export class Damper {
  readonly #health: () => Healths;
  readonly #stateOf: StateOf;
  readonly #heldDown: HeldDown;
  readonly #log: () => Logger;

  constructor({ health, stateOf, heldDown, log }: DamperParts) {
    this.#health = health;
    this.#stateOf = stateOf;
    this.#heldDown = heldDown;
    this.#log = log;
  }

  /** Health after a result, damped where the virtual says so. Nothing is changed by it. */
  judge({ virtual, real }: Member, before: Health, verdict: Verdict, now: number): DampedChange {
    const { failureCount, flapDamping } = virtual;
    if (!flapDamping) return applyResult(before, verdict, failureCount, now);
    // Whoever is held out of service restarts as often as somebody's work there needs.
    if (this.#heldDown(virtual, real) !== undefined) return applyResult(forgiven(before), verdict, failureCount, now);
    return applyDamped(before, verdict, failureCount, now);
  }

  /** Once the health that `judge` gave is in force. */
  judged(member: Member, { event, damping }: DampedChange): void {
    if (event?.kind === 'down') this.#easeIfUnserved(member.virtual, member);
    if (damping !== undefined) this.#tell(member, damping);
  }

  /** Servers are held out of service that were not, or are gone: damping is for traffic that others can take. */
  ease(virtuals: readonly Virtual[]): void {
    for (const virtual of virtuals) this.#easeIfUnserved(virtual);
  }

  /** Forgets what is held against a server; false when it does not flap. */
  forgive({ virtual, real }: Member): boolean {
    const key = memberKey(virtual, real);
    const health = this.#health().get(key);
    if (health?.flaps === undefined) return false;
    this.#health().set(key, forgiven(health));
    return dampingOf(health) !== undefined;
  }

  /** What a reload keeps of a server's health: that it flaps only while it is damped, and asked what it was asked before (`checked`). */
  kept(health: Health, { virtual, real }: Member, checked: () => Real | undefined): Health {
    if (health.flaps === undefined) return health;
    const before = checked();
    const isSame = before !== undefined && checkKey(before.check) === checkKey(real.check);
    return virtual.flapDamping && isSame ? health : forgiven(health);
  }

  #easeIfUnserved(virtual: Virtual, last?: Member): void {
    if (!virtual.flapDamping || virtual.reals.some((real) => this.#stateOf(virtual, real) === 'up')) return;
    const health = this.#health();
    let others = 0;
    for (const real of virtual.reals) {
      const key = memberKey(virtual, real);
      const before = health.get(key);
      const after = before && eased(before);
      if (after === undefined || after === before) continue;
      health.set(key, after);
      if (real !== last?.real) others++;
    }
    if (others === 0) return;
    const name = virtualName(virtual);
    const who = others === 1 ? '1 that flaps comes' : `${others} that flap come`;
    this.#log().info(`No server of ${name} is up: ${who} back after ${ASKED_OF_THE_LAST} successes in a row`, {
      virtual: name,
    });
  }

  #tell({ virtual, real }: Member, news: NonNullable<DampedChange['damping']>): void {
    const health = this.#health().get(memberKey(virtual, real));
    const damping = health && dampingOf(health);
    const words = damping === undefined || news === 'over' ? 'is steady again' : dampingWords('down', damping);
    const names = { virtual: virtualName(virtual), real: serverName(virtual, real) };
    this.#log().info(`Real server ${names.real} (${names.virtual}) ${words}`, names);
  }
}
