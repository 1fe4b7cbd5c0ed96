// Whatever stands in a configuration: reading it never fails otherwise than in words with a place, takes no time worth speaking of,
// and what is accepted prints back (check --explain) to a text that means the same.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/config/diagnostic.ts';
import { explain } from '../../src/config/explain.ts';
import { formatExplained } from '../../src/config/explain-format.ts';
import { splitLines } from '../../src/config/lines.ts';
import type { Config } from '../../src/config/model.ts';
import { parse } from '../../src/config/parse.ts';
import { type Resolved, resolve } from '../../src/config/resolve.ts';
import { HIDDEN, hideSecrets } from '../../src/config/secrets.ts';
import { names } from '../config/lookups.ts';
import { usedMs } from '../loop-holds.ts';
import { configurations } from './config-texts.ts';
import { runsOf, SEED } from './runs.ts';

const RUNS = runsOf(50_000, 1_000_000);
/** About 1 ms a run on a slow machine, and a generous start. */
const TIME_LIMIT_MS = 15_000 + 5 * RUNS;
/** A configuration of a few hundred characters is read in well under a millisecond; this is for a machine that is busy. */
const LONGEST_MS = 2_000;

const understood = (text: string): Resolved => resolve(parse(text), names);

/** Without line numbers, and with every secret as it is shown. */
function comparable(config: Config): string {
  return JSON.stringify(config, (key, value) => {
    if (key === 'line' || key === 'monitorWords') return undefined;
    return (key === 'password' || key === 'secret') && value !== '' ? '********' : value;
  });
}

