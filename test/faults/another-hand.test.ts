// The reconciler while another program changes the table at every moment of a pass, and while passes fail in the middle: what is
// ours comes back, what is not is left alone, what has been done counts, and nothing is said again and again.
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { IpvsError } from '../../src/errors.ts';
import type { State } from '../../src/health/health.ts';
import { desiredTable } from '../../src/ipvs/desired.ts';
import { type Edit, editLine } from '../../src/ipvs/edit.ts';
import { formatList, parseSave } from '../../src/ipvs/save-format.ts';
import type { Table } from '../../src/ipvs/table.ts';
import { Reconciler } from '../../src/reconciler.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { configOf } from '../config-of.ts';
import { LogLines } from '../log-lines.ts';
import { until } from '../until.ts';

const CONFIG = configOf(`quiescent = yes
readdquiescent = yes
virtual = 10.0.0.1:80
	real = 10.0.0.2 gate 5
	real = 10.0.0.3 gate 6
virtual = 10.0.0.1:81
	real = 10.0.0.4 gate 7
`);
const [FIRST, SECOND] = ['tcp:10.0.0.1:80', 'tcp:10.0.0.1:81'];
const SERVERS = ['10.0.0.2', '10.0.0.3', '10.0.0.4'] as const;
const FOREIGN = '-A -t 10.9.9.9:80 -s rr\n-a -t 10.9.9.9:80 -r 10.9.9.8:80 -g -w 7\n';

/** Of calls, which can fail. */
const CALLS = ['before a read', 'after a read', 'before the edits', 'between the edits', 'after the edits'] as const;
const MOMENTS = [...CALLS, 'after the look behind them'] as const;
type Moment = (typeof MOMENTS)[number];
type Act = (kernel: HandKernel) => void;

/** A kernel in memory whose callers have a hand of others, or a fault, come between: once, at a moment of the next pass. */
class HandKernel extends MemoryKernel {
  readonly #acts = new Map<Moment, Act>();
  /** What is wrong with it, asked at each call. */
  trouble: () => string | undefined = () => undefined;
  tries = 0;
  /** Whether edits have been made that nobody has looked for yet. */
  #isUnseen = false;

  next(moment: Moment, act: Act): void {
    this.#acts.set(moment, act);
  }

  /** Where something is to come when it is read, the look behind the edits tells nothing. */
  override async list(): ReturnType<MemoryKernel['list']> {
    if (!this.#isUnseen) return super.list();
    this.#isUnseen = false;
    const isRead = [...this.#acts.keys()].some((moment) => moment.endsWith('a read'));
    const listing = isRead ? new Map() : await super.list();
    this.#act('after the look behind them');
    return listing;
  }

  override async read(): Promise<Table> {
    this.tries++;
    this.#isUnseen = false;
    this.#come('before a read');
    const table = await super.read();
    this.#come('after a read');
    return table;
  }

  override async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    this.#come('before the edits');
    const half = Math.ceil(edits.length / 2);
    const complaints = [...(await super.apply(edits.slice(0, half)))];
    this.#come('between the edits');
    complaints.push(...(await super.apply(edits.slice(half))));
    this.#come('after the edits');
    this.#isUnseen = true;
    return complaints;
  }

  #come(moment: Moment): void {
    const trouble = this.trouble();
    if (trouble !== undefined) throw new IpvsError(trouble);
    this.#act(moment);
  }

