// What a start would change in a table, and why; and that it is what a start does.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Daemon } from '../../src/daemon.ts';
import { outlook } from '../../src/ipvs/outlook.ts';
import { formatList, parseSave } from '../../src/ipvs/save-format.ts';
import { EMPTY_TABLE, type Table } from '../../src/ipvs/table.ts';
import type { Logger } from '../../src/log.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { configOf } from '../config-of.ts';

const BLOCK = 'virtual = 10.0.0.1:80\n';
const SERVICE = '-A -t 10.0.0.1:80 -s wrr\n';
const server = (rest: string): string => `-a -t 10.0.0.1:80 -r ${rest}\n`;

function steps(text: string, table: string): string[] {
  const { steps, later } = outlook(configOf(text), parseSave(table));
  return [...steps.map(({ command, reason }) => `${command} # ${reason}`), ...later.map((name) => `later ${name}`)];
}

describe('reasons', () => {
  test.each<[string, string, string, string[]]>([
    ['nothing in the file, something in the kernel', 'checkinterval = 5\n', SERVICE, []],
    [
      'a new service, its server not checked yet',
      `${BLOCK}\treal = 10.0.0.2 gate 5\n`,
      '',
      ['ipvsadm -A -t 10.0.0.1:80 -s wrr # new: line 1', 'later 10.0.0.2:80 (10.0.0.1:80)'],
    ],
    [
      'the same with quiescent=yes',
      `${BLOCK}\tquiescent = yes\n\treal = 10.0.0.2 gate 5\n`,
      '',
      [
        'ipvsadm -A -t 10.0.0.1:80 -s wrr # new: line 1',
        'ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 0 # new: line 3; not checked yet: gets traffic after its first good check',
      ],
    ],
    [
      'a server that is always up',
      `${BLOCK}\tchecktype = on\n\treal = 10.0.0.2 gate 5\n`,
      SERVICE,
      ['ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 5 # new: line 3; checktype = on, or service = none: always up'],
    ],
    ['a server in service is adopted', `${BLOCK}\treal = 10.0.0.2 gate\n`, SERVICE + server('10.0.0.2:80 -g -w 1'), []],
    [
      'its weight and way differ',
      `${BLOCK}\treal = 10.0.0.2 gate 1\n`,
      SERVICE + server('10.0.0.2:80 -m -w 5'),
      ['ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1 # weight 5 -> 1, forwarding masq -> gate: line 2'],
    ],
    [
      'a server out of service stays out until it is checked',
      `${BLOCK}\treal = 10.0.0.2 gate 1\n`,
      SERVICE + server('10.0.0.2:80 -g -w 0'),
      [],
    ],
    [
      'a server switched off',
      `${BLOCK}\tchecktype = off\n\treal = 10.0.0.2 gate 1\n`,
      SERVICE + server('10.0.0.2:80 -g -w 1'),
      ['ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.2:80 # checktype = off: line 3'],
    ],
    [
      'a server that is no longer named',
      BLOCK,
      SERVICE + server('10.0.0.2:80 -g -w 1'),
      ['ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.2:80 # not in the configuration any more'],
    ],
    [
      'the fallback of a service without servers',
      `fallback = 10.0.0.9\n${BLOCK}`,
      SERVICE,
      ['ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.9:80 -g -w 1 # there is no real server'],
    ],
    [
      'the fallback while nothing is known',
      `fallback = 10.0.0.9\n${BLOCK}\treal = 10.0.0.2 gate\n`,
      SERVICE + server('10.0.0.9:80 -g -w 1'),
      [
        'ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.9:80 # the fallback: it comes back when all real servers are known to be down',
        'later 10.0.0.2:80 (10.0.0.1:80)',
      ],
    ],
    [
      'options of the service',
      `${BLOCK}\tscheduler = sh\n\tschedflags = sh-port\n\tpersistent = 60\n\tnetmask = 255.255.255.0\n`,
      SERVICE,
      [
        'ipvsadm -E -t 10.0.0.1:80 -s sh -p 60 -M 255.255.255.0 -b flag-2 # scheduler wrr -> sh, flags none -> sh-port, persistence off -> 60 s by 255.255.255.0',
      ],
    ],
    ['somebody else’s service', 'virtual = 5\n', `-A -f 5 -s wrr\n${SERVICE}`, []],
  ])('%s', (_, text, table, expected) => {
    expect(steps(text, table)).toEqual(expected);
  });
});

