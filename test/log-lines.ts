// A logger that keeps its lines, `error: text` for everything above info.
import type { Fields, Level, Logger } from '../src/log.ts';

export class LogLines implements Logger {
  readonly verbose = false;
  readonly lines: string[] = [];
  closed = false;

  error = (message: string, _fields?: Fields): void => this.#add('error', message);
  warn = (message: string, _fields?: Fields): void => this.#add('warn', message);
  info = (message: string, _fields?: Fields): void => this.#add('info', message);
  debug = (): void => {};
  close(): void {
    this.closed = true;
  }

  /** The lines since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }

  #add(level: Level, message: string): void {
    this.lines.push(level === 'info' ? message : `${level}: ${message}`);
  }
}