  #act(moment: Moment): void {
    const act = this.#acts.get(moment);
    this.#acts.delete(moment);
    act?.(this);
  }

  /** Another program's edits. */
  drop(...keys: readonly string[]): void {
    this.table = new Map([...this.table].filter(([key]) => !keys.includes(key)));
  }

  dropServer(key: string, server: string): void {
    const service = this.table.get(key);
    if (service === undefined) return;
    const destinations = new Map([...service.destinations].filter(([name]) => name !== server));
    this.table = new Map(this.table).set(key, { ...service, destinations });
  }

  weigh(key: string, server: string, weight: number): void {
    const service = this.table.get(key);
    const destination = service?.destinations.get(server);
    if (service === undefined || destination === undefined) throw new Error(`${key} ${server} is not there`);
    const destinations = new Map(service.destinations).set(server, { ...destination, weight });
    this.table = new Map(this.table).set(key, { ...service, destinations });
  }

  schedule(key: string, scheduler: string): void {
    const service = this.table.get(key);
    if (service === undefined) throw new Error(`${key} is not there`);
    this.table = new Map(this.table).set(key, { ...service, scheduler });
  }

  put(save: string): void {
    this.table = new Map([...this.table, ...parseSave(save)]);
  }

  /** As `ipvsadm -Ln` shows it, sorted by service: ours, and what is not. */
  view(): { ours: string; foreign: string } {
    const sorted = [...this.table].sort(([a], [b]) => (a < b ? -1 : 1));
    const list = (isOurs: boolean) =>
      formatList(
        new Map(
          sorted
            .filter(([key]) => [FIRST, SECOND].includes(key) === isOurs)
            .map(([key, service]) => [key, { ...service, destinations: new Map([...service.destinations].sort()) }]),
        ),
      );
    return { ours: list(true), foreign: list(false) };
  }
}

/** A table that is as wanted, all servers up, beside a service of another program. */
async function settled(retryMs = 2) {
  const kernel = new HandKernel(parseSave(FOREIGN));
  const log = new LogLines();
  const states: Record<string, State> = Object.fromEntries(SERVERS.map((server) => [server, 'up']));
  const desired = () => desiredTable(CONFIG, (_, { address }) => states[address] ?? 'unknown');
  const reconciler = new Reconciler({ kernel, retryMs, log: () => log, desired });
  await reconciler.reconcile({ takeOver: true });
  log.take();
  const wanted = (): string => {
    const fresh = new HandKernel();
    fresh.table = desired() as Table;
    return fresh.view().ours;
  };
  const rights = () =>
    until(
      'the table is as wanted',
      async () => {
        // What the daemon does every second.
        await reconciler.watch();
        return reconciler.trouble === undefined && kernel.view().ours === wanted();
      },
      () => [formatList(kernel.table), ...log.lines].join('\n'),
    );
  return { kernel, log, states, reconciler, rights };
}

async function tested() {
  const all = await settled();
  onTestFinished(() => all.reconciler.stop(new Set()));
  return all;
}

const HANDS: Readonly<Record<string, Act>> = {
  'flushes the table': (kernel) => kernel.drop(...kernel.table.keys()),
  'removes the service that changes': (kernel) => kernel.drop(FIRST),
  'removes a service that does not change': (kernel) => kernel.drop(SECOND),
  'removes the server that changes': (kernel) => kernel.dropServer(FIRST, '10.0.0.2:80'),
  'removes a server that does not change': (kernel) => kernel.dropServer(FIRST, '10.0.0.3:80'),
  'removes the only server of another service': (kernel) => kernel.dropServer(SECOND, '10.0.0.4:81'),
  'makes our services anew, empty': (kernel) => {
    kernel.put('-A -t 10.0.0.1:80 -s wrr\n-A -t 10.0.0.1:81 -s wrr\n');
  },
  'adds services of its own': (kernel) => kernel.put('-A -t 10.9.9.7:80 -s rr\n-a -t 10.9.9.7:80 -r 10.9.9.6:80 -g\n'),
  'removes its own services': (kernel) => kernel.drop('tcp:10.9.9.9:80'),
};

describe.each(Object.entries(HANDS))('another program %s', (_, act) => {
  test.each(MOMENTS)('%s', async (moment) => {
    const { kernel, states, reconciler, rights } = await tested();
    let foreign = kernel.view().foreign;
    kernel.next(moment, () => {
      act(kernel);
      foreign = kernel.view().foreign;
    });
    states['10.0.0.2'] = 'down';
    await reconciler.reconcile();
    await rights();
    expect(kernel.view().foreign).toBe(foreign);
  });
});

