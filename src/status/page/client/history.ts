// A server's transitions on a time axis: its periods, which times of several servers compare, and what that is in words.
import type { Transition } from '../../../operator/history.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Time axes. */
const SPANS: readonly { readonly ms: number; readonly words: string }[] = [
  { ms: 10 * MINUTE, words: '10 min' },
  { ms: HOUR, words: '1 h' },
  { ms: 6 * HOUR, words: '6 h' },
  { ms: DAY, words: '24 h' },
];

export type Span = (typeof SPANS)[number];
export type Phase = 'up' | 'down' | 'held' | 'unknown';

export interface Period {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
}

/** The shortest span that shows all transitions of servers that are to be compared, or the last 24 hours of them. */
export function spanFor(histories: readonly (readonly Transition[])[], now: number): Span {
  const oldest = Math.min(now, ...histories.flatMap(([first]) => (first === undefined ? [] : [first.at])));
  return SPANS.find(({ ms }) => ms >= now - oldest) ?? (SPANS.at(-1) as Span);
}

/** The last `ms` milliseconds, without gaps; unknown before the first transition. */
export function periodsOf(transitions: readonly Transition[], now: number, ms: number): Period[] {
  const begin = now - ms;
  const periods: Period[] = [];
  let [state, isHeld, from]: [Phase, boolean, number] = ['unknown', false, begin];
  const end = (to: number) => {
    const phase = isHeld ? 'held' : state;
    const last = periods.at(-1);
    if (to <= from) return;
    if (last?.phase === phase) periods[periods.length - 1] = { ...last, to };
    else periods.push({ phase, from, to });
    from = to;
  };
  for (const { at, to } of transitions) {
    end(Math.min(Math.max(at, begin), now));
    if (to === 'held' || to === 'released') isHeld = to === 'held';
    else state = to;
  }
  end(now);
  return periods;
}

/** "Last 6 h: up 92 %, down 8 %; down 2 times". */
export function stripWords(periods: readonly Period[], { ms, words }: Span): string {
  const share = (phase: Phase) => {
    const mine = periods.filter((period) => period.phase === phase);
    if (mine.length === 0) return [];
    const part = (mine.reduce((sum, { from, to }) => sum + to - from, 0) / ms) * 100;
    const name = { up: 'up', down: 'down', held: 'out of service', unknown: 'not known' }[phase];
    return [`${name} ${percent(part)}`];
  };
  const downs = periods.filter(({ phase }) => phase === 'down').length;
  const shares = (['up', 'down', 'held', 'unknown'] as const).flatMap(share).join(', ');
  return `Last ${words}: ${shares}${downs > 1 ? `; down ${downs} times` : ''}`;
}

/** Nothing is all or none that is not. */
function percent(part: number): string {
  if (part > 0 && part < 1) return 'less than 1 %';
  return part > 99 && part < 100 ? 'more than 99 %' : `${Math.round(part)} %`;
}
