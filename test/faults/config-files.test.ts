// Files that the daemon makes where others may have put something first: a link to a file that is not theirs, or a pipe that nobody
// reads. Nothing of theirs is written to, and nothing waits.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AppendFile } from '../../src/system/append-file.ts';
import { openLogFile } from '../../src/system/log-file.ts';
import { claim } from '../../src/system/pid-file.ts';
import { readOwner } from '../../src/system/pid-owner.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const MINE = 'mine\n';

/** A directory with a file that nobody may touch; everybody may write in `open`, and only we in `own`. */
function setUp() {
  const dir = scratch();
  const [open, own, victim] = [join(dir, 'open'), join(dir, 'own'), join(dir, 'victim')];
  for (const each of [open, own]) mkdirSync(each);
  chmodSync(open, 0o1777);
  writeFileSync(victim, MINE);
  const untouched = (): void => expect(readFileSync(victim, 'utf8')).toBe(MINE);
  return { open, own, victim, untouched };
}

test('a pid file: a link in place of it, and one in place of what it is made of, are replaced', async () => {
  const { open, victim, untouched } = setUp();
  const path = join(open, 'pid');
  symlinkSync(victim, path);
  symlinkSync(victim, `${path}.new`);
  const claimed = await claim(path);
  if (!('release' in claimed)) throw new Error('somebody has it');
  onTestFinished(() => claimed.release());
  expect(lstatSync(path).isFile()).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  untouched();
});

test('a pid file that is a pipe is nobody’s, and holds nobody up', () => {
  const path = join(setUp().open, 'pid');
  execFileSync('mkfifo', [path]);
  expect(readOwner(path)).toEqual({ state: 'stale', pid: undefined });
});

test('a log file: no link is followed where everybody may have put it', () => {
  const { open, victim, untouched } = setUp();
  const path = join(open, 'log');
  symlinkSync(victim, path);
  expect(() => openLogFile(path)).toThrow(/ELOOP/);
  untouched();
});

test('a log file: a link that is put in its place later gets nothing either', async () => {
  const { open, victim, untouched } = setUp();
  const path = join(open, 'log');
  const log = openLogFile(path, { lookEveryMs: 10 });
  onTestFinished(() => log.close());
  log.write('one\n', 'info');
  await until('the first line', () => readFileSync(path, 'utf8') === 'one\n');
  rmSync(path);
  symlinkSync(victim, path);
  let written = 0;
  // For several of the log's own looks.
  await until('some lines', () => {
    log.write('two\n', 'info');
    return ++written > 20;
  });
  rmSync(path);
  await until('a file of its own', () => existsSync(path));
  log.write('three\n', 'info');
  await until('the line after it', () => readFileSync(path, 'utf8').endsWith('three\n'));
  untouched();
});

test('a log file may be a link where only we could have put it', async () => {
  const { own, victim } = setUp();
  const path = join(own, 'log');
  symlinkSync(victim, path);
  const log = openLogFile(path);
  log.write('more\n', 'info');
  await log.close();
  expect(readFileSync(victim, 'utf8')).toBe(`${MINE}more\n`);
});

test('a log file that is a pipe which nobody reads is told at once, and not waited for', () => {
  const path = join(setUp().own, 'log');
  execFileSync('mkfifo', [path]);
  expect(() => openLogFile(path)).toThrow(/ENXIO/);
});

test.each([
  ['open', 'ELOOP', MINE],
  ['own', undefined, `${MINE}more\n`],
] as const)('a monitorfile that is a link, in a directory that is %s: %s', async (where, code, text) => {
  const { victim, ...dirs } = setUp();
  const path = join(dirs[where], 'monitor');
  symlinkSync(victim, path);
  const told: (string | undefined)[] = [];
  const file = new AppendFile(path, { onFailure: (error) => told.push(error.code), onRecovery: () => {} });
  file.write('more\n');
  await file.close();
  expect(told).toEqual(code === undefined ? [] : [code]);
  expect(readFileSync(victim, 'utf8')).toBe(text);
});
