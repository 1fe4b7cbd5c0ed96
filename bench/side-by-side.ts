// The peers and tsdirectord on the same 198 servers, one after the other in one boot of the IPVS kernel, in one table.
import type { Machine } from '../test/kernel/lab/network.ts';
import { Network } from '../test/kernel/lab/network.ts';
import { after, before, describe, test } from '../test/kernel/lab/test.ts';
import { beginAccounting } from './accounting.ts';
import { type Burst, burst, cost, idle, type Limits, type Measured, measure, warm } from './measure.ts';
import { CONTESTANTS, type Contestant, OURS, REFERENCE } from './programs.ts';
import { Servers } from './servers.ts';
import { burstRows, costRow, rowsOf } from './side-by-side-rows.ts';
import { numbered, type Site } from './sites.ts';
import { calm, start } from './start.ts';
import { markdown } from './table.ts';

/**
 * Not 200 servers: a program that asks ten of them every 100 ms would be at work at the same moments of the kernel's 10 ms tick, by which
 * processor time is sampled, and be found at work each time or never.
 */
const SITE: Site = {
  virtuals: numbered(
    11,
    18,
    (virtual) => `10.8.7.${1 + virtual}:80`,
    (virtual, server) => `10.9.${virtual}.${1 + server}`,
  ),
  ...{ port: 80, intervalS: 2, timeoutS: 2, check: 'http' },
};
/** What is sent to these is dropped. */
const DEAD = [0, 2, 4, 6, 8].map((virtual) => `10.9.${virtual}.18`);
const LIMITS: Limits = {
  upMs: Number(process.env.LAB_UP ?? 60_000),
  quietMs: 20_000,
  costMs: 20_000,
  samples: 20,
  samplingMs: 45_000,
  sampleMs: 30_000,
};
const MOST_WARM_MS = Math.max(...CONTESTANTS.map(({ warmMs }) => warmMs));
/** Twice, as a start that is given up is made again on a finished table. */
const DEADLINE_MS =
  2 * (LIMITS.upMs + MOST_WARM_MS + LIMITS.quietMs + LIMITS.costMs + LIMITS.samplingMs) + 2 * LIMITS.sampleMs;

/** A thousand services that have one server. */
const SHARED = '10.9.0.1';
const SHARING: Site = {
  ...SITE,
  virtuals: numbered(
    1_000,
    1,
    (virtual) => `10.7.${Math.floor(virtual / 250)}.${1 + (virtual % 250)}:80`,
    () => SHARED,
  ),
};

/** Programs whose name matches, for a shorter run. */
const ONLY = new RegExp(process.env.LAB_ONLY ?? '.');

const SERVERS_ADDRESS = '10.8.8.2';

describe('side by side', () => {
  let network: Network;
  let servers: Servers;
  const measured = new Map<Contestant, Measured>();
  const connecting = new Map<Contestant, number>();
  /** What the kernel takes of a second by itself. */
  let idleMs = NaN;
  let thousand: Burst | undefined;

  before(async () => {
    network = await Network.create();
    const place = await network.machine({
      name: 'servers',
      addresses: [`${SERVERS_ADDRESS}/24`],
      ip: ['route add local 10.9.0.0/16 dev lo'],
      setUp: DEAD.map((address) => `iptables-legacy -A INPUT -d ${address} -j DROP`),
    });
    servers = await Servers.start(place, SITE.port);
    beginAccounting();
    idleMs = await idle(servers, LIMITS);
  });
  after(() => {
    const list = CONTESTANTS.map((contestant) => measured.get(contestant));
    const names = CONTESTANTS.map(({ name }) => name);
    const connects = CONTESTANTS.map((contestant) => connecting.get(contestant));
    const rows = [
      ...rowsOf(list, OURS, REFERENCE, SITE.intervalS * 1000, LIMITS),
      costRow('connect', connects, OURS, REFERENCE),
      ...burstRows(thousand, OURS),
    ];
    console.log(`\n${markdown(names, rows, REFERENCE)}\n`);
    network.close();
  });

  let last = 10;
  async function onMachine(work: (machine: Machine) => Promise<void>): Promise<void> {
    last++;
    const ip = [`route add 10.9.0.0/16 via ${SERVERS_ADDRESS}`];
    const machine = await network.machine({ name: `director${last}`, addresses: [`10.8.8.${last}/24`], ip });
    await work(machine).finally(() => machine.close());
  }

  function compare(contestant: Contestant): void {
    test(
      contestant.name,
      () =>
        onMachine(async (machine) => {
          measured.set(contestant, await measure(contestant, machine, SITE, DEAD, servers, idleMs, LIMITS));
        }),
      { deadlineMs: DEADLINE_MS },
    );
  }

  const [ours, reference] = [CONTESTANTS[OURS], CONTESTANTS[REFERENCE]];
  const wanted = (list: readonly (Contestant | undefined)[]): Contestant[] =>
    list.filter((contestant) => contestant !== undefined).filter(({ name }) => ONLY.test(name));
  // Where others have run their processes a fork takes up to twice as long, as this kernel's memory is in pieces then. So those come
  // last that start thousands of processes, and keepalived, which starts none, after ours.
  const compared = wanted([ours, reference]);
  for (const contestant of compared) compare(contestant);

  for (const contestant of compared) {
    test(
      `${contestant.name}, connect`,
      () =>
        onMachine(async (machine) => {
          const startedAt = Date.now();
          await start(contestant, machine, { ...SITE, check: 'connect' }, DEAD, LIMITS.upMs);
          await warm(contestant, startedAt);
          connecting.set(contestant, await cost(servers, idleMs, LIMITS));
        }),
      { deadlineMs: DEADLINE_MS },
    );
  }

  for (const contestant of wanted([ours])) {
    test(
      `${contestant.name}, a thousand changes`,
      () =>
        onMachine(async (machine) => {
          await start(contestant, machine, SHARING, [], LIMITS.upMs);
          await calm();
          thousand = await burst(machine, SHARED, servers, LIMITS.sampleMs);
        }),
      { deadlineMs: DEADLINE_MS },
    );
  }

  for (const contestant of wanted(CONTESTANTS.filter((each) => each !== ours && each !== reference)))
    compare(contestant);
});
