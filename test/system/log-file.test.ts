// A log file that is rotated under the program, or whose disk is full.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Outage, openLogFile } from '../../src/system/log-file.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const LOOK_MS = 10;
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

test('appends, and writes everything before it is closed', async () => {
  const path = join(scratch(), 'log');
  for (const line of ['one\n', 'two\n']) {
    const log = openLogFile(path);
    log.write(line, 'info');
    await log.close();
  }
  expect(read(path)).toBe('one\ntwo\n');
});

test('a line after the close is nobody’s, and a second close does nothing', async () => {
  const path = join(scratch(), 'log');
  const log = openLogFile(path);
  await log.close();
  log.write('late\n', 'info');
  await log.close();
  expect(read(path)).toBe('');
});

test('a file that cannot be opened is told at once', () => {
  const dir = scratch();
  expect(() => openLogFile(dir)).toThrow(/EISDIR/);
  expect(() => openLogFile(join(dir, 'no', 'log'))).toThrow(/ENOENT/);
});

test.each<[string, (path: string) => void]>([
  ['renamed', (path) => renameSync(path, `${path}.1`)],
  ['deleted', (path) => unlinkSync(path)],
  [
    'lost with its directory, which comes back later',
    (path) => {
      const dir = join(path, '..');
      rmSync(dir, { recursive: true });
      setTimeout(() => mkdirSync(dir), 5 * LOOK_MS);
    },
  ],
])('%s: a new one is made without being asked to', async (_, rotate) => {
  const path = join(scratch(), 'logs', 'log');
  mkdirSync(join(path, '..'));
  const log = openLogFile(path, { lookEveryMs: LOOK_MS });
  log.write('before\n', 'info');
  await until('the first line', () => read(path) === 'before\n');
  rotate(path);
  await until('a new file', () => read(path) === '' && readable(path));
  // The very first line goes to the new file.
  log.write('after\n', 'info');
  await until(
    'the next line',
    () => read(path) === 'after\n',
    () => read(path),
  );
  if (read(`${path}.1`) !== '') expect(read(`${path}.1`)).toBe('before\n');
  await log.close();
});

function readable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

test('a full disk: what waits is bounded, what is lost is told once, and the close does not wait for room', async () => {
  const path = join(scratch(), 'log');
  symlinkSync('/dev/full', path);
  const outages: Outage[] = [];
  const log = openLogFile(path, { lookEveryMs: LOOK_MS, onRecovery: (outage) => outages.push(outage) });
  const line = `${'x'.repeat(65_535)}\n`;
  for (let index = 0; index < 100; index++) log.write(line, 'info');
  await pause(5 * LOOK_MS);
  unlinkSync(path);
  // Just as many lines as there may wait.
  await until('room again', () => read(path).length === 4 * 1024 * 1024);
  log.write('next\n', 'info');
  log.write('and next\n', 'info');
  await until('the lines after it', () => read(path).endsWith('next\nand next\n'));
  // It is told when the write has come back, which is after its bytes can be read.
  await until('the end of the outage', () => outages.length > 0);
  const others = read(path)
    .split('\n')
    .filter((found) => !found.startsWith('x'));
  expect(others).toEqual(['next', 'and next', '']);
  expect(outages).toEqual([{ reason: 'no space left on device', durationMs: expect.any(Number), lostLines: 36 }]);
  await log.close();
});

test('as long as no new file can be made the old one goes on, and no descriptor is lost', async () => {
  const path = join(scratch(), 'logs', 'log');
  mkdirSync(join(path, '..'));
  const log = openLogFile(path, { lookEveryMs: LOOK_MS });
  const before = readdirSync('/proc/self/fd').length;
  renameSync(join(path, '..'), `${join(path, '..')}.away`);
  log.write('one\n', 'info');
  await pause(10 * LOOK_MS);
  log.write('two\n', 'info');
  await until('the lines', () => read(join(`${join(path, '..')}.away`, 'log')) === 'one\ntwo\n');
  mkdirSync(join(path, '..'));
  await until('a new file', () => readable(path));
  await until('the old one closed', () => readdirSync('/proc/self/fd').length === before);
  log.write('three\n', 'info');
  await until('the next line', () => read(path) === 'three\n');
  await log.close();
});

test('closing on a full disk ends soon', async () => {
  const path = join(scratch(), 'log');
  symlinkSync('/dev/full', path);
  const log = openLogFile(path);
  log.write('never to be seen\n', 'info');
  const began = performance.now();
  await log.close();
  expect(performance.now() - began).toBeLessThan(NOISE_MS);
});
