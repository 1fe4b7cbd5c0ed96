// (desired, actual, settled) -> edits: the rules one by one, on the kernel in memory.
import { describe, expect, test } from 'vitest';
import type { State } from '../../src/health/health.ts';
import { type Desired, desiredTable } from '../../src/ipvs/desired.ts';
import { editLine } from '../../src/ipvs/edit.ts';
import { hasVanished, NOTHING_SETTLED, plan, settle, tookEffect } from '../../src/ipvs/plan.ts';
import { listTable, parseSave } from '../../src/ipvs/save-format.ts';
import { serviceKey, type Table } from '../../src/ipvs/table.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { configOf } from '../config-of.ts';

type States = Readonly<Record<string, State>>;

/** A kernel in memory and what was settled with it, as the reconciler keeps them; `deaf` edits have no effect. */
class Bench {
  readonly kernel: MemoryKernel;
  settled: Desired = NOTHING_SETTLED;

  constructor(table = '') {
    this.kernel = new MemoryKernel(parseSave(table));
  }

  /** One pass; returns the lines that went to the kernel. */
  async pass(config: string, states: States, { takeOver = false, deaf = /$^/ } = {}): Promise<string[]> {
    const desired = desiredTable(configOf(config), (_, real) => states[real.address] ?? 'unknown');
    const edits = plan({ desired, actual: this.kernel.table, settled: this.settled, takeOver });
    const complaints = await this.kernel.apply(edits.filter((edit) => !deaf.test(editLine(edit))));
    expect(complaints).toEqual([]);
    const failed = edits.filter((edit) => !tookEffect(edit, this.kernel.table));
    this.settled = settle(desired, this.settled, failed, this.kernel.table);
    return edits.map(editLine);
  }

  /** By an administrator's hand. */
  hand(change: (table: string[]) => string[]): void {
    this.kernel.table = parseSave(change(save(this.kernel.table)).join('\n'));
  }

  get table(): string[] {
    return save(this.kernel.table);
  }
}

function save(table: Table): string[] {
  return [...table.values()].flatMap((service) => [
    editLine({ kind: 'add-service', service }),
    ...[...service.destinations.values()].map((destination) =>
      editLine({ kind: 'add-destination', service, destination, role: 'real' }),
    ),
  ]);
}

const A = '10.0.0.2';
const B = '10.0.0.3';
const WEB = 'virtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate 5\n\treal = 10.0.0.3 gate 6\n\tscheduler = wlc\n';
const QUIESCENT = `quiescent = yes\n${WEB}`;
const FALLBACK = `${QUIESCENT}\tfallback = 10.0.0.9\n`;
const SERVICE = '-A -t 10.0.0.1:80 -s wlc';
const a = (weight: number): string => `-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w ${weight}`;
const b = (weight: number): string => `-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w ${weight}`;
const del = (address: string): string => `-d -t 10.0.0.1:80 -r ${address}:80`;
const fallback = '-a -t 10.0.0.1:80 -r 10.0.0.9:80 -g -w 1';
const edit = (line: string): string => line.replace(/^-a/, '-e').replace(/^-A/, '-E');
const START = { takeOver: true };

describe('at start', () => {
  test.each<[string, string, string, States, string[]]>([
    ['an empty kernel, quiescent=no: servers wait for their check', '', WEB, {}, [SERVICE]],
    ['an empty kernel, quiescent=yes: servers are there at weight 0', '', QUIESCENT, {}, [SERVICE, a(0), b(0)]],
    [
      'an existing service with the same options is left as it is',
      `${SERVICE}\n${a(5)}\n${b(6)}`,
      WEB,
      { [A]: 'up', [B]: 'up' },
      [],
    ],
    ['options are enforced', `-A -t 10.0.0.1:80 -s rr -p 60`, WEB, {}, [edit(SERVICE)]],
    ['a weight is enforced', `${SERVICE}\n${a(9)}\n${b(6)}`, WEB, { [A]: 'up', [B]: 'up' }, [edit(a(5))]],
    [
      'a forwarding method is enforced',
      `${SERVICE}\n${a(5).replace('-g', '-i')}\n${b(6)}`,
      WEB,
      { [A]: 'up', [B]: 'up' },
      [edit(a(5))],
    ],
    ['at weight 0 it stays until its check', `${SERVICE}\n${a(0)}`, WEB, {}, []],
    [
      'foreign servers are purged',
      `${SERVICE}\n${a(5)}\n${a(5).replace(A, '10.0.0.77')}`,
      WEB,
      { [A]: 'up' },
      [del('10.0.0.77')],
    ],
    [
      'foreign services are not touched',
      '-A -t 10.0.0.5:80 -s rr\n-a -t 10.0.0.5:80 -r 10.0.0.77:80 -g -w 1',
      WEB,
      {},
      [SERVICE],
    ],
    ['the same address over UDP is somebody else', '-A -u 10.0.0.1:80 -s rr', WEB, {}, [SERVICE]],
    [
      'a local server is what was asked for',
      `${SERVICE}\n${a(5).replace('-g', '-l')}\n${b(6)}`,
      WEB,
      { [A]: 'up', [B]: 'up' },
      [],
    ],
  ])('%s', async (_, table, config, states, expected) => {
    expect(await new Bench(table).pass(config, states, START)).toEqual(expected);
  });
});

