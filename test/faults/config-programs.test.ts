// What the programs that we run are given: no shell, no more of our environment than they need, and nothing that speaks for us.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Callback } from '../../src/callback.ts';
import { runCommand } from '../../src/system/command.ts';
import { environmentForOthers } from '../../src/system/environment.ts';
import { serviceManager } from '../../src/system/service-manager.ts';
import { LogLines } from '../log-lines.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const never = new AbortController().signal;

test.for([
  ['PATH', true],
  ['HOME', true],
  ['USER', true],
  ['LOGNAME', true],
  ['SHELL', true],
  ['TMPDIR', true],
  ['TZ', true],
  ['LANG', true],
  ['LANGUAGE', true],
  ['LC_ALL', true],
  ['LC_TIME', true],
  ['NODE_OPTIONS', false],
  ['NODE_EXTRA_CA_CERTS', false],
  ['LD_PRELOAD', false],
  ['LD_LIBRARY_PATH', false],
  ['NOTIFY_SOCKET', false],
  ['WATCHDOG_PID', false],
  ['LISTEN_FDS', false],
  ['JOURNAL_STREAM', false],
  ['CREDENTIALS_DIRECTORY', false],
  ['BASH_ENV', false],
  ['ENV', false],
  ['IFS', false],
  ['PERL5OPT', false],
  ['PYTHONPATH', false],
  ['PGPASSWORD', false],
  ['NODE_CHANNEL_FD', false],
  ['path', false],
  ['', false],
] as const)('%s is given: %s', ([name, isGiven]) => {
  expect(environmentForOthers({ [name]: 'x' })).toEqual(isGiven ? { [name]: 'x' } : {});
});

/** Sets a variable of this process for the length of a test. */
function plant(name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  onTestFinished(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

const foreign = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.split('=', 1)[0] as string)
    // What /bin/sh sets by itself.
    .filter((name) => name !== '' && !/^(PWD|OLDPWD|SHLVL|_)$/.test(name) && !(name in environmentForOthers()));

test('a command', async () => {
  plant('TSDIRECTORD_PLANTED', 'x');
  plant('LC_PLANTED', 'told');
  const { stdout } = await runCommand(['/usr/bin/env'], { signal: never });
  expect(foreign(stdout)).toEqual([]);
  expect(stdout).toContain('LC_PLANTED=told\n');
});

test('the callback', async () => {
  plant('TSDIRECTORD_PLANTED', 'x');
  const dir = scratch();
  const [program, found] = [join(dir, 'callback'), join(dir, 'found')];
  writeFileSync(program, `#!/bin/sh\nenv >${found}.new\nmv ${found}.new ${found}\n`);
  chmodSync(program, 0o755);
  const callback = new Callback({ path: '/x.cf', log: () => new LogLines() });
  onTestFinished(() => callback.close());
  callback.changed(program);
  await until('what it found', () => existsSync(found));
  expect(foreign(readFileSync(found, 'utf8'))).toEqual([]);
});

test('systemd-notify, and only it, learns where systemd listens', async () => {
  const dir = scratch();
  const [program, found] = [join(dir, 'notify'), join(dir, 'found')];
  writeFileSync(program, `#!/bin/sh\nenv >${found}\n`);
  chmodSync(program, 0o755);
  const env = { PATH: process.env.PATH ?? '', NOTIFY_SOCKET: '/run/x', NODE_OPTIONS: '--inspect' };
  const manager = serviceManager({ env, program, onTrouble: (reason) => expect.fail(reason) });
  manager?.tell({ state: 'READY' });
  await manager?.told();
  const told = readFileSync(found, 'utf8');
  expect(told).toContain('NOTIFY_SOCKET=/run/x\n');
  expect(told).not.toContain('NODE_OPTIONS');
  expect(env).not.toHaveProperty('NOTIFY_SOCKET');
});
