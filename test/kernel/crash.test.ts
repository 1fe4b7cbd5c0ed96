// What a crash, a careless hand or a race leaves behind: each sequence step by step under tsdirectord and under Debian's
// ldirectord. After each step the table, the answer of status and the number of daemons have to be right.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { Director, type Program } from './lab/director.ts';
import { Network } from './lab/network.ts';
import { REALS, serveReals } from './lab/reals.ts';
import { eventually, NotYet } from './lab/run.ts';
import { outline } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';

/** How long a table has to stay right; longer than the interval of the checks. */
const HOLD_MS = 1_200;
const AT_ONCE = 2;
const PROGRAMS = ['ldirectord', 'tsdirectord'] as const;

const config = (weight: number): string => `checkinterval = 1
checktimeout = 5
negotiatetimeout = 5
logfile = "/var/log/ldirectord.log"
quiescent = yes
virtual = 10.8.8.45:80
\treal = 10.8.8.48:80 gate ${weight}
\treal = 10.8.8.61:80 gate 3
\tservice = http
\trequest = "lbcheck.html"
\treceive = "found"
\tscheduler = wlc
`;

/** Tables, as outline() of table.ts has them; the server at 61 is down. */
const full = (weight = 2): string[] => [
  `TCP 10.8.8.45:80 > 10.8.8.48:80 ${weight}`,
  'TCP 10.8.8.45:80 > 10.8.8.61:80 0',
  'TCP 10.8.8.45:80 wlc',
];
const FULL = full();
const STRANGER = 'TCP 10.8.8.45:80 > 10.8.8.99:80 1';
const OTHERS = ['TCP 10.9.9.9:99 > 10.9.9.10:99 7', 'TCP 10.9.9.9:99 rr'];
const NOTHING: string[] = [];
const BY_HAND = [
  '-a -t 10.8.8.45:80 -r 10.8.8.99:80 -g -w 1',
  '-A -t 10.9.9.9:99 -s rr',
  '-a -t 10.9.9.9:99 -r 10.9.9.10:99 -m -w 7',
];

/** How things are after a step. */
interface Outcome {
  /** Of the action, where there was one. */
  readonly exit?: number;
  /** Exit code of status: 0 running, 1 died, 3 stopped. */
  readonly status: number;
  readonly daemons: number;
  readonly table: readonly string[];
}

interface Step {
  readonly name: string;
  /** Resolves with the exit code of an action. */
  readonly act: (director: Director) => Promise<number | null | undefined>;
  /** What has to come of it; one of these, where two orders of events are both right. */
  readonly expect: readonly Outcome[];
  /** Where ldirectord's outcome differs, and why; `outcome` is left out where it is one thing today and another tomorrow. */
  readonly ldirectord?: { readonly outcome?: Outcome; readonly why: string };
}

const running = (table: readonly string[] = FULL): Outcome => ({ status: 0, daemons: 1, table });
const stopped = (table: readonly string[] = NOTHING): Outcome => ({ status: 3, daemons: 0, table });
const died = (table: readonly string[] = FULL): Outcome => ({ status: 1, daemons: 0, table });

const start: Step = {
  name: 'start',
  act: async (director) => (await director.call('start')).code,
  expect: [{ ...running(), exit: 0 }],
};
const stop: Step = {
  name: 'stop',
  act: async (director) => (await director.call('stop')).code,
  expect: [{ ...stopped(), exit: 0 }],
};
const kill: Step = {
  name: 'SIGKILL',
  act: async (director) => signal(director, 'SIGKILL'),
  expect: [died()],
};

