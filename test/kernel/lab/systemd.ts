// A machine of the lab on which systemd runs as it does on a real one: process 1 of its own pid namespace, with its own part of
// the cgroup tree, a journal, and nothing of this machine's own services.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Machine } from './network.ts';
import { eventually, must, NotYet, type Ran, type RunOptions, run } from './run.ts';

const BOOT_DEADLINE_MS = 60_000;
const CGROUP = '/sys/fs/cgroup';

/** Whatever it starts is counted in a group of its own: systemd wants the root of a tree for itself. */
const OUTSIDE = [
  `mount -t cgroup2 cgroup2 ${CGROUP}`,
  `mkdir -p ${CGROUP}/$0`,
  `echo $$ >${CGROUP}/$0/cgroup.procs`,
  'exec unshare --pid --fork --kill-child --ipc --cgroup --mount --mount-proc -- sh -c "$1" "$0"',
].join(' && ');

/** `container` keeps it from things that only a whole machine has: consoles, clocks, disks. */
const INSIDE = [
  `umount ${CGROUP}`,
  `mount -t cgroup2 cgroup2 ${CGROUP}`,
  // It empties /tmp at its boot, where the lab's own files are.
  'mount -t tmpfs tmpfs /tmp',
  // What is enabled on the machine that runs these tests is none of our business.
  'mount -t tmpfs tmpfs /etc/systemd/system',
  // Until there is a journal it would talk to the console, where the tests' results go.
  'mount --bind /dev/null /dev/console',
  'export container=lab',
  'exec /lib/systemd/systemd --system --unit=basic.target --show-status=no',
].join(' && ');

/** What `systemctl show` says of a unit, by property. */
export type Properties = Readonly<Record<string, string>>;

export class Systemd {
  /** Process 1 of the machine, as the lab counts. */
  readonly pid: number;

  private constructor(pid: number) {
    this.pid = pid;
  }

  /** Boots systemd on the machine; resolves when it has started everything. It ends with the machine. */
  static async boot(machine: Machine): Promise<Systemd> {
    const argv = machine.argv(['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', OUTSIDE]);
    const [file = '', ...args] = [...argv, machine.name, INSIDE];
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.unref();
    (child.stderr as unknown as { unref(): void }).unref();
    const pid = await eventually('process 1 of the machine', BOOT_DEADLINE_MS, async () => {
      const { stdout } = await run(['pgrep', '-P', String(child.pid), '-x', 'systemd']);
      return Number.parseInt(stdout, 10) || new NotYet(() => said);
    });
    const systemd = new Systemd(pid);
    await eventually('the end of the boot', BOOT_DEADLINE_MS, async () => {
      const { stdout, stderr } = await systemd.run(['systemctl', 'is-system-running']);
      return /running|degraded/.test(stdout) ? undefined : new NotYet(() => said + stdout + stderr);
    });
    return systemd;
  }

  /** Runs a command as root of the machine. */
  run(argv: readonly string[], options?: RunOptions): Promise<Ran> {
    return run(this.#argv(argv), options);
  }

  must(argv: readonly string[], options?: RunOptions): Promise<string> {
    return must(this.#argv(argv), options);
  }

  systemctl(...args: string[]): Promise<Ran> {
    return this.run(['systemctl', '--no-pager', '--full', ...args], { deadlineMs: 100_000 });
  }

  /** Calls systemctl and insists on exit code 0; what is said of the unit stands in the error. */
  async mustSystemctl(action: string, ...args: string[]): Promise<Ran> {
    const ran = await this.systemctl(action, ...args);
    if (ran.code === 0) return ran;
    const unit = args.at(-1) ?? '';
    throw new Error(`${ran.command}: exit ${ran.code}\n${ran.stderr}${ran.stdout}${await this.journal(unit)}`);
  }

  async show(unit: string): Promise<Properties> {
    const text = await this.must(['systemctl', 'show', unit]);
    return Object.fromEntries(text.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  }

  /** Waits until the unit's properties are so. */
  shows(unit: string, wanted: (properties: Properties) => boolean, deadlineMs: number): Promise<Properties> {
    return eventually(`${unit} as wanted`, deadlineMs, async () => {
      const properties = await this.show(unit);
      if (wanted(properties)) return properties;
      const { ActiveState, SubState, StatusText, MainPID, NRestarts, Result } = properties;
      const journal = await this.journal(unit);
      return new NotYet(
        () => JSON.stringify({ ActiveState, SubState, StatusText, MainPID, NRestarts, Result }) + journal,
      );
    });
  }

  /** What the journal has of a unit: its own lines, and what systemd says of it. */
  async journal(unit: string, ...args: string[]): Promise<string> {
    return (await this.run(['journalctl', '--no-pager', '-o', 'cat', '-u', unit, ...args])).stdout;
  }

  /** Writes a file of the machine as systemd sees it, making its directory. */
  write(path: string, text: string, mode = 0o644): void {
    const seen = this.path(path);
    mkdirSync(dirname(seen), { recursive: true });
    writeFileSync(seen, text, { mode });
  }

  /** Where a path of the machine is seen from outside. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** What an administrator writes with `systemctl edit`. */
  async edit(unit: string, settings: string): Promise<void> {
    this.write(`/etc/systemd/system/${unit}.d/override.conf`, `[Service]\n${settings}\n`);
    await this.must(['systemctl', 'daemon-reload']);
  }

  #argv(argv: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.pid), '--all', '--', ...argv];
  }
}
