// What the programs that we run are given: no shell, no more of our environment than they need, and nothing that speaks for us.
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Callback } from '../../src/callback.ts';
import { runCommand } from '../../src/system/command.ts';
import { environmentForOthers } from '../../src/system/environment.ts';
import { Launcher } from '../../src/system/launcher.ts';
import { serviceManager } from '../../src/system/service-manager.ts';
import { configOf } from '../config-of.ts';
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

/** What a shell would make much of, and hands on as it is when there is none. */
const WORDS = ['$HOME', '`id`', '$(id)', ';id', '&&id', '|id', '>x', '*', '~', '{a,b}', '\\', '!!', '#', "it's", '%s'];

test('what a configuration says is split once, and no shell reads it', async () => {
  const written = WORDS.map((word) => (/['#]/.test(word) ? `"${word}"` : word)).join(' ');
  const [virtual] = configOf(
    `virtual = 10.0.0.1:80\n\treal = 10.0.0.2:80 gate\n\tservice = none\n\tchecktype = external\n` +
      `\tcheckcommand = /bin/echo ${written}\n\tfallbackcommand = /bin/echo ${written}\n`,
  ).virtuals;
  const spec = virtual?.reals[0]?.check.spec;
  const checked = spec?.kind === 'external' ? spec.argv.slice(0, 1 + WORDS.length) : undefined;
  for (const argv of [checked, virtual?.fallbackCommand]) {
    expect(argv).toEqual(['/bin/echo', ...WORDS]);
    expect((await runCommand(argv ?? [], { signal: never })).stdout).toBe(`${WORDS.join(' ')}\n`);
  }
});

test('the shell that starts ipvsadm reads nothing of what it hands on', async () => {
  const launcher = new Launcher(['/bin/cat'], environmentForOthers());
  onTestFinished(() => launcher.close());
  const input = `${[...WORDS.filter((word) => !word.includes('\\')), '\n', '%n', "'; id; '", '"; id; "'].join(' ')}\n`;
  for (let i = 0; i < 3; i++) {
    expect((await launcher.run({ signal: never, input })).stdout).toBe(input);
    expect((await launcher.run({ signal: never, input: WORDS.join(' ') })).stdout).toBe(WORDS.join(' '));
  }
});

test('nothing else in the program can start a shell', () => {
  const src = new URL('../../src/', import.meta.url);
  const texts = (readdirSync(src, { recursive: true }) as string[])
    .filter((path) => path.endsWith('.ts') && path !== 'system/launcher.ts')
    .map((path) => readFileSync(new URL(path, src), 'utf8'));
  const imported = texts.flatMap((text) =>
    [...text.matchAll(/import \{([^}]*)\} from 'node:child_process'/g)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim()),
    ),
  );
  expect(new Set(imported.filter((name) => !name.startsWith('type ')))).toEqual(new Set(['spawn']));
  for (const text of texts) {
    expect(text).not.toMatch(/\bshell:|\/bin\/(ba|da)?sh\b/);
    expect(text.includes("'node:child_process'")).toBe(/import \{[^}]*\} from 'node:child_process'/.test(text));
  }
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

test('the callback: the path of the configuration is one argument, whatever is in it', async () => {
  const dir = scratch();
  const [program, found] = [join(dir, 'callback'), join(dir, 'found')];
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$#" "$1" >${found}.new\nmv ${found}.new ${found}\n`);
  chmodSync(program, 0o755);
  const path = '/x;touch y $(id) `id` "*".cf';
  const callback = new Callback({ path, log: () => new LogLines() });
  onTestFinished(() => callback.close());
  callback.changed(program);
  await until('what it found', () => existsSync(found));
  expect(readFileSync(found, 'utf8')).toBe(`1\n${path}\n`);
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
