// The article's site round a Heartbeat cluster: two directors, two web servers with direct routing, a client.
import assert from 'node:assert/strict';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { HeartbeatCluster, nodeSpec, type Script, type Setting } from './heartbeat.ts';
import { type Machine, type MachineSpec, Network } from './network.ts';

export const VIP = '10.8.8.45';
export const NODES = ['lvs-ldir01', 'lvs-ldir02'] as const;
export const CLIENTS = ['10.8.8.60', '10.8.8.61'] as const;
export const REALS = [48, 49] as const;

/** `web`: http. `echo`: connections that stay open. */
export type Port = 80 | 7000;

const root = process.env.LAB_ROOT ?? '';

/** The ways in which Heartbeat comes to its director. */
export const SCRIPTS = {
  debian: { name: 'ldirectord', target: '/usr/sbin/ldirectord' },
  link: { name: 'ldirectord', target: join(root, 'bin/tsdirectord') },
  script: { name: 'tsdirectord', target: join(root, 'heartbeat/resource.d/tsdirectord') },
} as const satisfies Record<string, Script>;

/** What can be otherwise than in the article. */
export interface Options {
  /** What haresources names first, which is started first and stopped last. */
  readonly first?: 'address' | 'director';
  readonly syncdaemon?: boolean;
  readonly ports?: readonly Port[];
}

/** What both nodes are told. */
export function setting(
  script: Script,
  { first = 'address', syncdaemon = false, ports = [80] }: Options = {},
): Setting {
  const resources = [`IPaddr::${VIP}`, `${script.name}::ldirectord.cf`];
  return {
    script,
    director: [GLOBALS, ...(syncdaemon ? ['syncdaemon = eth0 1'] : []), '', ...ports.map(virtual)].join('\n'),
    resources: first === 'address' ? resources : resources.reverse(),
    table: ports.flatMap(table),
  };
}

const GLOBALS = `checkinterval = 1
checktimeout = 5
negotiatetimeout = 5
logfile = "/var/log/ldirectord.log"
quiescent = yes`;

const CHECK: Readonly<Record<Port, string>> = {
  80: '\tservice = http\n\trequest = "lbcheck.html"\n\treceive = "found"\n\tscheduler = rr\n',
  7000: '\tservice = none\n\tchecktype = connect\n\tscheduler = rr\n',
};

function virtual(port: Port): string {
  const reals = REALS.map((last) => `\treal = 10.8.8.${last}:${port} gate 1\n`);
  return `virtual = ${VIP}:${port}\n${reals.join('')}${CHECK[port]}`;
}

function table(port: Port): string[] {
  const service = `TCP ${VIP}:${port} rr`;
  return [service, ...REALS.map((last) => `${service} > 10.8.8.${last}:${port} Route 1`)];
}

export class HeartbeatSite {
  readonly network: Network;
  readonly cluster: HeartbeatCluster;
  readonly client: Machine;

  private constructor(network: Network, cluster: HeartbeatCluster, client: Machine) {
    this.network = network;
    this.cluster = cluster;
    this.client = client;
  }

  /** Everything but Heartbeat runs when it returns. */
  static async create(told: Setting): Promise<HeartbeatSite> {
    install('tsdirectord', join(root, 'bin/tsdirectord'));
    install('node', process.execPath);
    const network = await Network.create();
    const [first, second, client, ...reals] = await network.machines(
      nodeSpec(NODES[0], '10.8.8.46/24'),
      nodeSpec(NODES[1], '10.8.8.47/24'),
      { name: 'client', addresses: CLIENTS.map((address) => `${address}/24`) },
      ...REALS.map(realSpec),
    );
    assert(first && second && client);
    await Promise.all(reals.map(serve));
    return new HeartbeatSite(network, new HeartbeatCluster([first, second], VIP, told), client);
  }

  close(): void {
    this.network.close();
  }
}

/** Answers for the virtual address, which it has for itself, and does not tell the network of. */
function realSpec(last: number): MachineSpec {
  return {
    name: `real${last}`,
    addresses: [`10.8.8.${last}/24`],
    ip: [`addr add ${VIP}/32 dev lo`],
    setUp: ['echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore', 'echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce'],
  };
}

async function serve(machine: Machine): Promise<void> {
  const agent = await machine.agent();
  await agent.serve({ name: machine.name, address: '0.0.0.0', port: 80 });
  await agent.serveEcho({ name: machine.name, address: '0.0.0.0', port: 7000 });
}

/** Puts a program where Heartbeat, and what it calls, find it; that disk is the test kernel's own. */
function install(name: string, program: string): void {
  const place = join('/usr/local/bin', name);
  if (!existsSync(place)) symlinkSync(program, place);
}
