// What Debian's own checker says of the package. What it may not say is in packaging/debian/lintian-overrides, with the reason.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { debianPackage } from './made.ts';

test.skipIf(!existsSync('/usr/bin/lintian'))('lintian has nothing to say', { timeout: 120_000 }, () => {
  const { stdout, status } = spawnSync('lintian', ['--allow-root', debianPackage()], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
