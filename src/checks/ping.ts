// ICMP echo through a command, which has the right to send it when we have not: `ping`, or `fping` where only that is installed.
import type { PingSpec, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext, CommandResult } from './check.ts';
import { codeOf } from './reasons.ts';
import { lastLine } from './text.ts';

/** Both exit with this when they sent and nobody answered; with more when they could not send. */
const NO_ANSWER = 1;

export const ping: Check<'ping'> = async (target, spec, ctx) => {
  let reason = 'no answer to ping';
  for (let attempt = 1; attempt <= spec.attempts; attempt += 1) {
    ctx.progress(() => `ping ${attempt} of ${spec.attempts}`);
    const { code, signal, stdout, stderr } = await send(target, spec, ctx);
    const said = lastLine(stderr) ?? lastLine(stdout);
    ctx.trace?.(`< exit ${code ?? signal}${said === undefined ? '' : `: ${said}`}`);
    if (code === 0) return 'answered ping';
    if (code !== NO_ANSWER) throw new CheckFailure(`ping failed: ${said ?? `exit ${code ?? signal}`}`);
    // "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable": somebody on the way knows more than silence says.
    const unreachable = /icmp_seq=\d+ ([A-Z][A-Za-z ]+)/.exec(stdout)?.[1];
    if (unreachable !== undefined) reason = `no answer to ping: ${unreachable}`;
  }
  throw new CheckFailure(spec.attempts > 1 ? `${reason} (${spec.attempts} attempts)` : reason);
};

async function send(target: Target, spec: PingSpec, ctx: CheckContext): Promise<CommandResult> {
  for (const argv of [pingCommand(target, spec), fpingCommand(target, spec)]) {
    ctx.trace?.(`> ${argv.join(' ')}`);
    try {
      return await ctx.command(argv, { signal: ctx.signal });
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EACCES') throw new CheckFailure(`cannot ping: ${argv[0]} may not be run`, { cause: error });
      if (code !== 'ENOENT') throw error;
    }
  }
  throw new CheckFailure('cannot ping: neither ping (package iputils-ping) nor fping is installed');
}

function pingCommand({ address, family }: Target, { timeoutMs }: PingSpec): string[] {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
  return ['ping', ...(family === 6 ? ['-6'] : []), '-n', '-c', '1', '-W', String(seconds), address];
}

/** `-r 0`: one packet, no retries of its own. */
function fpingCommand({ address, family }: Target, { timeoutMs }: PingSpec): string[] {
  return ['fping', ...(family === 6 ? ['-6'] : ['-4']), '-r', '0', '-t', String(timeoutMs), address];
}
