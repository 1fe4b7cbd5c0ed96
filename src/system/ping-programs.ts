// The two programs that send pings for us, fping and ping: how each is told what to do, and what its words mean.
import { CannotCheck } from '../errors.ts';
import { type CommandOutcome, runCommand } from './command.ts';

export interface PingAnswer {
  readonly answered: boolean;
  /** What somebody said instead of an answer. At most 200 characters of anything. */
  readonly said?: string;
}

/** What all addresses of one call have in common. */
export interface PingRun {
  readonly family: 4 | 6;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
}

/** A program cannot ping anybody, however often it is asked: it is not there, or has not the right to. The message says which. */
export class Unusable extends Error {
  override name = 'Unusable';
}

/** Milliseconds between two packets of one fping: the least that every version allows to everybody. */
export const FPING_SPACING_MS = 1;

/** Errors of sending that mean that this machine has run out of something. */
const EXHAUSTED = /No buffer space available|Cannot allocate memory/;

const MAX_LINE = 300;
const MAX_SAID = 200;

/**
 * One fping for all addresses; `tell` gets each answer as soon as fping says it, each address once. Resolves when fping has ended and
 * has spoken of all addresses. Rejects with Unusable, CannotCheck or a system error otherwise.
 */
export async function fping(
  addresses: readonly string[],
  { family, timeoutMs, signal, env }: PingRun,
  tell: (address: string, answer: PingAnswer) => void,
): Promise<void> {
  const options = `-${family} -r 0 -i ${FPING_SPACING_MS} -t ${timeoutMs}`.split(' ');
  const reader = readFping(addresses, tell);
  const outcome = await runCommand(['fping', ...options, ...addresses], {
    signal,
    env,
    onOutput: (stream, chunk) => reader[stream](chunk),
  }).catch((error) => {
    throw notStarted('fping', error);
  });
  if (reader.toldAll()) return;
  if (/can't create (raw )?socket/.test(outcome.stderr)) {
    // Version 5.1 takes net.ipv4.ping_group_range too, and then hears no answer: it is not recommended here.
    throw new Unusable('fping may not open a raw socket: run as root, or "setcap cap_net_raw+ep /usr/bin/fping"');
  }
  throw new CannotCheck(`cannot ping: fping ended with ${ending(outcome)}`);
}

interface FpingReader {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
  /** To be asked when there is no more to read. */
  toldAll(): boolean;
}

function readFping(addresses: readonly string[], tell: (address: string, answer: PingAnswer) => void): FpingReader {
  const untold = new Set(addresses);
  const silent = new Set<string>();
  const unsent = new Set<string>();
  const said = new Map<string, string>();

  function tellSilent(address: string): void {
    // That it is "unreachable" when we had no room for the packet says nothing about it.
    if (unsent.has(address) || !untold.delete(address)) return;
    const words = said.get(address);
    tell(address, { answered: false, ...(words === undefined ? {} : { said: words }) });
  }
  return {
    stdout: byLine((line) => {
      const [, address = '', word] = /^(\S+) is (alive|unreachable)/.exec(line) ?? [];
      if (word === 'alive' && untold.delete(address)) tell(address, { answered: true });
      if (word !== 'unreachable' || !untold.has(address)) return;
      silent.add(address);
      // What standard error says about it was written before this, but may be read after it.
      setImmediate(() => tellSilent(address));
    }),
    stderr: byLine((line) => {
      // Not from the line's beginning: fping may have left something without an end there.
      const [, words = '', sentTo = ''] = /ICMP (.+ from \S+) for ICMP Echo sent to (\S+)/.exec(line) ?? [];
      if (untold.has(sentTo)) said.set(sentTo, words.slice(0, MAX_SAID));
      const [, address = '', error = ''] = /(\S+): error while sending ping: (.+)/.exec(line) ?? [];
      if (!untold.has(address)) return;
      if (EXHAUSTED.test(error)) unsent.add(address);
      else said.set(address, notSent(error));
    }),
    toldAll() {
      for (const address of silent) tellSilent(address);
      return untold.size === 0;
    },
  };
}

/** One ping for one address. Rejects with Unusable, CannotCheck or a system error. */
export async function plainPing(address: string, { family, timeoutMs, signal, env }: PingRun): Promise<PingAnswer> {
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const argv = ['ping', ...(family === 6 ? ['-6'] : []), '-n', '-c', '1', '-W', seconds, address];
  const outcome = await runCommand(argv, { signal, env }).catch((error) => {
    throw notStarted('ping', error);
  });
  const { code, stdout, stderr } = outcome;
  if (code === 0) return { answered: true };
  // "ping: socket: Operation not permitted" (iputils), "permission denied (are you root?)" (busybox).
  if (/socket: (Operation not permitted|Permission denied)|are you root|cap_net_raw/i.test(stderr)) {
    throw new Unusable(
      'ping may not open a socket: run as root, "setcap cap_net_raw+ep /usr/bin/ping", or "sysctl net.ipv4.ping_group_range=\'0 2147483647\'"',
    );
  }
  const [, error] = /(?:connect|sendmsg|sendto): (.+)/.exec(stderr) ?? [];
  const exhausted = error !== undefined && EXHAUSTED.test(error);
  if (error !== undefined && !exhausted) return { answered: false, said: notSent(error) };
  if (exhausted || code !== 1) throw new CannotCheck(`cannot ping: ping ended with ${ending(outcome)}`);
  const [, router, words] = /From (\S+?):? icmp_seq=\d+ ([A-Z][A-Za-z ]+)/.exec(stdout) ?? [];
  if (words === undefined) return { answered: false };
  return { answered: false, said: `${words} from ${router}`.slice(0, MAX_SAID) };
}

function notSent(error: string): string {
  return `it could not be sent: ${error.trim()}`.slice(0, MAX_SAID);
}

function notStarted(program: string, error: NodeJS.ErrnoException): unknown {
  switch (error.code) {
    case 'ENOENT':
      return new Unusable(`${program} is not installed`);
    case 'EACCES':
      return new Unusable(`${program} may not be executed (EACCES)`);
    case 'EPERM':
      // The program's file has a capability that its whole container lacks.
      return new Unusable(`${program} may not be executed (EPERM): this container lacks CAP_NET_RAW`);
    default:
      return error;
  }
}

function ending({ code, signal, stderr }: CommandOutcome): string {
  const last = stderr.trim().split('\n').at(-1)?.slice(0, MAX_SAID);
  return `${code === null ? signal : `exit ${code}`}${last ? `: ${last}` : ''}`;
}

/** Cuts a stream into lines of at most MAX_LINE characters; what comes after its last line end is no line. */
function byLine(line: (text: string) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString('latin1')).split('\n');
    rest = (parts.pop() ?? '').slice(0, MAX_LINE);
    for (const part of parts) line(part.slice(0, MAX_LINE));
  };
}