const SEQUENCES: Readonly<Record<string, readonly Step[]>> = {
  'killed, and started again': [
    start,
    kill,
    {
      name: 'a server and a service put in by hand',
      act: async ({ machine }) => void (await machine.must(['ipvsadm', '-R'], { stdin: `${BY_HAND.join('\n')}\n` })),
      expect: [died([...FULL, STRANGER, ...OTHERS])],
    },
    { ...start, expect: [{ ...running([...FULL, ...OTHERS]), exit: 0 }] },
    { ...stop, expect: [{ ...stopped(OTHERS), exit: 0 }] },
  ],
  'killed, and stopped': [
    start,
    kill,
    { ...stop, ldirectord: { outcome: { ...died(), exit: 0 }, why: 'it leaves table and pid file as they are' } },
  ],
  'a pid file that names nobody': [
    { name: 'the file', act: (director) => pidFile(director, 999_999), expect: [died(NOTHING)] },
    start,
    stop,
  ],
  'a pid file that names another program': [
    { name: 'the file', act: (director) => pidFile(director, director.machine.pid), expect: [died(NOTHING)] },
    start,
    stop,
  ],
  'a pid file that names somebody who reads the configuration': [
    {
      name: 'the file',
      act: async ({ machine, configName }) =>
        void (await machine.must([
          'sh',
          '-c',
          `tail -f /etc/ha.d/${configName} >/dev/null 2>&1 & echo $! >/run/ldirectord.${configName}.pid`,
        ])),
      expect: [died(NOTHING)],
      ldirectord: {
        outcome: { status: 0, daemons: 0, table: NOTHING },
        why: 'it takes whatever has its name in the command line for itself',
      },
    },
    {
      ...start,
      ldirectord: { outcome: { exit: 0, status: 0, daemons: 0, table: NOTHING }, why: 'so it does not start' },
    },
    {
      ...stop,
      ldirectord: {
        outcome: { exit: 0, status: 1, daemons: 0, table: NOTHING },
        why: 'and this ends the other program',
      },
    },
  ],
  'the configuration removed while it runs': [
    start,
    {
      name: 'removed',
      act: async ({ machine, configName }) => {
        rmSync(machine.path(`/etc/ha.d/${configName}`));
        return undefined;
      },
      expect: [running()],
      ldirectord: { outcome: { ...running(), status: 1 }, why: 'every action begins with reading the configuration' },
    },
    {
      name: 'reload',
      act: async (director) => (await director.call('reload')).code,
      expect: [{ ...running(), exit: 1 }],
      ldirectord: { outcome: { ...running(), status: 1, exit: 1 }, why: 'the same' },
    },
    {
      ...stop,
      ldirectord: {
        outcome: { ...running(), status: 1, exit: 1 },
        why: 'the same: it runs on',
      },
    },
  ],
  'started five times at once': [
    {
      name: 'start',
      act: async (director) => {
        const calls = await Promise.all(Array.from({ length: 5 }, () => director.call('start')));
        return Math.max(...calls.map(({ code }) => code ?? NaN));
      },
      expect: [{ ...running(), exit: 0 }],
      ldirectord: { why: 'nothing keeps one from another: up to five daemons' },
    },
    { ...stop, ldirectord: { why: 'it ends the one that the pid file names' } },
  ],
  'stopped as soon as its pid file is there': [
    {
      name: 'start and stop',
      act: (director) => stopDuringStart(director, () => director.pid() !== undefined),
      expect: [stopped()],
      ldirectord: { why: 'it depends on how far the start has come' },
    },
  ],
  'stopped as soon as something is in the table': [
    {
      name: 'start and stop',
      act: (director) => stopDuringStart(director, () => director.machine.table().length > 0),
      expect: [stopped()],
      ldirectord: { why: 'it depends on how far the start has come' },
    },
  ],
  'started and stopped at once': [
    {
      name: 'start and stop',
      act: (director) => stopDuringStart(director, () => true),
      expect: [stopped(), running()],
      ldirectord: { why: 'it depends on how far the start has come' },
    },
  ],
  'a hundred reloads in a row': [
    start,
    {
      name: 'HUP',
      act: async (director) => {
        const pid = director.pid();
        for (let weight = 1; weight <= 100; weight++) {
          director.configure(config(weight));
          await signal(director, 'SIGHUP');
        }
        assert.equal(director.pid(), pid);
        return undefined;
      },
      expect: [running(full(100))],
    },
    stop,
  ],
  'told to end again while it ends': [
    start,
    {
      name: 'TERM, TERM and INT',
      act: async (director) => {
        const pid = director.pid() ?? NaN;
        for (const name of ['SIGTERM', 'SIGTERM', 'SIGINT'] as const) process.kill(pid, name);
        return undefined;
      },
      expect: [stopped()],
      ldirectord: { why: 'a second signal makes it die where it stands' },
    },
  ],
};

