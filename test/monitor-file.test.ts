// The lines of monitorfiles, and what becomes of them when the file cannot be written, is rotated, or is no longer wanted.
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CheckResult } from '../src/checks/check.ts';
import type { Config } from '../src/config/model.ts';
import { MonitorFiles } from '../src/monitor-file.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { NOISE_MS } from './noise.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

const START = `[Mon Nov 23 01:20:11 2026] [${process.pid}] words of 10.8.8.48`;
const RETRY_MS = 20;

function monitored(...paths: string[]): Config {
  return configOf(
    paths
      .map((path, index) => `virtual=10.0.0.1:${80 + index}\n\treal=10.8.8.48:80 gate\n\tmonitorfile="${path}"\n`)
      .join(''),
  );
}

function monitorOf(config: Config, { inMaintenance = false } = {}) {
  const log = new LogLines();
  const monitor = new MonitorFiles({
    words: ({ real }) => `words of ${real.address}`,
    inMaintenance: () => inMaintenance,
    log: () => log,
    now: () => new Date(2026, 10, 23, 1, 20, 11),
    retryMs: RETRY_MS,
  });
  onTestFinished(() => monitor.close());
  monitor.reconfigure(config);
  return { log, monitor };
}

/** Tells the monitor of one check of each server. */
function check(monitor: MonitorFiles, config: Config, detail: string, outcome: CheckResult['outcome'] = 'down'): void {
  for (const virtual of config.virtuals) {
    for (const real of virtual.reals) monitor.checked({ virtual, real }, { outcome, detail, durationMs: 1 });
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test.each<[CheckResult['outcome'], string, string]>([
  ['down', 'HTTP 500 Internal Server Error', '[down] 500 Internal Server Error'],
  ['up', 'HTTP 200 OK', '[up] 200 OK'],
  ['up', '', '[up] -'],
  ['down', 'HTTP headers are too long', '[down] HTTP headers are too long'],
  ['down', '100% | a\r\nb', '[down] 100%25 %7c a%0d%0ab'],
  ['down', 'was “böse”', '[down] was “böse”'],
])('%s for the reason %j: %s', async (outcome, detail, expected) => {
  const path = join(scratch(), 'monitor');
  const config = monitored(path);
  const { monitor } = monitorOf(config);
  check(monitor, config, detail, outcome);
  await monitor.close();
  expect(read(path)).toBe(`${START} ${expected}\n`);
});

test('a check that could not be made says nothing; in maintenance a server is down whatever its check found', async () => {
  const path = join(scratch(), 'monitor');
  const config = monitored(path);
  const { monitor } = monitorOf(config, { inMaintenance: true });
  check(monitor, config, 'too many open files', 'error');
  check(monitor, config, 'HTTP 200 OK', 'up');
  await monitor.close();
  expect(read(path)).toBe(`${START} [down] Server in maintenance\n`);
});

test('virtual services may share a file, or have none; a file is made readable for everybody, and only for a line', async () => {
  const dir = scratch();
  const [one, two] = [join(dir, 'one'), join(dir, 'two')];
  const config = monitored(one, one, two);
  const { monitor } = monitorOf(config);
  check(monitor, { ...config, virtuals: config.virtuals.slice(0, 2) }, 'a');
  check(monitor, configOf('virtual=10.0.0.1:80\n\treal=10.8.8.48:80 gate\n'), 'b');
  await until('both lines', () => read(one) === `${START} [down] a\n`.repeat(2));
  expect(statSync(one).mode & 0o777).toBe(0o644 & ~process.umask());
  expect(() => statSync(two)).toThrow('ENOENT');
});

test.each<[string, (path: string) => void]>([
  ['renamed', (path) => renameSync(path, `${path}.1`)],
  ['deleted', (path) => unlinkSync(path)],
])('a file that is %s: the next line goes to a new one', async (_, rotate) => {
  const path = join(scratch(), 'monitor');
  const config = monitored(path);
  const { monitor, log } = monitorOf(config);
  check(monitor, config, 'before');
  await until('the first line', () => read(path) !== '');
  rotate(path);
  check(monitor, config, 'after');
  await until(
    'the next line',
    () => read(path) === `${START} [down] after\n`,
    () => read(path),
  );
  expect(log.take()).toEqual([]);
});

test.each<[string, string, (path: string) => void, (path: string) => void]>([
  [
    'a full disk',
    'ENOSPC: no space left on device, write',
    (path) => symlinkSync('/dev/full', path),
    (path) => unlinkSync(path),
  ],
  [
    'a directory',
    "EISDIR: illegal operation on a directory, open 'PATH'",
    (path) => mkdirSync(path),
    (path) => rmSync(path, { recursive: true }),
  ],
  [
    'a symbolic link where everybody may make one',
    'it is a symbolic link in a directory that everybody may write to (ELOOP)',
    (path) => {
      chmodSync(join(path, '..'), 0o777);
      writeFileSync(`${path}.elsewhere`, '');
      symlinkSync(`${path}.elsewhere`, path);
    },
    (path) => unlinkSync(path),
  ],
])('%s: told once, tried again, nothing lost', async (_, reason, breakIt, mend) => {
  const path = join(scratch(), 'monitor');
  const config = monitored(path);
  const { monitor, log } = monitorOf(config);
  breakIt(path);
  check(monitor, config, 'one');
  await until('word of it', () => log.lines.length > 0);
  check(monitor, config, 'two');
  mend(path);
  const expected = `${START} [down] one\n${START} [down] two\n`;
  await until(
    'the lines',
    () => read(path) === expected,
    () => read(path),
  );
  await until('word of its end', () => log.lines.length === 2);
  expect(log.take()).toEqual([
    `error: Cannot write the monitorfile ${path}, its lines wait until that is possible: ${reason.replace('PATH', path)}`,
    `The monitorfile ${path} can be written again`,
  ]);
  expect(read(`${path}.elsewhere`)).toBe('');
});

test('what waits is bounded, and what is lost is counted', async () => {
  const dir = join(scratch(), 'later');
  const path = join(dir, 'monitor');
  const config = monitored(path);
  const { monitor, log } = monitorOf(config);
  for (let index = 0; index < 1_100; index++) check(monitor, config, 'x'.repeat(1_000));
  await until('word of it', () => log.lines.length > 0);
  mkdirSync(dir);
  await until('word of its end', () => log.lines.length === 2);
  const [line = ''] = read(path).split('\n');
  const kept = Math.floor((1024 * 1024) / (line.length + 1));
  expect(read(path).split('\n')).toHaveLength(kept + 1);
  expect(log.take()[1]).toBe(
    `The monitorfile ${path} can be written again; ${1_100 - kept} of its lines were lost meanwhile`,
  );
});

test('a reload keeps what is still named, and writes out what is not', async () => {
  const dir = scratch();
  const [one, two, three] = ['one', 'two', 'three'].map((name) => join(dir, name)) as [string, string, string];
  const before = monitored(one, two);
  const { monitor } = monitorOf(before);
  check(monitor, before, 'a');
  const after = monitored(two, three);
  monitor.reconfigure(after);
  check(monitor, before, 'b');
  check(monitor, after, 'c');
  await monitor.close();
  expect([one, two, three].map((path) => read(path).match(/\w$/gm)?.join())).toEqual(['a', 'a,b,c', 'c']);
});

test('the close writes what waits, and is not held up by a disk that is full', async () => {
  const dir = scratch();
  symlinkSync('/dev/full', join(dir, 'full'));
  const config = monitored(join(dir, 'full'), join(dir, 'good'));
  const { monitor } = monitorOf(config);
  check(monitor, config, 'last');
  const began = performance.now();
  await monitor.close();
  expect(performance.now() - began).toBeLessThan(NOISE_MS);
  expect(read(join(dir, 'good'))).toBe(`${START} [down] last\n`);
  check(monitor, config, 'too late');
  await monitor.close();
  expect(read(join(dir, 'good'))).toBe(`${START} [down] last\n`);
});
