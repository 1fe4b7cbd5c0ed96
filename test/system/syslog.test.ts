// The real logger program, with a receiver of our own instead of /dev/log; and loggers that are missing, hang or die.
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { jsonLogger, syslogLogger } from '../../src/log.ts';
import { openSyslog, type SyslogOptions } from '../../src/system/syslog.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { type Receiver, receiveDatagrams } from './datagram-receiver.ts';

/** A syslog daemon; `lines`: what came, without the time: `<134>ldirectord[1]: text`. */
async function receive(path: string): Promise<Receiver & { readonly lines: () => string[] }> {
  const receiver = await receiveDatagrams(path);
  const lines = (): string[] =>
    receiver.datagrams().map((line) => line.replace(/^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d /, '$1'));
  return { ...receiver, lines };
}

async function open(options: Partial<SyslogOptions>) {
  const log = await openSyslog({ facility: 'local0', ...options });
  onTestFinished(async () => {
    await log.close();
  });
  return log;
}

/** Processes that have this word on their command line. */
function running(word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => commandLine(name).includes(word))
    .map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function script(text: string): string {
  const path = join(scratch(), 'fake-logger');
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

const TAG = `ldirectord[${process.pid}]:`;

test('facility, severity, tag and pid are those of ldirectord, but for the severity of what is not info', async () => {
  const { socket, lines } = await receive(join(scratch(), 'log'));
  const log = syslogLogger(await openSyslog({ facility: 'local0', socket }));
  log.info('Added virtual server: 10.8.8.45:80');
  log.warn('beware');
  log.error('two\nlines');
  log.info('<3>no prefix of ours, 100% as it is: \\ "ü"');
  log.info('');
  await log.close();
  await until('all', () => lines().length === 6, lines);
  expect(lines()).toEqual([
    `<134>${TAG} Added virtual server: 10.8.8.45:80`,
    `<132>${TAG} WARNING: beware`,
    `<131>${TAG} ERROR: two`,
    `<131>${TAG} ERROR: lines`,
    `<134>${TAG} <3>no prefix of ours, 100% as it is: \\\\ "ü"`,
    `<134>${TAG} `,
  ]);
});

test.each([
  ['daemon', 30],
  ['user', 14],
  ['local7', 190],
])('%s', async (facility, priority) => {
  const { socket, lines } = await receive(join(scratch(), 'log'));
  const log = await openSyslog({ facility, socket });
  log.write('word\n', 'info');
  await log.close();
  await until('it', () => lines().length > 0);
  expect(lines()).toEqual([`<${priority}>${TAG} word`]);
});

test('JSON lines have their severity, too', async () => {
  const { socket, lines } = await receive(join(scratch(), 'log'));
  const log = await jsonLogger(await openSyslog({ facility: 'local0', socket }), 'my.cf');
  log.info('one');
  log.error('two');
  await log.close();
  await until('both', () => lines().length === 2);
  expect(lines().map((line) => /^<\d+>/.exec(line)?.[0])).toEqual(['<134>', '<131>']);
  expect(lines()[1]).toContain('"msg":"two"');
});

test('a long line comes in pieces, cut between characters', async () => {
  const { socket, lines } = await receive(join(scratch(), 'log'));
  const log = await open({ socket });
  const text = `x${'ü'.repeat(9_000)}`;
  log.write(`${text}\nnext\n`, 'info');
  await until(
    'all',
    () => lines().length === 4,
    () => lines().length,
  );
  const pieces = lines().map((line) => line.slice(`<134>${TAG} `.length));
  expect(pieces.slice(0, 3).join('')).toBe(text);
  expect(pieces[3]).toBe('next');
  for (const line of lines()) expect(Buffer.byteLength(line)).toBeLessThan(8_192);
});

test('a burst arrives whole and in order, and nothing is left after the close', async () => {
  const dir = scratch();
  const { socket, lines } = await receive(join(dir, 'log'));
  const log = await open({ socket });
  const texts = Array.from({ length: 5_000 }, (_, index) => `line ${index}`);
  for (const text of texts) log.write(`${text}\n`, 'info');
  await until(
    'all',
    () => lines().length === texts.length,
    () => lines().length,
  );
  expect(lines()).toEqual(texts.map((text) => `<134>${TAG} ${text}`));
  await log.close();
  log.write('late\n', 'info');
  await log.close();
  expect(running(dir)).toHaveLength(1); // the receiver
});

test('a logger that is killed is started again', async () => {
  const dir = scratch();
  const { socket, lines, process: receiver } = await receive(join(dir, 'log'));
  const troubles: string[] = [];
  const log = await open({ socket, onTrouble: (reason) => troubles.push(reason) });
  for (const round of [1, 2, 3]) {
    log.write(`round ${round}\n`, 'info');
    // Not their number: a line whose sender is killed before it says so is sent once more.
    await until(`line ${round}`, () => lines().some((line) => line.includes(`round ${round}`)));
    const [logger = 0] =
      (await until('logger', () => {
        const found = running(dir).filter((pid) => pid !== receiver.pid);
        return found.length > 0 ? found : undefined;
      })) ?? [];
    process.kill(logger, 'SIGKILL');
    await until('its end', () => !running(dir).includes(logger));
  }
  await until(
    'the last trouble',
    () => troubles.length === 3,
    () => troubles,
  );
  expect(troubles).toEqual(Array(3).fill('logger ended with SIGKILL'));
});

test('lines outlive a syslog that is away at the start and restarts later: each comes once', async () => {
  const socket = join(scratch(), 'log');
  const troubles: string[] = [];
  const log = await open({ socket, onTrouble: (reason) => troubles.push(reason) });
  log.write('before it began\n', 'info');
  await until('a complaint', () => troubles.length === 1);
  expect(troubles[0]).toBe(`logger: socket ${socket}: No such file or directory`);
  const first = await receive(socket);
  await until('the line', () => first.lines().length === 1);
  await first.end();
  rmSync(socket);
  for (const text of ['one', 'two', 'three']) log.write(`while away: ${text}\n`, 'info');
  await until('the next complaint', () => troubles.length === 2);
  const second = await receive(socket);
  await until('the lines', () => second.lines().length >= 3, second.lines);
  log.write('after\n', 'info');
  await until('the last', () => second.lines().some((line) => line.endsWith('after')));
  expect(first.lines()).toEqual([`<134>${TAG} before it began`]);
  expect(second.lines()).toEqual(
    ['while away: one', 'while away: two', 'while away: three', 'after'].map((text) => `<134>${TAG} ${text}`),
  );
});

test('what waits is bounded: the oldest lines go, and how many they were is told', async () => {
  const socket = join(scratch(), 'log');
  const troubles: string[] = [];
  const log = await open({ socket, onTrouble: (reason) => troubles.push(reason) });
  await until('a complaint', () => troubles.length === 1);
  const total = 1_000;
  for (let index = 0; index < total; index++) log.write(`${index} ${'x'.repeat(7_900)}\n`, 'info');
  const { lines } = await receive(socket);
  await until('the last line', () => lines().some((line) => line.includes(`: ${total - 1} x`)));
  const told = lines().filter((line) => line.includes('lost'));
  expect(told).toHaveLength(1);
  const [, priority, lost] = /^<(\d+)>.*: WARNING: (\d+) log lines were lost: /.exec(told[0] ?? '') ?? [];
  expect(priority).toBe('132');
  expect(lines()).toHaveLength(total - Number(lost) + 1);
  expect(lines()[0]).toBe(told[0]);
  expect(Number(lost)).toBeGreaterThan(400);
  expect(Number(lost)).toBeLessThan(600);
});

test('a syslog that takes nothing: writing does not block, and the close ends soon and leaves nothing', async () => {
  const dir = scratch();
  const { socket, process: receiver } = await receive(join(dir, 'log'));
  const log = await open({ socket });
  receiver.kill('SIGSTOP');
  for (let index = 0; index < 10_000; index++) log.write(`line ${index}\n`, 'info');
  const began = performance.now();
  await log.close();
  expect(performance.now() - began).toBeLessThan(NOISE_MS);
  await until('the end of logger', () => running(dir).every((pid) => pid === receiver.pid));
});

test.each<[string, string, RegExp]>([
  [
    'complains',
    'echo "unknown option" >&2; exit 1',
    /^cannot log to the syslog facility local0: .*fake-logger failed with status 1: unknown option$/,
  ],
  ['is killed', 'kill -9 $$', /fake-logger failed with SIGKILL: $/],
])('a logger that %s is told at once', async (_, text, message) => {
  await expect(openSyslog({ facility: 'local0', program: script(text) })).rejects.toThrow(message);
});

test('a missing logger is told at once, with its package', async () => {
  await expect(openSyslog({ facility: 'local0', program: 'no-such-logger' })).rejects.toThrow(
    'cannot log to the syslog facility local0: the program no-such-logger (package bsdutils or util-linux) is not installed',
  );
  const plain = join(scratch(), 'plain');
  writeFileSync(plain, '');
  await expect(openSyslog({ facility: 'local0', program: plain })).rejects.toThrow(/plain cannot be run: .*EACCES/);
});

test('a logger that always dies is started with growing pauses', async () => {
  const count = join(scratch(), 'count');
  const program = script(`case "$1" in --no-act) exit 0;; esac; echo >>${count}; exit 3`);
  const troubles: string[] = [];
  const log = await open({ program, onTrouble: (reason) => troubles.push(reason) });
  const began = performance.now();
  log.write('line\n', 'info');
  await until('four starts', () => existsSync(count) && readFileSync(count, 'utf8').length >= 4);
  expect(performance.now() - began).toBeGreaterThan(600);
  expect(troubles).toEqual([`${program} ended with status 3`]);
});

test('a logger that removes itself later and one that hangs do not keep the close waiting', async () => {
  const gone = script('case "$1" in --no-act) rm "$0"; exit 0;; esac');
  const log = await open({ program: gone });
  log.write('line\n', 'info');
  await log.close();

  const hangs = script('case "$1" in --no-act) exit 0;; esac; exec sleep 1000');
  const other = await open({ program: hangs });
  other.write('line\n', 'info');
  const began = performance.now();
  await other.close();
  expect(performance.now() - began).toBeLessThan(NOISE_MS);
});
