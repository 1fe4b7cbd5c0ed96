// The process around a Daemon: pid file, logs, signals, and what is told to whoever started it.
import { setTimeout as pause } from 'node:timers/promises';
import type { CheckServices } from './checks/check.ts';
import { type Config, DEFAULT_LOGFILE } from './config/model.ts';
import { Daemon } from './daemon.ts';
import { messageOf, UsageError } from './errors.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { formatDiagnostics, type Loaded, load } from './load.ts';
import { classicLogger, jsonLogger, type Logger, terminalLogger } from './log.ts';
import { Commands } from './system/command.ts';
import { tellStarter } from './system/detach.ts';
import { openLogFile } from './system/log-file.ts';
import { claim } from './system/pid-file.ts';
import { Pinger } from './system/pinger.ts';
import { resolveHost } from './system/resolver.ts';
import { VERSION } from './version.ts';

/** A stop does not wait longer for the processes that it has ended: one that waits for a disk cannot even be killed. */
const LEFT_PROCESSES_MS = 3_000;

export interface RunOptions {
  /** Absolute path of the configuration file. */
  readonly path: string;
  /** What the configuration is called in log lines. */
  readonly name: string;
  readonly pidFile: string;
  readonly kernel: Kernel;
  /** Log to the terminal instead of the logfile, everything (`-d`). */
  readonly debug: boolean;
  /** Started by another process that waits for word (see system/detach.ts). */
  readonly detached: boolean;
  /** Says something to the person who started it. */
  readonly say: (text: string) => Promise<void> | void;
}

/** Runs a daemon until a signal ends it; resolves with the exit code. Throws UsageError or IpvsError when it cannot start. */
export async function run(options: RunOptions): Promise<number> {
  const { path, name, pidFile, kernel, debug, detached, say } = options;
  const read = (): Promise<Loaded> => load(path, undefined, !debug);
  const loaded = await read();
  const config = await accepted(loaded, say);
  // Before the pid file is there for others to send signals to.
  const signals = catchSignals();
  const claimed = await claim(pidFile);
  if ('running' in claimed) {
    await say(`${name} is running already, with pid ${claimed.running}`);
    return 0;
  }
  let log = await openLogger(config, options).catch(async (error) => {
    await claimed.release();
    throw error;
  });
  const dieLoudly = (error: unknown): void => {
    process.off('uncaughtException', dieLoudly);
    log.error(
      `Ended by a fault of ours; the kernel's table stays as it is: ${error instanceof Error ? error.stack : error}`,
    );
    void Promise.resolve(log.close()).then(() => process.exit(1));
  };
  process.on('uncaughtException', dieLoudly);
  const world = checkWorld(options, () => log);
  try {
    log.info(`Starting tsdirectord ${VERSION} for ${path}, pid ${process.pid}`);
    logDiagnostics(loaded, log);
    const daemon = new Daemon(config, { kernel, log, services: world.services });
    await daemon.start();
    log.info(
      `Started; checking ${count(config.virtuals.flatMap(({ reals }) => reals).length, 'real server')} of ${count(config.virtuals.length, 'virtual service')}`,
    );
    if (detached) {
      process.chdir('/');
      await tellStarter({ kind: 'done', exitCode: 0 });
    }
    let current = config;
    const reload = async (): Promise<void> => {
      log.info(`Reloading ${path}`);
      const next = await read();
      logDiagnostics(next, log);
      if (next.config === undefined) throw new UsageError('it has errors', 2);
      const before = log;
      if (logSettings(next.config) !== logSettings(current)) log = await openLogger(next.config, options);
      await daemon.reload(next.config, log);
      current = next.config;
      if (before !== log) await before.close();
      log.info(`Reloaded ${path}`);
    };
    const signal = await signals.untilEnd(() =>
      reload().catch((error) =>
        log.error(`Cannot reload ${path}, the running configuration stays as it is: ${messageOf(error)}`),
      ),
    );
    log.info(`Stopping on ${signal}`);
    await daemon.stop();
    log.info('Stopped');
    return 0;
  } catch (error) {
    log.error(messageOf(error));
    throw error;
  } finally {
    process.off('uncaughtException', dieLoudly);
    await Promise.race([world.close(), pause(LEFT_PROCESSES_MS)]);
    await claimed.release();
    await log.close();
  }
}

/** The configuration, once its diagnostics are told. Throws UsageError with exit code 2 when it has errors. */
export async function accepted(
  loaded: Loaded,
  say: (text: string) => Promise<void> | void,
  color = false,
): Promise<Config> {
  for (const text of formatDiagnostics(loaded, color)) await say(text);
  if (loaded.config !== undefined) return loaded.config;
  const errors = loaded.diagnostics.filter(({ severity }) => severity === 'error').length;
  throw new UsageError(`${loaded.path} has ${count(errors, 'error')}; nothing was changed`, 2);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** What checks are given; `close` resolves when no process of theirs is left, once they have been ended. */
function checkWorld(
  { debug }: RunOptions,
  log: () => Logger,
): { services: CheckServices; close: () => Promise<unknown> } {
  const tracing = debug ? { trace: (line: string) => log().debug(line) } : {};
  const commands = new Commands();
  const pinger = new Pinger(tracing);
  return {
    services: {
      resolve: (host) => resolveHost(host),
      command: commands.run,
      ping: (target, options) => pinger.ping(target, options),
      ...tracing,
    },
    close: () => Promise.all([commands.ended(), pinger.close()]),
  };
}

function logDiagnostics(loaded: Loaded, log: Logger): void {
  for (const [index, text] of formatDiagnostics(loaded).entries()) {
    if (loaded.diagnostics[index]?.severity === 'error') log.error(text);
    else log.warn(text);
  }
}

function logSettings(config: Config): string {
  return JSON.stringify([config.log, config.logFormat]);
}

/** Throws UsageError when the logfile cannot be opened. */
async function openLogger(config: Config, { debug, name }: RunOptions): Promise<Logger> {
  // A daemon that somebody watches ends when the watcher goes away.
  const end = (): void => void process.kill(process.pid, 'SIGTERM');
  if (debug) return terminalLogger(process.stdout, process.stdout.isTTY === true, end);
  // A syslog facility cannot be written to in this version.
  const path = config.log.kind === 'file' ? config.log.path : DEFAULT_LOGFILE;
  try {
    const sink = openLogFile(path);
    return config.logFormat === 'json' ? await jsonLogger(sink, name) : classicLogger(sink, name, process.pid);
  } catch (error) {
    throw new UsageError(`cannot open the logfile ${path}: ${messageOf(error)}`, 2, { cause: error });
  }
}

/** Catches signals from now on: none of them interrupts a start, and a second TERM does not interrupt a stop. */
function catchSignals(): { untilEnd(onHangUp: () => Promise<void>): Promise<NodeJS.Signals> } {
  let hungUp = false;
  let ended: NodeJS.Signals | undefined;
  let wake = (): void => {};
  process.on('SIGHUP', () => {
    hungUp = true;
    wake();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      ended ??= signal;
      wake();
    });
  }
  return {
    async untilEnd(onHangUp) {
      while (ended === undefined) {
        // Any number of hang-ups during a reload are one more reload.
        if (hungUp) {
          hungUp = false;
          await onHangUp();
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
      return ended;
    },
  };
}
