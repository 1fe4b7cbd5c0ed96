// No client notices: a client that makes requests through the director all the time, and connections that stay open, while the
// director is reloaded, restarted, killed and started. Under tsdirectord no request may be lost; under ldirectord they are counted.
import assert from 'node:assert/strict';
import type { Agent } from './lab/agent-client.ts';
import { Director, type Program } from './lab/director.ts';
import { count } from './lab/figures.ts';
import { Network } from './lab/network.ts';
import { eventually, NotYet } from './lab/run.ts';
import type { Toll } from './lab/steady-client.ts';
import { lines } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';

const VIP = '10.8.8.45';
/** Addresses of the clients, in a network that the real servers reach through the director only, as masquerading wants it. */
const OUTSIDE = [60, 61, 62, 63].map((last) => `10.8.7.${last}`);
const [PATIENT = ''] = OUTSIDE;
const WEB = [48, 49, 50, 51, 52, 53];
/** Of their own, because ldirectord confuses a server that several virtuals name when it is down. */
const ECHO = [71, 72, 73, 74];
const CONNECTIONS = 8;

/** How often each thing happens; ldirectord takes longer over each, and shows what it loses sooner. */
const ROUNDS = {
  tsdirectord: { reloads: 50, restarts: 10, exchanges: 4 },
  ldirectord: { reloads: 10, restarts: 3, exchanges: 4 },
} as const;

/** What the configuration says; servers by the last number of their address. */
interface Cluster {
  readonly scheduler: string;
  /** Further lines of the first virtual. */
  readonly options: readonly string[];
  /** Weights of the web servers. */
  readonly web: Readonly<Record<number, number>>;
  /** Whether there is another virtual. */
  readonly another: boolean;
  readonly echo: readonly number[];
  readonly quiescent: 'yes' | 'no';
}

const AT_FIRST: Cluster = {
  scheduler: 'rr',
  options: [],
  web: { 48: 1, 49: 1, 50: 1 },
  another: false,
  echo: ECHO,
  quiescent: 'yes',
};

/** One reload after the other, over and over. */
const RELOADS: readonly (readonly [what: string, change: Partial<Cluster>])[] = [
  ['changed weights', { web: { 48: 5, 49: 1, 50: 2 } }],
  ['a server added', { web: { 48: 5, 49: 1, 50: 2, 51: 1 } }],
  ['two servers removed', { web: { 50: 2, 51: 1 } }],
  ['another scheduler', { scheduler: 'wlc' }],
  ['another virtual added', { another: true }],
  ['half of the servers exchanged', { web: { 48: 1, 51: 1 } }],
  ['persistence, and a weight', { web: { 48: 2, 51: 1 }, options: ['persistent = 30'] }],
  ['a scheduler with flags', { scheduler: 'sh', options: ['schedflags = sh-fallback,sh-port'] }],
  ['the other virtual removed', { another: false }],
  ['all as at first', AT_FIRST],
];

for (const program of ['ldirectord', 'tsdirectord'] as const) {
  if (inThisBoot(program)) follow(program);
}

