// The kernel's table through ipvsadm: one process for a batch of edits, one to read.
import { readFile } from 'node:fs/promises';
import { IpvsError, messageOf } from '../errors.ts';
import { type Edit, editLine } from '../ipvs/edit.ts';
import type { Kernel, ReadOptions } from '../ipvs/kernel.ts';
import { type Listing, parseProcListing, parseSave, parseThresholds } from '../ipvs/save-format.ts';
import { parseStatistics, type ServerStatistics } from '../ipvs/stats-format.ts';
import type { Table } from '../ipvs/table.ts';
import { runCommand } from './command.ts';

/** ipvsadm answers in milliseconds; one that does not answer for this long is stuck. */
const TIMEOUT_MS = 10_000;
/** Whoever asks for statistics does not wait longer (Prometheus gives up after 10 s), and can do without. */
const STATISTICS_TIMEOUT_MS = 3_000;
/** Room for the largest table: about 60 bytes a server, 90 with its statistics. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

interface Running {
  readonly input?: string;
  readonly timeoutMs?: number | undefined;
}

export class IpvsadmKernel implements Kernel {
  readonly #program: string;
  readonly #timeoutMs: number;

  /** `program`: name or path of ipvsadm. */
  constructor(program = 'ipvsadm', timeoutMs = TIMEOUT_MS) {
    this.#program = program;
    this.#timeoutMs = timeoutMs;
  }

  async read({ thresholds }: ReadOptions): Promise<Table> {
    // Both at once: the second costs nothing but its own time.
    const [save, limits] = await Promise.all([
      this.#list(['-Sn']),
      thresholds ? this.#list(['-Ln', '--thresholds']) : '',
    ]);
    return parseSave(save, parseThresholds(limits));
  }

  async list(): Promise<Listing | undefined> {
    try {
      return parseProcListing(await readFile('/proc/net/ip_vs', 'latin1'));
    } catch {
      return undefined;
    }
  }

  async statistics(): Promise<Iterable<ServerStatistics>> {
    const timeoutMs = Math.min(this.#timeoutMs, STATISTICS_TIMEOUT_MS);
    return parseStatistics(await this.#list(['-Ln', '--stats', '--exact'], timeoutMs));
  }

  async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    if (edits.length === 0) return [];
    const input = `${edits.map(editLine).join('\n')}\n`;
    const { stdout, stderr, code, signal } = await this.#run(['-R'], { input });
    const complaints = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
    if (code === 0 || complaints.length > 0) return complaints;
    return [`${this.#program} -R ended with ${signal ?? `status ${code}`}`];
  }

  async #list(args: readonly string[], timeoutMs?: number): Promise<string> {
    const { stdout, stderr, code, signal } = await this.#run(args, { timeoutMs });
    if (code === 0) return stdout;
    const said = stderr.trim() || stdout.trim() || `ended with ${signal ?? `status ${code}`}`;
    throw new IpvsError(`"${this.#program} ${args.join(' ')}" failed: ${said}${hint(said)}`);
  }

  async #run(args: readonly string[], { input, timeoutMs = this.#timeoutMs }: Running = {}) {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const options = { signal, maxOutputBytes: MAX_OUTPUT_BYTES, ...(input === undefined ? {} : { input }) };
      const result = await runCommand([this.#program, ...args], options);
      if (signal.aborted)
        throw new IpvsError(`"${this.#program} ${args.join(' ')}" gave no answer within ${timeoutMs / 1000} s`);
      return result;
    } catch (error) {
      if (error instanceof IpvsError) throw error;
      const missing =
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? '; install the package ipvsadm, or name it with --ipvsadm PATH'
          : '';
      throw new IpvsError(`cannot run ${this.#program}: ${messageOf(error)}${missing}`, { cause: error });
    }
  }
}

function hint(said: string): string {
  if (/permission denied|must be root|not permitted/i.test(said)) return ' (root, or CAP_NET_ADMIN, is needed)';
  if (/protocol not available|initialize ipvs|no such file/i.test(said))
    return ' (is the kernel module there? modprobe ip_vs)';
  return '';
}