function expectPlaces(text: string, { config, diagnostics }: Resolved): void {
  const lines = splitLines(text);
  const shown = parse(text).lines;
  for (const found of diagnostics) {
    const { line, column, length, message } = found;
    const width = lines[line - 1]?.length;
    if (width === undefined || column < 1 || length < 1 || column + length - 1 > width + 1)
      expect.fail(`"${message}" is not in the text: ${line}:${column}, ${length} long`);
    const told = formatDiagnostic(found, { file: 'f', lines: shown });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal or a log would obey
    expect(told).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  }
  expect(config === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
}

function expectPrintsBack(text: string, config: Config, diagnostics: Resolved['diagnostics']): void {
  const draft = parse(text);
  // Warnings stand in it as comments, as check --explain has them.
  const heading = diagnostics.flatMap((found) =>
    formatDiagnostic(found, { file: 'f', lines: draft.lines }).split('\n'),
  );
  const printed = formatExplained(explain(text, draft, config), heading);
  const again = understood(printed);
  const errors = again.diagnostics.filter(({ severity }) => severity === 'error');
  expect(errors, `explained as\n${printed}`).toEqual([]);
  // What is hidden is not there any more.
  if (hideSecrets(text) !== text || printed.includes(HIDDEN) || again.config === undefined) return;
  expect(comparable(again.config), `explained as\n${printed}`).toBe(comparable(config));
}

test(
  `${RUNS} texts`,
  () => {
    let accepted = 0;
    fc.assert(
      fc.property(configurations, (text) => {
        const before = usedMs();
        const found = understood(text);
        expectPlaces(text, found);
        if (found.config !== undefined) {
          accepted++;
          expectPrintsBack(text, found.config, found.diagnostics);
        }
        expect(usedMs() - before).toBeLessThan(LONGEST_MS);
      }),
      { numRuns: RUNS, ...SEED },
    );
    // Texts that are all refused would say nothing of those that are not.
    expect(accepted).toBeGreaterThan(RUNS / 20);
  },
  TIME_LIMIT_MS,
);

/** What these properties have found, and what nearly was found. */
test.each([
  ['words that are no secret', 'virtual = 10.8.8.45:53\n\treal = 10.8.8.48 gate 1\n\tcomment = "pass word"\n'],
  ['a name that every object has', 'virtual = 10.8.8.45:80\n\treal = 10.8.8.48 gate 1\n\tfallback = toString\n'],
  ['a password amid a path', 'logfile = "/https://u:p@h/var/log/a.log"\nvirtual = 10.8.8.45:80\n'],
  ['a quote before a secret', 'maintenancedir = "/it\'s/password=x"\nvirtual = 10.8.8.45:80\n'],
  ['a directive that every object has', 'constructor = 1\n__proto__ = 1\nvirtual = 10.8.8.45:80\n'],
  [
    'an IPv4 address within an IPv6 one',
    'virtual = 10.8.8.45:53\n\treal = 10.8.8.48 gate\n\trequest = ::ffff:10.0.0.1\n',
  ],
  ['a request of which nothing is left', 'virtual = 10.8.8.45:6379\n\treal = 10.8.8.48 gate\n\trequest = "/"\n'],
  ['an address with a zone', 'virtual = 10.8.8.45:53\n\treal = 10.8.8.48 gate\n\trequest = fe80::1%eth0\n'],
])('%s', (_, text) => {
  const found = understood(text);
  expectPlaces(text, found);
  if (found.config !== undefined) expectPrintsBack(text, found.config, found.diagnostics);
});

/** Each is one line that grows; reading it must take time in proportion. */
const LONG: readonly (readonly [string, (size: number) => string])[] = [
  ['quotes', (size) => `\tcheckcommand = ${'"'.repeat(size)}`],
  ['quotes and blanks', (size) => `\tcheckcommand = ${'" '.repeat(size / 2)}`],
  ['single quotes', (size) => `\tcheckcommand = ${"'a".repeat(size / 2)}`],
  ['blanks', (size) => `\tcheckcommand = "a${' '.repeat(size)}b"`],
  ['blanks at the end', (size) => `\tcheckcommand = a${' '.repeat(size)}`],
  ['blanks in a server', (size) => `\treal = 10.8.8.48${' '.repeat(size)}gate${' '.repeat(size)}x`],
  ['commas', (size) => `\tschedflags = ${','.repeat(size)}`],
  ['addresses', (size) => `\temailalert = ${'a@b,'.repeat(size / 4)}`],
  ['at signs', (size) => `\temailalert = ${'@'.repeat(size)}`],
  ['colons', (size) => `\treal = ${':'.repeat(size)}`],
  ['digits', (size) => `\tpersistent = ${'9'.repeat(size)}`],
  ['a number', (size) => `\tfastinterval = ${'0'.repeat(size)}.${'0'.repeat(size)}x`],
  ['slashes', (size) => `\trequest = "${'/'.repeat(size)}"`],
  ['a URL', (size) => `\trequest = "http://${'a.'.repeat(size / 2)}"`],
  ['a pattern', (size) => `\treceive = "${'a*'.repeat(size / 2)}"`],
  ['brackets', (size) => `\treceive = "${'('.repeat(size)}"`],
  ['closed brackets', (size) => `\treceive = "${'('.repeat(size / 2)}${')'.repeat(size / 2)}"`],
  ['classes', (size) => `\treceive = "${'[a'.repeat(size / 2)}"`],
  ['backslashes', (size) => `\treceive = "${'\\'.repeat(size)}"`],
  ['groups', (size) => `\treceive = "${'(a)'.repeat(size / 3)}"`],
  ['numbers of repeats', (size) => `\treceive = "${'a{1,9}'.repeat(size / 6)}"`],
  ['posix classes', (size) => `\treceive = "[${'[:'.repeat(size / 2)}"`],
  ['collating', (size) => `\treceive = "[${'[='.repeat(size / 2)}"`],
  ['a comment', (size) => `#${'#'.repeat(size)}`],
  ['an unknown directive', (size) => `\t${'p'.repeat(size)} = 1`],
  ['what may be a secret', (size) => `\trequest = "${'pass'.repeat(size / 4)}"`],
  ['secrets', (size) => `\trequest = "${'pass='.repeat(size / 5)}"`],
  ['a host name', (size) => `\tsslname = ${'a.'.repeat(size / 2)}`],
  ['a name to ask for', (size) => `\tservice = dns\n\trequest = ${'a-'.repeat(size / 2)}`],
  ['a redis command', (size) => `\tservice = redis\n\trequest = "${"'a' ".repeat(size / 4)}"`],
  ['virtuals', (size) => '\nvirtual = 10.8.8.45:80'.repeat(size / 24)],
  ['servers', (size) => '\n\treal = 10.8.8.48 gate'.repeat(size / 24)],
  ['line ends', (size) => '\n'.repeat(size)],
  ['carriage returns', (size) => '\r'.repeat(size)],
];

test.each(LONG)('a long line of %s', (_, line) => {
  const text = `virtual = 10.8.8.45:80\n\treal = 10.8.8.48 gate\n${line(60_000)}\n`;
  const before = performance.now();
  const found = understood(text);
  expectPlaces(text, found);
  if (found.config !== undefined) expectPrintsBack(text, found.config, found.diagnostics);
  // Quadratic in 60,000 would be ten times this.
  expect(performance.now() - before).toBeLessThan(5_000);
});
