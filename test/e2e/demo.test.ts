// `npm start`, the second of the README's two commands: it shows what it says it shows, and ends by itself.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

const DEMO = fileURLToPath(new URL('../../dist/demo.cjs', import.meta.url));
/** It ends itself after 50 s. */
const LIMIT_MS = 60_000;

test('the demonstration breaks a server, heals it, and leaves nothing', { timeout: LIMIT_MS + 10_000 }, async () => {
  const TMPDIR = scratch();
  const run = promisify(execFile);
  const { stdout, stderr } = await run(process.execPath, [DEMO], {
    env: { ...process.env, TMPDIR },
    timeout: LIMIT_MS,
  });
  expect(stderr).toBe('');
  const shown = [...stdout.matchAll(/(Added|Quiescent|Restored) real server: \S+ \(\S+\) \(Weight set to \d\)/g)];
  expect(shown.map(([, verb]) => verb)).toEqual(['Added', 'Added', 'Quiescent', 'Restored', 'Quiescent']);
  expect(stdout).toContain('nothing of it is left');
  expect(readdirSync(TMPDIR)).toEqual([]);
});
