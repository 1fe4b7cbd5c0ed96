// A director: a machine with a configuration file and the program that keeps its IPVS table, Debian's ldirectord or ours.
import { dirname, join } from 'node:path';
import type { Machine } from './network.ts';
import { eventually, NotYet, type Ran } from './run.ts';
import { lines, outline, weightOf } from './table.ts';

/** Which program directs. */
export type Program = 'ldirectord' | 'tsdirectord';

type Action = 'start' | 'stop' | 'status' | 'reload' | 'restart';

const SETTLE_DEADLINE_MS = 90_000;
const SETTLE_POLL_MS = 200;

/** The logfile that all configurations of the lab name. */
export const LOG = '/var/log/ldirectord.log';

/** The program that most tests are about: ours, unless $LAB_DIRECTOR says otherwise. */
export const programUnderTest: Program = process.env.LAB_DIRECTOR === 'ldirectord' ? 'ldirectord' : 'tsdirectord';

/** Without it ldirectord sets it and starts itself anew, for one more second of every call. */
export const QUICK_PERL = 'PERLIO=perlio';

/** A machine that directs. */
export class Director {
  readonly machine: Machine;
  readonly program: Program;
  readonly configName: string;
  /** Given to every call, `NAME=value`. */
  readonly env: readonly string[];

  /** The configuration is written to /etc/ha.d/NAME; every call is given that name. */
  constructor(
    machine: Machine,
    program: Program,
    config: string,
    { configName = 'ldirectord.cf', env = [QUICK_PERL] as readonly string[] } = {},
  ) {
    this.machine = machine;
    this.program = program;
    this.configName = configName;
    this.env = env;
    this.configure(config);
  }

  configure(config: string): void {
    this.machine.write(`/etc/ha.d/${this.configName}`, config);
  }

  /** Heartbeat's way of calling it: the configuration's name first. */
  call(action: Action): Promise<Ran> {
    return this.#run([this.configName, action]);
  }

  /** tsdirectord's own way: `start -f NAME`. */
  callNewStyle(action: Action): Promise<Ran> {
    return this.#run([action, '-f', this.configName]);
  }

  /** Calls and insists on exit code 0. */
  async must(action: Action): Promise<Ran> {
    const ran = await this.call(action);
    if (ran.code !== 0) {
      throw new Error(
        `${this.program} ${action}: exit ${ran.code}\n${ran.stderr}${ran.stdout}${this.log().join('\n')}`,
      );
    }
    return ran;
  }

  /** What it logged, without the time and the pid. */
  log(): string[] {
    const text = this.machine.read(LOG).trimEnd();
    return text === '' ? [] : text.split('\n').map((line) => line.replace(/^\[[^\]]*\] /, ''));
  }

  pid(): number | undefined {
    const pid = Number.parseInt(this.machine.read(`/run/ldirectord.${this.configName}.pid`), 10);
    return Number.isNaN(pid) ? undefined : pid;
  }

  /** Waits until the real server at `address:port` has this weight; undefined is absent. */
  async weight(address: string, weight: number | undefined, deadlineMs: number): Promise<void> {
    await eventually(`${this.program}: ${address} at weight ${weight ?? 'absent'}`, deadlineMs, () => {
      const table = this.machine.table();
      return weightOf(table, address) === weight ? undefined : new NotYet(() => this.#seen(lines(table)));
    });
  }

  /** Waits until the table is these lines (see lines() of table.ts), in any order. */
  async table(expected: readonly string[], deadlineMs: number): Promise<void> {
    const wanted = [...expected].sort().join('\n');
    await eventually(`${this.program}: the table\n${wanted}`, deadlineMs, () => {
      const table = lines(this.machine.table()).sort().join('\n');
      return table === wanted ? undefined : new NotYet(() => this.#seen([table]));
    });
  }

  /**
   * Waits until the table (see outline() of table.ts) has been all right, and neither it nor the log has changed, for so long.
   * @returns since when, as performance.now() has it
   */
  async settled(what: string, holdMs: number, ok: (table: string) => boolean): Promise<number> {
    let last = '';
    let since = performance.now();
    return eventually(
      what,
      SETTLE_DEADLINE_MS,
      () => {
        const table = outline(this.machine.table()).join('\n');
        const log = this.machine.read(LOG);
        const now = table + log;
        if (now !== last || !ok(table)) since = performance.now();
        last = now;
        return performance.now() - since > holdMs ? since : new NotYet(() => `${table}\n-- log\n${log}`);
      },
      SETTLE_POLL_MS,
    );
  }

  #seen(table: readonly string[]): string {
    return [...table, '-- log', ...this.log()].join('\n');
  }

  #run(args: readonly string[]): Promise<Ran> {
    const path = `PATH=${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const argv = ['env', path, ...this.env, executable(this.program), ...args];
    return this.machine.run(argv, { deadlineMs: 60_000 });
  }
}

function executable(program: Program): string {
  return program === 'ldirectord' ? '/usr/sbin/ldirectord' : join(process.env.LAB_ROOT ?? '', 'bin/tsdirectord');
}
