// The daemon of the soak with all that it has: servers, a stand-in for ipvsadm whose table outlives it, a status page, a directory.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnDaemon } from '../../bench/daemon.ts';
import { Servers } from '../../bench/servers.ts';
import type { Chances } from './chances.ts';
import { Configurations } from './configurations.ts';

const INTERVAL_S = 3;
/** So long that no machine is too busy for a healthy server's answer. */
const TIMEOUT_S = 10;

const ROOT = process.env.BENCH_ROOT ?? '';

export class SoakSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'tsdirectord-soak-'));
  readonly socket = join(this.dir, 'status.sock');
  readonly configurations: Configurations;
  readonly servers: Servers;
  readonly daemon: OwnDaemon;

  private constructor(servers: Servers, chances: Chances) {
    this.servers = servers;
    const ipvsadm = this.#ipvsadm();
    this.configurations = new Configurations({
      ...{ chances, port: servers.port, intervalS: INTERVAL_S, timeoutS: TIMEOUT_S },
      further: [`statuslisten = ${this.socket}`],
    });
    this.daemon = new OwnDaemon({
      ...{ dir: this.dir, config: this.configurations.text, isAsked: true },
      table: ['--ipvsadm', ipvsadm],
      // What inside.cjs asks of V8 may change some day; that is not for the daemon's log.
      node: ['--disable-warning=ExperimentalWarning', '--require', join(ROOT, 'test/soak/inside.cjs')],
      env: { SOAK_LISTING: join(this.dir, 'proc') },
    });
  }

  static async start(chances: Chances): Promise<SoakSite> {
    return new SoakSite(await Servers.start({ argv: (argv) => [...argv] }, 0), chances);
  }

  /** How often each server is checked. */
  get intervalMs(): number {
    return INTERVAL_S * 1_000;
  }

  /** How long a check waits for an answer. */
  get timeoutMs(): number {
    return TIMEOUT_S * 1_000;
  }

  /** As `ipvsadm -Sn` prints it, sorted. */
  get table(): string[] {
    return readFileSync(join(this.dir, 'real/table'), 'utf8').split('\n').filter(Boolean).sort();
  }

  configure(text: string): void {
    writeFileSync(this.daemon.file, text);
  }

  /** Of its files, those that are there. */
  present(...names: readonly string[]): string[] {
    return names.filter((name) => existsSync(join(this.dir, name)));
  }

  /** Ends whatever is left of it. */
  async close(): Promise<void> {
    await this.daemon.stop();
    await this.servers.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Its path. That of test/faults without a fault: it shows its table as /proc does, too. */
  #ipvsadm(): string {
    const [path, real] = [join(this.dir, 'ipvsadm'), join(this.dir, 'real/ipvsadm')];
    mkdirSync(join(this.dir, 'real'));
    copyFileSync(join(ROOT, 'test/faults/ill-ipvsadm'), path);
    copyFileSync(join(ROOT, 'test/system/fake-ipvsadm'), real);
    for (const each of [path, real]) chmodSync(each, 0o755);
    return path;
  }
}
