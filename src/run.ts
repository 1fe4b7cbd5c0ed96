// The process around a Daemon: pid file, logs, signals, and what is told to whoever started it.
import { setTimeout as pause } from 'node:timers/promises';
import type { CheckServices } from './checks/check.ts';
import { Companions } from './companions.ts';
import type { Config } from './config/model.ts';
import { hideSecrets } from './config/secrets.ts';
import { Daemon } from './daemon.ts';
import { isUsageError, messageOf, UsageError } from './errors.ts';
import type { Kernel } from './ipvs/kernel.ts';
import { errorCount, formatDiagnostics, type Loaded, load } from './load.ts';
import {
  classicLogger,
  journalLogger,
  jsonLogger,
  type Logger,
  supervisedLogger,
  syslogLogger,
  terminalLogger,
} from './log.ts';
import { carryOut, membersNamed, type OperatorParts, type OrderRequest } from './operator/commands.ts';
import { State } from './operator/state.ts';
import { Orders } from './orders.ts';
import { type Handlers, JsonText, type Question, socketPath } from './status/control.ts';
import type { DaemonHead } from './status/snapshot.ts';
import { snapshotText } from './status/view.ts';
import { span } from './status/words.ts';
import { statusSource } from './status-source.ts';
import { Commands } from './system/command.ts';
import type { ConnectionSync } from './system/connection-sync.ts';
import { leaveMemoryOutOfCoreDumps } from './system/core-dump.ts';
import { tellStarter } from './system/detach.ts';
import { keepHeapSmall } from './system/heap.ts';
import { type Outage, openLogFile } from './system/log-file.ts';
import { claim } from './system/pid-file.ts';
import { Pinger } from './system/pinger.ts';
import { resolveForCheck } from './system/resolver.ts';
import { serviceManager } from './system/service-manager.ts';
import { isJournal, openStandardOutput } from './system/standard-output.ts';
import { openSyslog } from './system/syslog.ts';
import { VERSION } from './version.ts';
import { counted } from './wording.ts';

/** A stop does not wait longer for the processes that it has ended: one that waits for a disk cannot even be killed. */
const LEFT_PROCESSES_MS = 3_000;

/** How long a start waits for what the first checks say. */
const FIRST_ROUND_MS = 1_000;

/** Of one reading of the configuration, so many mistakes go into the log. */
const MOST_LOGGED = 50;

export interface RunOptions {
  /** Absolute path of the configuration file. */
  readonly path: string;
  /** What the configuration is called in log lines. */
  readonly name: string;
  readonly pidFile: string;
  /** Where another daemon of this configuration might have it. */
  readonly pidFilePlaces: readonly string[];
  readonly kernel: Kernel;
  /** What outlives the daemon; nothing does when it is undefined. */
  readonly stateFile: string | undefined;
  readonly sync: ConnectionSync;
  /** Log to the terminal instead of the logfile, everything (`-d`). */
  readonly debug: boolean;
  /** Stay in the foreground and log to standard output, for a supervisor that keeps it. */
  readonly supervised: boolean;
  /** Options of this call that a configuration which it executes is called with, too. */
  readonly optionsFor: (path: string) => readonly string[];
  /** Started by another process that waits for word (see system/detach.ts). */
  readonly detached: boolean;
  /** Says something to the person who started it. */
  readonly say: (text: string) => Promise<void> | void;
}

