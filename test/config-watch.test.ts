// When a change of the configuration file is told, and when it is not: with real files, and times that are short.
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigWatch, type ConfigWatchParts, digestOf } from '../src/config-watch.ts';
import { LogLines } from './log-lines.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

const TIMES = { lookEveryMs: 10, settleMs: 40, goneMs: 100, racyMs: 60 };

/** A watched file that holds `one`; `told` grows by what the file held at each change that was told. */
function watched(times: Partial<ConfigWatchParts> = {}, file = 'my.cf') {
  const dir = scratch();
  const path = join(dir, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, 'one');
  return { dir, ...watchOf(path, times) };
}

function watchOf(path: string, times: Partial<ConfigWatchParts> = {}) {
  const log = new LogLines();
  const told: string[] = [];
  const onChange = (): void => void told.push(readFileSync(path, 'utf8'));
  const watch = new ConfigWatch({ path, log: () => log, onChange, ...TIMES, ...times }, digestOf('one'));
  onTestFinished(() => watch.close());
  /** Nothing has been told of what was done before: a change that is done now is told, and it is the only one. */
  const nothingBut = async (last: string, before: readonly string[] = []): Promise<void> => {
    await quiet(path);
    expect(told).toEqual(before);
    replace(path, last);
    await until(`"${last}"`, () => told.length > before.length);
    await quiet(path);
    expect(told).toEqual([...before, last]);
  };
  return { path, log, told, watch, nothingBut };
}

/** Resolves when another watch, begun now, has told a change and so has looked as often as it takes. */
async function quiet(path: string): Promise<void> {
  let done = false;
  const other = `${path}.quiet`;
  writeFileSync(other, 'x');
  const parts = { path: other, log: () => new LogLines(), ...TIMES, settleMs: 2 * TIMES.settleMs };
  const watch = new ConfigWatch({ ...parts, onChange: () => (done = true) }, '');
  await until('a quiet time', () => done);
  watch.close();
  unlinkSync(other);
}

/** As editors and configuration managers do. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test.each<[string, (path: string) => void]>([
  ['written in place', (path) => writeFileSync(path, 'two')],
  ['replaced by rename', (path) => replace(path, 'two')],
  [
    'moved away and written anew',
    (path) => {
      renameSync(path, `${path}~`);
      writeFileSync(path, 'two');
    },
  ],
  [
    'changed, with its old size and an older time',
    (path) => {
      writeFileSync(path, 'two');
      utimesSync(path, 1, 1);
    },
  ],
])('%s: told once', async (_, change) => {
  const { path, told } = watched();
  change(path);
  await until('the change', () => told.length > 0);
  await quiet(path);
  expect(told).toEqual(['two']);
});

test('many changes one after the other, each told', async () => {
  const { path, told } = watched();
  for (const text of ['two', 'three', 'one', 'two']) {
    replace(path, text);
    await until(text, () => told.at(-1) === text);
  }
  expect(told).toEqual(['two', 'three', 'one', 'two']);
});

test.each<[string, (path: string) => void]>([
  ['touched', (path) => utimesSync(path, 5, 5)],
  ['written with the same content', (path) => replace(path, 'one')],
  [
    'changed and changed back at once',
    (path) => {
      replace(path, 'two');
      replace(path, 'one');
    },
  ],
  ['emptied, as on a full disk', (path) => truncateSync(path)],
])('%s: not told', async (_, change) => {
  const { path, nothingBut } = watched();
  change(path);
  await nothingBut('last');
});

test('a file that is written piece by piece is told when it is whole', async () => {
  const { path, told } = watched({ settleMs: 2_000 });
  const began = performance.now();
  for (let index = 0; index < 20; index++) {
    const before = performance.now();
    appendFileSync(path, `piece ${index}\n`);
    await until('some time', () => performance.now() - before > 20);
  }
  await until('the change', () => told.length > 0);
  expect(performance.now() - began).toBeGreaterThan(2_300);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('piece 19');
});

test('a file that is away for a moment is nothing to speak of', async () => {
  const { path, log, told } = watched({ goneMs: 5_000 });
  unlinkSync(path);
  await quiet(path);
  writeFileSync(path, 'two');
  await until('the change', () => told.length > 0);
  expect(told).toEqual(['two']);
  expect(log.lines).toEqual([]);
});

test.each<[string, string, (path: string) => void, RegExp]>([
  ['removed', 'my.cf', (path) => rmSync(path), /ENOENT/],
  ['lost with its directory', 'sub/my.cf', (path) => rmSync(join(path, '..'), { recursive: true }), /ENOENT/],
  ['empty', 'my.cf', (path) => truncateSync(path), /it is empty$/],
  [
    'a directory',
    'my.cf',
    (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    /EISDIR/,
  ],
])('%s for long: told once in the log, and so is its return', async (_, file, lose, reason) => {
  const { dir, path, log, told } = watched({}, file);
  lose(path);
  await until('a warning', () => log.lines.length > 0);
  await quiet(join(dir, 'other'));
  expect(log.lines[0]).toMatch(reason);
  expect(log.take()).toEqual([
    expect.stringMatching(
      /^warn: Configuration file \S+my\.cf cannot be read, the running configuration stays as it is: /,
    ),
  ]);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, 'one');
  await until('its return', () => log.lines.length > 0);
  expect(log.take()).toEqual([`Configuration file ${path} is there again`]);
  replace(path, 'two');
  await until('the change', () => told.length > 0);
  expect(told).toEqual(['two']);
});

test('a symbolic link that is switched, as Kubernetes does it', async () => {
  const dir = scratch();
  for (const [version, text] of [
    ['v1', 'one'],
    ['v2', 'two'],
  ] as const) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, 'my.cf'), text);
  }
  symlinkSync('v1', join(dir, 'data'));
  symlinkSync('data/my.cf', join(dir, 'my.cf'));
  const { told } = watchOf(join(dir, 'my.cf'));
  symlinkSync('v2', join(dir, 'data.new'));
  renameSync(join(dir, 'data.new'), join(dir, 'data'));
  rmSync(join(dir, 'v1'), { recursive: true });
  await until('the change', () => told.length > 0);
  expect(told).toEqual(['two']);
});

test('what somebody else has read is not told, what comes after it is', async () => {
  const { path, watch, nothingBut } = watched();
  replace(path, 'two');
  expect(watch.accept(digestOf('two'))).toBe(true);
  expect(watch.accept(digestOf('two'))).toBe(false);
  await nothingBut('three');
});

test('a change between the reading and the watch is told', async () => {
  const path = join(scratch(), 'my.cf');
  writeFileSync(path, 'already two');
  const { told } = watchOf(path);
  await until('the change', () => told.length > 0);
  expect(told).toEqual(['already two']);
});

test('nothing is told after the close', async () => {
  const { path, told, watch } = watched();
  replace(path, 'two');
  watch.close();
  await quiet(path);
  expect(told).toEqual([]);
});
