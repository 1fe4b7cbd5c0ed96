// The rows of the table: which figures of each program, and what ours shall be.
import { latenesses, mean, percentile, requests, worst } from './figures.ts';
import type { Burst, Limits, Measured } from './measure.ts';
import type { Goal, Row, Unit } from './table.ts';

const MOST_OF_THEIR_START = 1 / 2;
const SLACK_OF_MEAN_MS = 100;
const SLACK_OF_WORST_MS = 250;
const MOST_MB = 80;
const MOST_OF_A_BURST_MS = 1_000;
/** One to change, one or two to read. */
const MOST_IPVSADM = 2;

/** A test that failed has left undefined. */
export function rowsOf(
  measured: readonly (Measured | undefined)[],
  ours: number,
  reference: number,
  intervalMs: number,
  { upMs: upLimitMs, sampleMs }: Limits,
): Row[] {
  type Aim = (own: number, theirs: number) => Goal;
  const row = (what: string, unit: Unit, of: (each: Measured) => number, aim?: Aim, limitMs = sampleMs): Row => {
    const values = measured.map((each) => each && of(each));
    const [own, theirs] = [values[ours], values[reference]];
    const goal = aim === undefined || own === undefined || theirs === undefined ? undefined : aim(own, theirs);
    return { what, unit, values, limitMs, goal };
  };
  const atMost =
    (text: string, most: number): Aim =>
    (own) => ({ text: `≤ ${text}`, met: own <= most });
  const meanMs = intervalMs / 2 + SLACK_OF_MEAN_MS;
  const worstMs = intervalMs + SLACK_OF_WORST_MS;
  const late = ({ arrivals }: Measured): number[] => latenesses(arrivals, intervalMs);
  return [
    row(
      'all up',
      's',
      ({ upMs }) => upMs,
      (own, theirs) => ({ text: '≤ half of keepalived’s', met: own <= theirs * MOST_OF_THEIR_START }),
      upLimitMs,
    ),
    row('detection, mean', 's', ({ detectionsMs }) => mean(detectionsMs), atMost(`${meanMs / 1000} s`, meanMs)),
    row('detection, worst', 's', ({ detectionsMs }) => worst(detectionsMs), atMost(`${worstMs / 1000} s`, worstMs)),
    row('recovery, mean', 's', ({ recoveriesMs }) => mean(recoveriesMs), atMost(`${meanMs / 1000} s`, meanMs)),
    row('recovery, worst', 's', ({ recoveriesMs }) => worst(recoveriesMs), atMost(`${worstMs / 1000} s`, worstMs)),
    row('samples of each', '', ({ recoveriesMs }) => recoveriesMs.length),
    costRow(
      'http',
      measured.map((each) => each?.costMs),
      ours,
      reference,
    ),
    row('… of the program alone, sampled', 'ms', ({ cpuPerCheckMs }) => cpuPerCheckMs),
    row('checks in the quiet window', '', ({ arrivals }) => requests(arrivals)),
    row('check late, p50', 'ms', (each) => percentile(late(each), 0.5)),
    row('check late, p99', 'ms', (each) => percentile(late(each), 0.99)),
    row('check late, worst', 'ms', (each) => worst(late(each))),
    row('memory (PSS)', 'MB', ({ memoryMb }) => memoryMb, atMost(`${MOST_MB} MB`, MOST_MB)),
    row('memory (sum of RSS)', 'MB', ({ residentMb }) => residentMb),
    row('ipvsadm processes: start', '', ({ ipvsadmAtStart }) => ipvsadmAtStart),
    row('… in the quiet window', '', ({ ipvsadm }) => ipvsadm, atMost('0', 0)),
    row('… per change', '', ({ ipvsadmPerChange }) => ipvsadmPerChange, atMost(`${MOST_IPVSADM}`, MOST_IPVSADM)),
  ];
}

/** How long a thousand changes that one check brings take to be in the table, and by how many ipvsadm processes; ours only. */
export function burstRows(burst: Burst | undefined, ours: number): Row[] {
  const own = (value: number | undefined): (number | undefined)[] => [...Array<undefined>(ours), value];
  const goal = (text: string, met: boolean): Goal | undefined => (burst === undefined ? undefined : { text, met });
  const { tookMs = NaN, ipvsadm = NaN } = burst ?? {};
  return [
    {
      ...{ what: '1,000 changes at once, in the table after', unit: 's', values: own(burst?.tookMs) },
      goal: goal('≤ 1 s', tookMs <= MOST_OF_A_BURST_MS),
    },
    {
      ...{ what: '… ipvsadm processes', unit: '', values: own(burst?.ipvsadm) },
      goal: goal(`≤ ${MOST_IPVSADM}`, ipvsadm <= MOST_IPVSADM),
    },
  ];
}

/** Processor time of checks of a kind, of those that it was measured of. */
export function costRow(kind: string, values: readonly (number | undefined)[], ours: number, reference: number): Row {
  const [own, theirs] = [values[ours], values[reference]];
  const isKnown = own !== undefined && theirs !== undefined;
  const goal = isKnown ? { text: '≤ keepalived’s', met: own <= theirs } : undefined;
  return { what: `CPU per ${kind} check, answers included`, unit: 'ms', values, goal };
}