/** Runs a daemon until a signal ends it; resolves with the exit code. Throws UsageError or IpvsError when it cannot start. */
export async function run(options: RunOptions): Promise<number> {
  keepHeapSmall();
  leaveMemoryOutOfCoreDumps();
  const { path, name, pidFile, kernel, debug, supervised, detached, say } = options;
  const isTerminalLog = debug || supervised;
  const read = (): Promise<Loaded> => load(path, undefined, !isTerminalLog);
  const loaded = await read();
  // Where the log is read by whoever started it, warnings are said there.
  const isFine = isTerminalLog && loaded.config !== undefined;
  const config = isFine ? loaded.config : await accepted(loaded, say, { isRetried: supervised });
  // Before the pid file is there for others to send signals to.
  const orders = new Orders();
  orders.obeySignals();
  const claimed = await claim(pidFile, options.pidFilePlaces);
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
  const onTrouble = (reason: string) => log.error(`Cannot tell the service manager how this daemon is: ${reason}`);
  // Taken in any case, so that no command that we run speaks for us.
  const notified = serviceManager({ env: process.env, onTrouble });
  const state = await State.open(options.stateFile, () => log);
  const companions = new Companions({
    ...{ path, name, config, digest: loaded.digest, log: () => log, state },
    reload: () => orders.reload(),
    optionsFor: options.optionsFor,
    sync: options.sync,
    serviceManager: detached ? undefined : notified,
  });
  try {
    log.info(`Starting tsdirectord ${VERSION} for ${path}, pid ${process.pid}`);
    logDiagnostics(loaded, log);
    await companions.prepare();
    const { observers, heldDown } = companions;
    const { overrideOf } = state.overrides;
    const { ownServices } = state;
    const { services } = world;
    const daemon = new Daemon(config, { kernel, log, services, observers, heldDown, overrideOf, ownServices });
    const isOrdered = (): boolean => orders.isGiven;
    await daemon.start(isOrdered);
    state.follow(daemon.facts(), Date.now());
    // Whoever waits for this start is about to send traffic here: a cluster manager brings up the address next.
    await daemon.firstRound(FIRST_ROUND_MS, isOrdered);
    const startedAt = Date.now();
    let configuredAt = startedAt;
    let reloadFailed = false;
    const operator: OperatorParts = {
      ...{ config: () => daemon.config, overrides: state.overrides, log: () => log, heldDown },
      unkept: () => state.unkept(),
      holdsChanged: () => daemon.holdsChanged(),
      recheck: (members) => daemon.recheck(members),
      forgive: (member) => daemon.forgive(member),
      trouble: () => daemon.trouble,
    };
    const order = async (request: OrderRequest, from: string) => {
      const members = membersNamed(daemon.config, request);
      // Also when the kernel did not take it.
      return carryOut(request, operator, from).finally(() => companions.ordered(members));
    };
    const head = (): DaemonHead => ({
      ...{ version: VERSION, pid: process.pid, path, state: daemon.state, startedAt, configuredAt },
      ...(daemon.trouble === undefined ? {} : { trouble: daemon.trouble }),
    });
    const source = statusSource({ daemon, head, state, order, reloadFailed: () => reloadFailed });
    const obey = (question: Question) => order(question as OrderRequest, 'through the control socket');
    const handlers: Handlers = {
      show: async () => {
        const listing = await source.listing();
        return new JsonText(snapshotText(head(), source.virtuals(), (virtual) => source.viewOf(virtual, listing)));
      },
      reload: () => orders.reload(),
      ...{ drain: obey, disable: obey, enable: obey, weight: obey, recheck: obey },
    };
    await companions.attend(daemon, socketPath(pidFile), handlers, source);
    log.info(
      `Started; checking ${counted(config.virtuals.flatMap(({ reals }) => reals).length, 'real server')} of ${counted(config.virtuals.length, 'virtual service')}`,
    );
    if (detached) {
      process.chdir('/');
      await tellStarter({ kind: 'done', exitCode: 0 });
    }
    let current = config;
    const reload = async (): Promise<void> => {
      log.info(`Reloading ${path}`);
      companions.reloading();
      const next = await read();
      companions.seen(next.digest);
      logDiagnostics(next, log);
      if (next.config === undefined) {
        const details = formatDiagnostics(next).join('\n');
        throw new UsageError(`it has ${errorCount(next)}`, 2, { details });
      }
      if (next.config.supervised !== current.supervised)
        log.warn('supervised has changed: that counts from the next start on');
      const before = log;
      if (logSettings(next.config) !== logSettings(current)) log = await openLogger(next.config, options);
      await companions.reconfigure(next.config);
      await daemon.reload(next.config, log);
      state.follow(daemon.facts(), Date.now());
      current = next.config;
      configuredAt = Date.now();
      if (before !== log) await before.close();
      log.info(`Reloaded ${path}`);
    };
    const signal = await orders.untilEnd(async () => {
      try {
        await reload();
        reloadFailed = false;
      } catch (error) {
        reloadFailed = true;
        const { exitCode = 1, details } = isUsageError(error) ? error : {};
        const message = `Cannot reload ${path}, the running configuration stays as it is: ${messageOf(error)}`;
        log.error(message);
        throw new UsageError(message, exitCode, { details, cause: error });
      } finally {
        await companions.reloaded();
      }
    });
    log.info(`Stopping on ${signal}`);
    await Promise.all([daemon.stop(), companions.stop()]);
    log.info('Stopped');
    return 0;
  } catch (error) {
    log.error(messageOf(error));
    throw error;
  } finally {
    process.off('uncaughtException', dieLoudly);
    await companions.close();
    await Promise.race([Promise.all([world.close(), kernel.close?.()]), pause(LEFT_PROCESSES_MS)]);
    await claimed.release();
    await log.close();
  }
}

