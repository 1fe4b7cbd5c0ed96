// The article's two-node cluster under the real Heartbeat 3: the owner of address and table is stopped, cut off, loses its director,
// and the other node takes over, with Debian's ldirectord and with tsdirectord. Then connections that outlive a hand-over.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Agent } from './lab/agent-client.ts';
import { count, figure } from './lab/figures.ts';
import { DEADTIME_MS, type HeartbeatCluster, type HeartbeatNode, PATH, type Script } from './lab/heartbeat.ts';
import { CLIENTS, HeartbeatSite, NODES, type Options, SCRIPTS, setting, VIP } from './lab/heartbeat-site.ts';
import { eventually, NotYet } from './lab/run.ts';
import { after, before, describe, test } from './lab/test.ts';

const PID_FILE = '/run/ldirectord.ldirectord.cf.pid';
/** Few requests: they share one processor with the hand-over that they measure. */
const PACE = { atOnce: 4, pauseMs: 150 };
/** Longer than any hand-over: each of Heartbeat's shell scripts takes about a second in that kernel. */
const GAP_BOUND_MS = 100_000;
const CONNECTIONS = 6;
const PORT = 7000;
const TALK_EVERY_MS = 300;
const DEADLINE = { deadlineMs: 180_000 };

/** Each program, and the way in which Heartbeat comes to it. */
const PROGRAMS = [
  ['ldirectord', SCRIPTS.debian],
  ['tsdirectord', SCRIPTS.link],
] as const;

