// The programs that are measured side by side in the IPVS kernel: how each is started on a machine, and what runs of it there.
import { spawn } from 'node:child_process';
import { Director } from '../test/kernel/lab/director.ts';
import type { Machine } from '../test/kernel/lab/network.ts';
import { directorConfig, keepalivedConfig, type Site } from './sites.ts';

export interface Contestant {
  readonly name: string;
  /** For so long after a start its checks cost more than they will. */
  readonly warmMs: number;
  /** Whether it does the same in each second. */
  readonly isEven: boolean;
  /** Starts it; resolves when the command that starts it has ended, where there is one. */
  start(machine: Machine, site: Site): Promise<unknown>;
}

const LOG = 'logfile = "/var/log/ldirectord.log"';

const ldirectord = (fork: 'no' | 'yes'): Contestant => ({
  name: fork === 'yes' ? 'ldirectord, fork=yes' : 'ldirectord',
  warmMs: 0,
  // It asks one server after the other and waits for those that swallow packets, or all at the same time.
  isEven: false,
  start: (machine, site) =>
    new Director(machine, 'ldirectord', directorConfig(site, [LOG, `fork = ${fork}`])).must('start'),
});

/** In the foreground, as systemd starts both of them. */
function spawnOn(machine: Machine, command: readonly string[]): void {
  const [file = '', ...args] = machine.argv(command);
  spawn(file, args, { stdio: 'ignore' }).unref();
}

const keepalived: Contestant = {
  name: 'keepalived',
  warmMs: 0,
  isEven: true,
  async start(machine, site) {
    machine.write('/run/keepalived.conf', keepalivedConfig(site));
    spawnOn(machine, ['keepalived', '-C', '-n', '-f', '/run/keepalived.conf', '-p', '/run/k.pid', '-c', '/run/c.pid']);
  },
};

const tsdirectord: Contestant = {
  name: 'tsdirectord',
  // Node compiles what it sees used.
  warmMs: 60_000,
  isEven: true,
  async start(machine, site) {
    machine.write('/run/tsdirectord.cf', directorConfig(site, [LOG]));
    const program = `${process.env.LAB_ROOT}/bin/tsdirectord`;
    spawnOn(machine, [program, 'start', '--foreground', '-f', '/run/tsdirectord.cf']);
  },
};

/** In the order of the table's columns. */
export const CONTESTANTS = [ldirectord('no'), ldirectord('yes'), keepalived, tsdirectord] as const;
export const REFERENCE = CONTESTANTS.indexOf(keepalived);
export const OURS = CONTESTANTS.indexOf(tsdirectord);

/** The processes that a machine has besides the one that holds it open. */
export function processesOf(machine: Machine): number[] {
  return machine.processes().filter((pid) => pid !== machine.pid);
}
