// What each configuration in fixtures/good means, and its warnings. UPDATE_EXPECTED=1 writes that anew: read the difference.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inFileOrder } from '../../src/config/diagnostic.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { readLines, splitLines } from '../../src/config/lines.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';
import { names } from './lookups.ts';

const folder = new URL('../../fixtures/good/', import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(`${name}.cf`, folder), 'utf8');
const fixtures = readdirSync(folder)
  .filter((file) => file.endsWith('.cf'))
  .map((file) => file.slice(0, -3));

/** Keys in the order of the alphabet; a pattern is its text. */
function stable(key: string, value: unknown): unknown {
  if (key === 'receive') return (value as { text: string }).text;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test.each(fixtures)('%s', (name) => {
  const { config, diagnostics } = resolve(parse(textOf(name)), names);
  const told = inFileOrder(diagnostics).map(
    ({ severity, line, column, message }) => `${line}:${column}: ${severity}: ${message}`,
  );
  const text = `${JSON.stringify({ warnings: told, config }, stable, 2)}\n`;
  const expected = new URL(`${name}.json`, folder);
  if (process.env.UPDATE_EXPECTED === '1') writeFileSync(expected, text);
  expect(text).toBe(readFileSync(expected, 'utf8'));
  expect(config).toBeDefined();
});

test('every directive is in one of them', () => {
  const used = new Set(
    fixtures.flatMap((name) => readLines(splitLines(textOf(name))).lines.map(({ key }) => key.text)),
  );
  expect(Object.keys(DIRECTIVES).filter((name) => !used.has(name))).toEqual([]);
});
