// The real program in the background, with a stand-in for ipvsadm and real web servers on loopback: for the troubles of its own process.
import { readdirSync, readFileSync } from 'node:fs';
import { BIN, command, isAlive, type Ran, Site, signal } from '../e2e/program.ts';
import { FakeIpvsadm } from '../system/fake-ipvsadm.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';

export interface Launch {
  /** Default 3. */
  readonly servers?: number;
  /** Directives before the virtual and in it, a line each. */
  readonly globals?: readonly string[];
  readonly directives?: readonly string[];
  /** Words before the program's: `env NAME=…`, `prlimit …`. */
  readonly within?: readonly string[];
  readonly logFile?: string;
  /** What the servers are called; default 127.0.0.1, where they are in any case. */
  readonly host?: string;
}

/** Behind what a director was made with. */
interface Settings {
  readonly globals: readonly string[];
  readonly directives: readonly string[];
  /** Of each server; default 1. */
  readonly weight: number;
  /** What each server is asked for. */
  readonly request: string;
}

/** What takes a server out of service, or says that a check has failed. */
const FAILED = /is down|failed a check|Quiescent|Deleted real/;

export class Director {
  readonly site: Site;
  readonly ipvsadm: FakeIpvsadm;
  readonly servers: readonly WebServer[];
  readonly #options: Launch;
  /** Lines that its log had when it had started. */
  #known = 0;

  private constructor(servers: readonly WebServer[], options: Launch) {
    this.site = new Site();
    this.ipvsadm = new FakeIpvsadm(this.site.dir);
    this.ipvsadm.table = ['-A -t 10.9.9.9:80 -s rr'];
    this.servers = servers;
    this.#options = options;
    this.configure();
  }

  /** Made, not started. */
  static async make(options: Launch = {}): Promise<Director> {
    const { servers = 3 } = options;
    return new Director(await Promise.all(Array.from({ length: servers }, () => WebServer.start())), options);
  }

  /** Started, with all servers up. */
  static async start(options: Launch = {}): Promise<Director> {
    const director = await Director.make(options);
    const ran = await director.run('start');
    if (ran.code !== 0) throw new Error(`it did not start: ${ran.stdout}${ran.stderr}`);
    await director.reaches(director.servers.map(() => 1));
    await director.says('Started;');
    director.#known = director.site.lines.length;
    return director;
  }

  /** Writes its configuration anew. */
  configure({ globals = [], directives = [], weight = 1, request = '/' }: Partial<Settings> = {}): void {
    const { globals: ownGlobals = [], directives: own = [], logFile, host = '127.0.0.1' } = this.#options;
    const text = [
      ...['quiescent = yes', 'checkinterval = 1', 'negotiatetimeout = 2', ...ownGlobals, ...globals],
      ...['virtual = 10.0.0.1:80', '\tservice = http', ...[...own, ...directives].map((line) => `\t${line}`)],
      ...this.servers.map(({ port }) => `\treal = ${host}:${port} masq ${weight} "${request}", "found"`),
    ].join('\n');
    this.site.configure(`${text}\n`, logFile);
  }

  run(action: string, ...more: string[]): Promise<Ran> {
    const { within = [] } = this.#options;
    const words = [...within, BIN, action, '-f', this.site.config];
    return command([...words, '--ipvsadm', this.ipvsadm.path, '--pid-file', this.site.pidFile, ...more]);
  }

  get pid(): number {
    return this.site.pid;
  }

  signal(name: NodeJS.Signals): void {
    signal(this.pid, name);
  }

  /** Waits until the kernel has these weights for the servers. */
  async reaches(weights: readonly number[], deadlineMs = 8_000): Promise<void> {
    const wanted = [
      ...['-A -t 10.0.0.1:80 -s wrr', '-A -t 10.9.9.9:80 -s rr'],
      ...this.servers.map(({ port }, index) => `-a -t 10.0.0.1:80 -r 127.0.0.1:${port} -m -w ${weights[index]}`),
    ].sort();
    const isThere = () => this.ipvsadm.table.join('\n') === wanted.join('\n');
    const seen = () => [...this.ipvsadm.table, 'wanted:', ...wanted, 'log:', this.site.log].join('\n');
    await until('the table is as wanted', isThere, seen, deadlineMs);
  }

  /** Waits until each server has been asked so many times more. */
  async checksGoOn(times = 2): Promise<void> {
    const before = this.servers.map(({ hits }) => hits);
    const isAsked = () => this.servers.every(({ hits }, index) => hits >= (before[index] ?? 0) + times);
    await until('the checks go on', isAsked, () => `${this.servers.map(({ hits }) => hits)}\n${this.site.log}`);
  }

  /** Its log lines with this part, since its start. */
  told(part: string | RegExp): string[] {
    return this.site.lines
      .slice(this.#known)
      .filter((line) => (typeof part === 'string' ? line.includes(part) : part.test(line)));
  }

  /** Log lines that speak ill of a server. */
  get failures(): string[] {
    return this.told(FAILED);
  }

  async says(part: string | RegExp, deadlineMs?: number): Promise<string> {
    const told = () => this.told(part)[0];
    return (await until(`${part} in the log`, told, () => this.site.log, deadlineMs)) as string;
  }

  /** Bytes of memory that it has for itself now. */
  get memory(): number {
    return 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))?.[1]);
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  get isAlive(): boolean {
    return isAlive(this.pid);
  }

  /** Stops it: in order, and with nothing left of ours. */
  async stop(): Promise<Ran> {
    const ran = await this.run('stop');
    await until('nothing of ours in the table', () => this.ipvsadm.table.join() === '-A -t 10.9.9.9:80 -s rr');
    return ran;
  }
}
