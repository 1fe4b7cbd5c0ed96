// The only writer of the kernel's table: one pass at a time, triggers in between are one more pass, trouble is tried again.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../src/config/model.ts';
import { IpvsError } from '../src/errors.ts';
import type { State } from '../src/health/health.ts';
import { desiredTable } from '../src/ipvs/desired.ts';
import { type Edit, editLine } from '../src/ipvs/edit.ts';
import type { Kernel, ReadOptions } from '../src/ipvs/kernel.ts';
import { parseSave } from '../src/ipvs/save-format.ts';
import type { Destination, Service, Table } from '../src/ipvs/table.ts';
import { Reconciler } from '../src/reconciler.ts';
import { MemoryKernel } from '../src/system/memory-kernel.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { until } from './until.ts';

const CONFIG = configOf('quiescent = yes\nvirtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate 5\n\treal = 10.0.0.3 gate 6\n');
const KEY = 'tcp:10.0.0.1:80';

/** A kernel that notes what it is asked, takes as long as it is told to, and refuses what it is told to. */
class SlowKernel extends MemoryKernel {
  readonly batches: string[][] = [];
  reads = 0;
  active = 0;
  most = 0;
  refuse = /$^/;
  broken = false;
  gate: Promise<unknown> = Promise.resolve();

  override async read(): Promise<Table> {
    this.reads++;
    await this.#visit();
    return super.read();
  }

  override async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    await this.#visit();
    this.batches.push(edits.map(editLine));
    const refused = edits.filter((edit) => this.refuse.test(editLine(edit)));
    await super.apply(edits.filter((edit) => !refused.includes(edit)));
    return refused.map((edit) => `${editLine(edit)}: refused`);
  }

  async #visit(): Promise<void> {
    this.active++;
    this.most = Math.max(this.most, this.active);
    await this.gate;
    this.active--;
    if (this.broken) throw new IpvsError('ipvsadm is not in the mood');
  }
}

/** Shut until it is opened. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

function setUp(table?: Table) {
  const kernel = new SlowKernel(table);
  const log = new LogLines();
  const states: Record<string, State> = {};
  const reconciler = new Reconciler({
    kernel,
    retryMs: 50,
    log: () => log,
    desired: () => desiredTable(CONFIG, (_, real) => states[real.address] ?? 'unknown'),
  });
  onTestFinished(() => reconciler.stop(new Set()).catch(() => {}));
  const weight = (address: string) => kernel.table.get(KEY)?.destinations.get(`${address}:80`)?.weight;
  return { kernel, log, states, reconciler, weight };
}

describe('reading', () => {
  const PLAIN = configOf('virtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate 5\n');
  const LIMITED = configOf('virtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate 5 l:2 u:9\n');

  /** Shows thresholds only when asked for them, as ipvsadm does. */
  class AskedKernel extends MemoryKernel {
    readonly asked: boolean[] = [];
    override async read(options?: ReadOptions): Promise<Table> {
      this.asked.push(options?.thresholds === true);
      return super.read();
    }
  }

  function reading(before: Config, later = before) {
    const kernel = new AskedKernel();
    let config = before;
    const desired = () => {
      const table = desiredTable(config, () => 'up');
      config = later;
      return table;
    };
    const reconciler = new Reconciler({ kernel, log: () => new LogLines(), desired });
    onTestFinished(() => reconciler.stop(new Set()));
    return { kernel, reconciler };
  }

  test.each([
    ['what the caller has read is not read again', PLAIN, [false]],
    ['but for thresholds that are wanted', LIMITED, [true, true]],
  ])('%s', async (_, config, asked) => {
    const { kernel, reconciler } = reading(config);
    await reconciler.reconcile({ takeOver: true, known: kernel.table });
    expect(kernel.asked).toEqual(asked);
  });

  test('thresholds that come with a reload are not taken from a reading without them', async () => {
    const { kernel, reconciler } = reading(PLAIN, LIMITED);
    const first = reconciler.reconcile({ takeOver: true });
    await until('the first reading', () => kernel.asked.length > 0);
    await Promise.all([first, reconciler.reconcile({ takeOver: true })]);
    expect(kernel.asked).toEqual([false, false, true, true]);
  });
});

