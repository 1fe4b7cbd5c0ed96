// What can be said of systemd/ without a running systemd: systemd itself reads the units, and finds them closed enough.
// Under a running one they are tested in kernel/systemd.test.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BIN } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const SYSTEMD = fileURLToPath(new URL('../../systemd', import.meta.url));
const UNITS = readdirSync(SYSTEMD).filter((name) => name.endsWith('.service'));
/** In tenths: what the issue asks for is 2.0. */
const MOST_EXPOSURE = 20;
/** Before, it cannot look at units that are not installed. */
const OFFLINE_SINCE = 250;

const analyze = (...args: string[]) => spawnSync('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8' });
const version = Number(/^systemd (\d+)/.exec(analyze('--version').stdout ?? '')?.[1] ?? 0);
if (version < OFFLINE_SINCE)
  console.warn(`SKIPPED: systemd-analyze ${OFFLINE_SINCE} or later is needed to look at the units`);

const read = (name: string): string => readFileSync(join(SYSTEMD, name), 'utf8');

describe.skipIf(version < OFFLINE_SINCE)('systemd', () => {
  test.each(UNITS)('understands all of %s', (name) => {
    const dir = scratch();
    const stem = name.replace(/@?\..*/, '');
    // What it calls need not be installed here.
    writeFileSync(join(dir, name), read(name).replaceAll(/(?<==)\/usr\/sbin\/\w+/g, BIN));
    const { status, stderr } = analyze('verify', '--man=no', '--recursive-errors=no', join(dir, name));
    expect({ status, said: stderr.split('\n').filter((line) => line.includes(stem)) }).toEqual({
      status: 0,
      said: [],
    });
  });

  test.each(UNITS)('finds %s closed enough', (name) => {
    const { status, stdout } = analyze(
      'security',
      '--offline=true',
      `--threshold=${MOST_EXPOSURE}`,
      join(SYSTEMD, name),
    );
    expect({ status, verdict: stdout.trimEnd().split('\n').at(-1) }).toMatchObject({ status: 0 });
  });
});

const noSysusers = spawnSync('systemd-sysusers', ['--version']).error !== undefined;
if (noSysusers) console.warn('SKIPPED: there is no systemd-sysusers here to make the user');

test.skipIf(noSysusers)('systemd-sysusers makes the user that the units run as', () => {
  const root = scratch();
  mkdirSync(join(root, 'etc'));
  const { status, stderr } = spawnSync('systemd-sysusers', [`--root=${root}`, join(SYSTEMD, 'tsdirectord.sysusers')], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(/^tsdirectord:x:\d+:\d+:.*:\/usr\/sbin\/nologin$/m);
});

describe('the two units for a director', () => {
  /** Settings without comments; the configuration's name is the only thing that may differ in what is run. */
  const settings = (name: string, config: string): string[] =>
    read(name)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(config, 'CONFIG'));
  const single = settings('tsdirectord.service', '/etc/ha.d/ldirectord.cf');
  const instance = settings('tsdirectord@.service', '%i');
  const service = (lines: readonly string[]) => lines.slice(lines.indexOf('[Service]'), lines.indexOf('[Install]'));

  test('have the same [Service]', () => {
    expect(service(instance)).toEqual(service(single));
  });

  test('dump no core, in which there would be passwords', () => {
    expect(single).toContain('LimitCORE=0');
  });

  test('take systemd at its word: told when it is ready, watched, and never again after a mistake in the configuration', () => {
    expect(single).toEqual(expect.arrayContaining(['Type=notify', 'WatchdogSec=30', 'RestartPreventExitStatus=2']));
  });
});
