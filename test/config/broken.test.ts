// Every broken configuration in fixtures/broken gives exactly the text beside it. UPDATE_EXPECTED=1 writes it anew: read the difference.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatDiagnostics, loadText } from '../../src/load.ts';
import { lookups } from './lookups.ts';

const folder = new URL('../../fixtures/broken/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.cf'))
  .map((file) => file.slice(0, -3));

test('there are enough of them', () => {
  expect(names.length).toBeGreaterThanOrEqual(50);
});

test.each(names)('%s', async (name) => {
  // Not by its path: who may read a working copy is another matter.
  const loaded = await loadText(readFileSync(new URL(`${name}.cf`, folder), 'utf8'), `${name}.cf`, lookups);
  const text = `${formatDiagnostics(loaded).join('\n')}\n`;
  const expected = new URL(`${name}.expected`, folder);
  if (process.env.UPDATE_EXPECTED === '1') writeFileSync(expected, text);
  expect(text).toBe(readFileSync(expected, 'utf8'));
  expect(loaded.config).toBeUndefined();
  expect(text).not.toContain('hunter2');
});
