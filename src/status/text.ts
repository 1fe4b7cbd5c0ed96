// A daemon's snapshot as people read it on a terminal.
import { printable } from '../checks/text.ts';
import type { DaemonSnapshot, ServerSnapshot, VirtualSnapshot } from './snapshot.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Lines that follow the first one of `status`. */
export function statusText(snapshot: DaemonSnapshot, now: number, color = false): string {
  const { version, startedAt, configuredAt, state, trouble, virtuals } = snapshot;
  const servers = virtuals.flatMap((virtual) => virtual.servers);
  const up = servers.filter(isUp).length;
  const paint = painter(color);
  const head = [
    `tsdirectord ${version}, started ${ago(startedAt, now)}, configuration read ${ago(configuredAt, now)}`,
    `${up} of ${servers.length} real servers of ${virtuals.length} virtual services are up${state === 'running' ? '' : `; ${state}`}`,
    ...(trouble === undefined ? [] : [paint('red', `the kernel's table is not as it should be: ${trouble}`)]),
  ];
  const width = Math.max(0, ...servers.map(({ name }) => name.length));
  return [...head, ...virtuals.map((virtual) => virtualText(virtual, { now, width, paint }))].join('\n');
}

interface Style {
  readonly now: number;
  /** Of the longest server's name. */
  readonly width: number;
  readonly paint: (tone: 'red' | 'green' | 'yellow' | 'bold', text: string) => string;
}

function virtualText(
  { name, protocol, scheduler, servers, fallback, failureCount }: VirtualSnapshot,
  style: Style,
): string {
  const lines = servers.map((server) => serverText(server, failureCount, style));
  if (fallback !== undefined) {
    const what = fallback.active ? style.paint('yellow', 'has the traffic') : 'not needed';
    lines.push(`  fallback ${fallback.name}: ${what}`);
  }
  return [`\n${style.paint('bold', `${protocol.toUpperCase()} ${name}`)} ${scheduler}`, ...lines].join('\n');
}

function serverText(server: ServerSnapshot, failureCount: number, { now, width, paint }: Style): string {
  const { name, state, since, reason, failures, weight, heldDown } = server;
  const tone = isUp(server) ? 'green' : state === 'unknown' ? 'yellow' : 'red';
  const word = heldDown === undefined ? { up: 'up', down: 'DOWN', unknown: 'new' }[state] : 'HELD';
  const soft = failures > 0 ? `, failure ${failures}/${failureCount}` : '';
  const why = heldDown === undefined ? reason : `${heldDown}; its checks say ${state}: ${reason}`;
  return `  ${paint(tone, word.padEnd(4))} ${name.padEnd(width)} weight ${weight}  ${ago(since, now)}${soft}: ${printable(why, 300)}`;
}

function isUp({ state, heldDown }: ServerSnapshot): boolean {
  return state === 'up' && heldDown === undefined;
}

/** "5 s ago", "3 min ago", "2 h 5 min ago", "4 d 3 h ago". */
export function ago(then: number, now: number): string {
  const ms = Math.max(0, now - then);
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min ago`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h ago`;
}

function painter(color: boolean): Style['paint'] {
  const codes = { red: '31', green: '32', yellow: '33', bold: '1' };
  return (tone, text) => (color ? `\x1b[${codes[tone]}m${text}\x1b[0m` : text);
}
