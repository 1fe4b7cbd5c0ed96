// Beside keepalived: it moves the virtual address between two directors, and its notify script starts and stops tsdirectord with
// it; and the other way, tsdirectord on both directors all the time. A client asks through every hand-over.
import assert from 'node:assert/strict';
import type { Agent } from './lab/agent-client.ts';
import { count, figure, timed } from './lab/figures.ts';
import { type Holding, install, KeepalivedNode, type Mode, VIP } from './lab/keepalived.ts';
import { Network } from './lab/network.ts';
import { eventually, must, NotYet } from './lab/run.ts';
import { after, before, describe, test } from './lab/test.ts';

const CLIENT = '10.8.8.60';
const CONFIG = `checkinterval = 1
checktimeout = 5
negotiatetimeout = 5
logfile = "/var/log/ldirectord.log"
quiescent = yes
syncdaemon = eth0 1

virtual = ${VIP}:80
\treal = 10.8.8.48:80 gate 1
\treal = 10.8.8.49:80 gate 1
\tservice = http
\trequest = "lbcheck.html"
\treceive = "found"
\tscheduler = rr

virtual = ${VIP}:7000
\treal = 10.8.8.48:7000 gate 1
\treal = 10.8.8.49:7000 gate 1
\tservice = simpletcp
\tchecktype = connect
\tscheduler = rr
`;
const TABLE = [80, 7000]
  .flatMap((port) => {
    const service = `TCP ${VIP}:${port} rr`;
    return [service, ...[48, 49].map((last) => `${service} > 10.8.8.${last}:${port} Route 1`)];
  })
  .sort()
  .join('\n');
/** Three missed advertisements, a start, and a busy machine. */
const HAND_OVER_MS = 60_000;
const DEADLINE = { deadlineMs: 150_000 };
/** Slow enough to leave the processor to a director that starts, when requests are refused too. */
const PACE = { atOnce: 4, pauseMs: 150 };

const hasTable = ({ table }: Holding): boolean => table.join('\n') === TABLE;
const serves = (now: Holding): boolean => now.address && now.daemon && hasTable(now);
const rests = ({ address, table, daemon }: Holding): boolean => !address && !daemon && table.length === 0;
const standsBy = (now: Holding): boolean => !now.address && now.daemon && hasTable(now);