describe('transitions', () => {
  test.each<[string, string, States, States, string[]]>([
    ['quiescent=yes: first success', QUIESCENT, {}, { [A]: 'up' }, [edit(a(5))]],
    ['quiescent=no: first success', WEB, {}, { [A]: 'up' }, [a(5)]],
    ['quiescent=yes: down', QUIESCENT, { [A]: 'up', [B]: 'up' }, { [A]: 'down', [B]: 'up' }, [edit(a(0))]],
    ['quiescent=no: down', WEB, { [A]: 'up', [B]: 'up' }, { [A]: 'down', [B]: 'up' }, [del(A)]],
    ['down before the first success, quiescent=yes', QUIESCENT, {}, { [A]: 'down' }, []],
    [
      'one up, one down at once: up comes first',
      QUIESCENT,
      { [A]: 'up', [B]: 'down' },
      { [A]: 'down', [B]: 'up' },
      [edit(b(6)), edit(a(0))],
    ],
    ['the same, quiescent=no', WEB, { [A]: 'up', [B]: 'down' }, { [A]: 'down', [B]: 'up' }, [b(6), del(A)]],
    [
      'the last one down: the fallback comes first',
      FALLBACK,
      { [A]: 'up', [B]: 'down' },
      { [A]: 'down', [B]: 'down' },
      [fallback, edit(a(0))],
    ],
    [
      'the first one up: the fallback goes last',
      FALLBACK,
      { [A]: 'down', [B]: 'down' },
      { [A]: 'up', [B]: 'down' },
      [edit(a(5)), del('10.0.0.9')],
    ],
    ['nothing new', QUIESCENT, { [A]: 'up' }, { [A]: 'up' }, []],
  ])('%s', async (_, config, before, after, expected) => {
    const bench = new Bench();
    await bench.pass(config, before, START);
    expect(await bench.pass(config, after)).toEqual(expected);
    expect(await bench.pass(config, after)).toEqual([]);
  });
});

describe("an administrator's hand", () => {
  const up: States = { [A]: 'up', [B]: 'up' };
  const down: States = { [A]: 'down', [B]: 'up' };
  const lowered = (table: string[]): string[] => table.map((line) => (line === a(5) ? a(0) : line));
  const without =
    (gone: string) =>
    (table: string[]): string[] =>
      table.filter((line) => line !== gone);
  const started = async (config: string, states: States): Promise<Bench> => {
    const bench = new Bench();
    await bench.pass(config, states, START);
    return bench;
  };

  test('a lowered weight stays until the next transition', async () => {
    const bench = await started(QUIESCENT, up);
    bench.hand(lowered);
    expect(await bench.pass(QUIESCENT, up)).toEqual([]);
    expect(await bench.pass(QUIESCENT, { ...up, [B]: 'down' })).toEqual([edit(b(0))]);
    expect(await bench.pass(QUIESCENT, down)).toEqual([edit(b(6))]);
    expect(await bench.pass(QUIESCENT, up)).toEqual([edit(a(5))]);
  });

  test('a lowered weight stays over a reload too, unless the reload changes it', async () => {
    const bench = await started(QUIESCENT, up);
    bench.hand(lowered);
    expect(await bench.pass(QUIESCENT, up, START)).toEqual([]);
    expect(await bench.pass(QUIESCENT.replace('gate 5', 'gate 4'), up, START)).toEqual([edit(a(4))]);
  });

  test('changed options stay until a reload', async () => {
    const bench = await started(QUIESCENT, up);
    bench.hand((table) => table.map((line) => (line === SERVICE ? '-A -t 10.0.0.1:80 -s rr' : line)));
    expect(await bench.pass(QUIESCENT, up)).toEqual([]);
    expect(await bench.pass(QUIESCENT, up, START)).toEqual([edit(SERVICE)]);
  });

  test.each<[string, string, States, string, string[]]>([
    ['a server that serves is put back', QUIESCENT, up, a(5), [a(5)]],
    ['a quiesced server is not', QUIESCENT, down, a(0), []],
    ['with readdquiescent it is', `readdquiescent = yes\n${QUIESCENT}`, down, a(0), [a(0)]],
    ['a fallback is put back', FALLBACK, { [A]: 'down', [B]: 'down' }, fallback, [fallback]],
  ])('deleted: %s', async (_, config, states, gone, expected) => {
    const bench = await started(config, states);
    bench.hand(without(gone));
    expect(hasVanished(bench.settled, listTable(bench.kernel.table))).toBe(expected.length > 0);
    expect(await bench.pass(config, states)).toEqual(expected);
  });

  test('a quiesced server deleted by hand comes back at its next success', async () => {
    const bench = await started(QUIESCENT, down);
    bench.hand(without(a(0)));
    await bench.pass(QUIESCENT, down);
    expect(await bench.pass(QUIESCENT, up)).toEqual([a(5)]);
  });

  test.each<[string, (table: string[]) => string[]]>([
    ['a deleted service', (table) => table.filter((line) => !line.includes('10.0.0.1:80'))],
    ['a flushed table', () => []],
  ])('%s is put back whole, quiesced servers too', async (_, change) => {
    const bench = await started(QUIESCENT, down);
    bench.hand(change);
    expect(hasVanished(bench.settled, listTable(bench.kernel.table))).toBe(true);
    expect(await bench.pass(QUIESCENT, down)).toEqual([SERVICE, a(0), b(6)]);
    expect(hasVanished(bench.settled, listTable(bench.kernel.table))).toBe(false);
  });

  test('an added server is only purged by a reload', async () => {
    const bench = await started(QUIESCENT, up);
    const foreign = a(1).replace(A, '10.0.0.77');
    bench.hand((table) => [...table, foreign]);
    expect(await bench.pass(QUIESCENT, down)).toEqual([edit(a(0))]);
    expect(await bench.pass(QUIESCENT, down, START)).toEqual([del('10.0.0.77')]);
  });
});