part('stop', 'the owner is stopped under Heartbeat 3', (site, cluster) => {
  test(
    'the first node takes address and table, the second has neither',
    async () => {
      await cluster().start();
      assert.equal(cluster().roles().active.machine.name, NODES[0]);
      const client = await site().client.agent();
      assert.deepEqual(Object.keys(await client.get(`http://${VIP}/`, 8)).sort(), ['real48', 'real49']);
      await client.kill();
    },
    DEADLINE,
  );

  for (const [program, script] of PROGRAMS) {
    test(
      `${program}: Heartbeat is stopped on the owner`,
      async () => {
        await use(cluster(), script);
        const { active, standby } = cluster().roles();
        const what = `${program}, Heartbeat stopped on the owner`;
        await whileAsking(site(), what, async () => {
          const [withoutTable] = await Promise.all([takesOver(cluster(), standby), active.stop()]);
          figure(`${what}: the new one has the address without the table for`, withoutTable);
          await cluster().ownsAlone(standby);
        });
        if (program === 'tsdirectord') nothingLeft(active);
        await active.start();
        await cluster().atRest();
        assert.equal(cluster().roles().active, standby, 'auto_failback off: it stays where it is');
      },
      DEADLINE,
    );
  }

  test(
    'tsdirectord is killed on the owner: the table serves on, nobody starts it, and a hand-over is clean',
    async () => {
      const { script } = SCRIPTS;
      await use(cluster(), script);
      const { active, standby } = cluster().roles();
      const pid = Number(active.machine.read(PID_FILE));
      await whileAsking(site(), 'tsdirectord killed, and started by hand', async (answered) => {
        process.kill(pid, 'SIGKILL');
        const status = await active.callScript(script, 'status');
        assert.equal(status.code, 1);
        assert.match(status.stdout, /not running/);
        // That takes longer than Heartbeat's keepalive and the interval of the checks.
        for (let round = 0; round < 5; round++) await answered();
        await cluster().ownsAlone(active, 0);
        assert.equal(Number(active.machine.read(PID_FILE)), pid, 'nobody has started it again');
        assert.equal((await active.callScript(script, 'start')).code, 0);
        assert.match((await active.callScript(script, 'status')).stdout, /is running with pid/);
        await cluster().ownsAlone(active);
      });
      process.kill(Number(active.machine.read(PID_FILE)), 'SIGKILL');
      await whileAsking(site(), 'tsdirectord killed, then Heartbeat stopped', async () => {
        await active.stop();
        await cluster().ownsAlone(standby);
      });
      nothingLeft(active);
    },
    DEADLINE,
  );

  test('the script says what is missing where Heartbeat logs it, and never that the resource is running', async () => {
    const hide = (file: string): string => `[ ! -e ${file} ] || mount --bind /dev/null ${file}`;
    const bare = await site().network.machine({
      name: 'bare',
      addresses: ['10.8.8.90/24'],
      setUp: ['mount -t tmpfs tmpfs /usr/local', hide('/usr/sbin/tsdirectord'), hide('/usr/bin/tsdirectord')],
    });
    const call = async (action: string, complaint: RegExp): Promise<void> => {
      const argv = ['env', '-i', `PATH=${PATH}`, SCRIPTS.script.target, 'ldirectord.cf', action];
      const { code, stdout, stderr } = await bare.run(argv);
      assert.deepEqual([code, stdout], [5, ''], `${action}: ${stderr}`);
      assert.match(stderr, complaint);
    };
    for (const action of ['start', 'stop', 'status'])
      await call(action, /there is no tsdirectord in \/usr\/local\/sbin:/);
    bare.write('/usr/local/sbin/tsdirectord', '#!/usr/bin/env node\n', 0o755);
    await bare.must(['sh', '-c', hide('/usr/bin/node')]);
    await call('status', /\/usr\/local\/sbin\/tsdirectord needs node, which is not in \//);
  });
});

part('cut', "the owner's network is cut under Heartbeat 3", (site, cluster) => {
  before(() => cluster().start());

  for (const [program, script] of PROGRAMS) {
    test(
      `${program}: the second node takes over`,
      async () => {
        await use(cluster(), script);
        const { active, standby } = cluster().roles();
        const what = `${program}, the owner's network cut`;
        await whileAsking(site(), `${what} (deadtime ${DEADTIME_MS / 1000} s)`, async () => {
          await site().network.plug(active.machine, 'out');
          figure(`${what}: the new one has the address without the table for`, await takesOver(cluster(), standby));
          assert(active.hasAddress(VIP), 'the node that is cut off knows nothing');
        });
        // Stopped while it is alone, it comes back as one that was away.
        if (program === 'ldirectord') {
          await active.stop();
          await site().network.plug(active.machine, 'in');
          await active.start();
          await cluster().atRest();
        }
      },
      DEADLINE,
    );
  }

  test(
    'two owners find each other when the network is back: one is left',
    async () => {
      const [first, second] = cluster().nodes;
      assert(first.hasAddress(VIP) && second.hasAddress(VIP));
      await whileAsking(site(), 'the network is back, two owners', async () => {
        await Promise.all(cluster().nodes.map(({ machine }) => site().network.plug(machine, 'in')));
        await cluster().atRest(120_000);
      });
      console.log(`     in the end ${cluster().roles().active.machine.name} owns`);
    },
    DEADLINE,
  );
});

part('connections', 'connections across a hand-over under Heartbeat 3', (site, cluster) => {
  before(async () => {
    const backup = ['ipvsadm', '--start-daemon', 'backup', '--mcast-interface', 'eth0', '--syncid', '1'];
    await Promise.all(cluster().nodes.map(({ machine }) => machine.must(backup)));
    await cluster().start();
  });

  /** Hands over while connections talk all the time; how many are alive in the end. */
  async function survivors(options: Options): Promise<number> {
    await cluster().exchange(setting(SCRIPTS.link, { ...options, ports: [PORT] }));
    const client = await site().client.agent();
    const servers = await client.open(CONNECTIONS, VIP, PORT, CLIENTS[0]);
    assert.deepEqual([...new Set(servers)].sort(), ['real48', 'real49']);
    const { active, standby } = cluster().roles();
    // The kernel tells of a connection once it has seen a few packets of it, and gathers what it tells for up to two seconds.
    for (let word = 0; word < 5; word++) await client.connections();
    if (options.syncdaemon) {
      // Those of an earlier hand-over are in its kernel, too.
      const ours = (await client.connections()).map(({ port }) => hexadecimal(port));
      await eventually('the standby node knows the connections', 30_000, () => {
        const known = standby.machine.connections().map((line) => line.split(/ +/)[2]);
        const unknown = ours.filter((port) => !known.includes(port));
        return unknown.length === 0 ? known : new NotYet(() => standby.machine.connections().join('\n'));
      });
    }
    let over = false;
    const handOver = Promise.all([active.stop(), cluster().owns(standby)]).finally(() => {
      over = true;
    });
    const talk = async (): Promise<void> => {
      while (!over) await Promise.all([client.connections(), pause(TALK_EVERY_MS)]);
    };
    await Promise.all([handOver, talk()]);
    await cluster().ownsAlone(standby);
    const alive = await eventually('each connection alive or ended', 60_000, async () => {
      const all = await client.connections();
      if (all.some(({ state }) => state === 'silent')) return new NotYet(() => JSON.stringify(all));
      return all.filter(({ state }) => state === 'alive').length;
    });
    await client.kill();
    await active.start();
    await cluster().atRest();
    return alive;
  }

  test(
    'without syncdaemon none outlives it',
    async () => {
      const alive = await survivors({ first: 'director' });
      count('connections that outlived a hand-over without syncdaemon', alive, CONNECTIONS);
      assert.equal(alive, 0);
    },
    DEADLINE,
  );

  test(
    'with syncdaemon, and the director before the address in haresources, all outlive it',
    async () => {
      const alive = await survivors({ first: 'director', syncdaemon: true });
      count('connections that outlived a hand-over with syncdaemon, the director first', alive, CONNECTIONS);
      assert.equal(alive, CONNECTIONS);
    },
    DEADLINE,
  );

  test(
    'with syncdaemon, and the address first: whoever sends something while a node has the address without the table is cut',
    async () => {
      const alive = await survivors({ first: 'address', syncdaemon: true });
      count('connections that outlived a hand-over with syncdaemon, the address first', alive, CONNECTIONS);
    },
    DEADLINE,
  );
});

/** As the kernel lists ports. */
function hexadecimal(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

type Getter<T> = () => T;

/** One part of the suite with a site of its own; `heartbeat:NAME` in $LAB_SUITES is this part alone. */
function part(
  name: string,
  what: string,
  tests: (site: Getter<HeartbeatSite>, cluster: Getter<HeartbeatCluster>) => void,
) {
  const chosen = [...(process.env.LAB_SUITES ?? '').matchAll(/heartbeat:(\w+)/g)].map(([, other]) => other);
  if (chosen.length > 0 && !chosen.includes(name)) return;
  describe(what, () => {
    let site: HeartbeatSite | undefined;
    const existing = (): HeartbeatSite => {
      assert(site);
      return site;
    };
    before(async () => {
      site = await HeartbeatSite.create(setting(name === 'connections' ? SCRIPTS.link : SCRIPTS.debian));
    });
    after(() => site?.close());
    tests(existing, () => existing().cluster);
  });
}

async function use(cluster: HeartbeatCluster, script: Script): Promise<void> {
  if (cluster.setting.script !== script) await cluster.exchange(setting(script));
}

/** Waits until the node has everything; for how long it has had the address, but not the whole table, in ms. */
async function takesOver(cluster: HeartbeatCluster, node: HeartbeatNode): Promise<number> {
  await cluster.hasAddress(node);
  const began = performance.now();
  await cluster.owns(node);
  return performance.now() - began;
}

/** Does it while a client asks, until the client has its answers again; prints what the client has noticed. */
async function whileAsking(
  site: HeartbeatSite,
  what: string,
  work: (answered: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const client = await site.client.agent();
  await client.keepAsking(`http://${VIP}/`, CLIENTS, PACE);
  try {
    await answered(client);
    await work(() => answered(client));
    await answered(client);
  } finally {
    const toll = await client.stopAsking();
    await client.kill();
    figure(`${what}: no answer for`, toll.longestGapMs, GAP_BOUND_MS);
    count(`${what}: requests lost`, toll.failures.length, toll.requests);
    assert(toll.longestGapMs < GAP_BOUND_MS);
  }
}

/** Waits until each of the client's workers has had an answer from now on. */
async function answered(client: Agent): Promise<void> {
  const answers = async (): Promise<number> =>
    Object.values((await client.toll()).answers).reduce((sum, number) => sum + number, 0);
  const already = await answers();
  await eventually('more answers', 20_000, async () => {
    const now = await answers();
    return now > already + 2 * PACE.atOnce ? undefined : new NotYet(() => `${now - already}`);
  });
}

/** No process of the director, and no pid file. */
function nothingLeft({ machine }: HeartbeatNode): void {
  const directors = machine.processes().filter((pid) => machine.read(`/proc/${pid}/cmdline`).includes('tsdirectord'));
  assert.deepEqual(directors, []);
  assert.equal(machine.read(PID_FILE), '');
}
