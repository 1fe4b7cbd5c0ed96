// The sentence that says how everything is, and what else is to be known at once.
import type { DaemonHead, VirtualSnapshot } from '../../snapshot.ts';
import { grouped, type Mark, markOf, type Standing, serviceName } from './words.ts';

export interface Summary {
  readonly tone: Mark | 'warning';
  readonly headline: string;
  readonly notes: readonly string[];
  /** For the browser's tab: "2 down". */
  readonly short: string;
}

/** A service and how it is. */
export interface Judged {
  readonly virtual: VirtualSnapshot;
  readonly standing: Standing;
}

const MOST_NAMED = 3;

export function summarise(head: DaemonHead, services: readonly Judged[]): Summary {
  const sum = (of: (standing: Standing) => number) => services.reduce((total, { standing }) => total + of(standing), 0);
  const up = sum((standing) => standing.up);
  const down = sum((standing) => standing.down);
  const held = sum((standing) => standing.held);
  const unchecked = sum((standing) => standing.new);
  const total = up + down + held + unchecked;
  const unserved = services.filter(({ standing }) => standing.unserved);
  const downSentence = `${grouped(down)} of ${countedServers(total)} ${down === 1 ? 'is' : 'are'} down${whichDown(services, down)}`;
  const notes = [
    ...(head.trouble === undefined ? [] : [`The kernel's table is not as it should be: ${head.trouble}`]),
    ...(unserved.length > 0 && down > 0 ? [downSentence] : []),
    ...serviceNotes(services),
    ...(held > 0 ? [`${countedServers(held)} ${held === 1 ? 'is' : 'are'} out of service on purpose`] : []),
    ...(unchecked > 0 && unchecked < total
      ? [`${countedServers(unchecked)} ${unchecked === 1 ? 'has' : 'have'} not been checked yet`]
      : []),
    ...(head.state === 'running' ? [] : [`The daemon is ${head.state}`]),
  ];
  const say = (tone: Summary['tone'], short: string, headline: string): Summary => ({ tone, short, headline, notes });
  if (total === 0) return say('new', 'no servers', 'There are no servers');
  if (unserved.length > 0) return say('down', down > 0 ? `${down} down` : 'not served', unservedSentence(unserved));
  if (down > 0) return say('down', `${down} down`, downSentence);
  if (unchecked === total) return say('new', 'starting', `No check has ended yet: ${countedServers(total)}`);
  const isOdd = head.trouble !== undefined || services.some(({ standing }) => standing.rank === 2);
  if (up < total)
    return say(
      isOdd ? 'warning' : 'up',
      isOdd ? 'look' : 'none down',
      `${grouped(up)} of ${countedServers(total)} are up, none is down`,
    );
  const all =
    total === 1
      ? 'The one server is up'
      : `All ${countedServers(total)} of ${counted(services.length, 'service')} are up`;
  return say(isOdd ? 'warning' : 'up', isOdd ? 'look' : 'all up', all);
}

function unservedSentence(unserved: readonly Judged[]): string {
  const [first] = unserved;
  if (unserved.length === 1 && first !== undefined)
    return `${serviceName(first.virtual)} is not served: it has no server that is up`;
  return `${grouped(unserved.length)} services are not served: ${names(unserved)}`;
}

/** A few servers by their names, more by their services. */
function whichDown(services: readonly Judged[], down: number): string {
  const hit = services.filter(({ standing }) => standing.down > 0);
  if (down > MOST_NAMED) return hit.length === 1 ? `, all in ${names(hit)}` : `, in ${names(hit)}`;
  const named = hit.flatMap(({ virtual }) =>
    virtual.servers
      .filter((server) => markOf(server) === 'down')
      .map(({ name }) => `${name} in ${serviceName(virtual)}`),
  );
  return `: ${named.join(', ')}`;
}

/** Services that only the fallback serves, and tables that differ. */
function serviceNotes(services: readonly Judged[]): string[] {
  const onFallback = services.filter(({ virtual }) => virtual.fallback?.active === true);
  const differing = services.filter(({ standing }) => standing.differs);
  return [
    ...(onFallback.length > 0 ? [`The fallback has the traffic of ${names(onFallback)}`] : []),
    ...(differing.length > 0 ? [`The kernel's table is not what it should be for ${names(differing)}`] : []),
  ];
}

function names(services: readonly Judged[]): string {
  const shown = services.slice(0, MOST_NAMED).map(({ virtual }) => serviceName(virtual));
  const rest = services.length - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${counted(rest, 'more service')}` : ''}`;
}

function countedServers(count: number): string {
  return counted(count, 'server');
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}