describe('passes', () => {
  test.each([
    ['has come already', {}, () => Promise.resolve()],
    ['services share, and is found within a moment,', { isShared: true }, () => new Promise(setImmediate)],
  ])('what %s is one batch', async (_, trigger, moment) => {
    const { kernel, states, reconciler, weight } = setUp();
    await reconciler.reconcile({ takeOver: true });
    const { length } = kernel.batches;
    states['10.0.0.2'] = 'up';
    const passes = [reconciler.reconcile(trigger)];
    await moment();
    states['10.0.0.3'] = 'up';
    passes.push(reconciler.reconcile(trigger));
    await Promise.all(passes);
    expect([weight('10.0.0.2'), weight('10.0.0.3')]).toEqual([5, 6]);
    expect(kernel.batches).toHaveLength(length + 1);
  });

  test('what one service waits for does not wait for a timer', async () => {
    const { kernel, reconciler } = setUp();
    void reconciler.reconcile({ takeOver: true });
    for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate);
    expect(kernel.batches).toHaveLength(1);
  });

  test('after an idle while the next one has not been at work for all of it', async () => {
    const { reconciler } = setUp();
    await reconciler.reconcile({ takeOver: true });
    await pause(300);
    const next = reconciler.reconcile();
    expect(reconciler.busyMs).toBeLessThan(200);
    await next;
  });

  test('edits are made, read back and logged', async () => {
    const { kernel, log, reconciler } = setUp();
    await reconciler.reconcile({ takeOver: true });
    expect(log.take()).toEqual([
      'Added virtual server: 10.0.0.1:80',
      'Quiescent real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 0)',
      'Quiescent real server: 10.0.0.3:80 (10.0.0.1:80) (Weight set to 0)',
    ]);
    expect(kernel.batches).toHaveLength(1);
    expect(reconciler.trouble).toBeUndefined();
  });

  test.each([
    ['while the table is read, are of the same batch', 'read', 1],
    ['while it is changed, are one more', 'apply', 2],
  ] as const)('never overlap; triggers, any number of them, %s', async (_, during, batches) => {
    const { kernel, states, reconciler, weight } = setUp();
    const { passed, open } = gate();
    const visit = kernel[during].bind(kernel) as () => Promise<never>;
    const visited = new Promise<void>((resolve) => {
      kernel[during] = (...given: []) => {
        kernel.gate = passed;
        resolve();
        return visit(...given);
      };
    });
    const all = [reconciler.reconcile({ takeOver: true })];
    await visited;
    for (const state of ['down', 'up', 'down', 'up'] as const) {
      states['10.0.0.2'] = state;
      all.push(reconciler.reconcile());
    }
    open();
    await Promise.all(all);
    expect(kernel.most).toBe(1);
    expect(kernel.batches).toHaveLength(batches);
    expect(weight('10.0.0.2')).toBe(5);
  });

  test.each(Array.from({ length: 24 }, (_, depth) => depth))(
    'a trigger %i microtasks before or after the end is not lost',
    async (depth) => {
      const { kernel, states, reconciler, weight } = setUp();
      const poke = async (): Promise<void> => {
        for (let step = 0; step < depth; step++) await undefined;
        states['10.0.0.2'] = 'up';
        await reconciler.reconcile();
      };
      let poked: Promise<void> | undefined;
      const apply = kernel.apply.bind(kernel);
      kernel.apply = async (edits) => {
        const complaints = await apply(edits);
        poked ??= poke();
        return complaints;
      };
      await reconciler.reconcile({ takeOver: true });
      await poked;
      expect(weight('10.0.0.2')).toBe(5);
    },
  );
});

describe('how long it has been at work', () => {
  test('on the pass under way, not on all since it rested; nothing at rest', async () => {
    const { kernel, states, reconciler } = setUp();
    expect(reconciler.busyMs).toBe(0);
    const [first, second] = [gate(), gate()];
    const apply = kernel.apply.bind(kernel);
    let passes = 0;
    kernel.apply = (edits) => {
      passes++;
      kernel.gate = passes === 1 ? first.passed : second.passed;
      return apply(edits);
    };
    const began = performance.now();
    const done = [reconciler.reconcile({ takeOver: true })];
    await until('some time', () => reconciler.busyMs > 400);
    expect(reconciler.busyMs).toBeLessThanOrEqual(performance.now() - began);
    states['10.0.0.2'] = 'up';
    done.push(reconciler.reconcile());
    const opened = performance.now();
    first.open();
    await until('the second pass', () => passes === 2);
    expect(reconciler.busyMs).toBeLessThanOrEqual(performance.now() - opened);
    await until('it takes time, too', () => reconciler.busyMs > 50);
    second.open();
    await Promise.all(done);
    expect(reconciler.busyMs).toBe(0);
  });

  test('a pass that fails has ended, too', async () => {
    const { kernel, reconciler } = setUp();
    kernel.broken = true;
    await reconciler.reconcile({ takeOver: true });
    expect(reconciler.trouble).toBeDefined();
    expect(reconciler.busyMs).toBe(0);
  });
});

