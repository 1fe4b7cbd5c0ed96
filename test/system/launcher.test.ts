// The process that waits to start a program: what the program is given and says, and that a program which cannot be ended, a shell that
// is killed and an owner that is gone leave nothing behind.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { environmentForOthers } from '../../src/system/environment.ts';
import { Launcher } from '../../src/system/launcher.ts';
import { isAlive } from '../is-alive.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const never = new AbortController().signal;

/** A launcher of a shell script. */
function launcherOf(script: string, env = environmentForOthers()): Launcher {
  const launcher = new Launcher(['/bin/sh', '-c', script], env);
  onTestFinished(() => launcher.close());
  return launcher;
}

/** One that has its process already; `$PPID` of what it starts is that process. */
async function waiting(script: string): Promise<Launcher> {
  const launcher = launcherOf(script);
  await launcher.run({ signal: never, input: '' });
  return launcher;
}

const give = (launcher: Launcher, input: string) => launcher.run({ signal: never, input });
/** Who has started what writes `$PPID` alone. */
const starter = async (launcher: Launcher): Promise<number> => Number((await give(launcher, '')).stdout);

/** Empty while there is none. */
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const parentOf = (pid: number): number => Number(/\) \w (\d+)/.exec(textOf(`/proc/${pid}/stat`))?.[1]);

test('the first is started directly, and each after it by one process that waits', async () => {
  const launcher = launcherOf('echo $PPID');
  expect(await starter(launcher)).toBe(process.pid);
  const other = await starter(launcher);
  expect(other).not.toBe(process.pid);
  expect(await starter(launcher)).toBe(other);
  await launcher.close();
  expect(isAlive(other)).toBe(false);
});

test.each([
  ['an output', 'echo out; echo err >&2', '', { code: 0, signal: null, said: 'out\nerr\n' }],
  ['no output', 'true', '', { code: 0, signal: null, said: '' }],
  ['an output without an end of line', 'printf out', '', { code: 0, signal: null, said: 'out' }],
  ['an output that ends in empty lines', 'printf "out\\n\\n\\n"', '', { code: 0, signal: null, said: 'out\n\n\n' }],
  ['a status', 'echo out; exit 3', '', { code: 3, signal: null, said: 'out\n' }],
  ['status 255', 'exit 255', '', { code: 255, signal: null, said: '' }],
  ['a signal', 'kill -SEGV $$', '', { code: null, signal: 'SIGSEGV', said: '' }],
  ['input', 'cat', 'one\n two \n\n%s $HOME\n', { code: 0, signal: null, said: 'one\n two \n\n%s $HOME\n' }],
  ['input without an end of line', 'cat', 'one\ntwo', { code: 0, signal: null, said: 'one\ntwo' }],
  ['input that nobody reads', 'exit 1', 'x'.repeat(4000), { code: 1, signal: null, said: '' }],
  ['input with backslashes', 'cat', 'a\\nb\\\\c\\0', { code: 0, signal: null, said: 'a\\nb\\\\c\\0' }],
  [
    'a long input',
    'cat',
    `${'x'.repeat(79)}\n`.repeat(500),
    { code: 0, signal: null, said: `${'x'.repeat(79)}\n`.repeat(500) },
  ],
  ['an input of letters of two bytes', 'wc -c', 'é'.repeat(3000), { code: 0, signal: null, said: '6000\n' }],
])('%s: the same again and again', async (_name, script, input, { said, ...expected }) => {
  const launcher = launcherOf(script);
  for (let i = 0; i < 3; i++) {
    const { stdout, stderr, ...how } = await give(launcher, input);
    expect(how).toEqual(expected);
    expect(stdout + stderr).toBe(said);
  }
});

test('the end of a long output is kept, and the rest does not block', async () => {
  const launcher = await waiting('head -c 1000000 /dev/zero | tr "\\0" o; echo end');
  const { code, stdout } = await give(launcher, '');
  expect([code, stdout.length > 60_000, stdout.length <= 65_536, stdout.endsWith('oend\n')]).toEqual([
    0,
    true,
    true,
    true,
  ]);
});

test('its environment, and no other', async () => {
  const launcher = launcherOf('echo "$WORD$HOME"', { WORD: 'told' });
  for (let i = 0; i < 2; i++) expect((await give(launcher, '')).stdout).toBe('told\n');
});

