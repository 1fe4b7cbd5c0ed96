// What the soak is to show, each with what was found: whether it holds, in words and figures.
import type { Pages } from '../../bench/book.ts';
import { mean, worst } from '../../bench/figures.ts';
import { lasting } from './looks.ts';
import { more } from './quiet.ts';
import type { Findings } from './soak.ts';
import { miscounted, surprises } from './texts.ts';
import { answered, count, differences, falls, logged, only, quiesced } from './transitions.ts';

export interface Claim {
  readonly name: string;
  readonly holds: boolean;
  /** What was found. */
  readonly said: string;
}

/** Memory that is not given back at once, and what is kept of the past, is no leak. */
const MORE_RESIDENT_MB = 12;
const MORE_HEAP_MB = 3;
/** While it is busy: answers that are being written, connections that are being made. */
const MORE_BUSY_HEAP_MB = 8;
const MORE_DESCRIPTORS = 16;
/** A machine with other work makes anybody late, but not always. */
const LATE_P99_MS = 1_000;
/** Between two beats of inside.cjs; held up for as long, the daemon checks again what has failed meanwhile (src/standstill.ts). */
const STANDSTILL_MS = 500;
const MOST_SHOWN = 5;

export function claimsOf(findings: Findings): Claim[] {
  return [...transitions(findings), ...service(findings), ...leaks(findings), ...end(findings)];
}

/** Checks of servers that were well, as the servers themselves have counted them. */
export function healthyChecks(pages: Pages): number {
  return Object.values(pages).reduce((sum, { well }) => sum + well, 0);
}

function transitions(findings: Findings): Claim[] {
  const { pages, names, residents, log, laterLog, watched, metrics, late, upMs } = findings;
  const [truth, told] = [answered(pages, names), logged(log)];
  const wrong = count(falls(told)) - count(falls(truth));
  const taken = only(falls(truth), residents);
  return [
    claim('every server comes up', upMs < Infinity, `${residents.length} in ${(upMs / 1_000).toFixed(1)} s`),
    none(
      'each transition is seen exactly once, says the log',
      differences(truth, told),
      `${count(truth)} of ${truth.size} servers`,
    ),
    none(
      'each transition is seen exactly once, say the events of the status page',
      differences(truth, watched),
      `${count(watched)} of ${watched.size} servers`,
    ),
    none(
      'failed checks and transitions are counted right',
      miscounted(metrics, pages, names, residents, worst(late.map(({ longest }) => longest)) >= STANDSTILL_MS),
      `of ${residents.length} servers, in /metrics`,
    ),
    none(
      'each server that goes down loses its weight once',
      differences(taken, only(quiesced(laterLog), residents)),
      `${count(taken)} times`,
    ),
    claim(
      'no healthy server is found down',
      wrong === 0,
      `${wrong} wrong transitions in ${healthyChecks(pages)} checks of healthy servers`,
    ),
  ];
}

function service({ reloads, readers, troubles, log, late, names, residents }: Findings): Claim[] {
  const { read, heard, letGo, kept } = readers;
  const lateMs = worst(late.map(({ p99 }) => p99));
  const { taken, refused } = reloads;
  return [
    none(
      'every reload is taken, and every broken one refused',
      troubles.filter((text) => text.startsWith('reload')),
      `${taken} taken, ${refused} refused, ${names.size - residents.length} servers came and went`,
    ),
    none(
      'the status page answers everybody',
      [...readers.troubles, ...troubles.filter((text) => !text.startsWith('reload'))],
      `${read} answers read, ${heard} events heard`,
    ),
    claim(
      'who takes nothing of an answer is let go',
      kept === 0,
      `let go ${letGo} times${kept > 0 ? `, kept ${kept} times` : ''}`,
    ),
    none('the log tells of no other trouble', surprises(log), `${log.split('\n').length - 1} lines`),
    claim(
      'the event loop is not held up',
      lateMs <= LATE_P99_MS,
      `99 % of the time late by at most ${lateMs.toFixed(0)} ms, once by ${worst(late.map(({ most }) => most)).toFixed(0)} ms`,
    ),
  ];
}

