// The npm package: packed, installed into a prefix of its own, and used.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BIN, command, Site } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { ROOT, VERSION } from './made.ts';

test('npm pack and npm install -g give a program with all that belongs to it', { timeout: 120_000 }, async () => {
  const dir = scratch();
  const packed = await command(['npm', 'pack', '--silent', '--pack-destination', dir], ROOT);
  expect(packed.code, packed.stderr).toBe(0);
  const tarball = join(dir, `tsdirectord-${VERSION}.tgz`);
  const prefix = join(dir, 'prefix');
  const installed = await command(['npm', 'install', '--silent', '--offline', '-g', '--prefix', prefix, tarball]);
  expect(installed.code, installed.stderr).toBe(0);

  const program = join(prefix, 'bin/tsdirectord');
  const run = (...args: string[]) => command([program, ...args]);
  expect((await run('--version')).stdout).toBe(`tsdirectord ${VERSION}\n`);
  const listed = (await run('--print-files')).stdout.trimEnd().split('\n');
  const rows = listed.map((line) => line.split('\t'));
  for (const [file = '', target = '', what = ''] of rows) {
    expect(existsSync(file), file).toBe(true);
    expect(file.startsWith(join(prefix, 'lib/node_modules/tsdirectord/')), file).toBe(true);
    expect(target).toMatch(/^\/(etc|usr)\//);
    expect(what).not.toBe('');
  }
  // As many as in the repository: none is forgotten in package.json.
  const { stdout } = await command([BIN, '--print-files']);
  expect(listed.length).toBe(stdout.trimEnd().split('\n').length);
  for (const [file = ''] of rows.filter(([, target = '']) => /resource\.d|keepalived-notify|sbin/.test(target)))
    expect(() => accessSync(file, constants.X_OK), file).not.toThrow();
  // npm links the manual itself.
  expect(readdirSync(join(prefix, 'share/man/man8'))).toEqual(['tsdirectord.8']);

  const site = new Site();
  expect((await run('start', '-f', site.config, ...site.flags)).code).toBe(0);
  expect((await run('status', '-f', site.config, ...site.flags)).code).toBe(0);
  expect((await run('stop', '-f', site.config, ...site.flags)).code).toBe(0);
});
