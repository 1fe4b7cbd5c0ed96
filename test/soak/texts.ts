// What the daemon's log tells that it should not, and whether its metrics count what has happened.
import type { Page, Pages } from '../../bench/book.ts';

/** What a daemon says that gets no processor time: of the machine, and nothing else. */
const STOOD_STILL = / WARNING: This process stood still for /;

/** Errors, warnings, and what is no log line at all; but for what is said of the machine, or of a configuration that is refused. */
export function surprises(log: string): string[] {
  const found: string[] = [];
  let ofReload: string[] | undefined;
  for (const line of log.split('\n').filter((each) => each !== '' && !STOOD_STILL.test(each))) {
    if (/\] Reloading /.test(line)) ofReload = [];
    else if (/\] Reloaded /.test(line)) {
      found.push(...(ofReload ?? []));
      ofReload = undefined;
    } else if (/\] ERROR: Cannot reload /.test(line)) ofReload = undefined;
    else if (!/^\[[^\]]*\] (?!ERROR: |WARNING: )/.test(line)) (ofReload ?? found).push(line);
  }
  return [...found, ...(ofReload ?? [])];
}

/**
 * In words, the servers of which the metrics count something else than has happened between two texts. `names`: how each address is
 * called; before the first of the texts each of `servers` was found up, and nothing else. `stoodStill`: what failed while the daemon
 * did does not count, but is checked again.
 */
export function miscounted(
  [before, after]: readonly [string, string],
  pages: Pages,
  names: ReadonlyMap<string, string>,
  servers: readonly string[],
  stoodStill: boolean,
): string[] {
  const wanted = new Set(servers);
  return COUNTED.flatMap(([family, of]) => {
    const [was, is] = [valuesOf(before, family), valuesOf(after, family)];
    return Object.entries(pages).flatMap(([address, page]) => {
      const name = names.get(address) ?? address;
      const counted = (is.get(name) ?? NaN) - (was.get(name) ?? NaN);
      const isRight = counted === of(page) || (stoodStill && family === FAILURES && counted < of(page));
      return !wanted.has(name) || isRight ? [] : [`${family} of ${name}: ${counted}, not ${of(page)}`];
    });
  });
}

const FAILURES = 'tsdirectord_server_check_failures_total';
const COUNTED: readonly [string, (page: Page) => number][] = [
  [FAILURES, ({ failed }) => failed],
  ['tsdirectord_server_transitions_total', ({ turns }) => turns.length - 1],
];

/** By server, as log lines name it. */
function valuesOf(text: string, family: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(`^${family}\\{[^}]*virtual="([^"]*)",server="([^"]*)"[^}]*\\} (\\S+)$`, 'gm'));
  return new Map([...lines].map(([, virtual, server, value]) => [`${server} (${virtual})`, Number(value)]));
}