describe('reload', () => {
  const up: States = { [A]: 'up', [B]: 'up' };
  test.each<[string, string, string[]]>([
    ['a server that is gone from the file', WEB.replace(/\treal = 10.0.0.3.*\n/, ''), [del(B)]],
    [
      'a service that is gone from the file',
      'virtual = 10.0.0.5:80\n',
      ['-A -t 10.0.0.5:80 -s wrr', '-D -t 10.0.0.1:80'],
    ],
    ['another scheduler', WEB.replace('wlc', 'rr'), ['-E -t 10.0.0.1:80 -s rr']],
    ['another weight', WEB.replace('gate 5', 'gate 7'), [edit(a(7))]],
    ['another forwarding method', WEB.replace('gate 5', 'ipip 5'), [edit(a(5).replace('-g', '-i'))]],
    ['thresholds', WEB.replace('gate 5', 'gate 5 l:2 u:4'), [edit(`${a(5)} -x 4 -y 2`)]],
    ['quiescent changes nothing for servers that are up', `quiescent = yes\n${WEB}`, []],
    ['nothing', WEB, []],
  ])('%s', async (_, next, expected) => {
    const bench = new Bench('-A -t 10.9.9.9:80 -s rr');
    await bench.pass(WEB, up, START);
    expect(await bench.pass(next, up, START)).toEqual(expected);
    expect(await bench.pass(next, up)).toEqual([]);
    expect(bench.table).toContain('-A -t 10.9.9.9:80 -s rr');
  });
});

describe('what the kernel refuses is tried again', () => {
  const up: States = { [A]: 'up', [B]: 'up' };
  test.each<[string, string, States, RegExp, string]>([
    ['an added service', `${WEB}virtual = 10.0.0.5:80\n`, up, /^-A/, '-A -t 10.0.0.5:80 -s wrr'],
    ['an edited service', WEB.replace('wlc', 'rr'), up, /^-E/, '-E -t 10.0.0.1:80 -s rr'],
    ['a deleted service', 'virtual = 10.0.0.5:80\n', up, /^-D/, '-D -t 10.0.0.1:80'],
    [
      'an added server',
      `${WEB}\treal = 10.0.0.4 gate\n`,
      { ...up, '10.0.0.4': 'up' },
      /^-a/,
      a(1).replace(A, '10.0.0.4'),
    ],
    ['an edited server', WEB.replace('gate 5', 'gate 7'), up, /^-e/, edit(a(7))],
    ['a quiesced server', `quiescent = yes\n${WEB}`, { [A]: 'down', [B]: 'up' }, /^-e/, edit(a(0))],
    ['a deleted server', WEB, { [A]: 'down', [B]: 'up' }, /^-d/, del(A)],
  ])('%s', async (_, config, states, deaf, line) => {
    const bench = new Bench();
    await bench.pass(WEB, up, START);
    expect(await bench.pass(config, states, { ...START, deaf })).toContain(line);
    expect(await bench.pass(config, states, { deaf })).toEqual([line]);
    expect(await bench.pass(config, states)).toEqual([line]);
    expect(await bench.pass(config, states)).toEqual([]);
  });
});

test('services are recognised by what identifies them', () => {
  const config =
    'virtual = 10.0.0.1:80\nvirtual = 10.0.0.1:80\n\tprotocol = udp\nvirtual = 7\nvirtual6 = 7\nvirtual6 = [fd00::1]:80\n';
  const keys = configOf(config).virtuals.map(serviceKey);
  expect(new Set(keys).size).toBe(5);
});