describe('trouble', () => {
  test('what the kernel refuses is told once with what it said, tried again, and its end is told', async () => {
    const { kernel, log, reconciler, weight } = setUp();
    kernel.refuse = /10\.0\.0\.3/;
    await reconciler.reconcile({ takeOver: true });
    const trouble = `the kernel did not take 1 of 3 changes:
  -a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 0
ipvsadm said:
  -a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 0: refused`;
    expect(reconciler.trouble).toBe(trouble);
    expect(log.take().at(-1)).toBe(`error: Cannot bring the kernel's table up to date: ${trouble}`);
    await until('a second try', () => kernel.batches.length > 1);
    kernel.refuse = /$^/;
    await until('success', () => reconciler.trouble === undefined);
    expect(weight('10.0.0.3')).toBe(0);
    expect(log.lines.filter((line) => line.startsWith('error: Cannot')).length).toBeLessThanOrEqual(1);
    expect(log.lines.at(-1)).toBe("The kernel's table is up to date again");
  });

  test('a kernel that cannot be read is tried again, as the start that it was', async () => {
    const { kernel, log, reconciler } = setUp();
    kernel.table = parseSave('-A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r 10.0.0.77:80 -g -w 1\n');
    kernel.broken = true;
    await reconciler.reconcile({ takeOver: true });
    expect(log.take()).toEqual(["error: Cannot bring the kernel's table up to date: ipvsadm is not in the mood"]);
    kernel.broken = false;
    await until('the foreign server is purged', () => !kernel.table.get(KEY)?.destinations.has('10.0.0.77:80'));
  });

  test('a foreign server that could not be purged is tried again', async () => {
    const { kernel, reconciler } = setUp();
    await reconciler.reconcile({ takeOver: true });
    const service = kernel.table.get(KEY);
    if (service === undefined) throw new Error('no service');
    const foreign = {
      address: '10.0.0.77',
      port: 80,
      forwarding: 'gate',
      weight: 1,
      lowerThreshold: 0,
      upperThreshold: 0,
    } as const;
    kernel.table = new Map([
      [KEY, { ...service, destinations: new Map(service.destinations).set('10.0.0.77:80', foreign) }],
    ]);
    kernel.refuse = /-d/;
    await reconciler.reconcile({ takeOver: true });
    expect(reconciler.trouble).toContain('-d -t 10.0.0.1:80 -r 10.0.0.77:80');
    kernel.refuse = /$^/;
    await reconciler.reconcile();
    expect(kernel.table.get(KEY)?.destinations.has('10.0.0.77:80')).toBe(false);
    expect(reconciler.trouble).toBeUndefined();
  });
});

describe('watch', () => {
  test('puts back what has vanished, and leaves alone what has not', async () => {
    const { kernel, log, reconciler } = setUp();
    await reconciler.reconcile({ takeOver: true });
    log.take();
    const { reads } = kernel;
    await reconciler.watch();
    expect(kernel.reads).toBe(reads);
    kernel.table = new Map();
    await reconciler.watch();
    expect([...(kernel.table.get(KEY)?.destinations.keys() ?? [])]).toEqual(['10.0.0.2:80', '10.0.0.3:80']);
    expect(log.take()[0]).toBe("warn: Something of ours has vanished from the kernel's table: putting it back");
  });

  test('a look during a change counts for nothing', async () => {
    const { kernel, log, reconciler } = setUp();
    await reconciler.reconcile({ takeOver: true });
    log.take();
    kernel.list = async () => {
      void reconciler.reconcile();
      return new Map();
    };
    await reconciler.watch();
    expect(log.lines).toEqual([]);
  });
});

