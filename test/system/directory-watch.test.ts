// A directory's names, each time they change; and a reading that does not end.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DirectoryWatch, type Reading } from '../../src/system/directory-watch.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

async function watched(directory: string, options: { pollMs?: number; readingMs?: number } = {}): Promise<string[]> {
  const told: string[] = [];
  const text = (reading: Reading): string =>
    'names' in reading ? [...reading.names].sort().join() : String(reading.error.code);
  const watch = new DirectoryWatch({ directory, onReading: (reading) => told.push(text(reading)), ...options });
  onTestFinished(() => watch.close());
  await watch.start();
  return told;
}

test('the first reading is there after the start; the same names are not told twice', async () => {
  const dir = scratch();
  writeFileSync(join(dir, 'a'), '');
  const told = await watched(dir, { pollMs: 1 });
  expect(told).toEqual(['a']);
  writeFileSync(join(dir, 'a'), 'more');
  writeFileSync(join(dir, 'b'), '');
  await until('the new name', () => told.length === 2);
  expect(told).toEqual(['a', 'a,b']);
});

test('an inode that is used again does not leave it watching nothing', async () => {
  const dir = join(scratch(), 'sub');
  mkdirSync(dir);
  writeFileSync(join(dir, 'first'), '');
  const told = await watched(dir);
  for (const name of ['a', 'b', 'c']) {
    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    await until(
      'the new directory',
      () => told.at(-1) === '',
      () => told,
    );
    writeFileSync(join(dir, name), '');
    await until(
      name,
      () => told.at(-1) === name,
      () => told,
    );
  }
});

test('a burst of changes makes few readings, and the last of them is not missed', async () => {
  const dir = scratch();
  const told = await watched(dir, { pollMs: 60_000 });
  const began = performance.now();
  for (let index = 0; index < 500; index++) {
    writeFileSync(join(dir, String(index)), '');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('all', () => told.at(-1)?.split(',').length === 500);
  expect(told.length).toBeLessThan(3 + (performance.now() - began) / 40);
});

test('a reading that takes too long is told; the start does not wait for it', async () => {
  const dir = scratch();
  writeFileSync(join(dir, 'a'), '');
  const told = await watched(dir, { readingMs: 0 });
  await until('the reading itself', () => told.includes('a'));
  expect(['ETIMEDOUT,a', 'a']).toContain(told.join());
});

test('nothing is told after the close', async () => {
  const dir = scratch();
  const told: unknown[] = [];
  const watch = new DirectoryWatch({ directory: dir, onReading: (reading) => told.push(reading), pollMs: 1 });
  const started = watch.start();
  watch.close();
  await started;
  expect(told).toEqual([]);
});
