// Where log lines go and what they look like: ldirectord's lines, pino's JSON, or a readable terminal.
import type { Writable } from 'node:stream';
import { visible } from './checks/text.ts';

/** What a line is about; JSON lines carry these as fields. */
export interface Fields {
  readonly virtual?: string;
  readonly real?: string;
  readonly reason?: string;
  readonly durationMs?: number;
}

export type Level = 'error' | 'warn' | 'info' | 'debug';

export interface Logger {
  /** Whether debug lines go anywhere: what costs something to say is only said then. */
  readonly verbose: boolean;
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  /** Writes what is still pending, as far as that can be done within a second, and lets go of the file. */
  close(): Promise<void> | void;
}

/** Takes whole lines, each with its newline. */
export interface LineSink {
  write(line: string, level: Level): void;
  close(): Promise<void> | void;
}

type WriteEntry = (level: Level, message: string, fields: Fields) => void;

function loggerOf(write: WriteEntry, sink: LineSink, verbose: boolean): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}): void =>
      // Whoever said a part of it, no terminal obeys it.
      write(level, visible(message), fields);
  return {
    verbose,
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: verbose ? at('debug') : () => {},
    close: () => sink.close(),
  };
}

/** `[Mon Nov 23 01:13:16 2026|ldirectord.cf|1743] message`: ldirectord's format, which log watchers know. */
export function classicLogger(
  sink: LineSink,
  configName: string,
  pid: number,
  now: () => Date = () => new Date(),
): Logger {
  return lineLogger(sink, () => `[${asctime(now())}|${configName}|${pid}] `);
}

/** `[Mon Nov 23 01:13:16 2026] message`: ldirectord's format under a supervisor, which reads the lines of one daemon only. */
export function supervisedLogger(sink: LineSink, now: () => Date = () => new Date()): Logger {
  return lineLogger(sink, () => `[${asctime(now())}] `);
}

/** `<6>message`: what systemd's journal takes for a line's severity (sd-daemon(3)); it adds the time and the rest by itself. */
export function journalLogger(sink: LineSink): Logger {
  return lineLogger(sink, (level) => `<${JOURNAL_SEVERITY[level]}>`);
}

const JOURNAL_SEVERITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Bare messages: syslog puts time, program and pid before them. */
export function syslogLogger(sink: LineSink): Logger {
  return lineLogger(sink, () => '');
}

function lineLogger(sink: LineSink, prefixOf: (level: Level) => string): Logger {
  const write: WriteEntry = (level, message) => {
    const prefix = prefixOf(level);
    const severity = level === 'error' ? 'ERROR: ' : level === 'warn' ? 'WARNING: ' : '';
    // A message of several lines stays several lines, each with its own prefix.
    for (const line of message.split('\n')) sink.write(`${prefix}${severity}${line}\n`, level);
  };
  return loggerOf(write, sink, false);
}

/** Local time as C's asctime() writes it. */
export function asctime(date: Date): string {
  const [day, month, , year] = date.toString().split(' ');
  const time = date.toString().split(' ')[4];
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${year}`;
}

/** pino's JSON lines. */
export async function jsonLogger(sink: LineSink, configName: string): Promise<Logger> {
  const { pino } = await import('pino');
  let current: Level = 'info';
  const log = pino(
    {
      base: { pid: process.pid, config: configName },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line: string) => sink.write(line, current) },
  );
  const write: WriteEntry = (level, message, fields) => {
    // pino writes before it returns.
    current = level;
    const { reason } = fields;
    log[level](reason === undefined ? fields : { ...fields, reason: visible(reason) }, message);
  };
  return loggerOf(write, sink, false);
}

/**
 * For people in front of a terminal (`-d`): everything, in colour where `color` says so. `onGone` is called once when nobody
 * reads any more (the terminal or the pipe is closed); what is logged after that goes nowhere.
 */
export async function terminalLogger(out: Writable, color: boolean, onGone: () => void): Promise<Logger> {
  const [{ pino }, { prettyFactory }] = await Promise.all([import('pino'), import('pino-pretty')]);
  const format = prettyFactory({
    colorize: color,
    ignore: 'pid,hostname,virtual,real,reason,durationMs',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  let gone = false;
  out.on('error', () => {
    if (!gone) onGone();
    gone = true;
  });
  const sink = {
    write: (line: string): void => {
      if (!gone) out.write(format(line));
    },
    close: () => {},
  };
  const log = pino({ level: 'debug' }, sink);
  // What belongs to a line stands indented below it.
  return loggerOf((level, message, fields) => log[level](fields, message.replaceAll('\n', '\n    ')), sink, true);
}
