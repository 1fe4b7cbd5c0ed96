// What one call of the program is about, and what all actions say and ask in the same way.
import { fstatSync, writeSync } from 'node:fs';
import { messageOf, UsageError } from '../errors.ts';
import type { Kernel } from '../ipvs/kernel.ts';
import type { Logger } from '../log.ts';
import type { ConnectionSync } from '../system/connection-sync.ts';
import type { Action, Flags } from './command-line.ts';

export interface Call {
  readonly action: Action;
  /** As it was given, for messages. */
  readonly program: string;
  /** CONFIG as it was given. */
  readonly config: string | undefined;
  /** What the action is about, behind it on the command line: names of a virtual service and a real server, a weight. */
  readonly operands: readonly string[];
  /** Absolute path; undefined when no file was found. */
  readonly path: string | undefined;
  /** Places that were looked at. */
  readonly lookedAt: readonly string[];
  /** The last part of the configuration's path, as ldirectord calls it. */
  readonly name: string;
  readonly pidFile: string;
  /** Where a daemon of this configuration might have it; `pidFile` is one of them. */
  readonly pidFilePlaces: readonly string[];
  readonly flags: Flags;
}

/** Says something on standard output. Not through process.stdout, which takes a status a tenth of its own time to set up. */
export function out(text: string): void {
  const line = `${text}\n`;
  try {
    writeSync(1, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A pipe that is full, and set not to wait: node's stream waits.
    if (code === 'EAGAIN') process.stdout.write(line);
    else if (code !== 'EPIPE') throw error;
  }
}

/** Whether a person reads standard output. */
export function isTerminal(): boolean {
  return fstatSync(1).isCharacterDevice() && process.stdout.isTTY === true;
}

export const err = (text: string): void => void process.stderr.write(`${text}\n`);

/** For what has nothing to say on standard error but what is wrong. */
export const WARNINGS_ONLY: Logger = { verbose: false, error: err, warn: err, info() {}, debug() {}, close() {} };

/** Writes a long text to standard output; resolves when it is written, or when nobody reads it any more (`… | head`). */
export function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.once('error', () => resolve());
    process.stdout.write(text, () => resolve());
  });
}

/** The configuration's path. Throws UsageError where there is no such file. */
export function configPath(call: Call): string {
  if (call.path !== undefined) return call.path;
  throw new UsageError(`there is no configuration file; looked for ${call.lookedAt.join(', ')}`, 1);
}

/** `ldirectord for /etc/ha.d/ldirectord.cf`, in the name it was called by. */
export function described({ program, path, name }: Call): string {
  return `${program} for ${path ?? name}`;
}

/** The table that `--ipvs` names, to be closed by whoever goes on changing it (`isLasting`). */
export async function kernelOf(
  { flags: { ipvs, ipvsadm }, pidFilePlaces }: Call,
  { isLasting = false } = {},
): Promise<Kernel> {
  if (ipvs === 'memory') return new (await import('../system/memory-kernel.ts')).MemoryKernel();
  const [{ IpvsadmKernel }, { markedEnvironment }] = await Promise.all([
    import('../system/ipvsadm.ts'),
    import('../system/left-behind.ts'),
  ]);
  return new IpvsadmKernel(ipvsadm, undefined, { isLasting, env: markedEnvironment(pidFilePlaces[0] as string) });
}

/** The synchronisation of connections that belongs to that table. */
export async function syncOf({ ipvs, ipvsadm }: Flags): Promise<ConnectionSync> {
  const { IpvsadmSync, NO_SYNC } = await import('../system/connection-sync.ts');
  return ipvs === 'memory' ? NO_SYNC : new IpvsadmSync(ipvsadm);
}

/** Sends a signal; a process that is gone already is as good. Throws UsageError when that is not allowed. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH')
      throw new UsageError(`cannot signal pid ${pid}: ${messageOf(error)}`, 1, { cause: error });
  }
}
