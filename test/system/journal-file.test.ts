// The file that keeps a daemon's state: what it holds after crashes, full disks and somebody else's hands on it.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { JournalFile, readJournal } from '../../src/system/journal-file.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const isRoot = process.getuid?.() === 0;

/** A state of lines, in a file. */
class Notes {
  readonly path: string;
  readonly lines: string[] = [];
  readonly failures: string[] = [];
  recoveries = 0;
  /** How often the whole state was asked for. */
  rewrites = 0;
  readonly file: JournalFile;

  constructor(path: string, lines: readonly string[] = [], known?: number) {
    this.path = path;
    this.lines.push(...lines);
    const state = (): readonly string[] => {
      this.rewrites++;
      return [...this.lines];
    };
    this.file = new JournalFile(
      path,
      {
        state,
        size: () => this.lines.length,
        onFailure: ({ code, message }) => this.failures.push(code ?? message),
        onRecovery: () => this.recoveries++,
        retryMs: 20,
      },
      known,
    );
    onTestFinished(() => this.file.close());
  }

  note(line: string): void {
    this.lines.push(line);
    this.file.append(line);
  }

  get written(): string[] {
    return existsSync(this.path) ? readFileSync(this.path, 'utf8').split('\n').slice(0, -1) : [];
  }

  hasAll = (): boolean => this.written.join() === this.lines.join();
}

describe('writing', () => {
  test('nothing is made before there is something to keep; then the whole state, for nobody else', async () => {
    const path = join(scratch(), 'sub', 'a.state');
    const notes = new Notes(path, ['head']);
    expect(await notes.file.flush()).toBe(true);
    expect(existsSync(path)).toBe(false);
    notes.note('one');
    await until('it is written', notes.hasAll);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(path, '..'))).toEqual(['a.state']);
  });

  test('what comes is appended, many at once in their order', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    notes.note('first');
    await until('it is written', notes.hasAll);
    const { ino } = statSync(notes.path);
    for (let i = 0; i < 2_000; i++) notes.note(`line ${i}`);
    await until('all are written', notes.hasAll);
    for (let i = 0; i < 10; i++) {
      notes.note(`later ${i}`);
      await notes.file.flush();
    }
    expect(notes.hasAll()).toBe(true);
    expect(statSync(notes.path).ino).toBe(ino);
    expect(notes.rewrites).toBe(1);
  });

  test('flush: at once, and several at once are all told when theirs is there', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    const told = await Promise.all(
      [1, 2, 3].map(async (each) => {
        notes.note(`line ${each}`);
        const isKept = await notes.file.flush();
        return isKept && notes.written.includes(`line ${each}`);
      }),
    );
    expect(told).toEqual([true, true, true]);
  });

  test('lines that come while it is written anew are neither lost nor doubled', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    const notes = new Notes(join(scratch(), 'a.state'), lines);
    notes.file.save();
    let count = 0;
    const busy = setInterval(() => notes.note(`meanwhile ${count++}`), 1);
    await until('it was written anew', () => existsSync(notes.path) && count > 50);
    clearInterval(busy);
    await until('all are there', notes.hasAll);
  });

  test('it grows to twice what it needs and some more, and no further', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    let most = 0;
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 1_000; i++) notes.file.append('x');
      await notes.file.flush();
      most = Math.max(most, notes.written.length);
    }
    expect(most).toBeLessThanOrEqual(5_001);
    expect(notes.rewrites).toBeGreaterThan(1);
  });

  test('one that was read before is counted on', async () => {
    const path = join(scratch(), 'a.state');
    writeFileSync(path, 'x\n'.repeat(6_000), { mode: 0o600 });
    const notes = new Notes(path, ['head'], 6_000);
    notes.note('one');
    await until('it is written anew', notes.hasAll);
  });
});