test('a program that is not there any more, or not yet, is told of as what it is', async () => {
  const path = join(scratch(), 'program');
  const launcher = new Launcher([path], environmentForOthers());
  onTestFinished(() => launcher.close());
  const install = (mode: number): void => {
    writeFileSync(path, '#!/bin/sh\necho $PPID\n');
    chmodSync(path, mode);
  };
  await expect(give(launcher, '')).rejects.toMatchObject({ code: 'ENOENT' });
  install(0o755);
  await give(launcher, '');
  const other = await starter(launcher);
  expect(other).not.toBe(process.pid);
  install(0o644);
  await expect(give(launcher, '')).rejects.toMatchObject({ code: 'EACCES' });
  install(0o755);
  expect(await starter(launcher)).toBe(other);
});

test('where there is no shell everything is started directly', async () => {
  const launcher = new Launcher(['/bin/sh', '-c', 'cat; echo $PPID'], environmentForOthers(), '/no/such/shell');
  for (let i = 0; i < 3; i++) expect((await give(launcher, 'given ')).stdout).toBe(`given ${process.pid}\n`);
  await launcher.close();
});

test('another shell does as well', async () => {
  const launcher = new Launcher(['/bin/sh', '-c', 'cat; echo err >&2; exit 3'], environmentForOthers(), '/bin/bash');
  onTestFinished(() => launcher.close());
  for (let i = 0; i < 3; i++) {
    const { code, stdout, stderr } = await give(launcher, '-a %s\n-e\n');
    expect([code, stdout + stderr]).toEqual([3, '-a %s\n-e\nerr\n']);
  }
});

test('several at once do not wait for one another', async () => {
  const dir = scratch();
  // Each waits for the other one.
  const launcher = await waiting(
    `read -r own other || exit; echo >${dir}/$own; until [ -e ${dir}/$other ]; do sleep 0.01; done; echo $own`,
  );
  const both = await Promise.all([give(launcher, 'a b\n'), give(launcher, 'b a\n')]);
  expect(both.map(({ stdout }) => stdout)).toEqual(['a\n', 'b\n']);
});

test('an abort ends the program and its children, and the next call is answered', async () => {
  const path = join(scratch(), 'pids');
  const launcher = await waiting(
    `read -r what || exit 0; [ "$what" = stay ] || exit 7; trap "" TERM; sleep 60 & echo $$ $! >${path}; wait; sleep 60`,
  );
  const control = new AbortController();
  const running = launcher.run({ signal: control.signal, input: 'stay\n' });
  const pids = (): number[] => textOf(path).trim().split(' ').map(Number).filter(Boolean);
  await until('it is at work', () => pids().length === 2);
  control.abort();
  expect(await running).toMatchObject({ code: null });
  // Their pipes close a moment before they are gone.
  await until('their end', () => !pids().some(isAlive));
  expect(await give(launcher, 'go\n')).toMatchObject({ code: 7 });
  await expect(launcher.run({ signal: control.signal, input: '' })).rejects.toMatchObject({ name: 'AbortError' });
});

test('a process that is killed while it waits is replaced', async () => {
  const launcher = await waiting('echo $PPID');
  const first = await starter(launcher);
  process.kill(first, 'SIGKILL');
  await until('it is gone', () => !isAlive(first));
  const seen: number[] = [];
  await until('another one', async () => {
    seen.push(await starter(launcher));
    return ![first, process.pid].includes(seen.at(-1) ?? 0);
  });
});

test('a process that is killed while its program runs: the end is known when the program has ended too', async () => {
  const dir = scratch();
  const launcher = await waiting(`read -r what || exit; echo $$ >${dir}/pid; sleep 0.5; echo done >${dir}/done`);
  const running = give(launcher, 'go\n');
  await until('it is at work', () => textOf(join(dir, 'pid')).endsWith('\n'));
  process.kill(parentOf(Number(textOf(join(dir, 'pid')))), 'SIGKILL');
  expect(await running).toMatchObject({ code: null, signal: 'SIGKILL' });
  expect(textOf(join(dir, 'done'))).toBe('done\n');
});

test('nothing is started any more once it is closed', async () => {
  const launcher = launcherOf('echo $PPID');
  await launcher.close();
  expect(await starter(launcher)).toBe(process.pid);
  expect(await starter(launcher)).toBe(process.pid);
  await launcher.close();
});
