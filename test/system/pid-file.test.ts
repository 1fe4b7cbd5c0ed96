// Who is the daemon: claims by real processes, two at once, killed ones, and numbers that other programs got.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { claim, waitUntilGone } from '../../src/system/pid-file.ts';
import { choosePidFile, pidFilePlaces, readOwner } from '../../src/system/pid-owner.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

/** Says how its claim (path, [places]) went, releases it when its standard input ends. */
const CLAIMER = `
const { claim } = await import(process.argv[1]);
const [path, places = '[]'] = process.argv.slice(2);
const claimed = await claim(path, ...JSON.parse(places)).catch((error) => ({ error: error.message }));
console.log(JSON.stringify('release' in claimed ? { claimed: process.pid } : claimed));
process.stdin.resume().on('end', async () => { await claimed.release?.(); process.exit(); });
`;

/** Says which file a start would be about, and which anything else. */
const CHOOSER = `
const { choosePidFile } = await import(process.argv[1]);
const places = JSON.parse(process.argv[2]);
console.log(choosePidFile(places, true), choosePidFile(places, false));
`;

let bundles = '';
beforeAll(async () => {
  bundles = mkdtempSync(join(tmpdir(), 'tsdirectord-pid-'));
  const names = ['pid-file', 'pid-owner'];
  await build({
    entryPoints: names.map((name) => fileURLToPath(new URL(`../../src/system/${name}.ts`, import.meta.url))),
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir: bundles,
    outExtension: { '.js': '.mjs' },
  });
});
afterAll(() => rmSync(bundles, { recursive: true, force: true }));

class Claimer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly word: Promise<unknown>;
  readonly ended: Promise<unknown>;

  constructor(path: string, places?: readonly string[]) {
    const more = places === undefined ? [] : [JSON.stringify([places])];
    this.child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      CLAIMER,
      join(bundles, 'pid-file.mjs'),
      path,
      ...more,
    ]);
    this.ended = once(this.child, 'close');
    this.word = once(createInterface({ input: this.child.stdout }), 'line').then(([line]) => JSON.parse(line));
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
}

describe('readOwner', () => {
  test('no file', async () => {
    expect(readOwner(join(scratch(), 'pid'))).toEqual({ state: 'none' });
  });

  test.each([
    ['empty', '', undefined],
    ['not a number', 'daemon\n', undefined],
    ['a process that is gone', '4194303\n', 4_194_303],
    ['somebody else: process 1', '1\n', 1],
    ['somebody else: this test, which has not opened the file', `${process.pid}\n`, process.pid],
    ['spaces, as ldirectord writes it', ` ${process.pid} `, process.pid],
  ])('%s is stale', async (_, text, pid) => {
    const path = join(scratch(), 'pid');
    writeFileSync(path, text);
    expect(readOwner(path)).toEqual({ state: 'stale', pid });
  });
});

