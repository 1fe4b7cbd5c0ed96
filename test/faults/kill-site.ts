// One director that is killed at a point of its work: the real program with a table that outlives it (kept-ipvsadm), a foreign service
// beside its own, servers that are healthy, broken, in maintenance and under the operator's orders, and what must come of all that.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askDaemon } from '../../src/status/control.ts';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { BIN, command, isAlive, type Ran, signal } from '../e2e/program.ts';
import { until } from '../until.ts';
import type { WebServer } from '../web-server.ts';

const PRELOAD = fileURLToPath(new URL('kill-at.cjs', import.meta.url));
const IPVSADM = fileURLToPath(new URL('kept-ipvsadm', import.meta.url));
/** Some forty times what it takes. */
const DEADLINE_MS = 20_000;

const FOREIGN = [
  '-A -f 7 -s rr',
  '-A -t 10.9.9.9:99 -s rr',
  '-a -f 7 -r 10.9.9.11:99 -g -w 1',
  '-a -t 10.9.9.9:99 -r 10.9.9.10:99 -m -w 7',
];

/** The real servers of all sites, on loopback: what each is told to be. */
export const SERVERS = ['one', 'two', 'three', 'broken', 'held', 'drained', 'weighted'] as const;
export type Servers = Readonly<Record<(typeof SERVERS)[number], WebServer>>;
const HEALTHY: ReadonlySet<string> = new Set(['one', 'two', 'three', 'weighted']);
/** What the operator has ordered for `weighted`. */
export const ORDERED_WEIGHT = 9;

/** Configured weights by virtual service and server. */
type Layout = Readonly<Record<string, Partial<Record<(typeof SERVERS)[number], number>>>>;
const ILL = { broken: 1, held: 1, drained: 1, weighted: 4 };
/** The one goes over to the other with a service and a server more, ones less, and another weight. */
export const LAYOUTS = {
  before: { '10.1.0.1:80': { one: 1, two: 2, ...ILL }, '10.1.0.2:80': { one: 3 } },
  after: { '10.1.0.1:80': { one: 5, three: 6, ...ILL }, '10.1.0.3:80': { one: 1, two: 2 } },
} as const satisfies Readonly<Record<string, Layout>>;
export type LayoutName = keyof typeof LAYOUTS;

/** Files by name. */
export type Remains = readonly (readonly [name: string, content: string])[];
const REMAINS = ['table', 'journal', 'pid', 'pid.state'];

export interface SiteOptions {
  readonly servers: Servers;
  readonly quiescent: boolean;
  /** What a daemon before has left. */
  readonly remains?: Remains;
}

/** Where a run is to be killed; nowhere when there is no `at`. */
export interface Fault {
  readonly at?: number;
  /** The signal from which on effects count. */
  readonly from?: NodeJS.Signals;
}

