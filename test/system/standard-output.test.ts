// Log lines on standard output: in ldirectord's format, and with a reader that is slow or goes away.
import { fstatSync } from 'node:fs';
import { Writable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { journalLogger, supervisedLogger } from '../../src/log.ts';
import { isJournal, openStandardOutput } from '../../src/system/standard-output.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';

/** A reader that takes what it is given when it is told to. */
class Reader extends Writable {
  text = '';
  stopped = false;
  #resume = (): void => {};
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += chunk;
    if (this.stopped) this.#resume = done;
    else done();
  }
  go(): void {
    this.stopped = false;
    this.#resume();
  }
}

test('lines under a supervisor have a time and nothing else before them', async () => {
  const out = new Reader();
  const log = supervisedLogger(openStandardOutput(out), () => new Date(2026, 10, 3, 1, 13, 16));
  log.info('Added virtual server: 10.8.8.45:80');
  log.error('two\nlines');
  await log.close();
  expect(out.text).toBe(
    '[Tue Nov  3 01:13:16 2026] Added virtual server: 10.8.8.45:80\n' +
      '[Tue Nov  3 01:13:16 2026] ERROR: two\n[Tue Nov  3 01:13:16 2026] ERROR: lines\n',
  );
  expect(out.writableEnded).toBe(false);
});

test('lines for the journal have their severity, each line of a message, and no time: it has its own', async () => {
  const out = new Reader();
  const log = journalLogger(openStandardOutput(out));
  log.info('Added virtual server: 10.8.8.45:80');
  log.warn('beware');
  log.error('two\nlines');
  log.debug('not said');
  log.info('<3>no prefix of ours');
  await log.close();
  expect(out.text).toBe(
    '<6>Added virtual server: 10.8.8.45:80\n<4>WARNING: beware\n<3>ERROR: two\n<3>ERROR: lines\n<6><3>no prefix of ours\n',
  );
});

const { dev, ino } = fstatSync(1, { bigint: true });

test.each([
  ['it is', `${dev}:${ino}`, true],
  ['another file', `${dev}:${ino + 1n}`, false],
  ['another device', `${dev + 1n}:${ino}`, false],
  ['a number that only begins so', `${dev}:${ino}0`, false],
  ['empty', '', false],
  ['half of it', String(dev), false],
  ['nonsense', 'a:b', false],
  ['not set', undefined, false],
])('whether standard output is the journal: %s', (_, stream, expected) => {
  vi.stubEnv('JOURNAL_STREAM', stream);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(isJournal()).toBe(expected);
});

test('a slow reader: what waits is bounded, and what is lost is told', async () => {
  const out = new Reader();
  const log = openStandardOutput(out);
  out.stopped = true;
  const line = `${'x'.repeat(65_535)}\n`;
  for (let index = 0; index < 100; index++) log.write(line, 'info');
  expect(out.writableLength).toBeLessThan(4.5 * 1024 * 1024);
  out.go();
  await until('room', () => out.writableLength === 0);
  log.write('next\n', 'info');
  await log.close();
  expect(out.text.replaceAll(line, '')).toBe('35 log lines were lost: standard output was read too slowly\nnext\n');
});

test('closing with a reader that takes nothing ends soon', async () => {
  const out = new Reader();
  out.stopped = true;
  const log = openStandardOutput(out);
  log.write('first\n', 'info');
  log.write('never read\n', 'info');
  const began = performance.now();
  await log.close();
  expect(performance.now() - began).toBeLessThan(NOISE_MS);
});

test('closing with a reader that is busy waits for it', async () => {
  const out = new Reader();
  out.stopped = true;
  const log = openStandardOutput(out);
  log.write('first\n', 'info');
  log.write('second\n', 'info');
  setImmediate(() => out.go());
  await log.close();
  expect(out.text).toBe('first\nsecond\n');
});

test('a reader that is gone stops nothing', async () => {
  const out = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
  });
  const log = openStandardOutput(out);
  log.write('first\n', 'info');
  await until('the error', () => out.destroyed);
  log.write('second\n', 'info');
  await log.close();
});