describe('stop', () => {
  test('removes the named services after the edits under way, and nothing is changed after it', async () => {
    const { kernel, states, log, reconciler } = setUp();
    states['10.0.0.2'] = 'up';
    void reconciler.reconcile({ takeOver: true });
    await until('edits', () => kernel.table.size > 0);
    await reconciler.stop(new Set([KEY, 'tcp:10.9.9.9:80']));
    expect(kernel.table.size).toBe(0);
    expect(kernel.most).toBe(1);
    expect(log.take().slice(-2)).toEqual([
      'Purged real server (stop): 10.0.0.2:80 (10.0.0.1:80)',
      'Purged virtual server (stop): 10.0.0.1:80',
    ]);
    await reconciler.reconcile({ takeOver: true });
    await reconciler.watch();
    expect(kernel.table.size).toBe(0);
  });

  test('nothing to remove asks the kernel nothing', async () => {
    const { kernel, reconciler } = setUp();
    await reconciler.stop(new Set());
    expect(kernel.reads).toBe(0);
  });

  test('ends the tries', async () => {
    const { kernel, reconciler } = setUp();
    kernel.broken = true;
    await reconciler.reconcile({ takeOver: true });
    await expect(reconciler.stop(new Set([KEY]))).rejects.toThrow('not in the mood');
    const { reads } = kernel;
    const began = performance.now();
    await until('longer than the wait for a next try', () => performance.now() - began > 150);
    expect(kernel.reads).toBe(reads);
  });
});

describe('what a change costs', () => {
  /** Two changes, one after the other; how often the table was read for the second, and in how many batches it was made. */
  async function second(between: (kernel: SlowKernel) => void = () => {}): Promise<[number, number]> {
    const { kernel, reconciler, states } = setUp();
    await reconciler.reconcile({ takeOver: true });
    states['10.0.0.2'] = 'up';
    await reconciler.reconcile();
    const [reads, batches] = [kernel.reads, kernel.batches.length];
    between(kernel);
    states['10.0.0.3'] = 'up';
    await reconciler.reconcile();
    return [kernel.reads - reads, kernel.batches.length - batches];
  }

  test('one batch, of which a look at the listing tells that it took effect', async () => {
    expect(await second()).toEqual([0, 1]);
  });

  test('one reading where there is no listing, or where it does not show what was wanted', async () => {
    const blind = await second((kernel) => {
      (kernel as Kernel).list = async () => undefined;
    });
    // Nor does it tell then whether the table is as it was before.
    expect(blind).toEqual([2, 1]);
    const late = await second((kernel) => {
      const list = kernel.list.bind(kernel);
      const old = list();
      let looks = 0;
      kernel.list = async () => (looks++ < 2 ? old : list());
    });
    expect(late).toEqual([1, 1]);
  });

  test('thresholds, which no listing shows, are read', async () => {
    const kernel = new SlowKernel();
    let state: State = 'down';
    const config = configOf('quiescent = yes\nvirtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate 5 l:2 u:9\n');
    const reconciler = new Reconciler({
      kernel,
      log: () => new LogLines(),
      desired: () => desiredTable(config, () => state),
    });
    onTestFinished(() => reconciler.stop(new Set()));
    await reconciler.reconcile({ takeOver: true });
    const { reads } = kernel;
    state = 'up';
    await reconciler.reconcile();
    expect(kernel.reads - reads).toBe(1);
  });

  test('a refusal is read, also where the listing happens to be as wanted', async () => {
    const { kernel, reconciler, states } = setUp();
    await reconciler.reconcile({ takeOver: true });
    const { reads } = kernel;
    kernel.apply = async (edits) => {
      await MemoryKernel.prototype.apply.call(kernel, edits);
      return ['Memory allocation problem'];
    };
    states['10.0.0.2'] = 'up';
    await reconciler.reconcile();
    expect(kernel.reads - reads).toBe(1);
  });

  test('one reading more where the kernel has changed meanwhile', async () => {
    const changed = await second((kernel) => {
      const service = kernel.table.get(KEY) as Service;
      const destinations = new Map(service.destinations);
      destinations.set('10.0.0.9:80', { ...(destinations.get('10.0.0.2:80') as Destination), address: '10.0.0.9' });
      kernel.table = new Map([[KEY, { ...service, destinations }]]);
    });
    expect(changed).toEqual([1, 1]);
  });
});
