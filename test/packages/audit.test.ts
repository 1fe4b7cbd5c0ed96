// What is known against the packages that are bundled, and against those that build and test: nothing, says the registry.
import { expect, test } from 'vitest';
import { command } from '../e2e/program.ts';
import { ROOT } from './made.ts';

interface Audit {
  /** Of a registry that does not answer it. */
  readonly message?: string;
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

test('npm audit finds nothing', { timeout: 90_000 }, async (context) => {
  const { stdout, stderr } = await command(
    ['npm', 'audit', '--json', '--fetch-timeout=8000', '--fetch-retries=0'],
    ROOT,
  );
  const { vulnerabilities, message = stderr } = JSON.parse(stdout || '{}') as Audit;
  if (vulnerabilities === undefined) {
    const reason = `the registry does not answer npm audit: ${message.replace(/ - .*/s, '')}`;
    console.warn(`SKIPPED: ${reason}`);
    context.skip(reason);
    return;
  }
  const found = Object.entries(vulnerabilities).map(([name, { severity, range }]) => `${name} ${range}: ${severity}`);
  expect(found).toEqual([]);
});
