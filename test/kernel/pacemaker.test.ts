// A cluster of two directors under the real Pacemaker and Corosync: the virtual address and the director are a group, and what
// becomes of them, and of a client's requests, when a director is killed, sent away, misconfigured, or cut off.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Agent } from './lab/agent-client.ts';
import { count, figure, timed } from './lab/figures.ts';
import { Network } from './lab/network.ts';
import { CONFIG, type Holding, install, MONITOR_S, nodeSpec, PacemakerNode, VIP } from './lab/pacemaker.ts';
import { eventually, NotYet } from './lab/run.ts';
import type { Toll } from './lab/steady-client.ts';
import { after, before, describe, test } from './lab/test.ts';

const NODES = { 'lvs-ldir01': '10.8.8.46', 'lvs-ldir02': '10.8.8.47' };
const CLIENTS = ['10.8.8.60', '10.8.8.61'];

const SERVICE = `TCP ${VIP}:80 wlc`;
const EVERYTHING: Holding = {
  address: true,
  table: [SERVICE, `${SERVICE} > 10.8.8.48:80 Route 1`, `${SERVICE} > 10.8.8.49:80 Route 1`],
};
const NOTHING: Holding = { address: false, table: [] };
const BROKEN = `virtual = ${VIP}:80\n\treel = 10.8.8.48:80 gate\n`;
/** Far more than anything here takes, also beside other kernels; what it takes is printed. */
const DEADLINE_MS = 120_000;
const TEST = { deadlineMs: 200_000 };

