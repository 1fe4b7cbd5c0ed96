// The configurations that Debian's ldirectord and tsdirectord are both run with, what happens to each while it runs, and
// where the two are meant to differ. configs/NAME.cf is the configuration, configs/NAME.table what ldirectord makes of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  becomes,
  byHup,
  byReload,
  CALLBACK,
  callbackCalls,
  inPlace,
  lastMonitorLines,
  MAINTENANCE_DIRECTORY,
  maintenance,
  withoutMaintenance,
} from './compare-steps.ts';
import type { Behaviour } from './lab/agent.ts';
import type { Director } from './lab/director.ts';

/** Something that happens after the start, and after which the tables are compared again. */
export interface Step {
  readonly name: string;
  /** Done to both directors. */
  readonly each?: (director: Director) => Promise<unknown>;
  /** Done to real servers, `address:port` to behaviour. */
  readonly reals?: Readonly<Record<string, Behaviour>>;
}

/** One configuration. */
export interface Case {
  readonly name: string;
  /** In the table before the start, as `ipvsadm -R` reads it. */
  readonly before?: readonly string[];
  /** Files put on the director's machine; scripts are made executable. */
  readonly files?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
  /** Also compared, after each step. */
  readonly also?: (director: Director) => Promise<string[]>;
}

const restart: Step = { name: 'restart', each: (director) => director.must('restart') };
const stop: Step = { name: 'stop', each: (director) => director.must('stop') };

const fall = (at: string, behaviour: Behaviour = 'error'): Step => ({ name: 'fall', reals: { [at]: behaviour } });
const rise = (at: string): Step => ({ name: 'rise', reals: { [at]: 'ok' } });

const thresholds = async (director: Director): Promise<string[]> =>
  (await director.machine.must(['ipvsadm', '-Ln', '--thresholds', '-t', '10.8.8.46:80']))
    .split('\n')
    .filter((line) => /-> [\d.]+:/.test(line))
    .map((line) => line.trim().split(/\s+/).slice(0, 4).join(' '))
    .sort();

/** How fallbackcommand was last called for each virtual: at the start ldirectord goes to and fro. */
const lastFallbackCalls = async ({ machine }: Director): Promise<string[]> => {
  const calls = machine.read('/run/fallback.calls').trim().split('\n');
  return [...new Map(calls.map((call) => [call.replace(/^\w+ /, ''), call])).values()].sort();
};

