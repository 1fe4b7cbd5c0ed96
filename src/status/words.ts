// The words and colours for what a snapshot holds, the same wherever people read them in a terminal: status, show and top.
import { dampingWords } from '../health/damping.ts';
import { counted } from '../wording.ts';
import type { DaemonSnapshot, ServerSnapshot } from './snapshot.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Tone = 'red' | 'green' | 'yellow' | 'bold' | 'inverse';
/** Text in a colour, or as it is: nothing may depend on the colour. */
export type Paint = (tone: Tone | undefined, text: string) => string;

const CODES: Readonly<Record<Tone, string>> = { red: '31', green: '32', yellow: '33', bold: '1', inverse: '7' };

export function painter(color: boolean): Paint {
  return (tone, text) => (color && tone !== undefined ? `\x1b[${CODES[tone]}m${text}\x1b[0m` : text);
}

/** In service: its checks say so, and nobody holds it down. */
export function isUp({ state, heldDown }: ServerSnapshot): boolean {
  return state === 'up' && heldDown === undefined;
}

const MOST_WORD = 9;

/** How a server is, in a word of at most nine characters. */
export function healthWord(
  server: ServerSnapshot,
  failureCount: number,
): { readonly word: string; readonly tone: Tone } {
  const { state, heldDown, override, failures, kernel, damping } = server;
  if (override?.kind === 'drain') {
    const isEmpty = (kernel?.activeConnections ?? 0) === 0;
    return { word: isEmpty ? 'drained' : 'draining', tone: 'yellow' };
  }
  if (override?.kind === 'disable') return { word: 'disabled', tone: 'yellow' };
  if (heldDown !== undefined) return { word: 'maint', tone: 'yellow' };
  if (state === 'down') return { word: downWord(damping), tone: 'red' };
  if (state === 'unknown') return { word: 'new', tone: 'yellow' };
  if (failures === 0) return { word: 'up', tone: 'green' };
  // As HAProxy shows it: so many failures of those that take it down.
  const word = `up ${failures}/${failureCount}`;
  return { word: word.length > MOST_WORD ? 'up, fails' : word, tone: 'yellow' };
}

/** As HAProxy shows it: so many successes of those that bring it back. */
function downWord(damping: ServerSnapshot['damping']): string {
  if (damping === undefined) return 'DOWN';
  const progress = `${damping.successes}/${damping.successesNeeded}`;
  return `DOWN ${progress}`.length > MOST_WORD ? `DOWN${progress}` : `DOWN ${progress}`;
}

/** The operator's will, and why else a server is out of service whatever its checks say. */
export function ordersOf({ heldDown, override, weight }: ServerSnapshot): string[] {
  const isOrdersReason = heldDown?.endsWith('by the operator') ?? false;
  return [
    ...(heldDown === undefined ? [] : [heldDown]),
    ...(override?.kind === 'drain' && !isOrdersReason ? ['drained by the operator'] : []),
    ...(override?.kind === 'disable' && !isOrdersReason ? ['disabled by the operator'] : []),
    ...(override?.kind === 'weight' ? [`weight ${override.weight} ordered, ${weight} configured`] : []),
  ];
}

/** What flapdamping asks of it. */
export function flapsOf({ state, damping }: ServerSnapshot): string[] {
  return damping === undefined ? [] : [dampingWords(state, damping)];
}

/** What else is to be known of a server: the above, and failures that have not taken it down yet. */
export function notesOf(server: ServerSnapshot, failureCount: number): string[] {
  const { failures } = server;
  return [
    ...ordersOf(server),
    ...flapsOf(server),
    ...(failures > 0 ? [`${failures} of ${failureCount} failures in a row`] : []),
  ];
}

/** What its last check said. */
export function checkWords({ state, reason, lastCheck }: ServerSnapshot): string {
  const said = lastCheck?.detail ?? reason;
  if (lastCheck === undefined || state === 'unknown' || lastCheck.outcome === state) return said;
  return state === 'up' ? `fails: ${said}` : `passes: ${said}`;
}

/** The same, and for a server that is held out of service what its state would be. */
export function checkWordsOf(server: ServerSnapshot): string {
  const said = checkWords(server);
  return server.heldDown === undefined ? said : `its checks say ${server.state}: ${said}`;
}

/** Since when it is what its health word says, milliseconds since 1970; undefined where nobody knows. */
export function wordSince({ heldDown, override, since }: ServerSnapshot): number | undefined {
  if (heldDown === undefined) return since;
  // An order tells when it was given.
  return override?.kind === 'weight' ? undefined : override?.at;
}

type Whole = Pick<DaemonSnapshot, 'virtuals'>;

/** How many servers are up, of how many services, and what is not as it should be. */
export function tallyWords(whole: Whole): string {
  const { all, up, down, unknown, held } = tally(whole);
  const of = `${counted(all, 'real server')} of ${counted(whole.virtuals.length, 'virtual service')}`;
  return [
    `${up} of ${of} ${up === 1 ? 'is' : 'are'} up`,
    ...nonzero([down, 'down'], [unknown, 'not checked yet'], [held, 'held out of service']),
  ].join(', ');
}

/** The same for a line of a screen. */
export function shortTally(whole: Whole): string {
  const { all, up, down, unknown, held } = tally(whole);
  const parts = [`${up} up`, ...nonzero([down, 'DOWN'], [unknown, 'new'], [held, 'held out'])];
  return `${counted(whole.virtuals.length, 'service')}, ${counted(all, 'server')}: ${parts.join(', ')}`;
}

function tally({ virtuals }: Whole) {
  const counts = { all: 0, up: 0, down: 0, unknown: 0, held: 0 };
  for (const { servers } of virtuals)
    for (const { state, heldDown } of servers) {
      counts.all++;
      counts[heldDown === undefined ? state : 'held']++;
    }
  return counts;
}

function nonzero(...counts: readonly (readonly [number, string])[]): string[] {
  return counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

/** "5 s", "3 min", "2 h 5 min", "4 d 3 h". */
export function span(ms: number): string {
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** The same in at most six characters: "5s", "3m", "2h05m", "4d03h", "123d". */
export function shortSpan(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h${two((ms % HOUR) / MINUTE)}m`;
  const days = Math.floor(ms / DAY);
  return days < 100 ? `${days}d${two((ms % DAY) / HOUR)}h` : `${days}d`;
}

/** "5 s ago". */
export function ago(then: number, now: number): string {
  return `${span(now - then)} ago`;
}

/** How long something took: "12 ms", "1.5 s". */
export function took(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