function follow(program: Program): void {
  const rounds = ROUNDS[program];
  describe(`clients of ${program}`, () => {
    let network: Network;
    let director: Director;
    let client: Agent;
    let servers: Agent;
    let cluster = AT_FIRST;

    before(async () => {
      network = await Network.create();
      const [load, reals, outside] = await network.machines(
        {
          name: 'director',
          addresses: ['10.8.8.47/24', `${VIP}/24`, '10.8.7.47/24'],
          setUp: [
            'echo 1 >/proc/sys/net/ipv4/ip_forward',
            // All are on one wire: the director would tell the real servers of a shorter way to the clients, past itself.
            'for conf in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$conf/send_redirects; done',
          ],
        },
        {
          name: 'reals',
          addresses: [...WEB, ...ECHO].map((last) => `10.8.8.${last}/24`),
          ip: ['route add 10.8.7.0/24 via 10.8.8.47'],
        },
        {
          name: 'client',
          addresses: OUTSIDE.map((address) => `${address}/24`),
          ip: ['route add 10.8.8.0/24 via 10.8.7.47'],
        },
      );
      assert(load && reals && outside);
      [servers, client] = await Promise.all([reals.agent(), outside.agent()]);
      const at = (last: number, port: number) => ({ name: `real${last}`, address: `10.8.8.${last}`, port });
      await servers.serve(...[...WEB, ...ECHO].map((last) => at(last, 80)));
      await servers.serveEcho(...ECHO.map((last) => at(last, 7000)));
      director = new Director(load, program, configuration(cluster));
      await director.must('start');
      await director.table(table(cluster), 20_000);
      const opened = await client.open(CONNECTIONS, VIP, 7000, PATIENT);
      assert.equal(new Set(opened).size, ECHO.length, `connections to ${opened.join(', ')}`);
    });
    after(() => network.close());

    /** Reloads with something changed, and waits until those have traffic who should; a removed server may still be at weight 0. */
    async function reload(change: Partial<Cluster>, how: 'command' | 'signal' = 'signal'): Promise<void> {
      cluster = { ...cluster, ...change };
      director.configure(configuration(cluster));
      if (how === 'command') await director.must('reload');
      else process.kill(director.pid() ?? NaN, 'SIGHUP');
      const wanted = table(cluster).sort().join('\n');
      await eventually(`${program} directs to\n${wanted}`, 20_000, () => {
        const now = lines(director.machine.table()).filter((line) => !line.endsWith(' 0'));
        return now.sort().join('\n') === wanted ? wanted : new NotYet(() => [...now, ...director.log()].join('\n'));
      });
    }

    /** Does it while the client asks; every request has to be answered. */
    async function whileAsking(what: string, work: (step: (name: string) => Promise<void>) => Promise<void>) {
      const steps: Step[] = [];
      const step = async (name: string): Promise<void> => {
        await asked(await client.toll());
        steps.push({ name, at: Date.now() });
      };
      /** Each step is there to be noticed. */
      const asked = ({ requests }: Toll): Promise<void> =>
        eventually('a request', 10_000, async () =>
          (await client.toll()).requests > requests + 4 ? undefined : new NotYet(() => 'none'),
        );
      await client.keepAsking(`http://${VIP}:8080/`, OUTSIDE);
      let toll: Toll | undefined;
      try {
        await work(step);
        await step('the end');
      } finally {
        toll = await client.stopAsking();
        count(`${program}: requests lost across ${what}`, toll.failures.length, toll.requests);
        for (const line of lossesByStep(toll, steps)) console.log(`       ${line}`);
      }
      if (program === 'tsdirectord') assert.deepEqual(toll.failures, []);
      return toll;
    }

    test('connections are open', () => connectionsBut());

    test(
      `${rounds.reloads} reloads`,
      async () => {
        const toll = await whileAsking(`${rounds.reloads} reloads`, async (step) => {
          for (let round = 0; round < rounds.reloads; round++) {
            const [what, change] = RELOADS[round % RELOADS.length] ?? ['', {}];
            await step(`reload ${round + 1}: ${what}`);
            await reload(change, round % 10 === 4 ? 'command' : 'signal');
          }
        });
        await director.table(table(cluster), 10_000);
        assert.deepEqual(Object.keys(toll.answers).sort(), ['real48', 'real49', 'real50', 'real51']);
      },
      { deadlineMs: 200_000 },
    );

    test(
      `${rounds.restarts} restarts with cleanstop = no`,
      async () => {
        await whileAsking(`${rounds.restarts} restarts with cleanstop = no`, async (step) => {
          for (let round = 0; round < rounds.restarts; round++) {
            const pid = director.pid();
            await step(`restart ${round + 1}`);
            await director.must('restart');
            await running(pid);
          }
        });
      },
      { deadlineMs: 200_000 },
    );

    test('SIGKILL, then start', async () => {
      await whileAsking('a SIGKILL and the start after it', async (step) => {
        const pid = director.pid() ?? NaN;
        await step('SIGKILL');
        process.kill(pid, 'SIGKILL');
        await step('start');
        await director.must('start');
        await running(pid);
      });
    });

    /** Waits until another process than this has the table in hand. */
    async function running(before: number | undefined): Promise<void> {
      await eventually('another daemon', 20_000, () => {
        const pid = director.pid();
        return pid !== undefined && pid !== before ? pid : new NotYet(() => director.log().join('\n'));
      });
      const wanted = table(cluster).length;
      await director.settled('the same table', 700, (now) => now.split('\n').length === wanted && !/ 0$/m.test(now));
      await director.table(table(cluster), 0);
    }

    test(
      'reloads that exchange all servers at once',
      async () => {
        await whileAsking(`${rounds.exchanges} reloads that exchange all servers`, async (step) => {
          for (let round = 0; round < rounds.exchanges; round++) {
            await step(`exchange ${round + 1}`);
            await reload({ web: round % 2 === 0 ? { 52: 1, 53: 1 } : { 48: 1, 49: 1 } });
          }
        });
        await director.table(table(cluster), 10_000);
      },
      { deadlineMs: 120_000 },
    );

    /** Waits until all open connections are alive, but those to these servers, which are silent. */
    async function connectionsBut(...silent: number[]): Promise<void> {
      const names = silent.map((last) => `real${last}`);
      await eventually(`all connections alive but those to ${names.join(', ') || 'none'}`, 30_000, async () => {
        const all = await client.connections();
        const ended = all.filter(({ state }) => state.startsWith('error'));
        assert.deepEqual(ended, [], 'a connection was cut');
        const right = all.every(({ server, state }) => state === (names.includes(server) ? 'silent' : 'alive'));
        return right ? undefined : new NotYet(() => all.map(({ server, state }) => `${server}: ${state}`).join('\n'));
      });
    }

    const behave = (last: number, behaviour: 'ok' | 'error'): Promise<void> =>
      servers.behave(`10.8.8.${last}:80`, behaviour);

    test('open connections have outlived all that', () => connectionsBut());

    test(
      'quiescent = yes: connections to a server that fails its check go on, those to one that a reload removes stall until it is back',
      async () => {
        await behave(71, 'error');
        await director.table(table(cluster, { down: [71] }), 20_000);
        await connectionsBut();
        cluster = { ...cluster, echo: [71, 73, 74] };
        director.configure(configuration(cluster));
        await director.must('reload');
        await director.table(table(cluster, { down: [71] }), 20_000);
        await connectionsBut(72);
        await behave(71, 'ok');
        await reload({ echo: ECHO });
        await connectionsBut();
      },
      { deadlineMs: 120_000 },
    );

    test(
      'quiescent = no: connections to a server that fails its check stall until it is back',
      async () => {
        await reload({ quiescent: 'no' });
        await connectionsBut();
        await behave(71, 'error');
        await director.table(table(cluster, { down: [71] }), 20_000);
        await connectionsBut(71);
        await behave(71, 'ok');
        await director.table(table(cluster), 20_000);
        await connectionsBut();
      },
      { deadlineMs: 120_000 },
    );

    test('a stop with cleanstop = no leaves every connection open', async () => {
      await director.must('stop');
      await connectionsBut();
      await director.must('start');
      await connectionsBut();
    });
  });
}