describe('beside keepalived', () => {
  let network: Network;
  let one: KeepalivedNode;
  let two: KeepalivedNode;
  let client: Agent;

  before(async () => {
    network = await Network.create();
    const redirect = [80, 7000].map(
      (port) => `iptables-legacy -t nat -A PREROUTING -p tcp -d ${VIP} --dport ${port} -j REDIRECT`,
    );
    const backup = ['ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 1'];
    const [director1, director2, real48, real49, web] = await network.machines(
      { name: 'director1', addresses: ['10.8.8.46/24'], setUp: backup },
      { name: 'director2', addresses: ['10.8.8.47/24'], setUp: backup },
      { name: 'real48', addresses: ['10.8.8.48/24'], setUp: redirect },
      { name: 'real49', addresses: ['10.8.8.49/24'], setUp: redirect },
      { name: 'client', addresses: [`${CLIENT}/24`] },
    );
    assert(director1 && director2 && real48 && real49 && web);
    const [agent48, agent49, asker] = await Promise.all([real48.agent(), real49.agent(), web.agent()]);
    for (const [agent, name] of [
      [agent48, 'real48'],
      [agent49, 'real49'],
    ] as const) {
      await agent.serve({ name, address: '0.0.0.0', port: 80 });
      await agent.serveEcho({ name, address: '0.0.0.0', port: 7000 });
    }
    client = asker;
    install(director1);
    one = new KeepalivedNode(director1, 150, CONFIG);
    two = new KeepalivedNode(director2, 100, CONFIG);
  });
  after(() => network.close());

  /** The first becomes master, because it is there first. */
  async function begin(mode: Mode): Promise<void> {
    for (const node of [one, two]) node.configure(mode);
    one.start();
    await one.holds('serves', HAND_OVER_MS, serves);
    await joins(two);
  }

  /** Starts keepalived and waits until it stands by. */
  async function joins(node: KeepalivedNode): Promise<void> {
    const before = node.timesBackup();
    node.start();
    await node.holds('is BACKUP', HAND_OVER_MS, () => node.timesBackup() > before);
  }

  /** Does it while the client asks, waits until `to` serves and answers, and tells what the client noticed. */
  async function handOver(what: string, work: () => Promise<unknown>, to: KeepalivedNode): Promise<void> {
    const from = to === one ? two : one;
    await from.holds('serves', 0, serves);
    await client.keepAsking(`http://${VIP}/`, [CLIENT], PACE);
    try {
      await answered(5);
      const took = await timed(async () => {
        await work();
        await to.holds('serves', HAND_OVER_MS, serves);
      });
      figure(`${what}: the other has address and table after`, took);
      await answered(10);
    } finally {
      const { requests, failures, longestGapMs } = await client.stopAsking();
      figure(`${what}: longest time without an answer`, longestGapMs);
      count(`${what}: requests lost (${errors(failures)})`, failures.length, requests);
    }
  }

  /** Waits for so many more answers. */
  async function answered(more: number): Promise<void> {
    const total = async (): Promise<number> => {
      const { requests, failures } = await client.toll();
      return requests - failures.length;
    };
    const wanted = (await total()) + more;
    await eventually(`${more} more answers`, HAND_OVER_MS, async () => {
      const now = await total();
      return now >= wanted ? undefined : new NotYet(() => `${wanted - now} are missing`);
    });
  }

  /** One serves and synchronises, the other has nothing. */
  async function onlyServes(server: KeepalivedNode, other: KeepalivedNode): Promise<void> {
    await other.holds('rests', HAND_OVER_MS, rests);
    await server.holds('serves', 0, serves);
    assert.match(await syncDaemons(server), /master/);
    assert.doesNotMatch(await syncDaemons(other), /master/);
  }

  const syncDaemons = (node: KeepalivedNode): Promise<string> => node.machine.must(['ipvsadm', '-L', '--daemon']);

  describe('with the notify script', () => {
    test(
      'the first director has address, table and synchronisation, the second has nothing',
      async () => {
        await begin('notify');
        await onlyServes(one, two);
      },
      DEADLINE,
    );

    test(
      'keepalived stopped: the other takes over',
      async () => {
        await handOver('notify, keepalived stopped', () => one.stop(), two);
        await onlyServes(two, one);
      },
      DEADLINE,
    );

    test(
      'keepalived started again: nothing moves',
      async () => {
        const pid = two.director.pid();
        await joins(one);
        await onlyServes(two, one);
        assert.equal(two.director.pid(), pid);
      },
      DEADLINE,
    );

    test(
      'the cable pulled, and put back in: exactly one serves',
      async () => {
        await handOver('notify, cable pulled', () => network.plug(two.machine, 'out'), one);
        await two.holds('rests', HAND_OVER_MS, rests);
        const before = two.timesBackup();
        await network.plug(two.machine, 'in');
        await two.holds('is BACKUP', HAND_OVER_MS, () => two.timesBackup() > before);
        await onlyServes(one, two);
      },
      DEADLINE,
    );

    test(
      'a switch that drops everything, so that both are masters, and then does not: exactly one serves',
      async () => {
        // Its interface stays up, unlike with a cable that is pulled.
        const port = `${network.bridge}p0`;
        await handOver('notify, cut without a sign', () => must(['ip', 'link', 'set', port, 'nomaster']), two);
        await one.holds('serves, as far as it knows', 0, ({ address, daemon }) => address && daemon);
        await must(['ip', 'link', 'set', port, 'master', network.bridge]);
        // Its servers were out of its reach.
        await one.holds('serves', HAND_OVER_MS, serves);
        await onlyServes(one, two);
        const found = eventually('answers of both servers', HAND_OVER_MS, async () => {
          const answers = Object.keys(await client.get(`http://${VIP}/`, 2)).sort();
          return answers.join() === 'real48,real49' ? undefined : new NotYet(() => answers.join());
        });
        figure('notify, cut healed: the client has found the one that serves after', await timed(() => found));
      },
      DEADLINE,
    );

    test(
      'tsdirectord killed: the check of keepalived.conf notices, and the other takes over',
      async () => {
        await handOver(
          'notify, tsdirectord killed',
          async () => process.kill(one.director.pid() ?? NaN, 'SIGKILL'),
          two,
        );
        await onlyServes(two, one);
      },
      DEADLINE,
    );

    test(
      'keepalived killed: only the address stays, the other takes over, and a start of keepalived puts it right',
      async () => {
        await handOver('notify, keepalived killed', () => two.kill(), one);
        await two.holds('has the address', HAND_OVER_MS, (now) => now.address && rests({ ...now, address: false }));
        await joins(two);
        await onlyServes(one, two);
      },
      DEADLINE,
    );

    test(
      'a burst of calls ends in the last state',
      async () => {
        for (const states of [
          ['MASTER', 'BACKUP', 'MASTER', 'BACKUP', 'MASTER'],
          ['BACKUP', 'MASTER', 'BACKUP', 'MASTER', 'BACKUP'],
        ]) {
          const before = two.said().length;
          for (const state of states) two.notify(state);
          const right = states.at(-1) === 'MASTER' ? standsBy : rests;
          const last = new RegExp(` is ${states.at(-1)}: `);
          await two.holds(states.join(' '), HAND_OVER_MS, (now) => {
            const said = two.said().slice(before);
            return right(now) && last.test(said.at(-1) ?? '');
          });
        }
      },
      DEADLINE,
    );

    test(
      'both stopped: nothing is left anywhere',
      async () => {
        await Promise.all([one.stop(), two.stop()]);
        for (const node of [one, two]) await node.holds('rests', HAND_OVER_MS, rests);
      },
      DEADLINE,
    );
  });

  describe('with tsdirectord on both directors all the time', () => {
    test(
      'both have the table, one the address',
      async () => {
        await Promise.all([one, two].map((node) => node.director.must('start')));
        await begin('both active');
        await two.holds('stands by', HAND_OVER_MS, standsBy);
      },
      DEADLINE,
    );

    test(
      'keepalived stopped: the address moves, and open connections go on',
      async () => {
        const servers = await client.open(4, VIP, 7000, CLIENT);
        assert.deepEqual([...new Set(servers)].sort(), ['real48', 'real49']);
        // The kernel tells of a connection when it has carried a few packets, and collects what it tells for two seconds.
        await eventually('the other director knows the connections', HAND_OVER_MS, async () => {
          await client.connections();
          const known = two.connections(7000);
          return known === servers.length ? undefined : new NotYet(() => `${known} known`);
        });
        await handOver('both active, keepalived stopped', () => one.stop(), two);
        await one.holds('stands by', HAND_OVER_MS, standsBy);
        const states = (await client.connections()).map(({ state }) => state);
        assert.deepEqual(states, ['alive', 'alive', 'alive', 'alive']);
      },
      DEADLINE,
    );

    test(
      'tsdirectord killed: the address moves back',
      async () => {
        await joins(one);
        await handOver(
          'both active, tsdirectord killed',
          async () => process.kill(two.director.pid() ?? NaN, 'SIGKILL'),
          one,
        );
      },
      DEADLINE,
    );
  });
});

/** `39 ECONNREFUSED, 2 timeout`. */
function errors(failures: readonly { readonly error: string }[]): string {
  const kinds = failures.map(({ error }) => error.replace('error: ', ''));
  const counts = [...new Set(kinds)].map((kind) => `${kinds.filter((other) => other === kind).length} ${kind}`);
  return counts.join(', ') || 'none';
}