export const CASES: readonly Case[] = [
  { name: 'article', steps: [stop] },
  { name: 'quiescent-yes', steps: readd('10.8.8.78:80') },
  { name: 'quiescent-no' },
  { name: 'quiescent-default' },
  { name: 'readdquiescent', steps: readd('10.8.8.77:80') },
  {
    name: 'fall-and-rise',
    steps: [
      { name: 'fall', reals: { '10.8.8.71:80': 'error', '10.8.8.79:80': 'reset' } },
      { name: 'rise', reals: { '10.8.8.71:80': 'ok', '10.8.8.79:80': 'ok' } },
    ],
  },
  { name: 'fallback-global' },
  { name: 'fallback-global-port' },
  {
    name: 'fallback-command',
    files: { '/run/fallback': '#!/bin/sh\necho "$@" >>/run/fallback.calls\n' },
    steps: [fall('10.8.8.72:80'), rise('10.8.8.72:80'), stop],
    also: lastFallbackCalls,
  },
  { name: 'services' },
  { name: 'servers', also: thresholds, steps: [fall('10.8.8.75:80'), rise('10.8.8.75:80')] },
  {
    name: 'forwarding',
    steps: [
      { name: 'fall', reals: { '10.8.8.73:80': 'refused', '10.8.8.74:80': 'error' } },
      { name: 'rise', reals: { '10.8.8.73:80': 'ok', '10.8.8.74:80': 'ok' } },
    ],
  },
  { name: 'firewall-marks', steps: [stop] },
  { name: 'ipv6' },
  {
    name: 'checks',
    files: { '/run/check': '#!/bin/sh\necho "$@" >>/run/check.calls\ntest "$3" = 10.8.8.50\n' },
    also: async ({ machine }) => [...new Set(machine.read('/run/check.calls').trim().split('\n'))].sort(),
  },
  { name: 'shared-reals', steps: [fall('10.8.8.76:80', 'reset'), rise('10.8.8.76:80')] },
  {
    name: 'adoption',
    before: [
      '-A -t 10.8.8.45:80 -s rr',
      '-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 9',
      '-a -t 10.8.8.45:80 -r 10.8.8.49:80 -g -w 0',
      '-a -t 10.8.8.45:80 -r 10.8.8.51:80 -g -w 4',
      '-a -t 10.8.8.45:80 -r 10.8.8.61:80 -g -w 5',
      '-a -t 10.8.8.45:80 -r 10.8.8.99:80 -g -w 1',
      '-a -t 10.8.8.45:80 -r 10.8.8.98:80 -g -w 0',
      '-A -t 10.8.8.46:80 -s sh',
      '-a -t 10.8.8.46:80 -r 10.8.8.99:80 -m -w 1',
    ],
  },
  {
    name: 'adoption-quiescent-no',
    before: [
      '-A -t 10.8.8.45:80 -s rr -p 10',
      '-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 0',
      '-a -t 10.8.8.45:80 -r 10.8.8.61:80 -g -w 5',
      '-a -t 10.8.8.45:80 -r 10.8.8.99:80 -g -w 1',
    ],
  },
  { name: 'cleanstop-no', steps: [restart, stop] },
  { name: 'cleanstop-yes', steps: [stop] },
  {
    name: 'reload',
    steps: [
      {
        name: 'reload',
        each: async (director) => {
          director.configure(
            readFileSync(join(process.env.LAB_ROOT ?? '', 'test/kernel/configs/reload-after.cf'), 'utf8'),
          );
          await director.must('reload');
        },
      },
      {
        name: 'reload of a broken file',
        each: async (director) => {
          director.configure('virtual = nowhere\n');
          await director.call('reload');
        },
      },
    ],
  },
  { name: 'names' },
  {
    name: 'maintenance',
    files: MAINTENANCE_DIRECTORY,
    steps: [
      maintenance('by address and port', ['10.8.8.48:80', '[fd00:8:8::48]:80']),
      maintenance('by address', ['10.8.8.49', '10.8.8.51', '[fd00:8:8::49]']),
      maintenance('by name', ['real50']),
      restart,
      maintenance('some out', [], ['10.8.8.48:80', '[fd00:8:8::48]:80']),
      maintenance('all out', [], ['10.8.8.49', '10.8.8.51', '[fd00:8:8::49]', 'real50']),
    ],
  },
  {
    name: 'maintenance-quiescent-no',
    files: MAINTENANCE_DIRECTORY,
    steps: [
      maintenance('by host name', ['real50.lab.example', 'real51.lab.example:81', '10.8.8.80:81', '10.8.8.8']),
      maintenance('by short name and port', ['real51:80']),
      { ...maintenance('fall in maintenance', ['10.8.8.80']), reals: { '10.8.8.80:80': 'error' } },
      maintenance('out while down', [], ['10.8.8.80', 'real50.lab.example']),
      rise('10.8.8.80:80'),
      maintenance('in capitals', ['REAL50']),
      withoutMaintenance('the directory gone'),
    ],
  },
  {
    name: 'autoreload',
    files: CALLBACK,
    also: callbackCalls,
    steps: [
      inPlace('weight'),
      inPlace('servers added'),
      inPlace('server removed'),
      inPlace('virtual added'),
      inPlace('virtual removed'),
      inPlace('scheduler'),
      inPlace('broken'),
      inPlace('repaired'),
      becomes('empty', ''),
    ],
  },
  {
    name: 'autoreload-no',
    files: CALLBACK,
    also: callbackCalls,
    steps: [inPlace('weight'), byReload('servers added')],
  },
  {
    name: 'reload-steps',
    steps: [
      byReload('weight'),
      byReload('servers added'),
      byReload('server removed'),
      byReload('virtual added'),
      byReload('virtual removed'),
      byReload('scheduler'),
      byReload('forwarding'),
      byReload('quiescent = no'),
      byReload('all fail, and a fallback'),
      byReload('none fails'),
      byHup('broken'),
      fall('10.8.8.70:80'),
      byHup('repaired'),
      rise('10.8.8.70:80'),
    ],
  },
  {
    name: 'reload-directives',
    files: MAINTENANCE_DIRECTORY,
    steps: [
      byReload('persistence away'),
      byReload('another fallback'),
      byReload('fallback away'),
      byReload('on to negotiate'),
      byReload('protocol'),
      maintenance('in maintenance', ['10.8.8.54']),
      byReload('weight in maintenance'),
      byReload('quiescent = yes'),
      byReload('another address'),
      byReload('no maintenance'),
    ],
  },
  {
    name: 'cleanstop-mixed',
    steps: [stop, { name: 'start again', each: (director) => director.must('start') }],
  },
  {
    name: 'monitorfile',
    files: { ...MAINTENANCE_DIRECTORY, '/run/check': '#!/bin/sh\ntest "$3" = 10.8.8.51\n' },
    also: lastMonitorLines('/run/monitor.log', '/run/monitor-5.log'),
    steps: [
      { ...maintenance('fall and maintenance', ['10.8.8.48:80']), reals: { '10.8.8.69:80': 'error' } },
      { ...maintenance('rise', [], ['10.8.8.48:80']), reals: { '10.8.8.69:80': 'ok' } },
    ],
  },
];

