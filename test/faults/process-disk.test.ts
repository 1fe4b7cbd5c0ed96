// A full disk: for the log, the monitor file and the pid file (the state file: test/e2e/state-file.test.ts). The real program with a small
// file system of its own (a mount namespace), which needs root.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { Director } from './director.ts';

/** Mounts a file system of that size at `dir` and runs the words that follow; `prepare`: what is done there before. */
const mounted = (dir: string, options: string, prepare = 'true'): string[] => [
  ...['unshare', '--mount', 'sh', '-c'],
  `mount -t tmpfs -o ${options} tmpfs "$0" && ( cd "$0" && ${prepare} ); exec "$@"`,
  dir,
];

const [unshare = '', ...withDisk] = mounted('/mnt', 'size=64k');
const able = spawnSync(unshare, [...withDisk, 'true']);
const isAble = able.status === 0;
if (!isAble) console.warn(`NOT TESTED: a full disk, because none of its own can be made: ${able.stderr}`);

/** Its files as the daemon sees them. */
function inside(director: Director, path: string): string {
  return `/proc/${director.pid}/root${path}`;
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const messages = (path: string): string[] =>
  read(path)
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^\[[^\]]*\] /, ''));

/** Takes all the room that there is, with empty lines. */
function fill(path: string): void {
  const file = openSync(path, 'a');
  const piece = Buffer.alloc(4096, '\n');
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  } finally {
    closeSync(file);
  }
}

const TOLD = /could not be written for \d+ s \(no space left on device\), until now: no line is lost$/;

describe.skipIf(!isAble)('a disk that is full', { timeout: 60_000 }, () => {
  test('while it runs: it goes on, and its lines come when there is room', async () => {
    const disk = join(scratch(), 'disk');
    mkdirSync(disk);
    const director = await Director.make({
      ...{ within: mounted(disk, 'size=256k'), logFile: join(disk, 'log') },
      directives: [`monitorfile = "${join(disk, 'monitor')}"`],
    });
    expect(await director.run('start')).toMatchObject({ code: 0 });
    await director.reaches([1, 1, 1]);
    const log = inside(director, join(disk, 'log'));
    const [first, ...others] = director.servers;
    await until('its log', () => read(log).includes('Started;'));
    // And what is left of the last page of each.
    for (const name of ['fill', 'log', 'monitor']) fill(inside(director, join(disk, name)));
    await director.checksGoOn(3);
    for (let count = 0; count < 3; count++) {
      if (first !== undefined) first.mood = count % 2 === 0 ? 'broken' : 'ok';
      await director.reaches([count % 2, ...others.map(() => 1)]);
    }
    director.configure({ weight: 2 });
    director.signal('SIGHUP');
    await director.reaches([0, 2, 2]);
    const before = messages(log).length;
    rmSync(inside(director, join(disk, 'fill')));
    const told = () => messages(log).filter((line) => TOLD.test(line)).length;
    await until(
      'word of it',
      () => told() === 1,
      () => read(log),
    );
    const lines = messages(log).slice(before);
    expect(lines.filter((line) => /Real server .* is (up|down)/.test(line)).length).toBeGreaterThan(0);
    expect(messages(log).filter((line) => line.startsWith('ERROR: Cannot write the monitorfile'))).toHaveLength(1);
    await until('the monitor file', () =>
      messages(log).some((line) => /^The monitorfile .* can be written again$/.test(line)),
    );
    await director.checksGoOn();
    expect(told()).toBe(1);
    expect((await director.stop()).code).toBe(0);
  });

  test('at the start: without room for a log it starts, says so, and makes it later', async () => {
    const disk = join(scratch(), 'disk');
    mkdirSync(disk);
    // Room for one file.
    const within = mounted(disk, 'size=64k,nr_inodes=2', 'touch fill');
    const director = await Director.make({ within, logFile: join(disk, 'log') });
    const ran = await director.run('start');
    expect(ran.stderr).toContain(`cannot open the logfile ${join(disk, 'log')} yet, it is tried again: ENOSPC`);
    expect(ran.code).toBe(0);
    await director.reaches([1, 1, 1]);
    await director.checksGoOn();
    rmSync(inside(director, join(disk, 'fill')));
    const log = inside(director, join(disk, 'log'));
    await until(
      'its log',
      () => messages(log).some((line) => TOLD.test(line)),
      () => read(log),
    );
    expect(messages(log)[0]).toMatch(/^Starting tsdirectord /);
    expect((await director.stop()).code).toBe(0);
  });

  test('at the start: without room for the pid file nobody could stop it, so it does not start, and says why', async () => {
    const disk = join(scratch(), 'disk');
    mkdirSync(disk);
    const within = mounted(disk, 'size=4k', 'head -c 8k /dev/zero >fill 2>&-');
    const director = await Director.make({ within });
    const ran = await director.run('start', '--pid-file', join(disk, 'pid'));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('no space left on device');
    expect(ran.stderr).toContain('make room there, or name another with --pid-file');
    expect(director.ipvsadm.table).toEqual(['-A -t 10.9.9.9:80 -s rr']);
  });
});
