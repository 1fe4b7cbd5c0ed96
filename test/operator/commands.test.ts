// What the operator may order, of whom, and what he is told.
import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/model.ts';
import type { HeldDown } from '../../src/ipvs/desired.ts';
import type { Member } from '../../src/observer.ts';
import { carryOut, membersNamed, type OperatorParts, type OrderRequest } from '../../src/operator/commands.ts';
import { Overrides } from '../../src/operator/overrides.ts';
import { configOf } from '../config-of.ts';
import { LogLines } from '../log-lines.ts';
import { keyOf } from './members.ts';

const HTTP = '\tservice = http\n\treceive = "x"\n';
const CONFIG = configOf(
  [
    `virtual = 10.0.0.1:80\n\tservicename = shop\n${HTTP}\treal = 10.0.0.2:80 masq\n\treal = 10.0.0.2:81 masq\n\treal = 10.0.0.3:80 gate\n`,
    'virtual = 10.0.0.1:53\n\tprotocol = udp\n\tchecktype = on\n\treal = 10.0.0.2:53 masq\n',
    'virtual = 10.0.0.1:53\n\tprotocol = tcp\n\tchecktype = on\n\treal = 10.0.0.2:53 masq\n',
    `virtual = 7\n${HTTP}\treal = 10.0.0.3:80 gate\n`,
    `virtual6 = [fd00::1]:80\n${HTTP}\treal6 = [fd00::2]:80 masq\n`,
  ].join(''),
);

function operator(more: Partial<OperatorParts> & { config?: () => Config } = {}) {
  const overrides = new Overrides();
  const log = new LogLines();
  const rechecked: Member[] = [];
  let changes = 0;
  const parts: OperatorParts = {
    config: () => CONFIG,
    overrides,
    unkept: async () => undefined,
    heldDown: overrides.holdsDown,
    holdsChanged: async () => {
      changes++;
    },
    recheck: (members) => void rechecked.push(...members),
    forgive: () => false,
    trouble: () => undefined,
    log: () => log,
    now: () => 42,
    ...more,
  };
  const order = async (op: string, virtual?: unknown, real?: unknown, weight?: unknown): Promise<string[]> => {
    const request = { op, virtual, real, weight } as OrderRequest;
    return (await carryOut(request, parts, 'over HTTP from 192.0.2.7')).map(
      (each) => `${each.real} (${each.virtual}) ${each.done}`,
    );
  };
  return { order, overrides, log, rechecked, changes: () => changes };
}

