// Machines that are a cluster of the real Pacemaker and Corosync, as Debian packages them, started as their units would do it;
// and our OCF agent, installed where a package puts it.
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LOG } from './director.ts';
import type { Machine, MachineSpec } from './network.ts';
import { eventually, NotYet, type Ran } from './run.ts';
import { lines } from './table.ts';

export const VIP = '10.8.8.45';
export const AGENT = '/usr/lib/ocf/resource.d/tsdirectord/tsdirectord';
export const CONFIG = '/etc/ha.d/ldirectord.cf';
/** How often the cluster asks whether the director runs. */
export const MONITOR_S = 4;
const STORED_CIB = '/var/lib/pacemaker/cib/cib.xml';
const PACEMAKER_LOG = '/var/log/pacemaker/pacemaker.log';
const COROSYNC_LOG = '/var/log/corosync/corosync.log';

/** Debian's unit gives it to services; node may be elsewhere. */
const PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`;

/**
 * What the cluster is told: its own options, and a group that moves as one, first the address, then the director. It prefers no
 * node, and stays where it is. A controller that sees no other gives up waiting after dc-deadtime.
 */
const CIB = `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.0" admin_epoch="1" epoch="0" num_updates="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="options">
        <nvpair id="stonith-enabled" name="stonith-enabled" value="false"/>
        <nvpair id="dc-deadtime" name="dc-deadtime" value="5s"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources>
      <group id="lvs">
        <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
          <instance_attributes id="vip-parameters">
            <nvpair id="vip-ip" name="ip" value="${VIP}"/>
            <nvpair id="vip-cidr_netmask" name="cidr_netmask" value="24"/>
          </instance_attributes>
          <operations><op id="vip-monitor" name="monitor" interval="10s" timeout="20s"/></operations>
        </primitive>
        <primitive id="director" class="ocf" provider="tsdirectord" type="tsdirectord">
          <instance_attributes id="director-parameters">
            <nvpair id="director-configfile" name="configfile" value="${CONFIG}"/>
          </instance_attributes>
          <operations>
            <op id="director-monitor" name="monitor" interval="${MONITOR_S}s" timeout="20s"/>
            <op id="director-start" name="start" interval="0s" timeout="60s"/>
            <op id="director-stop" name="stop" interval="0s" timeout="60s"/>
          </operations>
        </primitive>
      </group>
    </resources>
    <constraints/>
    <rsc_defaults>
      <meta_attributes id="defaults">
        <nvpair id="resource-stickiness" name="resource-stickiness" value="100"/>
      </meta_attributes>
    </rsc_defaults>
  </configuration>
  <status/>
