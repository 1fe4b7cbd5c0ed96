// (configuration, table) -> what a start would change at once, and why: the same decisions that the daemon makes, without making them.
import type { Config, Real, Virtual } from '../config/model.ts';
import { firstHealth } from './adopt.ts';
import { desiredTable, type HeldDown, type OverrideOf, type StateOf, serverId, serverName } from './desired.ts';
import { type Edit, editLine } from './edit.ts';
import { leftBehind, plan } from './plan.ts';
import { editReason, groundsOf } from './reason.ts';
import { serviceKey, type Table } from './table.ts';

/** One change, as a command that would make it. */
export interface Step {
  readonly edit: Edit;
  /** In ipvsadm's syntax. */
  readonly command: string;
  readonly reason: string;
}

export interface Outlook {
  readonly steps: readonly Step[];
  /** Servers that are in the table only after their first good check: `10.8.8.48:80 (10.8.8.45:80)`. */
  readonly later: readonly string[];
}

/**
 * What a start with this configuration would do to this table, thresholds included. `overrideOf`: the orders that `heldDown` knows, and
 * weights; `ownServices`: keys of those that a daemon which was killed had in the table.
 */
export function outlook(
  config: Config,
  actual: Table,
  heldDown: HeldDown = () => undefined,
  overrideOf: OverrideOf = () => undefined,
  ownServices: ReadonlySet<string> = new Set(),
): Outlook {
  const stateOf: StateOf = (virtual, real) =>
    heldDown(virtual, real) === undefined ? firstHealth(virtual, real, actual, 0).state : 'down';
  const desired = desiredTable(config, stateOf, overrideOf);
  const edits = plan({ desired, actual, settled: leftBehind(actual, ownServices, desired), takeOver: true });
  const grounds = groundsOf(config, actual, { stateOf, heldDown, overrideOf });
  const missing = (virtual: Virtual, real: Real): boolean => {
    const destinations = actual.get(serviceKey(virtual))?.destinations;
    return destinations?.has(serverName(virtual, real)) !== true;
  };
  return {
    steps: edits.map((edit) => ({ edit, command: `ipvsadm ${editLine(edit)}`, reason: editReason(edit, grounds) })),
    later: config.virtuals.flatMap((virtual) =>
      virtual.reals
        .filter((real) => !virtual.quiescent && stateOf(virtual, real) === 'unknown' && missing(virtual, real))
        .map((real) => serverId(virtual, real)),
    ),
  };
}