/**
 * The configuration, once its diagnostics are told. Throws UsageError when it has errors: with exit code 2, or 1 for whoever tries
 * again (`isRetried`) when they may pass.
 */
export async function accepted(
  loaded: Loaded,
  say: (text: string) => Promise<void> | void,
  { color = false, isRetried = false } = {},
): Promise<Config> {
  for (const text of formatDiagnostics(loaded, color)) await say(text);
  if (loaded.config !== undefined) return loaded.config;
  // A supervisor may try again when names cannot be looked up, as at a boot; other mistakes stay until somebody mends them.
  const passes = loaded.diagnostics.every(({ severity, passing }) => severity === 'warning' || passing);
  throw new UsageError(`${loaded.path} has ${errorCount(loaded)}; nothing was changed`, passes && isRetried ? 1 : 2);
}

/** What checks are given; `close` resolves when no process of theirs is left, once they have been ended. */
function checkWorld(
  { debug }: RunOptions,
  log: () => Logger,
): { services: CheckServices; close: () => Promise<unknown> } {
  const tracing = debug ? { trace: (line: string) => log().debug(hideSecrets(line)) } : {};
  const commands = new Commands();
  const pinger = new Pinger(tracing);
  return {
    services: {
      resolve: resolveForCheck,
      command: commands.run,
      ping: (target, options) => pinger.ping(target, options),
      ...tracing,
    },
    close: () => Promise.all([commands.ended(), pinger.close()]),
  };
}

/** Errors first where there are too many for a log: a file that is no configuration has thousands. */
function logDiagnostics(loaded: Loaded, log: Logger): void {
  const { diagnostics, path } = loaded;
  const isShort = diagnostics.length <= MOST_LOGGED;
  const ordered = isShort ? diagnostics : [...ofSeverity(loaded, 'error'), ...ofSeverity(loaded, 'warning')];
  const told = ordered.slice(0, MOST_LOGGED);
  for (const [index, text] of formatDiagnostics({ ...loaded, diagnostics: told }).entries()) {
    if (told[index]?.severity === 'error') log.error(text);
    else log.warn(text);
  }
  if (!isShort) log.error(`and ${diagnostics.length - MOST_LOGGED} more; tsdirectord check -f ${path} tells them all`);
}

function ofSeverity({ diagnostics }: Loaded, wanted: 'error' | 'warning'): Loaded['diagnostics'] {
  return diagnostics.filter(({ severity }) => severity === wanted);
}

function logSettings(config: Config): string {
  return JSON.stringify([config.log, config.logFormat]);
}

/** Throws UsageError when the log cannot be opened. */
async function openLogger(config: Config, { debug, supervised, name, say }: RunOptions): Promise<Logger> {
  // A daemon that somebody watches ends when the watcher goes away.
  const end = (): void => void process.kill(process.pid, 'SIGTERM');
  if (debug) return terminalLogger(process.stdout, process.stdout.isTTY === true, end);
  if (supervised) {
    const sink = openStandardOutput();
    if (config.logFormat === 'json') return jsonLogger(sink, name);
    return isJournal() ? journalLogger(sink) : supervisedLogger(sink);
  }
  if (config.log.kind === 'syslog') {
    const { facility } = config.log;
    const onTrouble = (reason: string) => void process.stderr.write(`${name}: cannot log to syslog: ${reason}\n`);
    const sink = await openSyslog({ facility, onTrouble });
    return config.logFormat === 'json' ? jsonLogger(sink, name) : syslogLogger(sink);
  }
  const { path } = config.log;
  try {
    let log: Logger | undefined;
    const sink = openLogFile(path, {
      onRecovery: (outage) => log?.warn(`The logfile ${path} ${outageWords(outage)}`),
      onFull: (error) => void say(`cannot open the logfile ${path} yet, it is tried again: ${messageOf(error)}`),
    });
    log = config.logFormat === 'json' ? await jsonLogger(sink, name) : classicLogger(sink, name, process.pid);
    return log;
  } catch (error) {
    throw new UsageError(`cannot open the logfile ${path}: ${messageOf(error)}`, 2, { cause: error });
  }
}

function outageWords({ reason, durationMs, lostLines }: Outage): string {
  const lost = lostLines === 0 ? 'no line is lost' : `${counted(lostLines, 'line')} lost`;
  return `could not be written for ${span(durationMs)} (${reason}), until now: ${lost}`;
}