describe('a pass that fails in the middle', () => {
  const fail: Act = () => {
    throw new IpvsError('ipvsadm is not in the mood');
  };
  const quiescent = 'Quiescent real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 0)';

  test.each<[Moment, boolean]>([
    ['before the edits', false],
    ['between the edits', true],
    ['after the edits', true],
    ['before a read', true],
    ['after a read', true],
  ])('%s: what was sent before counts as ours, and is told', async (moment, isSent) => {
    const { kernel, log, states, reconciler, rights } = await tested();
    kernel.next(moment, fail);
    states['10.0.0.2'] = 'down';
    await reconciler.reconcile();
    expect(reconciler.trouble).toBe('ipvsadm is not in the mood');
    states['10.0.0.2'] = 'up';
    await rights();
    expect(log.lines.filter((line) => /^(Quiescent|Restored)/.test(line))).toEqual(
      isSent ? [quiescent, 'Restored real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 5)'] : [],
    );
  });

  test.each(CALLS)('%s: the change is made and told once', async (moment) => {
    const { kernel, log, states, reconciler, rights } = await tested();
    kernel.next(moment, fail);
    states['10.0.0.2'] = 'down';
    await reconciler.reconcile();
    await rights();
    expect(log.take().filter((line) => !/table/.test(line))).toEqual([quiescent]);
  });
});

test('a weight set by hand stays until the server changes, at whatever moment of a pass it was set', async () => {
  for (const moment of MOMENTS.slice(2)) {
    const { kernel, states, reconciler, rights } = await tested();
    kernel.next(moment, () => kernel.weigh(FIRST, '10.0.0.3:80', 1));
    states['10.0.0.2'] = 'down';
    await reconciler.reconcile();
    const weight = () => kernel.table.get(FIRST)?.destinations.get('10.0.0.3:80')?.weight;
    expect([moment, weight()]).toEqual([moment, 1]);
    for (const state of ['down', 'up'] as const) {
      states['10.0.0.3'] = state;
      await reconciler.reconcile();
    }
    await rights();
  }
});

test('a scheduler set by hand stays until the next reload', async () => {
  for (const moment of MOMENTS.slice(2)) {
    const { kernel, states, reconciler, rights } = await tested();
    kernel.next(moment, () => kernel.schedule(FIRST, 'rr'));
    states['10.0.0.2'] = 'down';
    await reconciler.reconcile();
    const scheduler = () => kernel.table.get(FIRST)?.scheduler;
    expect([moment, scheduler()]).toEqual([moment, 'rr']);
    states['10.0.0.2'] = 'up';
    await reconciler.reconcile();
    expect(scheduler()).toBe('rr');
    await reconciler.reconcile({ takeOver: true });
    await rights();
  }
});

test('any changes of ours, among any of others and any faults, end as wanted and touch nothing foreign', async () => {
  const acts: Readonly<Record<string, Act>> = {
    ...HANDS,
    fails: () => {
      throw new IpvsError('ipvsadm is not in the mood');
    },
  };
  const step = fc.record({
    server: fc.constantFrom(...SERVERS),
    state: fc.constantFrom<State>('up', 'down'),
    hands: fc.array(fc.tuple(fc.constantFrom(...MOMENTS), fc.constantFrom(...Object.keys(acts))), { maxLength: 3 }),
    isTriedMeanwhile: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const { kernel, states, reconciler, rights } = await settled(1);
      try {
        let { foreign } = kernel.view();
        for (const { server, state, hands, isTriedMeanwhile } of steps) {
          states[server] = state;
          for (const [moment, name] of hands) {
            kernel.next(moment, () => {
              acts[name]?.(kernel);
              foreign = kernel.view().foreign;
            });
          }
          await reconciler.reconcile();
          if (isTriedMeanwhile) await rights();
        }
        for (const moment of MOMENTS) kernel.next(moment, () => {});
        await rights();
        expect(kernel.view().foreign).toBe(foreign);
      } finally {
        await reconciler.stop(new Set());
      }
    }),
    { numRuns: 400 },
  );
});

