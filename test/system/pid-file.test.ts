// Who is the daemon: claims by real processes, two at once, killed ones, and numbers that other programs got.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { claim, readOwner, waitUntilGone } from '../../src/system/pid-file.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

/** Says how its claim went, releases it when its standard input ends. */
const CLAIMER = `
const { claim } = await import(process.argv[1]);
const claimed = await claim(process.argv[2]).catch((error) => ({ error: error.message }));
console.log(JSON.stringify('release' in claimed ? { claimed: process.pid } : claimed));
process.stdin.resume().on('end', async () => { await claimed.release?.(); process.exit(); });
`;

let bundles = '';
beforeAll(async () => {
  bundles = mkdtempSync(join(tmpdir(), 'tsdirectord-pid-'));
  const entry = fileURLToPath(new URL('../../src/system/pid-file.ts', import.meta.url));
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(bundles, 'pid.mjs'),
  });
});
afterAll(() => rmSync(bundles, { recursive: true, force: true }));

class Claimer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly word: Promise<unknown>;
  readonly ended: Promise<unknown>;

  constructor(path: string) {
    this.child = spawn(process.execPath, ['--input-type=module', '-e', CLAIMER, join(bundles, 'pid.mjs'), path]);
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
    expect(await readOwner(join(scratch(), 'pid'))).toEqual({ state: 'none' });
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
    expect(await readOwner(path)).toEqual({ state: 'stale', pid });
  });
});

describe('claim', () => {
  test('writes the pid, is seen as running, and leaves nothing when released', async () => {
    const path = join(scratch(), 'pid');
    const claimed = await claim(path);
    if (!('release' in claimed)) throw new Error('not claimed');
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(await readOwner(path)).toEqual({ state: 'running', pid: process.pid });
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

describe('several processes', () => {
  test('of several at once exactly one gets it, the others learn who', async () => {
    const path = join(scratch(), 'pid');
    const all = [1, 2, 3].map(() => new Claimer(path));
    const words = await Promise.all(all.map(({ word }) => word));
    const [winner] = all.filter((_, index) => 'claimed' in (words[index] as object));
    expect(words).toEqual(all.map((each) => (each === winner ? { claimed: winner?.pid } : { running: winner?.pid })));
    expect(await readOwner(path)).toEqual({ state: 'running', pid: winner?.pid });
    winner?.child.stdin.end();
    await winner?.ended;
    expect(await readOwner(path)).toEqual({ state: 'none' });
  });

  test('a killed one leaves a stale file, which the next one takes over', async () => {
    const path = join(scratch(), 'pid');
    const first = new Claimer(path);
    await first.word;
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await readOwner(path)).toEqual({ state: 'stale', pid: first.pid });
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
    await until('nobody', async () => (await readOwner(path)).state === 'stale');
  });
});