describe('crashes and races under ldirectord and tsdirectord', { concurrency: AT_ONCE }, () => {
  let network: Network;
  let count = 0;

  before(async () => {
    network = await Network.create();
    await serveReals(await (await network.machine(REALS)).agent());
  });
  after(() => network.close());

  for (const [name, steps] of Object.entries(SEQUENCES)) {
    test(
      name,
      async () => {
        await Promise.all(PROGRAMS.map((program) => follow(program, name, steps)));
      },
      { deadlineMs: 200_000 },
    );
  }

  async function follow(program: Program, sequence: string, steps: readonly Step[]): Promise<void> {
    count += 1;
    const machine = await network.machine({ name: `director${count}`, addresses: [`10.8.8.${100 + count}/24`] });
    const director = new Director(machine, program, config(2));
    try {
      for (const step of steps) await take(director, sequence, step);
    } finally {
      machine.close();
    }
  }
});

async function take(director: Director, sequence: string, { name, act, expect, ldirectord }: Step): Promise<void> {
  const { program } = director;
  const what = `${program}, ${sequence}, ${name}`;
  const differs = program === 'ldirectord' ? ldirectord : undefined;
  const wanted = differs === undefined ? expect : [differs.outcome].filter((outcome) => outcome !== undefined);
  const tables = wanted.map(({ table }) => [...table].sort().join('\n'));
  const exit = await act(director);
  await director.settled(
    `${what}:\n${tables.join('\nor\n')}`,
    HOLD_MS,
    (table) => wanted.length === 0 || tables.includes(table),
  );
  const outcome: Outcome = {
    ...(exit === undefined ? {} : { exit: exit ?? NaN }),
    status: (await director.call('status')).code ?? NaN,
    daemons: daemons(director),
    table: outline(director.machine.table()),
  };
  if (differs !== undefined)
    console.log(`     ${what}: ${differs.why}${wanted.length > 0 ? '' : `: ${JSON.stringify(outcome)}`}`);
  if (wanted.length === 0) return;
  const right = wanted.map((one) => ({ ...one, table: [...one.table].sort() }));
  const match = right.find((one) => one.table.join() === outcome.table.join()) ?? right[0];
  assert.deepEqual(outcome, match, what);
}

/** How many daemons of it run: processes of the machine with its name, that are no action. */
function daemons({ machine, program }: Director): number {
  return machine.processes().filter((pid) => {
    const words = machine.read(`/proc/${pid}/cmdline`).split('\0');
    return words[0] !== 'tail' && words.some((word) => word.endsWith(program) || word.endsWith(`${program}.cjs`));
  }).length;
}

async function signal(director: Director, name: NodeJS.Signals): Promise<undefined> {
  process.kill(director.pid() ?? NaN, name);
  return undefined;
}

async function pidFile({ machine, configName }: Director, pid: number): Promise<undefined> {
  machine.write(`/run/ldirectord.${configName}.pid`, `${pid}\n`);
  return undefined;
}

/** Starts, and stops as soon as the condition holds, or the start has ended. */
async function stopDuringStart(director: Director, condition: () => boolean): Promise<undefined> {
  let ended = false;
  const starting = director.call('start').finally(() => {
    ended = true;
  });
  await eventually('the moment to stop', 20_000, () => (condition() || ended ? true : new NotYet(() => 'not yet')), 5);
  const { code, stderr } = await director.call('stop');
  assert(director.program === 'ldirectord' || code === 0, stderr);
  await starting;
  return undefined;
}
