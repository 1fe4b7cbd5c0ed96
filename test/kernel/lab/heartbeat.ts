// Two machines that are a cluster of the real Heartbeat 3, as Debian packages it: one of them has the resources of haresources.
import { readFileSync } from 'node:fs';
import type { Machine, MachineSpec } from './network.ts';
import { eventually, NotYet, type Ran } from './run.ts';
import { lines } from './table.ts';

/** As systemd gives it to services. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HEARTBEAT = '/usr/libexec/heartbeat/heartbeat';
const RESOURCES = '/etc/ha.d/resource.d';
/** Each step of a hand-over is a few shell scripts, each of which takes a second or two when the machine has other work. */
const HAND_OVER_MS = 120_000;
/** Heartbeat gives the other node ten seconds to say what it has. */
const START_MS = 100_000;
const REST_POLL_MS = 1_000;

/** How long a node waits for the other's heartbeats before it takes over; two nodes in one slow kernel are late at times. */
export const DEADTIME_MS = 8_000;

const haConfig = (nodes: readonly string[]): string => `logfile /var/log/ha-log
debugfile /var/log/ha-debug
keepalive 1
warntime 4
deadtime ${DEADTIME_MS / 1000}
initdead 16
udpport 694
bcast eth0
auto_failback off
node ${nodes.join(' ')}
`;
const AUTHKEYS = 'auth 1\n1 sha1 what-both-nodes-know\n';

/** The director as a resource: the name that haresources calls it by, and the program or script that this name is a link to. */
export interface Script {
  readonly name: string;
  readonly target: string;
}

/** What both nodes are told. */
export interface Setting {
  readonly script: Script;
  /** Text of ldirectord.cf. */
  readonly director: string;
  /** What haresources says behind the node's name, first to be started first. */
  readonly resources: readonly string[];
  /** What the owner's table has to be then, as lines() of table.ts has it. */
  readonly table: readonly string[];
}

/**
 * Heartbeat's scripts write their messages to it in pieces, and where forks are slow it takes the first piece for the whole
 * ("Message with zero fields") and waits for the rest for ever.
 */
const ONE_WRITE = `ha_clustermsg() {
  message=$(cat)
  printf '>>>\\n%s\\n<<<\\n' "$message" >>$HA_FIFO
}
`;

/** A machine that can be a node: what Heartbeat keeps is its own, and is where systemd-tmpfiles would have put it. */
export function nodeSpec(name: string, address: string): MachineSpec {
  return {
    name,
    addresses: [address],
    setUp: [
      'cp -a /var/lib/heartbeat /run/var-lib-heartbeat',
      'mount --bind /run/var-lib-heartbeat /var/lib/heartbeat',
      'for dir in heartbeat heartbeat/ccm heartbeat/crm heartbeat/dopd; do',
      '  install -d -m 750 -o hacluster -g haclient /run/$dir',
      'done',
      'install -d -m 1755 /run/resource-agents',
      `cat >>/etc/ha.d/shellfuncs <<'END'\n${ONE_WRITE}END`,
    ],
  };
}

export class HeartbeatNode {
  readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Returns when Heartbeat is in the background; it has no resources yet. */
  async start(): Promise<void> {
    await this.machine.must(['env', '-i', `PATH=${PATH}`, 'LANG=C', HEARTBEAT]);
  }

  /** Returns when it has given up its resources, and has ended. */
  async stop(): Promise<void> {
    await this.machine.must([HEARTBEAT, '-k'], { deadlineMs: HAND_OVER_MS });
  }

  /** Calls the director's script by hand, as Heartbeat does. */
  callScript({ name }: Script, action: string): Promise<Ran> {
    const argv = ['env', '-i', `PATH=${PATH}`, 'LANG=C', `${RESOURCES}/${name}`, 'ldirectord.cf', action];
    return this.machine.run(argv, { deadlineMs: HAND_OVER_MS });
  }

  /** Which resources Heartbeat takes this node to have: `all`, `none`, `transition`, … */
  async resources(): Promise<string> {
    return (await this.machine.run(['cl_status', 'rscstatus'])).stdout.trim();
  }

  /** Out of /proc: asking costs no process. */
  hasAddress(address: string): boolean {
    const routes = readFileSync(`/proc/${this.machine.pid}/net/fib_trie`, 'utf8');
    return new RegExp(`\\|-- ${address.replaceAll('.', '\\.')}\\n +/32 host LOCAL`).test(routes);
  }

  table(): string[] {
    return lines(this.machine.table()).sort();
  }

  /** The end of its logs, for whoever has to find out why. */
  logs(): string {
    const tail = (path: string): string[] => [
      `-- ${path}`,
      ...this.machine.read(path).trimEnd().split('\n').slice(-25),
    ];
    return [`== ${this.machine.name}`, ...tail('/var/log/ha-log'), ...tail('/var/log/ldirectord.log')].join('\n');
  }
}