describe('claim', () => {
  test('writes the pid, is seen as running, and leaves nothing when released', async () => {
    const path = join(scratch(), 'pid');
    const claimed = await claim(path);
    if (!('release' in claimed)) throw new Error('not claimed');
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(readOwner(path)).toEqual({ state: 'running', pid: process.pid });
    await claimed.release();
    expect(existsSync(path)).toBe(false);
    const again = await claim(path);
    expect(again).toHaveProperty('release');
    if ('release' in again) await again.release();
  });

  test('takes over a stale file', async () => {
    const path = join(scratch(), 'pid');
    writeFileSync(path, '4194303\n');
    const claimed = await claim(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    if ('release' in claimed) await claimed.release();
  });

  test('does not remove the file of somebody who took its place', async () => {
    const path = join(scratch(), 'pid');
    const claimed = await claim(path);
    rmSync(path);
    writeFileSync(path, '4194303\n');
    if ('release' in claimed) await claimed.release();
    expect(readFileSync(path, 'utf8')).toBe('4194303\n');
  });

  test('a file that cannot be written is told, and locks nothing', async () => {
    const path = join(scratch(), 'missing', 'pid');
    await expect(claim(path)).rejects.toThrow(/cannot write the pid file .*ENOENT.*--pid-file/);
    await expect(claim(path)).rejects.toThrow(/cannot write the pid file/);
  });

  test('long paths that begin alike do not exclude each other', async () => {
    const base = join(scratch(), 'x'.repeat(120));
    const claims = [await claim(`${base}1`), await claim(`${base}2`)];
    for (const claimed of claims) {
      expect(claimed).toHaveProperty('release');
      if ('release' in claimed) await claimed.release();
    }
  });
});

/** Two directories for pid files, as /var/run and /run/tsdirectord are; and the files of one configuration in them. */
function twoPlaces(): [string, string] {
  const dir = scratch();
  return ['first', 'second'].map((name) => {
    mkdirSync(join(dir, name));
    return join(dir, name, 'ldirectord.a.cf.pid');
  }) as [string, string];
}

describe('where it is', () => {
  test('ldirectord’s place, then ours', () => {
    expect(pidFilePlaces('my.cf')).toEqual(['/var/run/ldirectord.my.cf.pid', '/run/tsdirectord/ldirectord.my.cf.pid']);
  });

  const GONE = '4194303\n';

  /** What is in the first and in the second place (`away`: not even the directory), and which of them is meant. */
  test.each<[string, 'none' | 'stale' | 'away' | 'running', 'none' | 'stale' | 'running', 1 | 2, 1 | 2]>([
    ['nothing anywhere: the first', 'none', 'none', 1, 1],
    ['a daemon in the first', 'running', 'none', 1, 1],
    ['a daemon in the second', 'none', 'running', 2, 2],
    ['a daemon in the second, beside one that died in the first', 'stale', 'running', 2, 2],
    ['a daemon in the first, beside one that died in the second', 'running', 'stale', 1, 1],
    ['one that died in the first', 'stale', 'none', 1, 1],
    ['one that died in the second: a start takes the first', 'none', 'stale', 1, 2],
    ['one that died in each', 'stale', 'stale', 1, 1],
    ['the first cannot be written: only a start goes elsewhere', 'away', 'none', 2, 1],
    ['the first cannot be written, a daemon in the second', 'away', 'running', 2, 2],
    ['the first cannot be written, one that died in the second', 'away', 'stale', 2, 2],
  ])('%s', async (_, first, second, forStart, forOthers) => {
    const places = twoPlaces();
    for (const [index, state] of [first, second].entries()) {
      const path = places[index] as string;
      if (state === 'away') rmSync(dirname(path), { recursive: true });
      if (state === 'stale') writeFileSync(path, GONE);
      if (state === 'running') {
        const claimed = await claim(path);
        onTestFinished(() => ('release' in claimed ? claimed.release() : undefined));
      }
    }
    expect(choosePidFile(places, true)).toBe(places[forStart - 1]);
    expect(choosePidFile(places, false)).toBe(places[forOthers - 1]);
  });

  test('nowhere to write: the first, whose claim will say why', async () => {
    const places = ['/no/such/a.pid', '/no/such/either/a.pid'];
    expect(choosePidFile(places, true)).toBe('/no/such/a.pid');
  });

  test('one place that was asked for, whatever is there', async () => {
    const path = join(scratch(), 'missing', 'pid');
    expect(choosePidFile([path], true)).toBe(path);
    expect(choosePidFile([path], false)).toBe(path);
  });

  test('somebody who may not write the first starts in the second, also where root’s daemon has died in the first', async () => {
    const places = twoPlaces();
    writeFileSync(places[0], GONE);
    // Root may write everywhere, so that it is asked by nobody.
    const isRoot = process.getuid?.() === 0;
    const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    for (const dir of [dirname(dirname(places[0])), bundles]) chmodSync(dir, 0o755);
    chmodSync(dirname(places[0]), 0o555);
    chmodSync(dirname(places[1]), 0o777);
    onTestFinished(() => chmodSync(dirname(places[0]), 0o755));
    const asked = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', CHOOSER, join(bundles, 'pid-owner.mjs'), JSON.stringify(places)],
      { encoding: 'utf8', ...nobody },
    );
    expect(asked).toMatchObject({ status: 0, stderr: '', stdout: `${places[1]} ${places[0]}\n` });
  });
});

