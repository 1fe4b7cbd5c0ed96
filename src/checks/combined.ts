// checktype = N: a negotiate check, then N connect checks while they succeed, then a negotiate check again.
// After any failure the next check is a negotiate check: nothing that is kept outlives a failed run.
import type { Check } from './check.ts';

interface Turn {
  connectsLeft: number;
  close(): void;
}

export const combined: Check<'combined'> = async (_target, spec, ctx) => {
  const turn = ctx.keep((): Turn => ({ connectsLeft: 0, close() {} }));
  if (turn.connectsLeft > 0) {
    const detail = await ctx.check(spec.connect);
    turn.connectsLeft -= 1;
    return detail;
  }
  const detail = await ctx.check(spec.negotiate);
  turn.connectsLeft = spec.connects;
  return detail;
};