function configuration({ scheduler, options, web, another, echo, quiescent }: Cluster): string {
  const check = ['service = http', 'request = "lbcheck.html"', 'receive = "found"'];
  const virtual = (port: number, lines: readonly string[]): string =>
    [`virtual = ${VIP}:${port}`, ...[...lines, ...check].map((line) => `\t${line}`)].join('\n');
  const real = (last: number, port: number, weight: number): string => `real = 10.8.8.${last}:${port} masq ${weight}`;
  const webServers = Object.entries(web).map(([last, weight]) => real(Number(last), 80, weight));
  const echoServers = echo.map((last) => real(last, 7000, 1));
  return `checkinterval = 1
checktimeout = 5
negotiatetimeout = 5
logfile = "/var/log/ldirectord.log"
cleanstop = no
quiescent = ${quiescent}

${virtual(8080, [...webServers, `scheduler = ${scheduler}`, ...options])}

${virtual(7000, [...echoServers, 'checkport = 80', 'scheduler = rr'])}
${another ? `\n${virtual(8081, [real(52, 80, 1), 'scheduler = rr'])}\n` : ''}`;
}

/** The table of this configuration, as lines() of table.ts has it, when all servers are up but these. */
function table(cluster: Cluster, { down = [] as readonly number[] } = {}): string[] {
  const service = (port: number, scheduler: string, to: number, reals: readonly (readonly [number, number])[]) => {
    const name = `TCP ${VIP}:${port} ${scheduler}`;
    const servers = reals.flatMap(([last, weight]) => {
      if (down.includes(last) && cluster.quiescent === 'no') return [];
      return [`${name} > 10.8.8.${last}:${to} Masq ${down.includes(last) ? 0 : weight}`];
    });
    return [name, ...servers];
  };
  const web = Object.entries(cluster.web).map(([last, weight]) => [Number(last), weight] as const);
  return [
    ...service(8080, cluster.scheduler, 80, web),
    ...service(
      7000,
      'rr',
      7000,
      cluster.echo.map((last) => [last, 1] as const),
    ),
    ...(cluster.another ? service(8081, 'rr', 80, [[52, 1]]) : []),
  ];
}

/** Something that was done, in ms since 1970. */
interface Step {
  readonly name: string;
  readonly at: number;
}

/** What was lost in which step, for whoever has to find out why. */
function lossesByStep({ failures }: Toll, steps: readonly Step[]): string[] {
  const losses = new Map<string, number[]>();
  for (const { began, error } of failures) {
    const step = steps.findLast(({ at }) => at <= began);
    const what = `${step?.name ?? 'before the first step'}: ${error}`;
    losses.set(what, [...(losses.get(what) ?? []), began - (step?.at ?? began)]);
  }
  return [...losses].map(
    ([what, asked]) =>
      `${what}, ${asked.length} times, asked ${Math.min(...asked)} to ${Math.max(...asked)} ms after its begin`,
  );
}

/** `clients:ldirectord` in $LAB_SUITES is one of them alone. */
function inThisBoot(program: Program): boolean {
  const parts = [...(process.env.LAB_SUITES ?? '').matchAll(/clients:(\w+)/g)].map(([, part]) => part);
  return parts.length === 0 || parts.includes(program);
}