describe('who is meant', () => {
  test.each<[string, string, string[]]>([
    ['10.0.0.1:80', '10.0.0.2:80', ['tcp:10.0.0.1:80 10.0.0.2:80']],
    ['tcp:10.0.0.1:80', '10.0.0.3:80', ['tcp:10.0.0.1:80 10.0.0.3:80']],
    ['shop', '10.0.0.2', ['tcp:10.0.0.1:80 10.0.0.2:80', 'tcp:10.0.0.1:80 10.0.0.2:81']],
    ['shop', 'all', ['tcp:10.0.0.1:80 10.0.0.2:80', 'tcp:10.0.0.1:80 10.0.0.2:81', 'tcp:10.0.0.1:80 10.0.0.3:80']],
    ['udp:10.0.0.1:53', 'all', ['udp:10.0.0.1:53 10.0.0.2:53']],
    ['7', '10.0.0.3', ['fwm:7 10.0.0.3:80']],
    ['fwm:7', '10.0.0.3:80', ['fwm:7 10.0.0.3:80']],
    ['[fd00::1]:80', '[fd00::2]:80', ['tcp:[fd00::1]:80 [fd00::2]:80']],
    ['[fd00::1]:80', 'fd00::2', ['tcp:[fd00::1]:80 [fd00::2]:80']],
    ['all', '10.0.0.3', ['tcp:10.0.0.1:80 10.0.0.3:80', 'fwm:7 10.0.0.3:80']],
  ])('%s %s', (virtual, real, keys) => {
    expect(membersNamed(CONFIG, { virtual, real }).map(keyOf)).toEqual(keys);
  });

  const MARKS = configOf(
    [
      `virtual = 6\n\tservicename = mail\n${HTTP}\treal = 10.0.0.2:80 gate\n`,
      `virtual6 = 6\n\tservicename = mail\n${HTTP}\treal6 = [fd00::2]:80 gate\n`,
      `virtual6 = 8\n${HTTP}\treal6 = [fd00::3]:80 gate\n`,
      `virtual = 10.0.0.1:25\n${HTTP}\treal = 10.0.0.4:25 gate\n`,
    ].join(''),
  );

  test.each<[string, string[]]>([
    ['fwm:6', ['fwm:6 10.0.0.2:80']],
    ['fwm6:6', ['fwm6:6 [fd00::2]:80']],
    ['fwm6:8', ['fwm6:8 [fd00::3]:80']],
    ['fwm:8', ['fwm6:8 [fd00::3]:80']],
    ['8', ['fwm6:8 [fd00::3]:80']],
    ['10.0.0.1', ['tcp:10.0.0.1:25 10.0.0.4:25']],
  ])('the key of %s is the name of one', (virtual, keys) => {
    expect(membersNamed(MARKS, { virtual, real: 'all' }).map(keyOf)).toEqual(keys);
  });

  test.each(['6', 'mail'])('%s is two: their keys are told', (virtual) => {
    expect(() => membersNamed(MARKS, { virtual, real: 'all' })).toThrow(
      `several virtual services are called "${virtual}": say which of fwm:6, fwm6:6`,
    );
  });

  test('no more than ten names are told', () => {
    const text = Array.from(
      { length: 12 },
      (_, index) => `virtual = 10.0.0.1:${100 + index}\n${HTTP}\treal = 10.0.0.2:80 masq\n`,
    );
    const names = Array.from({ length: 10 }, (_, index) => `10.0.0.1:${100 + index}`).join(', ');
    const many = configOf(text.join(''));
    expect(() => membersNamed(many, { virtual: 'x', real: 'all' })).toThrow(`; there is ${names}, and 2 more`);
    expect(() => membersNamed(many, { virtual: '10.0.0.1', real: 'all' })).toThrow(/say which of tcp:.*, and 2 more$/);
  });

  test.each<[unknown, unknown, string]>([
    [
      '10.0.0.9:80',
      'all',
      'there is no virtual service "10.0.0.9:80"; there is 10.0.0.1:80, 10.0.0.1:53, 7, [fd00::1]:80',
    ],
    [
      '10.0.0.1:53',
      'all',
      'several virtual services are called "10.0.0.1:53": say which of udp:10.0.0.1:53, tcp:10.0.0.1:53',
    ],
    ['7', '10.0.0.9', 'there is no real server "10.0.0.9" in 7; there is 10.0.0.3:80'],
    [
      'all',
      '10.0.0.9',
      'there is no real server "10.0.0.9" in any virtual service; there is 10.0.0.2:80, 10.0.0.2:81, 10.0.0.3:80, 10.0.0.2:53, [fd00::2]:80',
    ],
    [undefined, 'all', 'it is not said which virtual service is meant; "all" is all of them'],
    ['all', undefined, 'it is not said which real server is meant; "all" is all of them'],
    [{}, ['all'], 'it is not said which virtual service is meant; "all" is all of them'],
    ['\x1b[2J', 'all', 'there is no virtual service "\\x1b[2J"; there is'],
    ['x'.repeat(4_000), 'all', `there is no virtual service "${'x'.repeat(100)}…"`],
  ])('%j %j is a mistake', (virtual, real, message) => {
    expect(() => membersNamed(CONFIG, { virtual, real })).toThrow(message);
  });
});

