// A daemon's snapshot as `status` tells it on a terminal: each service, its servers, since when and why.
import { printable } from '../checks/text.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from './snapshot.ts';
import {
  ago,
  checkWordsOf,
  healthWord,
  notesOf,
  type Paint,
  painter,
  type Tone,
  tallyWords,
  wordSince,
} from './words.ts';

/** Lines that follow the first one of `status`. */
export function statusText(snapshot: DaemonSnapshot, now: number, color = false): string {
  const paint = painter(color);
  const width = snapshot.virtuals
    .flatMap(({ servers }) => servers)
    .reduce((widest, { name }) => Math.max(widest, name.length), 0);
  const virtuals = snapshot.virtuals.map((virtual) => virtualText(virtual, { now, width, paint }));
  const head = headLines(snapshot, now).map(([tone, line]) => paint(tone, line));
  return [...head, ...virtuals].join('\n');
}

/** What is to be known of the whole, and what of it is bad. */
export function headLines(snapshot: DaemonSnapshot, now: number): [tone: Tone | undefined, text: string][] {
  const { version, startedAt, configuredAt, state, trouble } = snapshot;
  return [
    [undefined, `tsdirectord ${version}, started ${ago(startedAt, now)}, configuration read ${ago(configuredAt, now)}`],
    [undefined, `${tallyWords(snapshot)}${state === 'running' ? '' : `; ${state}`}`],
    ...(trouble === undefined
      ? []
      : [['red', `! the kernel's table is not as it should be: ${printable(trouble, 300)}`] satisfies [Tone, string]]),
  ];
}

interface Style {
  readonly now: number;
  /** Of the longest server's name. */
  readonly width: number;
  readonly paint: Paint;
}

function virtualText(
  { name, protocol, scheduler, servers, fallback, failureCount, differs }: VirtualSnapshot,
  style: Style,
): string {
  const lines = servers.map((server) => serverText(server, failureCount, style));
  if (fallback !== undefined) {
    const what = fallback.active ? style.paint('yellow', 'has the traffic') : 'not needed';
    lines.push(`  fallback ${fallback.name}: ${what}`);
  }
  if (differs !== undefined) lines.push(style.paint('red', `  ! ${differs}`));
  return [`\n${style.paint('bold', `${protocol.toUpperCase()} ${name}`)} ${scheduler}`, ...lines].join('\n');
}

function serverText(server: ServerSnapshot, failureCount: number, { now, width, paint }: Style): string {
  const { name, weight, override, differs } = server;
  const since = wordSince(server);
  const { word, tone } = healthWord(server, failureCount);
  const said = [...notesOf(server, failureCount), checkWordsOf(server)].map((text) => printable(text, 300));
  const why = [...(differs === undefined ? [] : [paint('red', `! ${differs}`)]), ...said].join('; ');
  const wanted = override?.kind === 'weight' ? override.weight : weight;
  return `  ${paint(tone, word.padEnd(8))} ${name.padEnd(width)} weight ${wanted}  ${since === undefined ? '' : `${ago(since, now)}: `}${why}`;
}
