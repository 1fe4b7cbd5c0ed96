// The monitorfile of a virtual service: one line for each check of its real servers, as ldirectord writes them.
import type { CheckResult } from './checks/check.ts';
import type { Config } from './config/model.ts';
import { asctime, type Logger } from './log.ts';
import type { Member, Observer } from './observer.ts';
import { AppendFile } from './system/append-file.ts';

export interface MonitorFilesOptions {
  /** What a line says of the server and its check (config/monitor-words.ts). */
  readonly words: (member: Member) => string;
  /** Whether the server is in maintenance, which is what its lines say then, whatever its checks find. */
  readonly inMaintenance: (member: Member) => boolean;
  readonly log: () => Logger;
  /** Default: now. */
  readonly now?: () => Date;
  /** Default 1000. */
  readonly retryMs?: number;
}

export class MonitorFiles implements Observer {
  readonly #options: MonitorFilesOptions;
  #files = new Map<string, AppendFile>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: MonitorFilesOptions) {
    this.#options = options;
  }

  /** Goes over to the files that a configuration names; the others are closed when what they wait for is written. */
  reconfigure(config: Config): void {
    const before = this.#files;
    this.#files = new Map();
    for (const { monitorFile } of config.virtuals) {
      if (monitorFile !== undefined && !this.#files.has(monitorFile))
        this.#files.set(monitorFile, before.get(monitorFile) ?? this.#open(monitorFile));
    }
    for (const [path, file] of before) if (!this.#files.has(path)) this.#close(file);
  }

  checked(member: Member, { outcome, detail }: CheckResult): void {
    const file = this.#files.get(member.virtual.monitorFile ?? '');
    if (file === undefined || outcome === 'error') return;
    const { words, inMaintenance, now = () => new Date() } = this.#options;
    const [state, reason] = inMaintenance(member) ? ['down', 'Server in maintenance'] : [outcome, detail];
    file.write(`[${asctime(now())}] [${process.pid}] ${words(member)} [${state}] ${reasonText(reason)}\n`);
  }

  /** Resolves when everything is written, or cannot be within a second. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) this.#close(file);
    this.#files.clear();
    await Promise.all(this.#closing);
  }

  #open(path: string): AppendFile {
    const { log, retryMs } = this.#options;
    return new AppendFile(path, {
      onFailure: (error) =>
        log().error(`Cannot write the monitorfile ${path}, its lines wait until that is possible: ${whyNot(error)}`),
      onRecovery: (lost) =>
        log().info(
          `The monitorfile ${path} can be written again${lost === 0 ? '' : `; ${lost} of its lines were lost meanwhile`}`,
        ),
      ...(retryMs === undefined ? {} : { retryMs }),
    });
  }

  #close(file: AppendFile): void {
    const closed = file.close();
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  }
}

/** In ldirectord's words an answer of HTTP is only its status, and characters that end a field or a line are written as in a URL. */
function reasonText(detail: string): string {
  const reason = detail.replace(/^HTTP (?=\d)/, '');
  if (reason === '') return '-';
  return reason.replace(/[%|\r\n]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ELOOP' ? 'it is a symbolic link in a directory that everybody may write to (ELOOP)' : message;
}