describe('orders', () => {
  test('given, told, undone', async () => {
    const { order, overrides, log, changes } = operator();
    expect(await order('drain', '7', 'all')).toEqual(['10.0.0.3:80 (7) is drained']);
    expect(await order('drain', '7', 'all')).toEqual(['10.0.0.3:80 (7) is drained already']);
    expect([...overrides.all]).toEqual([['fwm:7 10.0.0.3:80', { kind: 'drain', at: 42 }]]);
    expect(await order('disable', '7', 'all')).toEqual(['10.0.0.3:80 (7) is disabled']);
    expect(await order('weight', '7', 'all', 5)).toEqual(['10.0.0.3:80 (7) has weight 5']);
    expect(await order('weight', '7', 'all', 0)).toEqual(['10.0.0.3:80 (7) has weight 0']);
    expect(await order('enable', '7', 'all')).toEqual(['10.0.0.3:80 (7) is enabled: its checks decide again']);
    expect(await order('enable', '7', 'all')).toEqual(['10.0.0.3:80 (7) had no order']);
    expect(overrides.all.size).toBe(0);
    expect(changes()).toBe(7);
    expect(log.lines).toEqual([
      'Real server 10.0.0.3:80 (7) is drained, ordered by the operator over HTTP from 192.0.2.7',
      'Real server 10.0.0.3:80 (7) is disabled, ordered by the operator over HTTP from 192.0.2.7',
      'Real server 10.0.0.3:80 (7) has weight 5, ordered by the operator over HTTP from 192.0.2.7',
      'Real server 10.0.0.3:80 (7) has weight 0, ordered by the operator over HTTP from 192.0.2.7',
      'Real server 10.0.0.3:80 (7) is given back by the operator, over HTTP from 192.0.2.7: its checks decide again',
    ]);
  });

  test('enable forgives a server that flaps, and has it checked', async () => {
    const { order, rechecked, log } = operator({ forgive: ({ real }) => real.address === '10.0.0.2' });
    const forgiven = 'is enabled: that it flapped is forgotten, and it is being checked';
    expect(await order('enable', 'shop', 'all')).toEqual([
      `10.0.0.2:80 (10.0.0.1:80) ${forgiven}`,
      `10.0.0.2:81 (10.0.0.1:80) ${forgiven}`,
      '10.0.0.3:80 (10.0.0.1:80) had no order',
    ]);
    expect(rechecked.map(({ real }) => real.port)).toEqual([80, 81]);
    expect(log.lines).toHaveLength(2);
  });

  test('enabled, but in maintenance', async () => {
    const heldDown: HeldDown = () => 'maintenance: file 10.0.0.3';
    const { order } = operator({ heldDown });
    await order('drain', '7', 'all');
    const still = 'out of service still, maintenance: file 10.0.0.3';
    expect(await order('enable', '7', 'all')).toEqual([`10.0.0.3:80 (7) is enabled: ${still}`]);
    expect(await order('enable', '7', 'all')).toEqual([`10.0.0.3:80 (7) had no order; ${still}`]);
  });

  test.each([[undefined], [-1], [1.5], ['5'], [65_536], [Number.NaN], [null]])('weight %j is none', async (weight) => {
    const { order, overrides } = operator();
    await expect(order('weight', 'all', 'all', weight)).rejects.toThrow('a weight is a whole number from 0 to 65535');
    expect(overrides.all.size).toBe(0);
  });

  test.each([['shutdown'], ['toString'], [undefined], ['Drain']])('%j is no order', async (op) => {
    const { order, overrides } = operator();
    await expect(order(op as string, 'all', 'all')).rejects.toThrow(`there is no order "${op}"`);
    expect(overrides.all.size).toBe(0);
  });

  test.each([['drain'], ['disable'], ['enable'], ['weight']])(
    '%s for nobody in particular does nothing',
    async (op) => {
      const { order, changes } = operator();
      await expect(order(op, undefined, undefined, 1)).rejects.toThrow('it is not said which virtual service is meant');
      await expect(order(op, 'shop', undefined, 1)).rejects.toThrow('it is not said which real server is meant');
      expect(changes()).toBe(0);
    },
  );

  test('the kernel does not take it: told, and ordered all the same', async () => {
    const { order, overrides } = operator({ trouble: () => 'ipvsadm is missing' });
    await expect(order('drain', '7', 'all')).rejects.toMatchObject({
      message: "it is ordered, but the kernel's table is not as it should be: ipvsadm is missing",
      exitCode: 1,
    });
    expect(overrides.all.size).toBe(1);
  });

  test('it cannot be kept: told', async () => {
    const { order } = operator({ unkept: async () => 'the disk is full' });
    expect(await order('drain', '7', 'all')).toEqual([
      '10.0.0.3:80 (7) is drained, until this daemon ends: the disk is full',
    ]);
  });
});

test('recheck: everybody, or who is named; nobody pretends to check what is never checked', async () => {
  const { order, rechecked, changes } = operator();
  const told = await order('recheck');
  expect(rechecked).toHaveLength(7);
  expect(told.filter((line) => line.endsWith('is being checked'))).toHaveLength(5);
  expect(told.filter((line) => line.endsWith('has checktype = on'))).toHaveLength(2);
  expect(await order('recheck', 'shop', '10.0.0.3')).toEqual(['10.0.0.3:80 (10.0.0.1:80) is being checked']);
  expect(changes()).toBe(0);
});
