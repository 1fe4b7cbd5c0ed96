// tsdirectord by itself on this machine, with its table in memory: 10,000 servers on one processor; 100 checks a second; many
// virtual services that share servers. The servers are one process on another processor, and are addresses of 127.0.0.0/8.
import { processors } from '../test/kernel/host/kernel.ts';
import { type Change, changeOf, TAKEN } from './changes.ts';
import type { OwnDaemon } from './daemon.ts';
import { offBeat, percentile, requests, worst } from './figures.ts';
import { type Place, Servers } from './servers.ts';
import { numbered, type Site } from './sites.ts';
import { markdown, type Row } from './table.ts';
import { directing, START_LIMIT_MS, watched } from './watch.ts';

const PORT = 18_080;
const VIRTUALS = Number(process.env.BENCH_VIRTUALS ?? 1_000);
const LONG = process.env.BENCH_LONG === '1';
/** Parts whose name matches, for a shorter run. */
const ONLY = new RegExp(process.env.BENCH_ONLY ?? '.');
const CHANGE_LIMIT_MS = 30_000;

const [DAEMON_CPU = 0, OTHER_CPU = DAEMON_CPU] = processors();
const HERE: Place = { argv: (argv) => ['taskset', '-c', String(OTHER_CPU), ...argv] };

const name = (virtual: number): string => `10.9.${Math.floor(virtual / 250)}.${1 + (virtual % 250)}:${PORT}`;
const address = (virtual: number, server: number): string =>
  `127.${1 + Math.floor(virtual / 250)}.${virtual % 250}.${1 + server}`;
const site = (virtuals: number, servers: number, intervalS: number, check: Site['check'] = 'http'): Site => ({
  virtuals: numbered(virtuals, servers, name, address),
  ...{ port: PORT, intervalS, timeoutS: 2, check },
});

/** 1,000 virtuals of 10 servers, each asked every 10 s. */
async function scale(servers: Servers): Promise<Row[]> {
  const intervalS = 10;
  const many = site(VIRTUALS, 10, intervalS);
  return directing(many, DAEMON_CPU, async (daemon, upMs) => {
    const up = one(`${(VIRTUALS * 10).toLocaleString('en')} servers: all up`, upMs, 's');
    // What is measured of one that does not even come up says nothing.
    if (upMs === Infinity) return [{ ...up, limitMs: START_LIMIT_MS }];
    const { arrivals, cpuMs, tookMs, megabytes } = await watched(daemon, servers, LONG ? 210_000 : 40_000);
    const failing = many.virtuals.slice(0, 100).flatMap((virtual) => virtual.servers);
    const change = await changeBy(daemon, failing.length, async () => void (await servers.fail(...failing)));
    await servers.mend(...failing);
    const late = offBeat(arrivals, intervalS * 1_000);
    const lateMs = percentile(late, 0.99);
    const share = (100 * cpuMs) / tookMs;
    const mb = worst(megabytes);
    console.log(`resident memory of the latter, MB every 5 s: ${megabytes.map((each) => each.toFixed(0)).join(' ')}`);
    return [
      up,
      one('checks made in a quiet while', requests(arrivals), ''),
      one('checks off their beat, p50', percentile(late, 0.5), 'ms'),
      one('checks off their beat, p99', lateMs, 'ms', '≤ 200 ms', lateMs <= 200),
      one('checks off their beat, worst', worst(late), 'ms'),
      one('CPU, of one core', share, '%', '< 60 %', share < 60),
      one('memory (RSS), most', mb, 'MB', '≤ 160 MB', mb <= 160),
      one('memory, last less first', (megabytes.at(-1) ?? NaN) - (megabytes[0] ?? NaN), 'MB'),
      one('1,000 servers fail, found one by one: first found to last in the table', change.tookMs, 's'),
      one('… found to in the table, slowest', change.slowestMs, 'ms', '≤ 1 s', change.slowestMs <= 1_000),
      one('… batches', change.batches, ''),
    ];
  });
}

/** 200 servers every 2 s. */
async function pace(servers: Servers, check: Site['check']): Promise<Row[]> {
  return directing(site(10, 20, 2, check), DAEMON_CPU, async (daemon, upMs) => {
    const { arrivals, cpuMs, megabytes } = await watched(daemon, servers, 30_000);
    return [
      one(`200 servers, ${check}: all up`, upMs, 's'),
      one('… CPU per check', cpuMs / requests(arrivals), 'ms'),
      one('… memory (RSS)', worst(megabytes), 'MB', '≤ 80 MB', worst(megabytes) <= 80),
    ];
  });
}

/** 500 virtuals that all have the same 10 servers. */
async function shared(servers: Servers): Promise<Row[]> {
  const intervals = 10;
  const [few = { servers: [] }] = site(1, 10, 2).virtuals;
  const all = { ...site(500, 10, 2), virtuals: numbered(500, 10, name, (_, server) => few.servers[server] ?? '') };
  return directing(all, DAEMON_CPU, async (daemon) => {
    const { arrivals } = await watched(daemon, servers, intervals * all.intervalS * 1_000);
    const perInterval = requests(arrivals) / intervals;
    const { tookMs, batches } = await changeBy(daemon, 1_000, async () => {
      await servers.fail(...few.servers.slice(0, 2));
      await daemon.recheck();
    });
    await servers.mend(...few.servers);
    return [
      one('500 virtuals share 10 servers: checks per interval', perInterval, '', '10', Math.round(perInterval) === 10),
      one('1,000 servers found down at once: all in the table', tookMs, 's', '≤ 1 s', tookMs <= 1_000),
      one('… batches', batches, '', '1', batches === 1),
    ];
  });
}

/** What the daemon makes of servers that `fail` makes fail. */
async function changeBy(daemon: OwnDaemon, count: number, fail: () => Promise<void>): Promise<Change> {
  const before = daemon.lines(TAKEN);
  const lines = await daemon.follow(async () => {
    await fail();
    await daemon.logged(TAKEN, count, CHANGE_LIMIT_MS, before);
  });
  const change = changeOf(lines);
  return change.servers < count ? { ...change, tookMs: Infinity } : change;
}

function one(what: string, value: number, unit: Row['unit'], text?: string, met = false): Row {
  return {
    what,
    values: [value],
    unit,
    limitMs: CHANGE_LIMIT_MS,
    goal: text === undefined ? undefined : { text, met },
  };
}

const PARTS: Readonly<Record<string, (servers: Servers) => Promise<Row[]>>> = {
  http: (servers) => pace(servers, 'http'),
  connect: (servers) => pace(servers, 'connect'),
  shared,
  scale,
};

const servers = await Servers.start(HERE, PORT);
const rows: Row[] = [];
for (const [part, measure] of Object.entries(PARTS).filter(([part]) => ONLY.test(part))) {
  try {
    rows.push(...(await measure(servers)));
  } catch (error) {
    console.error(`${part}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
await servers.close();
console.log(`\n${markdown(['tsdirectord'], rows)}\n`);