</cib>
`;

/** The nodes' addresses, by name. */
export type Addresses = Readonly<Record<string, string>>;

/** What there is to see of a node's part in the cluster. */
export interface Holding {
  readonly address: boolean;
  readonly table: readonly string[];
}

/** Puts program, agent and corosync.conf where they belong; all machines have the same disk, which is in memory. */
export function install(addresses: Addresses): void {
  const root = process.env.LAB_ROOT ?? '';
  symlinkSync(join(root, 'bin/tsdirectord'), '/usr/sbin/tsdirectord');
  mkdirSync(dirname(AGENT), { recursive: true });
  copyFileSync(join(root, 'heartbeat/ocf/tsdirectord'), AGENT);
  writeFileSync('/etc/corosync/corosync.conf', corosyncConf(addresses));
}

/** A machine fit to be a node: what the cluster's daemons share with each other, they share with no other machine. */
export function nodeSpec(name: string, address: string): MachineSpec {
  return {
    name,
    addresses: [address],
    setUp: [
      'mount -t tmpfs tmpfs /dev/shm',
      'for dir in pacemaker corosync; do',
      '  cp -a "/var/lib/$dir" "/run/var-lib-$dir"',
      '  mount --bind "/run/var-lib-$dir" "/var/lib/$dir"',
      'done',
      'mkdir /var/log/corosync',
      'install -d -m 770 -o hacluster -g haclient /var/log/pacemaker',
    ],
  };
}

/** A node of the cluster. */
export class PacemakerNode {
  readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Starts the daemons in the background. */
  async start(): Promise<void> {
    const { machine } = this;
    machine.write(STORED_CIB, CIB, 0o600);
    await machine.must(['chown', 'hacluster:haclient', STORED_CIB]);
    await this.#daemon('corosync -f');
    await eventually(`corosync runs on ${machine.name}`, 30_000, async () => {
      const ran = await machine.run(['corosync-cfgtool', '-s']);
      return ran.code === 0 ? undefined : new NotYet(() => ran.stderr + ran.stdout + this.logs());
    });
    await this.#daemon('pacemakerd');
  }

  /** In standby it may have no resources. */
  async standby(state: 'on' | 'off'): Promise<void> {
    await this.machine.must(['crm_standby', '-N', this.machine.name, '-v', state]);
  }

  /** Lets the cluster try again what has failed here. */
  async forgetFailures(): Promise<void> {
    await this.machine.must(['crm_resource', '--cleanup', '--node', this.machine.name]);
    await eventually('failures are forgotten', 20_000, async () => {
      const status = await this.status();
      return /fail-count|Failed Resource Actions/.test(status) ? new NotYet(() => status) : undefined;
    });
  }

  /** What the cluster makes of itself, with the failures it remembers. */
  status(): Promise<string> {
    return this.machine.must(['crm_mon', '-1', '-r', '-f']);
  }

  /** Calls the agent as the cluster does; more parameters win. */
  agent(action: string, parameters: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const given = Object.entries({ configfile: CONFIG, ...parameters }).map(
      ([key, value]) => `OCF_RESKEY_${key}=${value}`,
    );
    const env = [`PATH=${PATH}`, 'OCF_ROOT=/usr/lib/ocf', 'OCF_RESOURCE_INSTANCE=director', ...given];
    return this.machine.run(['env', ...env, AGENT, action]);
  }

  /** Whether it has the virtual address, and what is in its table; costs no process. */
  holding(): Holding {
    const addresses = readFileSync(`/proc/${this.machine.pid}/net/fib_trie`, 'utf8');
    return { address: addresses.includes(`-- ${VIP}\n`), table: lines(this.machine.table()).sort() };
  }

  /** Whether a start is under way: the cluster waits for it, and takes its failure for that of the node. */
  get isStarting(): boolean {
    const log = this.machine.read(LOG);
    return log.lastIndexOf('Starting tsdirectord') > log.lastIndexOf('Started; checking');
  }

  /** Waits until it holds just this, and its director has started if it has one. */
  async holds(wanted: Holding, deadlineMs: number): Promise<void> {
    const text = JSON.stringify(wanted);
    await eventually(`${this.machine.name} holds ${text}`, deadlineMs, () => {
      const now = JSON.stringify(this.holding());
      return now === text && !(wanted.table.length > 0 && this.isStarting)
        ? undefined
        : new NotYet(() => `${now}\n${this.logs()}`);
    });
  }

  pid(): number | undefined {
    const pid = Number.parseInt(this.machine.read('/run/ldirectord.ldirectord.cf.pid'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  }

  /** What the cluster has logged on this node. */
  log(): string {
    return this.machine.read(PACEMAKER_LOG);
  }

  logs(): string {
    const tail = (path: string): string => `-- ${path}\n${this.machine.read(path).split('\n').slice(-40).join('\n')}`;
    return [COROSYNC_LOG, '/run/corosync.out', PACEMAKER_LOG, '/run/pacemakerd.out', LOG].map(tail).join('\n');
  }

  async #daemon(command: string): Promise<void> {
    const out = `/run/${command.replace(/ .*/, '')}.out`;
    const env = `PATH=${PATH} PCMK_logfile=${PACEMAKER_LOG}`;
    await this.machine.must(['sh', '-c', `env -i ${env} ${command} </dev/null >${out} 2>&1 &`]);
  }
}

/** No realtime priority: all machines share one processor. */
function corosyncConf(addresses: Addresses): string {
  const nodes = Object.entries(addresses).map(
    ([name, address], index) =>
      `  node {\n    name: ${name}\n    nodeid: ${index + 1}\n    ring0_addr: ${address}\n  }`,
  );
  return `system {
  sched_rr: no
  move_to_root_cgroup: no
}
totem {
  version: 2
  cluster_name: lab
  transport: knet
  token: 5000
  crypto_cipher: none
  crypto_hash: none
}
nodelist {
${nodes.join('\n')}
}
quorum {
  provider: corosync_votequorum
  two_node: 1
}
logging {
  to_stderr: no
  to_syslog: no
  to_logfile: yes
  logfile: ${COROSYNC_LOG}
}
`;
}
