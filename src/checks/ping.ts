// ICMP echo: up when one of the attempts is answered.
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { printable } from './text.ts';

export const ping: Check<'ping'> = async ({ address, family }, { timeoutMs, attempts }, ctx) => {
  let reason = 'no answer to ping';
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    ctx.progress(() => `ping ${attempt} of ${attempts}`);
    ctx.trace?.('> ICMP echo request');
    const { answered, said } = await ctx.ping({ address, family }, { timeoutMs, signal: ctx.signal });
    ctx.trace?.(`< ${answered ? 'ICMP echo reply' : printable(said ?? 'nothing')}`);
    if (answered) return 'answered ping';
    // Somebody on the way knows more than silence says.
    if (said !== undefined) reason = `no answer to ping: ${printable(said)}`;
  }
  throw new CheckFailure(attempts > 1 ? `${reason} (${attempts} attempts)` : reason);
};