describe('two directors under Pacemaker and Corosync', () => {
  let network: Network;
  let client: Agent;
  /** Which node has the resources, and which has not. */
  let active: PacemakerNode;
  let passive: PacemakerNode;
  const config = readFileSync(join(process.env.LAB_ROOT ?? '', 'test/kernel/configs/article.cf'), 'utf8').replace(
    'checkinterval = 5',
    'checkinterval = 1',
  );

  before(async () => {
    network = await Network.create();
    const redirect = `iptables-legacy -t nat -A PREROUTING -p tcp -d ${VIP} --dport 80 -j REDIRECT`;
    const [one, two, real48, real49, outside] = await network.machines(
      ...Object.entries(NODES).map(([name, address]) => nodeSpec(name, `${address}/24`)),
      { name: 'real48', addresses: ['10.8.8.48/24'], setUp: [redirect] },
      { name: 'real49', addresses: ['10.8.8.49/24'], setUp: [redirect] },
      { name: 'client', addresses: CLIENTS.map((address) => `${address}/24`) },
    );
    assert(one && two && real48 && real49 && outside);
    install(NODES);
    [active, passive] = [new PacemakerNode(one), new PacemakerNode(two)];
    for (const node of [one, two]) node.write(CONFIG, config);
    const [serve48, serve49, ask] = await Promise.all([real48.agent(), real49.agent(), outside.agent()]);
    client = ask;
    await serve48.serve({ name: 'real48', address: '0.0.0.0', port: 80 });
    await serve49.serve({ name: 'real49', address: '0.0.0.0', port: 80 });
  });
  after(() => network.close());

  /** Waits until one node has everything, its director started, and the other nothing; and remembers which. */
  async function settled(deadlineMs: number): Promise<void> {
    await eventually('one node has everything, the other nothing', deadlineMs, () => {
      const now = [active.holding(), passive.holding()];
      if (isDeepStrictEqual(now, [NOTHING, EVERYTHING])) [active, passive] = [passive, active];
      else if (!isDeepStrictEqual(now, [EVERYTHING, NOTHING]))
        return new NotYet(() => JSON.stringify(now) + active.logs());
      return active.isStarting ? new NotYet(() => active.logs()) : undefined;
    });
  }

  /** Does it while the client asks all the time; every request has to be answered. */
  async function whileAsking(what: string, work: () => Promise<void>): Promise<void> {
    await client.keepAsking(`http://${VIP}/`, CLIENTS);
    let toll: Toll | undefined;
    try {
      await work();
    } finally {
      toll = await client.stopAsking();
      count(`requests lost across ${what}`, toll.failures.length, toll.requests);
    }
    assert.deepEqual(toll.failures, []);
    assert(toll.requests > 20, `only ${toll.requests} requests`);
  }

  /** Waits until the client's requests reach both servers. Nobody asks meanwhile: refusals come fast, and keep the kernel busy. */
  async function served(): Promise<void> {
    await eventually('answers from both servers', DEADLINE_MS, async () => {
      const tally = await client.get(`http://${VIP}/`, 4);
      const both = isDeepStrictEqual(Object.keys(tally).sort(), ['real48', 'real49']);
      return both ? undefined : new NotYet(() => JSON.stringify(tally));
    });
  }

  test(
    'the agent alone: what a killed director leaves in the kernel stays for a while, and not for ever',
    async () => {
      const { table } = EVERYTHING;
      assert.equal((await active.agent('start')).code, 0);
      await active.holds({ address: false, table }, DEADLINE_MS);
      process.kill(active.pid() ?? NaN, 'SIGKILL');
      assert.equal((await active.agent('monitor')).code, 7);
      assert.equal((await active.agent('stop', { recovery_time: '2' })).code, 0);
      await active.holds({ address: false, table }, 0);
      await active.holds(NOTHING, DEADLINE_MS);
    },
    TEST,
  );

  test(
    'the cluster forms, and one node gets the address, then the table',
    async () => {
      const took = await timed(async () => {
        await Promise.all([active.start(), passive.start()]);
        await settled(DEADLINE_MS);
      });
      figure('the cluster has formed and started its resources after', took);
      await served();
    },
    TEST,
  );

  test(
    'a killed director is noticed and started again where it was, and no client notices',
    async () => {
      await whileAsking('a SIGKILL', async () => {
        const before = active.pid() ?? NaN;
        process.kill(before, 'SIGKILL');
        const took = await timed(() =>
          eventually('another director', DEADLINE_MS, () => {
            const now = active.pid();
            return now !== undefined && now !== before ? undefined : new NotYet(() => active.logs());
          }),
        );
        figure('a killed director is started again after', took);
        await eventually('the agent says running', DEADLINE_MS, async () => {
          const { code, stderr } = await active.agent('monitor');
          return code === 0 ? undefined : new NotYet(() => stderr);
        });
      });
      await settled(DEADLINE_MS);
      assert.match(
        await active.status(),
        new RegExp(`director .*monitor on ${active.machine.name} returned 'not running'`),
      );
      await active.forgetFailures();
    },
    TEST,
  );

  test(
    'a director whose configuration is broken under it goes on, and is no failure',
    async () => {
      await whileAsking('a broken configuration', async () => {
        active.machine.write(CONFIG, BROKEN);
        // The cluster looks every few seconds; that it did, shows nowhere.
        await pause(2.5 * MONITOR_S * 1_000);
        assert.equal((await active.agent('monitor')).code, 0);
        assert.equal((await active.agent('validate-all')).code, 2);
      });
      assert.doesNotMatch(await active.status(), /fail-count|Failed Resource Actions/);
      active.machine.write(CONFIG, config);
    },
    TEST,
  );

  test(
    'standby: the other node takes address and table',
    async () => {
      const took = await timed(async () => {
        await active.standby('on');
        await passive.holds(EVERYTHING, DEADLINE_MS);
        await served();
      });
      figure('the other node has everything, and serves, after', took);
      await active.holds(NOTHING, 0);
      await active.standby('off');
      [active, passive] = [passive, active];
    },
    TEST,
  );

  test(
    'a node whose configuration is broken cannot take over; the cluster says why, and can go back',
    async () => {
      passive.machine.write(CONFIG, BROKEN);
      await active.standby('on');
      const reason = `${CONFIG}:2:2: error: unknown directive "reel"`;
      await eventually(
        'the start fails there, with its reason',
        DEADLINE_MS,
        async () => {
          const status = await passive.status();
          return status.includes(reason) ? undefined : new NotYet(() => status + passive.logs());
        },
        500,
      );
      assert(passive.log().includes(reason), passive.logs());
      await active.standby('off');
      await active.holds(EVERYTHING, DEADLINE_MS);
      passive.machine.write(CONFIG, config);
      await passive.forgetFailures();
    },
    TEST,
  );

  test(
    'a node that is cut off: the other takes over, and once they see each other again one of them has everything',
    async () => {
      const lost = active;
      const took = await timed(async () => {
        await network.plug(lost.machine, 'out');
        await passive.holds(EVERYTHING, DEADLINE_MS);
        await served();
      });
      figure('the other node has everything, and serves, after', took);
      await network.plug(lost.machine, 'in');
      figure('the cable is back, and one of the two has given up, after', await timed(() => settled(DEADLINE_MS)));
      await served();
    },
    TEST,
  );
});
