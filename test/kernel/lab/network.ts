// Machines of the lab: each has its own network, mount and host name namespaces, held open by one sleeping process, and a
// veth into a common bridge. Its /run, /var/log and /etc/ha.d are its own. IPVS is per machine.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Agent } from './agent-client.ts';
import { must, type Ran, type RunOptions, run } from './run.ts';
import { parseProc, type Service } from './table.ts';

/** What a machine is made of. */
export interface MachineSpec {
  readonly name: string;
  /** With prefix length: `10.8.8.45/24`, `fd00:8:8::45/64`. */
  readonly addresses: readonly string[];
  /** Further lines for `ip -batch`, run inside: routes, addresses on lo. */
  readonly ip?: readonly string[];
  /** Shell commands run inside once its addresses are up: firewall rules, sysctls. */
  readonly setUp?: readonly string[];
}

// /etc/ha.d becomes an overlay, so that it holds what the package put there and yet is the machine's own.
const HOLD = [
  'echo "$0" >/proc/sys/kernel/hostname',
  'mount -t tmpfs tmpfs /run && mkdir -p /run/lock /run/ha/upper /run/ha/work',
  'mount -t tmpfs tmpfs /var/log',
  'mount -t overlay overlay -o lowerdir=/etc/ha.d,upperdir=/run/ha/upper,workdir=/run/ha/work /etc/ha.d',
  'echo ready',
  'exec sleep 100000',
].join(' && ');

/** One machine of the lab. */
export class Machine {
  readonly name: string;
  readonly pid: number;
  #agents: Agent[] = [];

  constructor(name: string, pid: number) {
    this.name = name;
    this.pid = pid;
  }

  /** The command line that runs argv on this machine. */
  argv(argv: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.pid), '-n', '-m', '-u', '--', ...argv];
  }

  run(argv: readonly string[], options?: RunOptions): Promise<Ran> {
    return run(this.argv(argv), options);
  }

  must(argv: readonly string[], options?: RunOptions): Promise<string> {
    return must(this.argv(argv), options);
  }

  /** Where a path of this machine is seen from outside, so that reading and writing files costs no process. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** Writes a file of this machine, making its directory. */
  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(this.path(dirname(path)), { recursive: true });
    writeFileSync(this.path(path), text, { mode });
  }

  /** Makes a symbolic link of this machine, in place of what is there. */
  link(path: string, target: string): void {
    rmSync(this.path(path), { force: true });
    symlinkSync(target, this.path(path));
  }

  /** The file's text, empty when there is none. */
  read(path: string): string {
    try {
      return readFileSync(this.path(path), 'utf8');
    } catch {
      return '';
    }
  }

  /** The IPVS table out of /proc: costs no process, lacks scheduler flags; for waiting. */
  table(): Service[] {
    return parseProc(readFileSync(`/proc/${this.pid}/net/ip_vs`, 'utf8'));
  }

  /** The connections that the kernel knows, as /proc/net/ip_vs_conn has them: addresses and ports in hexadecimal. */
  connections(): string[] {
    return readFileSync(`/proc/${this.pid}/net/ip_vs_conn`, 'utf8').trimEnd().split('\n').slice(1);
  }

  /** `ipvsadm -Sn`, sorted: exact; for comparing. */
  async saved(): Promise<string[]> {
    return (await this.must(['ipvsadm', '-Sn'])).split('\n').filter(Boolean).sort();
  }

  /** A node process on this machine that serves and asks as it is told. */
  async agent(): Promise<Agent> {
    const agent = await Agent.start(this);
    this.#agents.push(agent);
    return agent;
  }

  /** The processes that run on it, by pid: the one that holds it open, its agents, and whatever was started there. */
  processes(): number[] {
    const net = netOf(this.pid);
    if (net === undefined) return [];
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && netOf(entry) === net)
      .map(Number);
  }

  /** Kills every process of this machine, its namespaces go with them. */
  close(): void {
    for (const agent of this.#agents) agent.kill();
    for (const pid of this.processes()) kill(pid);
  }
}

/** A bridge with machines on it. */
export class Network {
  static #count = 0;
  readonly bridge: string;
  #ports = 0;
  #machines: Machine[] = [];
  readonly #portOf = new Map<Machine, string>();

  private constructor(bridge: string) {
    this.bridge = bridge;
  }

  static async create(): Promise<Network> {
    const network = new Network(`lab${Network.#count++}`);
    await batch([`link add ${network.bridge} type bridge`, `link set ${network.bridge} up`]);
    return network;
  }

  /** Makes machines and plugs them in; they are ready when it returns. */
  async machines(...specs: MachineSpec[]): Promise<Machine[]> {
    const machines = await Promise.all(specs.map(({ name }) => hold(name)));
    this.#machines.push(...machines);
    const cables = machines.flatMap((machine) => {
      const port = `${this.bridge}p${this.#ports++}`;
      this.#portOf.set(machine, port);
      return [
        `link add ${port} type veth peer name eth0 netns ${machine.pid}`,
        `link set ${port} master ${this.bridge} up`,
      ];
    });
    await batch(cables);
    await Promise.all(
      machines.map(async (machine, index) => {
        const spec = specs[index];
        if (spec === undefined) return;
        await batch(['link set lo up', ...addresses(spec), 'link set eth0 up', ...(spec.ip ?? [])], machine);
        if (spec.setUp !== undefined) await machine.must(['sh', '-ec', spec.setUp.join('\n')]);
      }),
    );
    return machines;
  }

  async machine(spec: MachineSpec): Promise<Machine> {
    const [machine] = await this.machines(spec);
    if (machine === undefined) throw new Error('no machine');
    return machine;
  }

  /** Pulls the machine's cable out of the bridge, or puts it back in; addresses and routes stay. */
  async plug(machine: Machine, state: 'in' | 'out'): Promise<void> {
    await batch([`link set ${this.#portOf.get(machine)} ${state === 'in' ? 'up' : 'down'}`]);
  }

  /** Kills everything on every machine. */
  close(): void {
    for (const machine of this.#machines) machine.close();
  }
}

function addresses(spec: MachineSpec): string[] {
  return spec.addresses.map((address) =>
    address.includes(':') ? `addr add ${address} dev eth0 nodad` : `addr add ${address} brd + dev eth0`,
  );
}

/** Many `ip` commands in one process. */
async function batch(lines: readonly string[], machine?: Machine): Promise<void> {
  const argv = ['ip', '-batch', '-'];
  await must(machine === undefined ? argv : machine.argv(argv), { stdin: `${lines.join('\n')}\n` });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function netOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined; // Gone already, or a zombie.
  }
}

function hold(name: string): Promise<Machine> {
  const argv = ['-n', '-m', '-u', '--propagation', 'private', '--', 'sh', '-c', HOLD, name];
  const child = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`machine ${name} ended, exit ${code}: ${stderr}`)));
    child.stdout.once('data', () => {
      child.unref();
      (child.stdout as unknown as { unref(): void }).unref();
      (child.stderr as unknown as { unref(): void }).unref();
      resolve(new Machine(name, child.pid as number));
    });
  });
}
