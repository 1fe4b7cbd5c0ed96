// drain, disable, enable, weight, recheck: what the operator orders of a running daemon, and with drain --wait the wait until the
// last connection has gone.
import { setTimeout as pause } from 'node:timers/promises';
import { UsageError } from '../errors.ts';
import type { OrderName, OrderOutcome, OrderRequest } from '../operator/commands.ts';
import { draining } from '../status/draining.ts';
import { counted, named } from '../wording.ts';
import { ask, askForSnapshot, isRunning } from './ask.ts';
import { type Call, err, out, print } from './call.ts';

/** The kernel's table may be busy for a while. */
const ORDER_MS = 60_000;
const POLL_MS = 500;
/** How long a drain is waited for when nothing else is said. */
const DRAIN_SECONDS = 300;

/** Resolves with 0, or with 1 when no daemon runs or a drain has not come to its end. Throws UsageError when the order makes no sense. */
export async function order(call: Call): Promise<number> {
  const { timeout, wait } = call.flags;
  if (timeout !== undefined && !wait) throw new UsageError('--timeout makes no sense without --wait', 1);
  if (!(await isRunning(call))) return 1;
  const request = requestOf(call);
  const outcomes = (await ask(call, request, ORDER_MS)) as OrderOutcome[];
  await print(outcomes.map(({ virtual, real, done }) => `${real} (${virtual}) ${done}\n`).join(''));
  return wait ? untilDrained(call, outcomes) : 0;
}

function requestOf({ action, operands: [virtual, real, weight] }: Call): OrderRequest {
  return {
    op: action as OrderName,
    virtual: virtual ?? 'all',
    real: real ?? 'all',
    // The daemon tells what a weight is, whoever asks.
    ...(weight === undefined ? {} : { weight: /^\d+$/.test(weight) ? Number(weight) : weight }),
  };
}

/** Resolves with 0 when the connections have gone, 1 at the time limit. Throws UsageError when that cannot be known (any more). */
async function untilDrained(call: Call, servers: readonly OrderOutcome[]): Promise<number> {
  const { timeout: seconds = DRAIN_SECONDS } = call.flags;
  const [wanted = 'all'] = call.operands;
  const end = performance.now() + seconds * 1000;
  let before: number | undefined;
  for (;;) {
    const { left, lost, isSeen } = draining(await askForSnapshot(call), wanted, servers);
    if (lost.length > 0) throw new UsageError(`${named(lost, MOST_NAMED)}: not drained any more`, 1);
    if (!isSeen) throw new UsageError("the kernel's table shows no server, so connections cannot be counted", 1);
    const isOver = performance.now() >= end;
    // A handshake that the drain came upon is an active connection a moment later: one look is not enough.
    if (left === 0 && (before === 0 || isOver)) {
      out('no connections left');
      return 0;
    }
    if (isOver) {
      err(`${counted(left, 'connection')} left after ${seconds} s`);
      return 1;
    }
    if (before === undefined && left > 0) out(`waiting for ${counted(left, 'connection')}, at most ${seconds} s`);
    before = left;
    await pause(Math.min(POLL_MS, Math.max(0, end - performance.now())));
  }
}

/** How many names an error message lists. */
const MOST_NAMED = 10;