describe('two places for one configuration', () => {
  test('a daemon in one keeps another from the other', async () => {
    for (const [mine, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const places = twoPlaces();
      const claimed = await claim(places[mine], places);
      const second = new Claimer(places[other], places);
      expect(await second.word).toEqual({ running: process.pid });
      expect(existsSync(places[other])).toBe(false);
      if ('release' in claimed) await claimed.release();
      expect(existsSync(places[mine])).toBe(false);
    }
  });

  test('one that was told to have its file there (--pid-file) counts, too', async () => {
    const places = twoPlaces();
    const claimed = await claim(places[1]);
    expect(await new Claimer(places[0], places).word).toEqual({ running: process.pid });
    if ('release' in claimed) await claimed.release();
  });

  test('of several at once in both exactly one gets it', async () => {
    const places = twoPlaces();
    const all = [0, 1, 0, 1].map((index) => new Claimer(places[index] as string, places));
    const words = await Promise.all(all.map(({ word }) => word));
    const winners = words.filter((word) => 'claimed' in (word as object));
    expect(winners).toHaveLength(1);
    const [{ claimed: pid }] = winners as [{ claimed: number }];
    expect(words.filter((word) => !winners.includes(word))).toEqual(Array(3).fill({ running: pid }));
  });

  test('what died in one does not keep another from the other, and is removed', async () => {
    const places = twoPlaces();
    writeFileSync(places[0], '4194303\n');
    const claimed = await claim(places[1], places);
    expect(claimed).toHaveProperty('release');
    expect(choosePidFile(places, false)).toBe(places[1]);
    if ('release' in claimed) await claimed.release();
    expect(existsSync(places[0])).toBe(false);
    expect(choosePidFile(places, false)).toBe(places[0]);
  });
});

describe('several processes', () => {
  test('of several at once exactly one gets it, the others learn who', async () => {
    const path = join(scratch(), 'pid');
    const all = [1, 2, 3].map(() => new Claimer(path));
    const words = await Promise.all(all.map(({ word }) => word));
    const [winner] = all.filter((_, index) => 'claimed' in (words[index] as object));
    expect(words).toEqual(all.map((each) => (each === winner ? { claimed: winner?.pid } : { running: winner?.pid })));
    expect(readOwner(path)).toEqual({ state: 'running', pid: winner?.pid });
    winner?.child.stdin.end();
    await winner?.ended;
    expect(readOwner(path)).toEqual({ state: 'none' });
  });

  test('a killed one leaves a stale file, which the next one takes over', async () => {
    const path = join(scratch(), 'pid');
    const first = new Claimer(path);
    await first.word;
    first.child.kill('SIGKILL');
    await first.ended;
    expect(readOwner(path)).toEqual({ state: 'stale', pid: first.pid });
    const second = new Claimer(path);
    expect(await second.word).toEqual({ claimed: second.pid });
  });

  test('waitUntilGone: false while it lives, true once it is killed or was never there', async () => {
    const path = join(scratch(), 'pid');
    const first = new Claimer(path);
    await first.word;
    expect(await waitUntilGone(first.pid, 50)).toBe(false);
    const gone = waitUntilGone(first.pid, 5_000);
    first.child.kill('SIGKILL');
    expect(await gone).toBe(true);
    expect(await waitUntilGone(first.pid, 0)).toBe(true);
    await until('nobody', async () => readOwner(path).state === 'stale');
  });
});