test('a server in maintenance', () => {
  const table = parseSave(SERVICE + server('10.0.0.2:80 -g -w 1') + server('10.0.0.3:80 -g -w 1'));
  const plan = (quiescent: string) =>
    outlook(
      configOf(`${BLOCK}\tquiescent = ${quiescent}\n\treal = 10.0.0.2->10.0.0.3 gate\n`),
      table,
      (_, { address }) => (address === '10.0.0.2' ? 'maintenance' : undefined),
    ).steps.map(({ command, reason }) => `${command} # ${reason}`);
  expect(plan('yes')).toEqual(['ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 0 # weight 1 -> 0: maintenance']);
  expect(plan('no')).toEqual(['ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.2:80 # maintenance']);
});

test('services that a daemon which was killed has left: those that nobody configures any more are removed, others stay', () => {
  const table = parseSave(
    `${SERVICE}-A -t 10.0.0.1:81 -s wrr\n-a -t 10.0.0.1:81 -r 10.0.0.2:81 -g -w 1\n-A -f 7 -s rr\n`,
  );
  const own = new Set(['tcp:10.0.0.1:80', 'tcp:10.0.0.1:81', 'tcp:10.0.0.1:82']);
  const { steps } = outlook(configOf(BLOCK), table, undefined, undefined, own);
  expect(steps.map(({ command, reason }) => `${command} # ${reason}`)).toEqual([
    'ipvsadm -D -t 10.0.0.1:81 # not in the configuration any more',
  ]);
});

const silent: Logger = {
  verbose: false,
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  close: () => {},
};

/** The table after a start, before any check has come back. */
async function afterStart(text: string, table: Table): Promise<Table> {
  const kernel = new MemoryKernel(table);
  const never = () => new Promise<never>(() => {});
  const services = { resolve: never, command: never, ping: never };
  const daemon = new Daemon(configOf(text), { kernel, log: silent, services });
  await daemon.start();
  const { table: after } = kernel;
  await daemon.stop();
  return after;
}

test('it is what a start does', async () => {
  const real = fc
    .tuple(fc.constantFrom('10.0.0.2', '10.0.0.3', '10.0.0.4'), fc.constantFrom('gate', 'masq'), fc.nat(3))
    .map((words) => `\treal = ${words.join(' ')}\n`);
  const text = fc
    .tuple(
      fc.constantFrom('', '\tscheduler = wlc\n', '\tpersistent = 60\n'),
      fc.constantFrom('', '\tquiescent = yes\n'),
      fc.constantFrom('\tchecktype = ping\n', '\tchecktype = on\n', '\tchecktype = off\n'),
      fc.array(real, { maxLength: 3 }),
    )
    .map((parts) => `fallback = 10.0.0.9\n${BLOCK}${parts.flat().join('')}`);
  const table = fc
    .uniqueArray(fc.tuple(fc.constantFrom(2, 3, 4, 5, 9), fc.constantFrom('-g', '-m'), fc.nat(3)), {
      selector: ([last]) => last,
    })
    .map((rows) =>
      parseSave(SERVICE + rows.map(([last, way, w]) => server(`10.0.0.${last}:80 ${way} -w ${w}`)).join('')),
    );
  await fc.assert(
    fc.asyncProperty(text, fc.oneof(fc.constant(EMPTY_TABLE), table), async (config, before) => {
      const kernel = new MemoryKernel(before);
      const { steps } = outlook(configOf(config), before);
      expect(await kernel.apply(steps.map(({ edit }) => edit))).toEqual([]);
      expect(steps.filter(({ reason }) => reason === '')).toEqual([]);
      expect(formatList(kernel.table)).toBe(formatList(await afterStart(config, before)));
      expect(outlook(configOf(config), kernel.table).steps).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
