// Other configurations run with this one: what is done with which, in which order, and that no circle goes round.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Executed, type ExecutedParts, type OtherAction } from '../src/execute.ts';
import { type CommandOutcome, type CommandRunOptions, runCommand } from '../src/system/command.ts';
import { LogLines } from './log-lines.ts';
import { NOISE_MS } from './noise.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

const OUTCOME: CommandOutcome = { code: 0, signal: null, stdout: '', stderr: '' };

/** A directory with a.cf, ours, and others; `answers` are outcomes by `action name`. */
function setUp(files: Readonly<Record<string, readonly string[]>> = {}, parts: Partial<ExecutedParts> = {}) {
  const dir = scratch();
  const write = (name: string, executes: readonly string[] = []): void =>
    writeFileSync(join(dir, name), executes.map((each) => `execute = "${each}"\n`).join(''));
  write('a.cf');
  for (const [name, executes] of Object.entries(files)) write(name, executes);
  const log = new LogLines();
  const done: string[] = [];
  const answers: Record<string, Partial<CommandOutcome> | Error> = {};
  const run = async ([action = '', path = '']: readonly string[]): Promise<CommandOutcome> => {
    const what = `${action} ${path.replace(`${dir}/`, '')}`;
    done.push(what);
    const answer = answers[what];
    if (answer instanceof Error) throw answer;
    return { ...OUTCOME, ...answer };
  };
  const executed = new Executed({
    own: { path: join(dir, 'a.cf'), name: 'a.cf' },
    commandFor: (action, path) => [action, path],
    run,
    log: () => log,
    ...parts,
  });
  const take = (): string[] => done.splice(0);
  return { dir, write, log, take, answers, executed };
}

test('started, reloaded and stopped with this one', async () => {
  const { log, take, executed } = setUp({ 'b.cf': [], 'c.cf': [], 'd.cf': [] });
  await executed.update(['b.cf', 'c.cf']);
  expect(take()).toEqual(['start b.cf', 'start c.cf']);
  expect(log.take()).toEqual(['Configuration b.cf (execute) is started', 'Configuration c.cf (execute) is started']);
  await executed.update(['b.cf', 'd.cf']);
  // What goes makes room for what comes.
  expect(take()).toEqual(['stop c.cf', 'reload b.cf', 'start d.cf']);
  await executed.stop();
  expect(take()).toEqual(['stop b.cf', 'stop d.cf']);
  await executed.update(['c.cf']);
  expect(take()).toEqual([]);
});

test('none at all', async () => {
  const { log, take, executed } = setUp();
  await executed.update([]);
  await executed.stop();
  expect([take(), log.lines]).toEqual([[], []]);
});

test('one that a reload finds not running is started', async () => {
  const { log, take, answers, executed } = setUp({ 'b.cf': [] });
  await executed.update(['b.cf']);
  take();
  log.take();
  answers['reload b.cf'] = { code: 1, stderr: 'not running' };
  await executed.update(['b.cf']);
  expect(take()).toEqual(['reload b.cf', 'start b.cf']);
  expect(log.take()).toEqual(['Configuration b.cf (execute) is started']);
});

test.each<[string, Partial<CommandOutcome> | Error, string]>([
  [
    'errors in it',
    { code: 2, stderr: 'b.cf:3:1: error\nb.cf has 1 error\n' },
    'error: Configuration b.cf (execute): its start failed with status 2:\nb.cf:3:1: error\nb.cf has 1 error',
  ],
  [
    'a signal',
    { code: null, signal: 'SIGKILL', stdout: 'said' },
    'error: Configuration b.cf (execute): its start failed with SIGKILL:\nsaid',
  ],
  [
    'no program',
    new Error('spawn x ENOENT'),
    'error: Configuration b.cf (execute): its start could not be run: spawn x ENOENT',
  ],
  [
    'one that runs already',
    { stdout: 'ldirectord for b.cf is running already, with pid 5\n' },
    'Configuration b.cf (execute) is started: ldirectord for b.cf is running already, with pid 5',
  ],
])('%s is told, and stops nothing', async (_, answer, expected) => {
  const { log, take, answers, executed } = setUp({ 'b.cf': [], 'c.cf': [] });
  answers['start b.cf'] = answer;
  await executed.update(['b.cf', 'c.cf']);
  expect(take()).toEqual(['start b.cf', 'start c.cf']);
  expect(log.take()).toEqual([expected, 'Configuration c.cf (execute) is started']);
});

test('one that is not there is told; one that has lost its file is still ours', async () => {
  const { dir, log, take, executed } = setUp({ 'b.cf': [] });
  await executed.update(['b.cf', 'missing.cf']);
  expect(take()).toEqual(['start b.cf']);
  expect(log.take()[0]).toBe(
    `error: execute = missing.cf: there is no such configuration; looked for /etc/ha.d/missing.cf, /etc/ha.d/conf/missing.cf, ${dir}/missing.cf`,
  );
  rmSync(join(dir, 'b.cf'));
  await executed.update(['b.cf']);
  expect(take()).toEqual(['reload b.cf']);
  await executed.update([]);
  expect(take()).toEqual(['stop b.cf']);
});

test('a path is taken as it is, and the same configuration in two spellings once', async () => {
  const { dir, take, executed } = setUp({ 'b.cf': [] });
  await executed.update(['b.cf', join(dir, 'b.cf'), './b.cf']);
  expect(take()).toEqual(['start b.cf']);
  await executed.update([join(dir, 'b.cf')]);
  expect(take()).toEqual(['reload b.cf']);
});

