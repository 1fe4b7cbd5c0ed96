// The callback program: its argument, its end, its words, and that it may outlive the daemon.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Callback } from '../src/callback.ts';
import { LogLines } from './log-lines.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

/** Time as the callback counts it passes only when a test lets it pass. */
function heldTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

function setUp(timeoutMs = 10_000) {
  const dir = scratch();
  const log = new LogLines();
  const callback = new Callback({ path: '/etc/ha.d/a b$(date).cf', log: () => log, timeoutMs });
  onTestFinished(() => callback.close());
  const script = (text: string, name = 'callback'): string => {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/sh\ncd ${dir}\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const file = (name: string): string => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  return { dir, log, callback, script, file };
}

test.each<[string, string, string]>([
  ['done, silently', 'exit 0', 'Callback PROGRAM done'],
  ['done, with words', 'echo one; echo two; echo', 'Callback PROGRAM done: two'],
  [
    'failed',
    'echo out; echo "scp: no route" >&2; exit 3',
    'error: Callback PROGRAM failed with status 3: scp: no route',
  ],
  ['killed', 'kill -9 $$', 'error: Callback PROGRAM failed with SIGKILL'],
  ['much output', 'head -c 3000000 /dev/zero; echo; echo end', 'Callback PROGRAM done: end'],
  ['noise', "printf 'a\\033[1mb'", 'Callback PROGRAM done: a?[1mb'],
])('%s', async (_, text, expected) => {
  const { log, callback, script } = setUp();
  const program = script(text);
  callback.changed(program);
  await until('its end', () => log.lines.length > 0);
  expect(log.lines).toEqual([expected.replace('PROGRAM', program)]);
});

test('its one argument is the path, whatever stands in it', async () => {
  const { log, callback, script, file } = setUp();
  callback.changed(script('printf "%s|" "$#" "$@" >args'));
  await until('its end', () => log.lines.length > 0);
  expect(file('args')).toBe('1|/etc/ha.d/a b$(date).cf|');
});

test.each([
  ['/no/such/program', 'ENOENT'],
  ['/tmp', 'EACCES'],
])('%s: %s', async (program, code) => {
  const { log, callback } = setUp();
  callback.changed(program);
  await until('its end', () => log.lines.length > 0);
  expect(log.lines).toEqual([`error: Callback ${program} could not be run: spawn ${program} ${code}`]);
});

test('never two at once; any number of changes meanwhile are one more run, of the last one asked for', async () => {
  const { dir, log, callback, script, file } = setUp();
  const first = script('echo first >>order; while [ ! -e go ]; do sleep 0.01; done; echo end >>order', 'first');
  const last = script('echo last >>order', 'last');
  callback.changed(first);
  await until('its begin', () => file('order') !== '');
  for (const program of [first, first, last]) callback.changed(program);
  writeFileSync(join(dir, 'go'), '');
  await until('both ends', () => log.lines.length === 2);
  expect(file('order')).toBe('first\nend\nlast\n');
});

test('one that takes too long is ended with its children', async () => {
  heldTime();
  const { log, callback, script, file } = setUp(200);
  const program = script('trap "" TERM; echo waiting; sleep 300 & echo $! >child; wait; sleep 300');
  callback.changed(program);
  await until('its child', () => file('child') !== '');
  await vi.advanceTimersByTimeAsync(60_000);
  await until('its end', () => log.lines.length > 0);
  expect(log.lines).toEqual([`error: Callback ${program} took longer than 0.2 s and was ended: waiting`]);
  await until('the end of its child', () => isGone(Number(file('child'))));
});

function isGone(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^\s*(Z|$)/.test(stdout);
}

test('one that outlives the daemon (it may be restarting it) is left alone, and can still speak', async () => {
  heldTime();
  const { dir, log, callback, script, file } = setUp(300);
  callback.changed(script('echo >begun; while [ ! -e go ]; do sleep 0.01; done; echo words; echo after >end'));
  await until('its begin', () => file('begun') !== '');
  const files = readdirSync('/proc/self/fd').length;
  callback.close();
  expect(readdirSync('/proc/self/fd').length).toBe(files - 1);
  await vi.advanceTimersByTimeAsync(60_000);
  writeFileSync(join(dir, 'go'), '');
  await until('its end', () => file('end') === 'after\n');
  expect(log.lines).toEqual([]);
});