describe('trouble', () => {
  test('a directory that cannot be made: told once, and mended by itself', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'sub'), 'a file in the way');
    const notes = new Notes(join(dir, 'sub', 'a.state'), ['head']);
    notes.note('one');
    expect(await notes.file.flush()).toBe(false);
    notes.note('two');
    expect(await notes.file.flush()).toBe(false);
    expect(notes.failures).toEqual(['ENOTDIR']);
    rmSync(join(dir, 'sub'));
    notes.note('three');
    await until('it is written', notes.hasAll);
    await until('that is told', () => notes.recoveries === 1);
    expect(notes.failures).toEqual(['ENOTDIR']);
  });

  test('it cannot be moved into place: told, nothing is left beside it, mended', async () => {
    const path = join(scratch(), 'a.state');
    mkdirSync(join(path, 'in the way'), { recursive: true });
    const notes = new Notes(path, ['head']);
    notes.note('one');
    await until('it failed', () => notes.failures.length > 0);
    expect(notes.failures[0]).toMatch(/EISDIR|ENOTEMPTY|EEXIST/);
    await until('nothing is left', () => !existsSync(`${path}.new`));
    rmSync(path, { recursive: true });
    await until('it is written', notes.hasAll);
  });

  test('removed by somebody: it is there again with the next line, and nobody is told of trouble', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    notes.note('one');
    await until('it is written', notes.hasAll);
    rmSync(notes.path);
    notes.note('two');
    await until('it is there again', notes.hasAll);
    expect(notes.failures).toEqual([]);
  });

  test('a link in its place is not written through', async () => {
    const dir = scratch();
    const other = join(dir, 'other');
    writeFileSync(other, 'precious');
    const notes = new Notes(join(dir, 'a.state'), ['head'], 1);
    symlinkSync(other, notes.path);
    symlinkSync(other, `${notes.path}.new`);
    notes.note('one');
    await until('it is written', notes.hasAll);
    expect(readFileSync(other, 'utf8')).toBe('precious');
    expect(lstatSync(notes.path).isFile()).toBe(true);
    expect(notes.failures).toEqual(['ELOOP']);
  });

  test('a full disk: told once, half a file does not fill it, and mended when there is room', async (context) => {
    // In a mount namespace of its own, which ends with the process.
    const dir = scratch();
    const script = join(scratch(), 'full.mjs');
    const { buildSync } = await import('esbuild');
    buildSync({
      stdin: { contents: FULL_DISK, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: script, logLevel: 'error' },
    });
    const command = `mount -t tmpfs -o size=64k none '${dir}' && exec '${process.execPath}' '${script}' '${dir}'`;
    const ran = spawnSync('unshare', ['-m', 'sh', '-c', command], { encoding: 'utf8', timeout: 10_000 });
    if (!isRoot || /unshare|mount:/.test(ran.stderr)) {
      process.stderr.write(`skipped, nothing can be mounted here: ${ran.stderr}\n`);
      context.skip();
    }
    expect(ran.stderr).toBe('');
    expect(JSON.parse(ran.stdout)).toEqual({ failures: ['ENOSPC'], left: [], recoveries: 1, whole: true });
  });

  test.runIf(!isRoot)('a directory that may not be written', async () => {
    const dir = scratch();
    chmodSync(dir, 0o500);
    const notes = new Notes(join(dir, 'a.state'), ['head']);
    notes.note('one');
    expect(await notes.file.flush()).toBe(false);
    expect(notes.failures).toEqual(['EACCES']);
  });
});