describe('what is said, and how often it is tried', () => {
  test('trouble that is another at each try does not fill the log', async () => {
    const { kernel, log, reconciler, rights } = await tested();
    kernel.trouble = () => `Segmentation fault at 0x${kernel.tries}`;
    kernel.drop(FIRST);
    await reconciler.reconcile();
    const { tries } = kernel;
    await until('many tries', () => kernel.tries > tries + 8);
    const errors = log.take().filter((line) => line.startsWith('error: '));
    expect(errors).toHaveLength(8);
    expect(errors.at(-1)).toMatch(/\nWhat else goes wrong is not logged until this is over; "status" shows it$/);
    kernel.trouble = () => undefined;
    await rights();
    kernel.trouble = () => 'the next trouble';
    kernel.drop(FIRST);
    await reconciler.reconcile();
    expect(log.take().at(-1)).toBe("error: Cannot bring the kernel's table up to date: the next trouble");
  });

  test('of thousands of changes that are refused, the first are told', async () => {
    const kernel = new MemoryKernel();
    kernel.apply = async (edits) => edits.map((edit) => `${editLine(edit)}: refused`);
    const reals = Array.from({ length: 200 }, (_, i) => `\treal = 10.1.0.${i + 1} gate\n`).join('');
    const many = configOf(`virtual = 10.0.0.5:80\n${reals}`);
    const log = new LogLines();
    const reconciler = new Reconciler({ kernel, log: () => log, desired: () => desiredTable(many, () => 'up') });
    onTestFinished(() => reconciler.stop(new Set()));
    await reconciler.reconcile();
    const [said = ''] = log.take();
    expect(said.split('\n')).toHaveLength(1 + 10 + 1 + 1 + 10 + 1);
    expect(said).toContain('the kernel did not take 201 of 201 changes');
    expect(said).toMatch(/\n {2}… and 191 more$/);
  });

  test('what has vanished while it cannot be put back is not told every second', async () => {
    const { kernel, log, reconciler, rights } = await tested();
    kernel.trouble = () => 'ipvsadm is not in the mood';
    kernel.drop(FIRST);
    for (let second = 0; second < 5; second++) await reconciler.watch();
    expect(log.take()).toEqual([
      "warn: Something of ours has vanished from the kernel's table: putting it back",
      "error: Cannot bring the kernel's table up to date: ipvsadm is not in the mood",
    ]);
    kernel.trouble = () => undefined;
    await rights();
  });

  test('what another program removes again and again is put back each time, and told once', async () => {
    const { kernel, log, reconciler, rights } = await tested();
    for (let second = 0; second < 5; second++) {
      kernel.drop(FIRST);
      await reconciler.watch();
      await rights();
    }
    expect(log.lines.filter((line) => line.startsWith('Added virtual'))).toHaveLength(5);
    expect(log.take().filter((line) => line.startsWith('warn'))).toHaveLength(1);
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 61_000);
    onTestFinished(() => void vi.restoreAllMocks());
    kernel.drop(FIRST);
    await reconciler.watch();
    expect(log.take()[0]).toBe(
      "warn: Something of ours has vanished from the kernel's table 5 times since this was last told (does another program manage these services?): putting it back",
    );
  });

  test('a look that takes its time is not joined by others', async () => {
    const { kernel, reconciler } = await tested();
    let looks = 0;
    kernel.list = () => {
      looks++;
      return new Promise(() => {});
    };
    for (let second = 0; second < 5; second++) void reconciler.watch();
    expect(looks).toBe(1);
  });

  test('however long the trouble lasts, it is tried again every second and a half', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { kernel, reconciler } = await settled(250);
    onTestFinished(() => reconciler.stop(new Set()));
    kernel.trouble = () => 'ipvsadm is not in the mood';
    kernel.drop(FIRST);
    await reconciler.reconcile();
    const { tries } = kernel;
    vi.advanceTimersByTime(249);
    expect(kernel.tries).toBe(tries);
    for (let again = 0; again < 12; again++) {
      const before = kernel.tries;
      vi.advanceTimersByTime(1_500);
      await until('it is tried again', () => kernel.tries > before);
      await reconciler.settled();
    }
  });
});