export class KillSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'tsdirectord-kill-'));
  readonly config = join(this.dir, 'site.cf');
  readonly effectsFile = join(this.dir, 'effects');
  readonly #options: SiteOptions;
  readonly #names: ReadonlyMap<string, string>;
  /** Everything that its daemons have said. */
  said = '';

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#names = new Map(SERVERS.map((name) => [`127.0.0.1:${options.servers[name].port}`, name]));
    mkdirSync(join(this.dir, 'maintenance'));
    writeFileSync(join(this.dir, 'maintenance', `127.0.0.1:${options.servers.held.port}`), '');
    copyFileSync(IPVSADM, join(this.dir, 'ipvsadm'));
    writeFileSync(join(this.dir, 'table'), text(FOREIGN));
    for (const [name, content] of options.remains ?? []) writeFileSync(join(this.dir, name), content, { mode: 0o600 });
  }

  configure(layout: LayoutName): void {
    const virtuals = Object.entries<Partial<Record<string, number>>>(LAYOUTS[layout]).map(([virtual, reals]) => [
      `virtual = ${virtual}`,
      ...Object.entries(reals).map(([name, weight]) => `\treal = ${this.#address(name)} masq ${weight}`),
      '\tservice = http\n\trequest = "/"\n\treceive = "found"\n\tscheduler = wrr\n',
    ]);
    const globals = [
      'checkinterval = 1\nchecktimeout = 10\nnegotiatetimeout = 10',
      `quiescent = ${this.#options.quiescent ? 'yes' : 'no'}`,
      `maintenancedir = ${join(this.dir, 'maintenance')}`,
      `logfile = ${join(this.dir, 'log')}`,
    ];
    writeFileSync(this.config, text([...globals, ...virtuals.flat()]), { mode: 0o644 });
  }

  get flags(): string[] {
    return ['-f', this.config, '--ipvsadm', join(this.dir, 'ipvsadm'), '--pid-file', join(this.dir, 'pid')];
  }

  /** A daemon in the foreground. */
  launch(fault: Fault = {}): Launched {
    const child = spawn(BIN, ['start', '--foreground', ...this.flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#settings('--foreground', fault) },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (piece: string) => {
        this.said += piece;
      });
    return new Launched(child);
  }

  /** `start`, whose daemon goes on by itself. */
  start(fault: Fault = {}): Promise<Ran> {
    const settings = Object.entries(this.#settings('--detached', fault)).map(([name, value]) => `${name}=${value}`);
    return command(['env', ...settings, BIN, 'start', ...this.flags]);
  }

  run(action: string, ...operands: string[]): Promise<Ran> {
    return command([BIN, action, ...operands, ...this.flags]);
  }

  /** The virtual service and the address by which an order names a server. */
  named(server: string): [string, string] {
    return ['10.1.0.1:80', this.#address(server)];
  }

  set ipvsadmFault(fault: string) {
    writeFileSync(join(this.dir, 'fault'), `${fault}\n`);
  }

  healIpvsadm(): void {
    rmSync(join(this.dir, 'fault'), { force: true });
  }

  get table(): string[] {
    return this.#lines('table').sort();
  }

  get effects(): string[] {
    return this.#lines('effects');
  }

  /** The table that a layout is to have once its servers are checked. */
  right(layout: LayoutName): string[] {
    const weights: Readonly<Record<string, number>> = { broken: 0, held: 0, drained: 0, weighted: ORDERED_WEIGHT };
    const rows = Object.entries<Partial<Record<string, number>>>(LAYOUTS[layout]).flatMap(([virtual, reals]) => [
      `-A -t ${virtual} -s wrr`,
      ...Object.entries(reals).flatMap(([name, configured = 0]) => {
        const weight = weights[name] ?? configured;
        const isThere = weight > 0 || this.#options.quiescent;
        return isThere ? [`-a -t ${virtual} -r ${this.#address(name)} -m -w ${weight}`] : [];
      }),
    ]);
    return [...FOREIGN, ...rows].sort();
  }

  isRight(layout: LayoutName): boolean {
    return this.table.join() === this.right(layout).join();
  }

  get isCleared(): boolean {
    return this.table.join() === FOREIGN.join();
  }

  /** How many changes the table has seen. */
  get changes(): number {
    return this.#lines('journal').length;
  }

  /**
   * What was done from the `from`th change to the `to`th to healthy servers that `layout` has, and to services of others. `hasFailed`: by
   * a start that has failed, which takes back the services that it has added.
   */
  harm(layout: LayoutName, from: number, { to = Number.POSITIVE_INFINITY, hasFailed = false } = {}): string[] {
    const weights = new Map<string, number>();
    const added = new Set<string>();
    const harm: string[] = [];
    for (const [index, line] of this.#lines('journal').entries()) {
      const counts = index >= from && index < to;
      const [, kind, service = '', server] = /^-(\w) -[tf] (\S+)(?: -r (\S+))?/.exec(line) ?? [];
      if (counts && /^(7|10\.9\.)/.test(service)) harm.push(`${line}: not ours`);
      const key = `${service} ${server}`;
      const gone = server === undefined ? [...weights.keys()].filter((each) => each.startsWith(`${service} `)) : [key];
      const weight = kind === 'a' || kind === 'e' ? Number(/ -w (\d+)/.exec(line)?.[1]) : 0;
      if (counts && kind === 'A') added.add(service);
      if (kind === 'A' || kind === 'E') continue;
      const isTakenBack = hasFailed && kind === 'D' && added.has(service);
      for (const each of gone) {
        if (counts && !isTakenBack && (weights.get(each) ?? 0) > 0 && weight === 0 && this.#isHealthy(layout, each))
          harm.push(`${line}: takes ${each} out`);
        weights.set(each, weight);
      }
    }
    return harm;
  }

  #isHealthy(layout: LayoutName, key: string): boolean {
    const [virtual = '', address = ''] = key.split(' ');
    const name = this.#names.get(address) ?? '';
    const reals: Partial<Record<string, number>> | undefined = (LAYOUTS[layout] as Layout)[virtual];
    return HEALTHY.has(name) && reals?.[name] !== undefined;
  }

  /** What is in its directory beside what the test has put there. */
  get left(): string[] {
    const own = ['site.cf', 'maintenance', 'effects', 'ipvsadm', 'table', 'journal', 'lock', 'log'];
    return readdirSync(this.dir)
      .filter((name) => !own.includes(name))
      .sort();
  }

  /** What its daemon shows. */
  async ask(): Promise<DaemonSnapshot> {
    return (await askDaemon(join(this.dir, 'pid.sock'), { op: 'show' }, DEADLINE_MS)) as DaemonSnapshot;
  }

  /** What outlives its daemon, for another site. */
  get remains(): Remains {
    return REMAINS.map((name) => [name, readFileSync(join(this.dir, name), 'utf8')]);
  }

  get pid(): number {
    return Number.parseInt(readFileSync(join(this.dir, 'pid'), 'utf8'), 10);
  }

  /** Processes with its directory on their command lines. */
  pids(): number[] {
    const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return numbers.map(Number).filter((pid) => pid !== process.pid && commandLine(pid).includes(this.dir));
  }

  close(): void {
    for (const pid of this.pids()) signal(pid, 'SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  until(what: string, probe: () => unknown): Promise<unknown> {
    const seen = () => `the table is\n${this.table.join('\n')}\nthe daemons said\n${this.said}`;
    return until(what, probe, seen, DEADLINE_MS);
  }

  #address(name: string): string {
    return `127.0.0.1:${this.#options.servers[name as keyof Servers].port}`;
  }

  #settings(word: string, { at, from }: Fault): Record<string, string> {
    const KILL = { KILL_WORD: word, KILL_AT: String(at ?? ''), KILL_FROM: from ?? '', KILL_LOG: this.effectsFile };
    return { NODE_OPTIONS: `--require=${PRELOAD}`, ...KILL };
  }

  #lines(name: string): string[] {
    try {
      return readFileSync(join(this.dir, name), 'utf8').split('\n').filter(Boolean);
    } catch {
      return [];
    }
  }
}

/** A daemon, until somebody kills it. */
export class Launched {
  readonly pid: number;
  readonly ended: Promise<void>;
  hasEnded = false;
  exitCode: number | null = null;

  constructor(child: ChildProcess) {
    this.pid = child.pid as number;
    this.ended = new Promise((resolve) => {
      child.on('exit', (code) => {
        this.hasEnded = true;
        this.exitCode = code;
        resolve();
      });
    });
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasEnded) signal(this.pid, name);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }
}

function commandLine(pid: number): string {
  try {
    return isAlive(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
  } catch {
    return '';
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
