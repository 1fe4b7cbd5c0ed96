// A director beside Debian's keepalived: the machine, its keepalived.conf made from the documented one, and what it holds.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Director } from './director.ts';
import type { Machine } from './network.ts';
import { eventually, NotYet } from './run.ts';
import { lines } from './table.ts';

export const VIP = '10.8.8.45';

/** Where keepalived.conf expects the two programs; the lab's machines share all but /run, /var/log and /etc/ha.d. */
const NOTIFY = '/usr/lib/tsdirectord/keepalived-notify';
const TSDIRECTORD = '/usr/sbin/tsdirectord';

const LOG = '/var/log/keepalived.log';
/** What notify says to syslog. */
const SYSLOG = '/var/log/syslog';

const root = process.env.LAB_ROOT ?? '';

/** Both-active is the way that keepalived.conf describes at its end: no notify, and the check asks tsdirectord itself. */
export type Mode = 'notify' | 'both active';

/** What a director has of the service. */
export interface Holding {
  readonly address: boolean;
  readonly table: readonly string[];
  readonly daemon: boolean;
}

export class KeepalivedNode {
  readonly machine: Machine;
  readonly director: Director;
  readonly #priority: number;
  #keepalived: ChildProcess | undefined;

  constructor(machine: Machine, priority: number, config: string) {
    this.machine = machine;
    this.#priority = priority;
    this.director = new Director(machine, 'tsdirectord', config);
    machine.write('/run/bin/logger', `#!/bin/sh\necho "$@" >>${SYSLOG}\n`, 0o755);
  }

  configure(mode: Mode): void {
    this.machine.write('/run/keepalived.conf', configuration(mode, this.machine.name, this.#priority));
  }

  start(): void {
    const command = `exec keepalived -n -l -G -P -D -f /run/keepalived.conf >>${LOG} 2>&1`;
    const [file = '', ...args] = this.#argv('sh', '-c', command);
    this.#keepalived = spawn(file, args, { stdio: 'ignore' });
  }

  /** SIGTERM, as systemctl stop does; resolves when keepalived has ended. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM', [this.#mainPid()]);
  }

  /** Kills all of its processes, so that nobody gives the address back: stopped first, as the one would act on the other's end. */
  async kill(): Promise<void> {
    const own = this.machine.processes().filter((pid) => comm(pid) === 'keepalived');
    for (const pid of own) process.kill(pid, 'SIGSTOP');
    await this.#end('SIGKILL', own);
  }

  async #end(signal: NodeJS.Signals, pids: readonly number[]): Promise<void> {
    const child = this.#keepalived;
    if (child === undefined) return;
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    for (const pid of pids) process.kill(pid, signal);
    await gone;
    this.#keepalived = undefined;
  }

  /** keepalived hands its environment on to its scripts. syslog is the one thing here that is not real. */
  #argv(...argv: string[]): string[] {
    const path = `PATH=/run/bin:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`;
    return this.machine.argv(['env', path, ...argv]);
  }

  #mainPid(): number {
    return Number(this.machine.read('/run/keepalived.pid'));
  }

  async holding(): Promise<Holding> {
    const addresses = await this.machine.must(['ip', '-4', '-o', 'address', 'show', 'dev', 'eth0']);
    const pid = this.director.pid();
    return {
      address: addresses.includes(` ${VIP}/`),
      table: lines(this.machine.table()).sort(),
      daemon: pid !== undefined && this.machine.processes().includes(pid),
    };
  }

  /** Waits until it holds just this. */
  async holds(what: string, deadlineMs: number, right: (now: Holding) => boolean): Promise<void> {
    await eventually(`${this.machine.name}: ${what}`, deadlineMs, async () => {
      const now = await this.holding();
      return right(now) ? undefined : new NotYet(() => this.seen(now));
    });
  }

  /** For messages. */
  seen(now: Holding): string {
    const tail = (path: string): string => this.machine.read(path).split('\n').slice(-25).join('\n');
    return [JSON.stringify(now), tail(SYSLOG), tail(LOG), ...this.director.log().slice(-10)].join('\n');
  }

  /** Calls notify as keepalived does, without waiting. */
  notify(state: string): void {
    const [file = '', ...args] = this.#argv(NOTIFY, 'ldirectord.cf', 'INSTANCE', 'VI_1', state, '150');
    spawn(file, args, { stdio: 'ignore' });
  }

  /** What notify has said to syslog, a line for each thing done. */
  said(): string[] {
    return this.machine.read(SYSLOG).split('\n').filter(Boolean);
  }

  /** How many established connections to this port of the virtual address its kernel knows, be it from the other director. */
  connections(port: number): number {
    const lines = readFileSync(`/proc/${this.machine.pid}/net/ip_vs_conn`, 'utf8').split('\n');
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    return lines.filter((line) => line.includes(` ${hex} `) && line.includes(' ESTABLISHED ')).length;
  }

  /** How often keepalived has become BACKUP. */
  timesBackup(): number {
    return this.machine.read(LOG).match(/Entering BACKUP STATE/g)?.length ?? 0;
  }
}

/** Puts the two programs where a package puts them. */
export function install(machine: Machine): void {
  machine.write(NOTIFY, readFileSync(join(root, 'heartbeat/keepalived/notify'), 'utf8'), 0o755);
  symlinkSync(join(root, 'bin/tsdirectord'), machine.path(TSDIRECTORD));
}

/** The documented file, as it says that it has to be changed for the other director, without systemd, and for both active. */
function configuration(mode: Mode, name: string, priority: number): string {
  const documented = readFileSync(join(root, 'heartbeat/keepalived/keepalived.conf'), 'utf8');
  const here = documented
    .replace('router_id director1', `router_id ${name}`)
    .replace('priority 150', `priority ${priority}`)
    .replaceAll('tsdirectord.service', 'ldirectord.cf');
  if (mode === 'notify') return here;
  const status = /script "([^"]*tsdirectord status [^"]*)"/.exec(documented)?.[1];
  return here.replace(/^ *notify .*$/m, '').replace(/^( *script ).*$/m, `$1"${status}"`);
}

function comm(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // Gone already.
  }
}
