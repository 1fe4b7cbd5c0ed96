// The article's cluster on a real IPVS: a director, two real servers, a client, and everything that happens to them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { askDaemon } from '../../src/status/control.ts';
import type { Agent } from './lab/agent-client.ts';
import { Director, programUnderTest } from './lab/director.ts';
import { figure, timed } from './lab/figures.ts';
import { type Machine, Network } from './lab/network.ts';
import { eventually, NotYet } from './lab/run.ts';
import { lines, parseListing } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';

const VIP = '10.8.8.45';
const A = '10.8.8.48:80';
const B = '10.8.8.49:80';
const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 10_000;
const ours = programUnderTest === 'tsdirectord';

/** What the issue wants to see in `ipvsadm -Ln`. */
const LISTED = [
  /^TCP {2}10\.8\.8\.45:80 wlc$/m,
  /^ {2}-> 10\.8\.8\.48:80 +Route +1 /m,
  /^ {2}-> 10\.8\.8\.49:80 +Route +1 /m,
];

/** A service that is none of ours, as `ipvsadm -R` takes it. */
const FOREIGN = ['-A -t 10.9.9.9:99 -s rr', '-a -t 10.9.9.9:99 -r 10.9.9.10:99 -m -w 7'];

describe(`the article's cluster under ${programUnderTest}`, () => {
  let network: Network;
  let director: Director;
  let client: Agent;
  let agentA: Agent;
  let agentB: Agent;
  let machineA: Machine;
  let machineClient: Machine;

  before(async () => {
    network = await Network.create();
    const redirect = `iptables-legacy -t nat -A PREROUTING -p tcp -d ${VIP} -m multiport --dports 80,7000 -j REDIRECT`;
    const [load, real48, real49, web] = await network.machines(
      { name: 'director', addresses: ['10.8.8.47/24', `${VIP}/24`] },
      { name: 'real48', addresses: ['10.8.8.48/24'], setUp: [redirect] },
      { name: 'real49', addresses: ['10.8.8.49/24'], setUp: [redirect] },
      { name: 'client', addresses: ['10.8.8.60/24'] },
    );
    assert(load && real48 && real49 && web);
    const config = readFileSync(join(process.env.LAB_ROOT ?? '', 'test/kernel/configs/article.cf'), 'utf8');
    director = new Director(load, programUnderTest, config.replace('checkinterval = 5', 'checkinterval = 1'));
    machineA = real48;
    machineClient = web;
    [agentA, agentB, client] = await Promise.all([real48.agent(), real49.agent(), web.agent()]);
    await serveA();
    await agentB.serve({ name: 'real49', address: '0.0.0.0', port: 80 });
    await load.must(['ipvsadm', '-R'], { stdin: FOREIGN.join('\n') });
  });
  after(() => network.close());

  const serveA = (): Promise<void> => agentA.serve({ name: 'real48', address: '0.0.0.0', port: 80 });
  const behaveA = (behaviour: Parameters<Agent['behave']>[1]): Promise<void> => agentA.behave('0.0.0.0:80', behaviour);

  test('status says stopped before the start', async () => {
    const status = await director.call('status');
    assert.equal(status.code, 3, status.stderr);
  });

  test('start returns in time, with both servers live soon after', async () => {
    const began = performance.now();
    const start = ours ? await director.callNewStyle('start') : await director.call('start');
    assert.equal(start.code, 0, start.stderr);
    await director.weight(A, 1, 10_000);
    await director.weight(B, 1, 10_000);
    figure('start returned after', start.ms, 2_000);
    figure('both servers live after', performance.now() - began);
    if (ours) {
      assert(start.ms < 2_000, `start took ${start.ms} ms`);
      assert(!start.heldOpen, 'the daemon keeps the output of start open');
    }
    await eventually('the listing', 5_000, async () => {
      const listing = await director.machine.must(['ipvsadm', '-Ln']);
      return LISTED.every((line) => line.test(listing)) ? undefined : new NotYet(() => listing);
    });
  });

  test('a second start succeeds and changes nothing', async () => {
    const pid = director.pid();
    const again = await director.call('start');
    assert.equal(again.code, 0, again.stderr);
    assert.equal(director.pid(), pid);
  });

  test('status says running, with the pid', async () => {
    const status = await director.call('status');
    assert.equal(status.code, 0);
    assert.match(status.stdout + status.stderr, new RegExp(`running with pid: ${director.pid()}\\b`));
  });

  test("the client's requests to the VIP reach both servers", async () => {
    const tally = await client.get(`http://${VIP}/`, 12);
    assert.deepEqual(Object.keys(tally).sort(), ['real48', 'real49']);
    assert.equal(
      Object.values(tally).reduce((a, b) => a + b, 0),
      12,
    );
  });

  for (const [behaviour, what] of [
    ['error', 'answers 500'],
    ['other', 'answers another text'],
    ['reset', 'resets every connection'],
    ['refused', 'listens no more'],
  ] as const) {
    test(`a server that ${what} goes to weight 0 and comes back`, async () => {
      await behaveA(behaviour);
      const down = await timed(() => director.weight(A, 0, INTERVAL_MS * 2 + 5_000));
      figure(`a server that ${what} is quiesced after`, down, INTERVAL_MS + 1_000);
      assert(down < INTERVAL_MS + 1_000, `quiesced after ${down} ms`);
      await behaveA('ok');
      const up = await timed(() => director.weight(A, 1, INTERVAL_MS * 2 + 5_000));
      figure('  and back after', up, INTERVAL_MS + 1_000);
      assert(up < INTERVAL_MS + 1_000, `back after ${up} ms`);
    });
  }

  test(
    'servers that say nothing, or drip, go to weight 0 at the deadline of the check and come back',
    async () => {
      await Promise.all([behaveA('silent'), agentB.behave('0.0.0.0:80', 'drip')]);
      // ldirectord's checks take turns.
      const bound = (ours ? TIMEOUT_MS : 2 * TIMEOUT_MS) + INTERVAL_MS + 1_000;
      const down = await Promise.all([
        timed(() => director.weight(A, 0, bound + 10_000)),
        timed(() => director.weight(B, 0, bound + 10_000)),
      ]);
      figure('a silent server is quiesced after', down[0], bound);
      figure('a dripping server is quiesced after', down[1], bound);
      assert(Math.max(...down) < bound);
      await Promise.all([behaveA('ok'), agentB.behave('0.0.0.0:80', 'ok')]);
      await director.weight(A, 1, 2 * TIMEOUT_MS + INTERVAL_MS + 2_000);
      await director.weight(B, 1, 2 * TIMEOUT_MS + INTERVAL_MS + 2_000);
    },
    { deadlineMs: 100_000 },
  );

  test('a killed server goes to weight 0, the client sees only the other one, and it comes back', async () => {
    await agentA.kill();
    const down = await timed(() => director.weight(A, 0, 10_000));
    figure('a killed server is quiesced after', down, INTERVAL_MS + 1_000);
    assert(down < INTERVAL_MS + 1_000);
    assert.deepEqual(await client.get(`http://${VIP}/`, 6), { real49: 6 });
    agentA = await machineA.agent();
    await serveA();
    await director.weight(A, 1, 10_000);
    assert.deepEqual(Object.keys(await client.get(`http://${VIP}/`, 12)).sort(), ['real48', 'real49']);
  });

  test(
    'with tripwire a killed server goes to weight 0 at once, whatever the interval is',
    async () => {
      const config = director.machine.read('/etc/ha.d/ldirectord.cf');
      director.configure(config.replace('checkinterval = 1\n', 'checkinterval = 10\ntripwire = yes\n'));
      await director.must('reload');
      // A check's is gone by the second look.
      let seen = '';
      const sameTwice = (): string | NotYet => {
        const [, found = 'none'] =
          ESTABLISHED_TO_A.exec(readFileSync(`/proc/${director.machine.pid}/net/tcp`, 'latin1')) ?? [];
        const isSame = found !== 'none' && found === seen;
        seen = found;
        return isSame ? found : new NotYet(() => seen);
      };
      await eventually('an idle connection to it', 10_000, sameTwice, 500);
      const down = await timed(async () => {
        await agentA.kill();
        await director.weight(A, 0, 15_000);
      });
      figure('a killed server with checkinterval = 10 and tripwire is quiesced after', down, 300);
      agentA = await machineA.agent();
      await serveA();
      director.configure(config);
      await director.must('reload');
      await director.weight(A, 1, 10_000);
      assert(down < 300, `quiesced after ${down} ms`);
    },
    { skip: ours ? false : 'ldirectord has none' },
  );

  test(
    'a table flushed by hand is put back',
    async () => {
      await director.machine.must(['ipvsadm', '-C']);
      await director.table(expected(1, 1), INTERVAL_MS * 2 + 5_000);
      await director.machine.must(['ipvsadm', '-R'], { stdin: FOREIGN.join('\n') });
    },
    { skip: ours ? false : 'ldirectord never does' },
  );

  test('a weight lowered by hand stays while nothing happens to the server', async () => {
    await director.machine.must(['ipvsadm', '-e', '-t', `${VIP}:80`, '-r', A, '-g', '-w', '0']);
    const hits = await agentA.hits('0.0.0.0:80');
    await eventually('three more checks', 10_000, async () => {
      const now = await agentA.hits('0.0.0.0:80');
      return now >= hits + 3 ? now : new NotYet(() => `${now - hits} checks`);
    });
    await director.weight(A, 0, 0);
    await director.machine.must(['ipvsadm', '-e', '-t', `${VIP}:80`, '-r', A, '-g', '-w', '1']);
  });

  test('reload brings in a changed weight and keeps the rest', async () => {
    const config = director.machine.read('/etc/ha.d/ldirectord.cf');
    director.configure(config.replace('10.8.8.49:80 gate 1', '10.8.8.49:80 gate 5'));
    const reload = await director.call('reload');
    assert.equal(reload.code, 0, reload.stderr);
    await director.weight(B, 5, 5_000);
    await director.weight(A, 1, 5_000);
  });

  describe('the operator drains a server', { skip: ours ? false : 'ldirectord knows no orders' }, () => {
    const order = (op: string, real: string): Promise<unknown> => {
      const question = { op, virtual: 'all', real };
      return askDaemon(director.machine.path('/run/tsdirectord/ldirectord.cf.sock'), question, 10_000);
    };
    const connectionsTo = (address: string): number | undefined =>
      director.machine
        .table()
        .flatMap(({ reals }) => reals)
        .find((real) => real.address === address)?.active;

    test('a connection that is open goes on, new ones go elsewhere, and the last one is seen to end', async () => {
      const [echoA, echoB] = [A, B].map((address) => address.replace(':80', ':7000'));
      assert(echoA && echoB);
      await agentA.serveEcho({ name: 'real48', address: '0.0.0.0', port: 7000 });
      await agentB.serveEcho({ name: 'real49', address: '0.0.0.0', port: 7000 });
      const config = director.machine.read('/etc/ha.d/ldirectord.cf');
      const reals = [echoA, echoB].map((address) => `\treal = ${address} gate 1\n`).join('');
      director.configure(
        `${config}\nvirtual = ${VIP}:7000\n${reals}\tscheduler = rr\n\tchecktype = connect\n\tquiescent = no\n`,
      );
      await director.must('reload');
      await director.weight(echoA, 1, 10_000);
      await director.weight(echoB, 1, 10_000);
      const opened = await client.open(2, VIP, 7000, '10.8.8.60');
      assert.deepEqual(opened.sort(), ['real48', 'real49']);
      figure('drain returned after', await timed(() => order('drain', echoA)), 2_000);
      await director.weight(echoA, 0, 0);
      assert.equal(connectionsTo(echoA), 1);
      assert.deepEqual(await client.open(2, VIP, 7000, '10.8.8.60'), ['real49', 'real49']);
      const states = await client.connections();
      assert.deepEqual(
        states.map(({ state }) => state),
        ['alive', 'alive', 'alive', 'alive'],
      );
      // The client ends, and with it its connections.
      await client.kill();
      client = await machineClient.agent();
      await eventually('no connection to the drained server', 10_000, () =>
        connectionsTo(echoA) === 0 ? true : new NotYet(() => director.machine.read('/proc/net/ip_vs')),
      );
      await order('enable', echoA);
      await director.weight(echoA, 1, 0);
      director.configure(config);
      await director.must('reload');
      await director.weight(echoA, undefined, 5_000);
    });

    test('no request is lost, and the drained server gets none', async () => {
      const atLeast = (requests: number) =>
        eventually(`${requests} requests`, 20_000, async () => {
          const toll = await client.toll();
          return toll.requests >= requests ? toll : new NotYet(() => String(toll.requests));
        });
      await client.keepAsking(`http://${VIP}/`, ['10.8.8.60']);
      await atLeast(30);
      await order('drain', A);
      await director.weight(A, 0, 0);
      const drained = await atLeast((await client.toll()).requests + 10);
      const later = await atLeast(drained.requests + 40);
      assert.equal(later.answers.real48, drained.answers.real48);
      await order('enable', A);
      await director.weight(A, 1, 0);
      await eventually('requests to it', 20_000, async () => {
        const { answers } = await client.toll();
        return (answers.real48 ?? 0) > (later.answers.real48 ?? 0) ? true : new NotYet(() => JSON.stringify(answers));
      });
      const toll = await client.stopAsking();
      assert.deepEqual(toll.failures, []);
      figure(`${toll.requests} requests across drain and enable; slowest`, toll.slowestMs);
    });
  });

  test('stop removes what is ours and nothing else, status says stopped', async () => {
    const stop = await director.must('stop');
    figure('stop returned after', stop.ms);
    if (ours) assert.deepEqual(director.machine.processes(), [director.machine.pid], 'nothing of it is left running');
    await director.table(lines(parseListing(FOREIGN_LISTING)), ours ? 0 : 10_000);
    await director.machine.must(['ipvsadm', '-D', '-t', '10.9.9.9:99']);
    assert.equal(lines(director.machine.table()).length, 0);
    const status = await director.call('status');
    assert.equal(status.code, 3, status.stdout + status.stderr);
    assert.match(status.stdout, /stopped/);
    assert.equal((await director.call('stop')).code, 0, 'stop when stopped');
  });
});

/** In /proc/net/tcp: from whichever address and port to 10.8.8.48 port 80, state 1. */
const ESTABLISHED_TO_A = / (\w+:\w+) 3008080A:0050 01 /;

const FOREIGN_LISTING = `TCP  10.9.9.9:99 rr\n  -> 10.9.9.10:99                 Masq    7      0          0\n`;

function expected(a: number, b: number): string[] {
  return lines([
    {
      name: `TCP ${VIP}:80`,
      scheduler: 'wlc',
      flags: '',
      reals: [
        { address: A, forward: 'Route', weight: a, active: 0, inactive: 0 },
        { address: B, forward: 'Route', weight: b, active: 0, inactive: 0 },
      ],
    },
  ]);
}