/** Fills a small disk, then makes room. */
const FULL_DISK = `
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { JournalFile } from './src/system/journal-file.ts';
const dir = process.argv[2] ?? '';
const lines = Array.from({ length: 400 }, (_, index) => 'line ' + index + ' ' + 'x'.repeat(60));
const failures: string[] = [];
let recoveries = 0;
const path = dir + '/a.state';
const ballast = dir + '/ballast';
writeFileSync(ballast, 'x'.repeat(48 * 1024));
const file = new JournalFile(path, {
  state: () => [...lines],
  size: () => lines.length,
  onFailure: ({ code }) => failures.push(code ?? ''),
  onRecovery: () => recoveries++,
  retryMs: 300,
});
file.append('line 400');
lines.push('line 400');
await file.flush();
const left = readdirSync(dir).filter((name) => name !== 'ballast');
rmSync(ballast);
const end = Date.now() + 5000;
while (recoveries === 0 && Date.now() < end) await pause(5);
await file.close();
const whole = readFileSync(path, 'utf8') === lines.map((line) => line + '\\n').join('');
process.stdout.write(JSON.stringify({ failures, left, recoveries, whole }));
`;

describe('the end', () => {
  test('what is pending is written; what comes later is not', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    notes.note('one');
    await notes.file.close();
    expect(notes.hasAll()).toBe(true);
    notes.file.append('too late');
    await notes.file.close();
    expect(notes.hasAll()).toBe(true);
  });

  test('where nothing was to be kept nothing is made', async () => {
    const notes = new Notes(join(scratch(), 'a.state'), ['head']);
    await notes.file.close();
    expect(existsSync(notes.path)).toBe(false);
  });

  test('of a disk that does not answer within a second', async () => {
    const endless = {
      *[Symbol.iterator]() {
        for (;;) yield 'x'.repeat(10);
      },
    };
    const stop = new Error('enough');
    let over = false;
    const file = new JournalFile(join(scratch(), 'a.state'), {
      *state() {
        for (const line of endless) {
          if (over) throw stop;
          yield line;
        }
      },
      size: () => 1,
      onFailure: () => {},
      onRecovery: () => {},
    });
    file.append('one');
    const began = performance.now();
    expect(await file.flush()).toBe(false);
    await file.close();
    over = true;
    expect(performance.now() - began).toBeLessThan(2_000 + NOISE_MS);
  });
});

describe('reading', () => {
  const written = (text: string, mode = 0o600): string => {
    const path = join(scratch(), 'a.state');
    writeFileSync(path, text, { mode });
    return path;
  };

  test.each([
    ['', { lines: [], isTorn: false }],
    ['a\nb\n', { lines: ['a', 'b'], isTorn: false }],
    ['a\nb', { lines: ['a'], isTorn: true }],
    ['a', { lines: [], isTorn: true }],
    ['\n\n', { lines: ['', ''], isTorn: false }],
  ])('%j', async (text, journal) => {
    expect(await readJournal(written(text))).toEqual(journal);
  });

  test('none is no trouble', async () => {
    expect(await readJournal(join(scratch(), 'a.state'))).toEqual({ lines: [], isTorn: false });
  });

  test('a link, a directory, a pipe, a huge file and one that others may write are not believed', async () => {
    const dir = scratch();
    symlinkSync(written('a\n'), join(dir, 'link'));
    await expect(readJournal(join(dir, 'link'))).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(readJournal(dir)).rejects.toThrow('it is not a file');
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    await expect(readJournal(join(dir, 'pipe'))).rejects.toThrow('it is not a file');
    const huge = written('');
    truncateSync(huge, 300 * 1024 * 1024);
    await expect(readJournal(huge)).rejects.toThrow('it is too large to be one (314572800 bytes)');
    const open = written('a\n');
    chmodSync(open, 0o666);
    await expect(readJournal(open)).rejects.toThrow('others may write it');
  });

  test.runIf(isRoot)('nor one that somebody else has put there; one of the owner of the directory is', async () => {
    const path = written('a\n');
    chownSync(path, 12_345, 12_345);
    await expect(readJournal(path)).rejects.toThrow('it belongs to another user (uid 12345)');
    chownSync(join(path, '..'), 12_345, 12_345);
    expect(await readJournal(path)).toEqual({ lines: ['a'], isTorn: false });
  });
});
