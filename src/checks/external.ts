// A command decides: exit status 0 is up, any other status or a signal is down, its last line of output is the reason.
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { codeOf } from './reasons.ts';
import { lastLine, printable } from './text.ts';

export const external: Check<'external'> = async (_target, { argv }, ctx) => {
  const name = argv[0] ?? '';
  ctx.progress(() => `${printable(name)} still running`);
  ctx.trace?.(`> ${printable(argv.join(' '))}`);
  const { code, signal, stdout, stderr } = await ctx.command(argv, { signal: ctx.signal }).catch((error) => {
    throw notStarted(name, error);
  });
  // Plugins print their verdict on standard output; standard error often holds only noise.
  const said = lastLine(stdout) ?? lastLine(stderr);
  const ending = code === null ? `killed by ${signal}` : `exit ${code}`;
  const detail = said === undefined ? ending : `${ending}: ${said}`;
  ctx.trace?.(`< ${detail}`);
  if (code === 0) return detail;
  throw new CheckFailure(detail);
};

function notStarted(name: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ENOENT') {
    return new CheckFailure(`cannot run ${printable(name)}: it or its interpreter does not exist`, { cause: error });
  }
  if (code === 'EACCES') return new CheckFailure(`cannot run ${printable(name)}: not executable`, { cause: error });
  return error;
}