function leaks({ looks, rest, counts }: Findings): Claim[] {
  const third = Math.floor(looks.length / 3);
  const [second, last] = [looks.slice(third, 2 * third), looks.slice(2 * third)];
  const meanOf = (part: typeof looks, key: 'residentMb' | 'descriptors'): number => mean(part.map((each) => each[key]));
  const memory = [meanOf(second, 'residentMb'), meanOf(last, 'residentMb')] as const;
  const open = [meanOf(second, 'descriptors'), meanOf(last, 'descriptors')] as const;
  const { before, after, once, twice } = rest;
  const busyMb = counts.map(({ heapMb }) => heapMb);
  // The last third is not above both others.
  const grownBusy = (busyMb[2] ?? NaN) - worst(busyMb.slice(0, 2));
  return [
    claim(
      'memory is flat',
      memory[1] - memory[0] <= MORE_RESIDENT_MB,
      `${memory[0].toFixed(1)} MB in the second third, ${memory[1].toFixed(1)} MB in the last`,
    ),
    claim(
      'the heap is flat',
      grownBusy <= MORE_BUSY_HEAP_MB && twice.heapMb - once.heapMb <= MORE_HEAP_MB,
      `after each third ${inMb(busyMb)}; at rest ${inMb([before, after, once, twice].map(({ heapMb }) => heapMb))}`,
    ),
    claim(
      'descriptors are flat',
      open[1] - open[0] <= MORE_DESCRIPTORS,
      `${open[0].toFixed(1)} in the second third, ${open[1].toFixed(1)} in the last`,
    ),
    none(
      'at rest as many descriptors are open as before',
      more(before.descriptors, twice.descriptors),
      told(twice.descriptors),
    ),
    none(
      'no timer is left',
      more({ timers: before.timers }, { timers: after.timers }),
      `${before.timers} before, ${after.timers} after, without those of the checks' rhythm`,
    ),
    none(
      'nothing else keeps the process going than before',
      more(before.resources, after.resources),
      told(after.resources),
    ),
    none(
      'reloads, reads and listeners at rest leave nothing',
      [...more({ timers: once.timers }, { timers: twice.timers }), ...more(once.resources, twice.resources)],
      `${twice.timers} timers, ${told(twice.resources)}`,
    ),
    none(
      'no child stays a zombie',
      lasting(looks).map(String),
      `${worst(looks.map(({ children }) => children))} children at most`,
    ),
  ];
}

function end({ table, shown, end: { code, left } }: Findings): Claim[] {
  const wrong = [
    ...table.wanted.filter((line) => !table.found.includes(line)).map((line) => `not there: ${line}`),
    ...table.found.filter((line) => !table.wanted.includes(line)).map((line) => `too much: ${line}`),
  ];
  const differing = shown.virtuals.flatMap(({ name, differs, servers }) => [
    ...(differs === undefined ? [] : [`${name}: ${differs}`]),
    ...servers.flatMap((each) => (each.differs === undefined ? [] : [`${each.name} (${name}): ${each.differs}`])),
  ]);
  return [
    none('the table is right at the end', wrong, `${table.found.length} lines`),
    none('"show" finds nothing that differs', differing, `${shown.virtuals.length} virtual services`),
    claim('a stop ends it', code === 0, `exit code ${code}`),
    none('a stop leaves nothing', left, 'no file, no service in the table'),
  ];
}

function claim(name: string, holds: boolean, said: string): Claim {
  return { name, holds, said };
}

/** Holds when there is none of these. */
function none(name: string, found: readonly string[], otherwise: string): Claim {
  const more = found.length > MOST_SHOWN ? `\n… and ${found.length - MOST_SHOWN} more` : '';
  return claim(name, found.length === 0, found.length === 0 ? otherwise : found.slice(0, MOST_SHOWN).join('\n') + more);
}

function inMb(values: readonly number[]): string {
  return `${values.map((mb) => mb.toFixed(1)).join(', ')} MB`;
}

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, number]) => `${kind} ${number}`)
    .join(', ');
}
