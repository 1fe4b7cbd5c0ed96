// start: the daemon in this process (-d, --foreground), or in one of its own that goes on when this one has ended.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isUsageError, messageOf } from '../errors.ts';
import { type Owner, readOwner } from '../system/pid-owner.ts';
import { type Call, configPath, described, err, kernelOf, out, syncOf } from './call.ts';

/** Resolves with the exit code once the table is programmed; in the foreground, and in the daemon's own process, when the daemon has ended. */
export async function start(call: Call): Promise<number> {
  const { flags, name, pidFile } = call;
  // The detached process finds that out when it claims the pid file, and tells its starter.
  const owner: Owner = flags.detached ? { state: 'none' } : readOwner(pidFile);
  if (owner.state === 'running') {
    out(`${described(call)} is running already, with pid ${owner.pid}`);
    return 0;
  }
  const path = configPath(call);
  const isOwnProcess = flags.debug || flags.detached || flags.executed;
  const supervised = flags.foreground ?? (!isOwnProcess && (await wantsSupervision(path)));
  if (!flags.debug && !flags.detached && !supervised) {
    const { spawnDetached } = await import('../system/detach.ts');
    return spawnDetached(detachedArguments(call), err);
  }
  const { muteStandardError, tellStarter } = await import('../system/detach.ts');
  if (flags.detached) muteStandardError();
  const { run } = await import('../run.ts');
  const { statePath } = await import('../operator/state.ts');
  const options = {
    path,
    name,
    pidFile,
    pidFilePlaces: call.pidFilePlaces,
    kernel: await kernelOf(call, { isLasting: true }),
    stateFile: statePath(pidFile, flags.ipvs),
    sync: await syncOf(flags),
    debug: flags.debug === true,
    supervised,
    optionsFor: (other: string) => optionsFor(call, other),
    detached: flags.detached === true,
  };
  if (!flags.detached) return run({ ...options, say: err });
  const exitCode = await run({ ...options, say: (text) => tellStarter({ kind: 'say', text }) }).catch(async (error) => {
    const text = error instanceof Error && !('code' in error) ? error.stack : messageOf(error);
    await tellStarter({ kind: 'say', text: `${call.program}: ${text}` });
    return isUsageError(error) ? error.exitCode : 1;
  });
  await tellStarter({ kind: 'done', exitCode });
  return exitCode;
}

/** Another configuration has the same table, and its pid file where pid files are, or beside ours. */
function optionsFor({ pidFile, flags }: Call, other: string): string[] {
  const beside = join(dirname(pidFile), `ldirectord.${basename(other)}.pid`);
  const own = flags.pidFile === undefined ? [] : ['--pid-file', beside];
  return ['--ipvs', flags.ipvs, '--ipvsadm', flags.ipvsadm, ...own];
}

/** Whether a supervisor keeps this very process. A file that cannot be read is told about by whoever loads it. */
async function wantsSupervision(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '');
  // Nothing else of the file matters to the process that only starts another one.
  if (!/^\s*supervised\b/m.test(text)) return false;
  const [{ parse }, { last }] = await Promise.all([import('../config/parse.ts'), import('../config/directives.ts')]);
  return last(parse(text).given, 'supervised')?.value === true;
}

/** The command line of the background process: what this call amounts to, as a start. */
function detachedArguments({ config, pidFile, flags }: Call): string[] {
  const file = config === undefined ? [] : ['--file', config];
  const own = flags.pidFile === undefined ? [] : ['--pid-file', pidFile];
  return ['start', ...file, '--ipvs', flags.ipvs, '--ipvsadm', flags.ipvsadm, ...own, '--detached'];
}
