// Steps of comparisons that do something to the director's files: a configuration changed and taken over in one way or another,
// servers put into maintenance; and what was written beside the table.
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import type { Step } from './compare-cases.ts';
import type { Director } from './lab/director.ts';
import { eventually, NotYet } from './lab/run.ts';

/** A change of a configuration's text. */
type Change = (text: string) => string;

const NOTICED_WITHIN_MS = 30_000;

/** `[Mon Nov 23 01:20:11 2026] [812] words [up] reason` */
const MONITOR_LINE = /^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] \[\d+\] (.*) (\[\w+\]) \S/;

const HTTP = `\tservice = http
\trequest = "lbcheck.html"
\treceive = "found"
\tchecktype = negotiate
`;

const replaced =
  (from: string, to: string): Change =>
  (text) => {
    assert(text.includes(from), `the configuration has no ${from}`);
    return text.replace(from, to);
  };
const appended =
  (more: string): Change =>
  (text) =>
    text + more;

/** What is done to configurations, by the name of the step; a case does some of it, and each builds on those before. */
const CHANGES = {
  weight: replaced('10.8.8.49:80 gate 2', '10.8.8.49:80 gate 5'),
  'servers added': replaced(
    '49:80 gate 5\n',
    '49:80 gate 5\n\treal = 10.8.8.50:80 gate 3\n\treal = 10.8.8.61:80 gate 4\n',
  ),
  'server removed': replaced('\treal = 10.8.8.48:80 gate 1\n', ''),
  'virtual added': appended(`\nvirtual = 10.8.8.46:80\n\treal = 10.8.8.52:80 gate 1\n\tscheduler = rr\n${HTTP}`),
  'virtual removed': replaced(`virtual = 10.8.8.45:81\n\treal = 10.8.8.51:80 masq 1\n${HTTP}\n`, ''),
  scheduler: replaced('10.8.8.61:80 gate 4\n', '10.8.8.61:80 gate 4\n\tscheduler = wlc\n'),
  forwarding: replaced('10.8.8.50:80 gate 3', '10.8.8.50:80 masq 3'),
  'quiescent = no': replaced('quiescent = yes', 'quiescent = no'),
  'all fail, and a fallback': replaced(
    '10.8.8.52:80 gate 1\n\tscheduler = rr\n',
    '10.8.8.52:8052 gate 1\n\tfallback = 10.8.8.200 gate\n\tscheduler = rr\n',
  ),
  'none fails': replaced('10.8.8.52:8052', '10.8.8.52:80'),
  'persistence away': replaced('\tpersistent = 300\n\tnetmask = 255.255.255.0\n', ''),
  'another fallback': replaced('fallback = 10.8.8.200 gate', 'fallback = 10.8.8.201:8082 masq'),
  'fallback away': replaced('\tfallback = 10.8.8.201:8082 masq\n', ''),
  'on to negotiate': replaced('checktype = on', 'checktype = negotiate'),
  protocol: replaced('protocol = tcp', 'protocol = udp'),
  'weight in maintenance': replaced('10.8.8.54:80 masq 2', '10.8.8.54:80 masq 5'),
  'quiescent = yes': replaced('quiescent = no', 'quiescent = yes'),
  'another address': replaced('10.8.8.53:80', '10.8.8.55:80'),
  'no maintenance': replaced('maintenancedir = /run/maintenance\n', ''),
  broken: replaced('virtual = 10.8.8.45:80', 'virtual = nowhere'),
  repaired: replaced('virtual = nowhere', 'virtual = 10.8.8.45:80'),
} satisfies Record<string, Change>;

type ChangeName = keyof typeof CHANGES;

/** The configuration is changed in one go, as careful editors and tools do, and nothing is said to the daemon. */
export function inPlace(name: ChangeName): Step {
  return {
    name,
    each: (director) =>
      sayingSomething(director, () => {
        const path = configPath(director);
        director.machine.write(`${path}.new`, changed(director, CHANGES[name]));
        renameSync(director.machine.path(`${path}.new`), director.machine.path(path));
      }),
  };
}

/** The configuration is changed and `reload` called. */
export function byReload(name: ChangeName): Step {
  return {
    name,
    each: (director) =>
      sayingSomething(director, async () => {
        director.configure(changed(director, CHANGES[name]));
        await director.must('reload');
      }),
  };
}

/** The configuration is changed and the daemon sent a SIGHUP, whatever `reload` would say to it. */
export function byHup(name: ChangeName): Step {
  return {
    name,
    each: (director) =>
      sayingSomething(director, () => {
        director.configure(changed(director, CHANGES[name]));
        process.kill(director.pid() ?? NaN, 'SIGHUP');
      }),
  };
}

/** The configuration becomes this text, and nothing is waited for. */
export function becomes(name: string, text: string): Step {
  return { name, each: async (director) => director.configure(text) };
}

/** Does it, and waits until the daemon logs something of it: a table that need not change says nothing. */
async function sayingSomething(director: Director, act: () => unknown): Promise<void> {
  const before = director.log().length;
  await act();
  await eventually(`${director.program} says something`, NOTICED_WITHIN_MS, () =>
    director.log().length > before ? true : new NotYet(() => director.log().join('\n')),
  );
}

const MAINTENANCE = '/run/maintenance';

/** So that the directory is there; no server has such a name. */
export const MAINTENANCE_DIRECTORY = { [`${MAINTENANCE}/.keep`]: '' };

/** Puts files into the directory of maintenance, and takes others out. */
export function maintenance(name: string, put: readonly string[], take: readonly string[] = []): Step {
  return {
    name,
    each: async ({ machine }) => {
      for (const file of put) machine.write(`${MAINTENANCE}/${file}`, '');
      for (const file of take) rmSync(machine.path(`${MAINTENANCE}/${file}`));
    },
  };
}

/** The whole directory goes. */
export function withoutMaintenance(name: string): Step {
  return {
    name,
    each: async ({ machine }) => rmSync(machine.path(MAINTENANCE), { recursive: true }),
  };
}

/** A callback that keeps a record, and what that says. */
export const CALLBACK = { '/run/callback': '#!/bin/sh\necho "$@" >>/run/callback.calls\n' };
export async function callbackCalls({ machine }: Director): Promise<string[]> {
  const calls = machine.read('/run/callback.calls').split('\n').filter(Boolean);
  return [`callback: ${calls.length} times ${[...new Set(calls)].join(', ')}`];
}

/** The state of each server in its last line of these files; the reasons are each program's own. */
export function lastMonitorLines(...paths: readonly string[]): (director: Director) => Promise<string[]> {
  return async ({ machine }) => paths.flatMap((path) => lastStates(path, machine.read(path))).sort();
}

function lastStates(path: string, text: string): string[] {
  const states = new Map<string, string>();
  for (const line of text.trim().split('\n')) {
    const [, words = `unreadable: ${line}`, state = ''] = MONITOR_LINE.exec(line) ?? [];
    states.set(words, state);
  }
  return [...states].map(([words, state]) => `${path}: ${words} ${state}`);
}

function configPath({ configName }: Director): string {
  return `/etc/ha.d/${configName}`;
}

function changed(director: Director, change: Change): string {
  return change(director.machine.read(configPath(director)));
}