/** The two nodes, the address that one of them has, and the table that goes with it. */
export class HeartbeatCluster {
  readonly nodes: readonly [HeartbeatNode, HeartbeatNode];
  readonly address: string;
  setting: Setting;

  constructor(machines: readonly [Machine, Machine], address: string, setting: Setting) {
    this.nodes = [new HeartbeatNode(machines[0]), new HeartbeatNode(machines[1])];
    this.address = address;
    this.setting = setting;
    this.configure(setting);
  }

  /** Writes all that Heartbeat and the director read, on both nodes. */
  configure(setting: Setting): void {
    this.setting = setting;
    const [preferred] = this.nodes;
    for (const { machine } of this.nodes) {
      machine.write('/etc/ha.d/ha.cf', haConfig(this.nodes.map((node) => node.machine.name)));
      machine.write('/etc/ha.d/authkeys', AUTHKEYS, 0o600);
      machine.write('/etc/ha.d/haresources', `${preferred.machine.name} ${setting.resources.join(' ')}\n`);
      machine.write('/etc/ha.d/ldirectord.cf', setting.director);
      machine.link(`${RESOURCES}/${setting.script.name}`, setting.script.target);
    }
  }

  /** Starts Heartbeat on both nodes, and waits until one of them owns everything. */
  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await this.atRest(START_MS);
  }

  /** Goes over to another director while the cluster runs: by hand on the node that has the resources. */
  async exchange(setting: Setting): Promise<void> {
    const { active } = this.roles();
    await this.#mustCall(active, 'stop');
    this.configure(setting);
    await this.#mustCall(active, 'start');
    await this.owns(active);
  }

  /** Who has the address now, and who has not. */
  roles(): { readonly active: HeartbeatNode; readonly standby: HeartbeatNode } {
    const [first, second] = this.nodes;
    if (first.hasAddress(this.address) === second.hasAddress(this.address))
      throw new Error(`there is not exactly one owner:\n${this.#seen()}`);
    return first.hasAddress(this.address) ? { active: first, standby: second } : { active: second, standby: first };
  }

  /** Waits until this node has the address and the whole table. */
  owns(node: HeartbeatNode, deadlineMs = HAND_OVER_MS): Promise<void> {
    return this.#until(`${node.machine.name} owns`, deadlineMs, () => this.#isOwner(node));
  }

  /** Waits until this node has the address and the whole table, and the other one neither. */
  ownsAlone(node: HeartbeatNode, deadlineMs = HAND_OVER_MS): Promise<void> {
    const [other] = this.nodes.filter((one) => one !== node);
    return this.#until(
      `${node.machine.name} alone owns`,
      deadlineMs,
      () => this.#isOwner(node) && other !== undefined && isIdle(other, this.address),
    );
  }

  /** Waits until this node has the address, with or without the table. */
  hasAddress(node: HeartbeatNode, deadlineMs = HAND_OVER_MS): Promise<void> {
    return this.#until(`${node.machine.name} has the address`, deadlineMs, () => node.hasAddress(this.address));
  }

  /** Waits until there is one owner, whoever, and neither node's Heartbeat is about to change that. */
  async atRest(deadlineMs = HAND_OVER_MS): Promise<void> {
    let restful = 0;
    await eventually(
      'one owner, and both nodes at rest',
      deadlineMs,
      async () => {
        const owners = this.nodes.filter((node) => this.#isOwner(node));
        const idle = this.nodes.filter((node) => isIdle(node, this.address));
        const clear = owners.length === 1 && idle.length === 1;
        const said = clear ? await Promise.all(this.nodes.map((node) => node.resources())) : ['?'];
        // `local`: its own resources, where both nodes have been started together.
        const agreed = said.every((word) => ['all', 'none', 'local', 'foreign'].includes(word));
        restful = agreed ? restful + 1 : 0;
        return restful >= 2 ? undefined : new NotYet(() => `${said.join()}\n${this.#seen()}`);
      },
      REST_POLL_MS,
    );
  }

  #until(what: string, deadlineMs: number, condition: () => boolean): Promise<void> {
    return eventually(what, deadlineMs, () => (condition() ? undefined : new NotYet(() => this.#seen())));
  }

  #isOwner(node: HeartbeatNode): boolean {
    return node.hasAddress(this.address) && node.table().join() === [...this.setting.table].sort().join();
  }

  async #mustCall(node: HeartbeatNode, action: string): Promise<void> {
    const { code, stderr, stdout } = await node.callScript(this.setting.script, action);
    if (code !== 0) throw new Error(`${action} by hand: exit ${code}\n${stderr}${stdout}`);
  }

  #seen(): string {
    const state = (node: HeartbeatNode): string => {
      const address = node.hasAddress(this.address) ? 'has' : 'has not';
      return `${node.machine.name} ${address} the address; its table: ${node.table().join('; ') || 'empty'}`;
    };
    return this.nodes.map((node) => `${state(node)}\n${node.logs()}`).join('\n');
  }
}

function isIdle(node: HeartbeatNode, address: string): boolean {
  return !node.hasAddress(address) && node.table().length === 0;
}