/** Where tsdirectord's table is meant to differ from ldirectord's: the lines of `ipvsadm -Sn` in question, and why. */
export interface Difference {
  readonly case: string;
  readonly step: string;
  readonly ldirectord: readonly string[];
  readonly tsdirectord: readonly string[];
  readonly why: string;
}

const STARTED = ['start', 'fall', 'rise'];

export const DIFFERENCES: readonly Difference[] = [
  ...STARTED.map((step) => ({
    case: 'forwarding',
    step,
    ldirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.49:0 -m -w 3'],
    tsdirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.49:80 -m -w 3'],
    why: "a masqueraded server without a port: ldirectord says 0, which the kernel takes for the virtual's port; we say that",
  })),
  {
    case: 'ipv6',
    step: 'start',
    ldirectord: ['-a -t [fd00:8:8::45]:80 -r [fd00:8:8::49]:0 -m -w 2'],
    tsdirectord: ['-a -t [fd00:8:8::45]:80 -r [fd00:8:8::49]:80 -m -w 2'],
    why: 'the same over IPv6',
  },
  ...['start', 'fall and maintenance', 'rise'].map((step) => ({
    case: 'monitorfile',
    step,
    ldirectord: ['-a -t 10.8.8.45:82 -r 10.8.8.52:0 -m -w 0'],
    tsdirectord: ['-a -t 10.8.8.45:82 -r 10.8.8.52:82 -m -w 0'],
    why: "the same, while the monitorfile's lines have the port as configured in both",
  })),
  ...STARTED.map((step) => ({
    case: 'forwarding',
    step,
    ldirectord: [
      '-a -t 10.8.8.45:8888 -r 10.8.8.50:8888 -g -w 0',
      '-a -t 10.8.8.45:8888 -r 10.8.8.51:8888 -i -w 0 --tun-type ipip',
      '-a -t 10.8.8.46:80 -r 10.8.8.53:80 -i -w 0 --tun-type ipip',
      ...(step === 'fall' ? [] : ['-a -t 10.8.8.45:8888 -r 10.8.8.74:8888 -g -w 0']),
    ],
    tsdirectord: [
      '-a -t 10.8.8.45:8888 -r 10.8.8.50:8888 -g -w 3',
      '-a -t 10.8.8.45:8888 -r 10.8.8.51:8888 -i -w 4 --tun-type ipip',
      '-a -t 10.8.8.46:80 -r 10.8.8.53:80 -i -w 3 --tun-type ipip',
      ...(step === 'fall' ? [] : ['-a -t 10.8.8.45:8888 -r 10.8.8.74:8888 -g -w 2']),
    ],
    why: "ldirectord does not know its gate or ipip server again where the kernel keeps it at the virtual's port: never up",
  })),
  {
    case: 'checks',
    step: 'start',
    ldirectord: ['-a -t 10.8.8.45:203 -r 10.8.8.57:80 -m -w 1', '-a -t 10.8.8.45:203 -r 10.8.8.62:80 -m -w 0'],
    tsdirectord: ['-a -t 10.8.8.45:203 -r 10.8.8.57:80 -m -w 0', '-a -t 10.8.8.45:203 -r 10.8.8.62:80 -m -w 1'],
    why: "ldirectord ignores a server's own request and receive unless the request is a whole URL",
  },
  {
    case: 'servers',
    step: 'fall',
    ldirectord: ['+ -> 10.8.8.75:80 0 0'],
    tsdirectord: ['+ -> 10.8.8.75:80 9 5'],
    why: 'ldirectord takes the thresholds from a server when it quiesces it; at weight 0 they mean nothing',
  },
  ...[...STARTED, 'stop'].map((step) => ({
    case: 'fallback-command',
    step,
    ldirectord: [
      '+ start 10.8.8.45:53 udp',
      ...(step === 'stop' ? [] : ['-a -u 10.8.8.45:53 -r 10.8.8.200:53 -g -w 1']),
    ],
    tsdirectord: [],
    why: 'checktype = off means neither servers nor fallback, as the manual says; in ldirectord it brings in the fallback',
  })),
  {
    case: 'readdquiescent',
    step: 'deleted by hand',
    ldirectord: [],
    tsdirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.77:80 -g -w 0'],
    why: 'what vanishes from the table is put back at once, and with readdquiescent that includes a server that is down',
  },
  ...STARTED.map((step) => ({
    case: 'shared-reals',
    step,
    ldirectord: [],
    tsdirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.61:80 -g -w 0'],
    why: 'ldirectord puts a new server that is down only into the last of the virtuals that name it',
  })),
  ...['restart', 'some out'].map((step) => ({
    case: 'maintenance',
    step,
    ldirectord: [],
    tsdirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.50:80 -g -w 0'],
    why: 'the same, for a server that is in maintenance at the start',
  })),
  {
    case: 'maintenance-quiescent-no',
    step: 'in capitals',
    ldirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.50:80 -g -w 1', '-a -t 10.8.8.46:80 -r 10.8.8.50:80 -g -w 4'],
    tsdirectord: ['-a -t 10.8.8.46:80 -r 10.8.8.200:80 -g -w 1'],
    why: 'a host name in the maintenance directory may be written in any case',
  },
  {
    case: 'autoreload',
    step: 'empty',
    ldirectord: [],
    tsdirectord: [
      '-A -t 10.8.8.45:80 -s wlc',
      '-A -t 10.8.8.46:80 -s rr',
      '-a -t 10.8.8.45:80 -r 10.8.8.49:80 -g -w 5',
      '-a -t 10.8.8.45:80 -r 10.8.8.50:80 -g -w 3',
      '-a -t 10.8.8.45:80 -r 10.8.8.61:80 -g -w 0',
      '-a -t 10.8.8.46:80 -r 10.8.8.52:80 -g -w 1',
    ],
    why: 'an empty file removes everything in ldirectord; we take it for one that is being written',
  },
  {
    case: 'reload-steps',
    step: 'fall',
    ldirectord: ['-a -t 10.8.8.45:80 -r 10.8.8.70:80 -g -w 7'],
    tsdirectord: [],
    why: 'after a reload of a broken file ldirectord checks on without effect',
  },
];

/** A server falls, somebody deletes it from the table by hand, it stays down, it rises. */
function readd(at: string): Step[] {
  const remove = async ({ machine }: Director): Promise<void> => {
    await machine.must(['ipvsadm', '-d', '-t', '10.8.8.45:80', '-r', at]);
  };
  return [fall(at), { name: 'deleted by hand', each: remove }, rise(at)];
}

for (const { case: name, step } of DIFFERENCES) {
  const one = CASES.find((one) => one.name === name);
  assert(one !== undefined && (step === 'start' || one.steps?.some(({ name }) => name === step)), `${name}, ${step}`);
}