describe('circles', () => {
  const leftOut = (config: string, way: string): string =>
    `error: execute = ${config} is left out, because it would go round in a circle: ${way}`;

  test.each<[string, Record<string, string[]>, string, string]>([
    ['itself', {}, 'a.cf', 'a.cf -> a.cf'],
    ['one that executes us', { 'b.cf': ['a.cf'] }, 'b.cf', 'a.cf -> b.cf -> a.cf'],
    [
      'a longer way',
      { 'b.cf': ['x.cf', 'c.cf'], 'c.cf': ['a.cf'], 'x.cf': [] },
      'b.cf',
      'a.cf -> b.cf -> c.cf -> a.cf',
    ],
  ])('%s', async (_, files, config, way) => {
    const { log, take, executed } = setUp(files);
    await executed.update([config]);
    await executed.update([config]);
    await executed.stop();
    expect(take()).toEqual([]);
    expect(log.lines).toEqual([leftOut(config, way), leftOut(config, way)]);
  });

  test('ours under another name, or another with our name (and so with our pid file)', async () => {
    const { dir, log, take, executed } = setUp();
    symlinkSync('a.cf', join(dir, 'same.cf'));
    mkdirSync(join(dir, 'sub'));
    writeFileSync(join(dir, 'sub/a.cf'), '');
    await executed.update(['same.cf', './sub/a.cf']);
    expect(take()).toEqual([]);
    expect(log.lines).toEqual([leftOut('same.cf', 'a.cf -> same.cf'), leftOut('./sub/a.cf', 'a.cf -> a.cf')]);
  });

  test('one that we are not part of, and one that cannot be read, are the affair of others', async () => {
    const { dir, take, executed } = setUp({ 'b.cf': ['c.cf'], 'c.cf': ['b.cf', 'b.cf', 'c.cf'] });
    mkdirSync(join(dir, 'd.cf'));
    await executed.update(['b.cf', 'd.cf']);
    expect(take()).toEqual(['start b.cf', 'start d.cf']);
  });

  test('one that comes to be later: left alone from then on, not stopped', async () => {
    const { write, log, take, executed } = setUp({ 'b.cf': [] });
    await executed.update(['b.cf']);
    take();
    log.take();
    write('b.cf', ['a.cf']);
    await executed.update(['b.cf']);
    await executed.stop();
    expect(take()).toEqual([]);
    expect(log.lines).toEqual([leftOut('b.cf', 'a.cf -> b.cf -> a.cf')]);
  });
});

test('a few at once, and never two of one', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `c${index}.cf`);
  let now = 0;
  let most = 0;
  const run = async (): Promise<CommandOutcome> => {
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now--;
    return OUTCOME;
  };
  const { executed } = setUp(Object.fromEntries(names.map((name) => [name, []])), { run });
  await Promise.all([executed.update(names), executed.update(names)]);
  expect(most).toBe(4);
});

describe('with commands that run', () => {
  /** A script of our own is what runs; it writes down what it does. */
  function withScript(text: string, times: Pick<ExecutedParts, 'deadlines' | 'finishMs'>) {
    const dir = scratch();
    const commandFor = (action: OtherAction, path: string): string[] => ['/bin/sh', '-c', text, action, path];
    const run = (argv: readonly string[], options: CommandRunOptions) => runCommand(argv, options);
    const set = setUp({ 'b.cf': [], 'c.cf': [] }, { commandFor, run, ...times });
    const file = (name: string): string =>
      existsSync(join(set.dir, name)) ? readFileSync(join(set.dir, name), 'utf8') : '';
    return { ...set, file, dir };
  }
  const hang = 'cd "$(dirname "$1")"; echo $0 >>done; case $0 in start) sleep 300;; esac';

  test('one that takes too long is ended and told', async () => {
    const { log, executed } = withScript(hang, { deadlines: { start: 100, reload: 100, stop: 5_000 } });
    await executed.update(['b.cf']);
    expect(log.take()).toEqual(['error: Configuration b.cf (execute): its start took longer than 0.1 s and was ended']);
  });

  test('a stop cuts off a start that does not end, and then stops', async () => {
    const times = { deadlines: { start: 60_000, reload: 60_000, stop: 5_000 }, finishMs: 100 };
    const { log, file, executed } = withScript(hang, times);
    const starting = executed.update(['b.cf']);
    await until('the start', () => file('done') === 'start\n');
    const began = performance.now();
    await executed.stop();
    await starting;
    expect(performance.now() - began).toBeLessThan(NOISE_MS);
    expect(file('done')).toBe('start\nstop\n');
    expect(log.take()).toEqual(['Configuration b.cf (execute) is stopped']);
  });

  test('a stop lets a start end that soon does', async () => {
    const slow =
      'cd "$(dirname "$1")"; while [ $0 = start ] && [ ! -e go ]; do echo >begun; sleep 0.01; done; echo $0 >>done';
    const times = { deadlines: { start: 60_000, reload: 60_000, stop: 5_000 }, finishMs: 10_000 };
    const set = withScript(slow, times);
    const starting = set.executed.update(['b.cf']);
    await until('the start', () => set.file('begun') !== '');
    const stopping = set.executed.stop();
    set.write('go');
    await Promise.all([starting, stopping]);
    expect(set.file('done')).toBe('start\nstop\n');
  });
});
