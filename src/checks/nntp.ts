// NNTP: up when the greeting begins with 2 (200 and 201: reading, with and without posting).
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { openLines } from './lines.ts';

export const nntp: Check<'nntp'> = async (target, _spec, ctx) => {
  const lines = await openLines(target, {}, ctx);
  const greeting = await lines.read();
  const shown = lines.show(greeting);
  if (!/^\d{3}(?!\S)/.test(greeting)) throw new CheckFailure(`not an NNTP greeting: "${shown}"`);
  if (!greeting.startsWith('2')) throw new CheckFailure(shown);
  await lines.quit('QUIT');
  return shown;
};
