// What a service manager (systemd) is told of the daemon that it runs: sd_notify(3), through the program systemd-notify,
// because node cannot send datagrams to a unix socket.
import { messageOf } from '../errors.ts';
import { runCommand } from './command.ts';
import { environmentForOthers } from './environment.ts';

const TIMEOUT_MS = 5_000;

/** The states of a service, in sd_notify's words. */
export type ServiceState = 'READY' | 'RELOADING' | 'STOPPING';

export interface ServiceManager {
  /** How often it wants a sign of life, milliseconds; undefined when it wants none. */
  readonly watchdogMs: number | undefined;
  /** Tells it, in the background and one message after the other. Never throws. */
  tell(notice: { readonly state?: ServiceState; readonly status?: string; readonly alive?: true }): void;
  /** Resolves when all has been told, or could not be. */
  told(): Promise<void>;
}

export interface ServiceManagerOptions {
  /** Asked for NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are removed: commands that we run have no say in it. */
  readonly env: NodeJS.ProcessEnv;
  readonly onTrouble: (reason: string) => void;
  /** Default systemd-notify. */
  readonly program?: string;
}

/** The service manager that runs this process; undefined where none wants to be told. */
export function serviceManager({
  env,
  onTrouble,
  program = 'systemd-notify',
}: ServiceManagerOptions): ServiceManager | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (socket === undefined) return undefined;
  const isWatched = usec !== undefined && Number(usec) > 0 && (pid === undefined || Number(pid) === process.pid);
  const waiting = new Map<string, string>();
  let work: Promise<void> | undefined;
  let isTroubled = false;

  const send = async (): Promise<void> => {
    while (waiting.size > 0) {
      const words = [...waiting.values()];
      waiting.clear();
      const trouble = await notify([program, ...words], { ...environmentForOthers(env), NOTIFY_SOCKET: socket });
      if (trouble !== undefined && !isTroubled) onTrouble(trouble);
      isTroubled = trouble !== undefined;
    }
    work = undefined;
  };
  return {
    watchdogMs: isWatched ? Number(usec) / 1000 : undefined,
    tell({ state, status, alive }) {
      if (state !== undefined) waiting.set('state', `${state}=1`);
      if (status !== undefined) waiting.set('status', `STATUS=${status}`);
      if (alive) waiting.set('alive', 'WATCHDOG=1');
      if (waiting.size > 0) work ??= send();
    },
    told: async () => work,
  };
}

/** Why it could not be told; undefined when it was. */
async function notify(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const { code, signal, stderr } = await runCommand(argv, { signal: AbortSignal.timeout(TIMEOUT_MS), env });
    return code === 0 ? undefined : stderr.trim() || `${argv[0]} ended with ${signal ?? `status ${code}`}`;
  } catch (error) {
    return `cannot run ${argv[0]}: ${messageOf(error)}`;
  }
}
