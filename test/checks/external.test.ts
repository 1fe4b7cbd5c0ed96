// Check commands, run for real: exit status, signals, what they print, what they leave behind.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareCheck } from '../../src/checks/run.ts';
import { configOf } from '../config-of.ts';
import { isAlive } from '../is-alive.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';
import { check, services } from './listeners.ts';
import { HeldClock, PATIENT_CLOCK } from './patient-clock.ts';

const target = { address: '192.0.2.7', family: 4, port: 80 } as const;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsdirectord-external-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string, ...rest: string[]) => ['/bin/sh', '-c', script, 'check', ...rest];
const run = (argv: string[], timeoutMs = 5000) => check(target, { kind: 'external', argv, timeoutMs });

test.each<[string, string[], 'up' | 'down', string]>([
  ['exit 0', sh('exit 0'), 'up', 'exit 0'],
  ['exit 0 with a word', sh('echo fine'), 'up', 'exit 0: fine'],
  ['exit 3', sh('exit 3'), 'down', 'exit 3'],
  ['the last line', sh('echo one; echo; echo "two  "; echo; exit 1'), 'down', 'exit 1: two'],
  ['standard error when there is nothing else', sh('echo no such thing >&2; exit 1'), 'down', 'exit 1: no such thing'],
  ['nothing that a terminal obeys', sh("printf 'a\\033[2Jb\\n'; exit 1"), 'down', 'exit 1: a\\x1b[2Jb'],
  ['a signal', sh('kill -SEGV $$'), 'down', 'killed by SIGSEGV'],
  [
    'arguments as they are',
    sh('echo "$1|$2|$3|$4"', '10.0.0.1', '80', '$HOME;ls', 'a b'),
    'up',
    'exit 0: 10.0.0.1|80|$HOME;ls|a b',
  ],
  ['no such command', ['/no/such/check'], 'down', 'cannot run /no/such/check: it or its interpreter does not exist'],
  ['a folder', ['/tmp'], 'down', 'cannot run /tmp: not executable'],
  ['not executable', ['/etc/passwd'], 'down', 'cannot run /etc/passwd: not executable'],
  ['killed by itself', sh('kill -KILL $$'), 'down', 'killed by SIGKILL'],
  ['last words before a signal', sh('echo working; kill -TERM $$'), 'down', 'killed by SIGTERM: working'],
  [
    'its last words, however much it said',
    sh('head -c 5000000 /dev/zero | tr "\\0" "\\n"; echo end; exit 1'),
    'down',
    'exit 1: end',
  ],
  ['a long line', sh('head -c 100000 /dev/zero | tr "\\0" x; exit 1'), 'down', `exit 1: ${'x'.repeat(200)}…`],
])('%s', async (_name, argv, outcome, detail) => {
  expect(await run(argv)).toMatchObject({ outcome, detail });
});

test('a script without a first line that names its interpreter runs, as under ldirectord', async () => {
  const script = join(folder, 'plain');
  writeFileSync(script, 'exit 0\n');
  chmodSync(script, 0o755);
  expect((await run([script])).outcome).toBe('up');
});

test('too slow is down at the deadline, with its children', async () => {
  const mark = join(folder, 'child');
  const argv = sh(`sleep 300 & echo $! >${mark}; sleep 300`);
  const clock = new HeldClock();
  const prepared = prepareCheck({ target, spec: { kind: 'external', argv, timeoutMs: 300 } }, services(), clock);
  const running = prepared.run();
  await until('it has a child', () => existsSync(mark) && readFileSync(mark, 'utf8') !== '');
  clock.over(300);
  const { outcome, detail } = await running;
  expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (/bin/sh still running)']);
  await until('its child is gone', () => !isAlive(Number(readFileSync(mark, 'utf8'))));
  prepared.close();
});

describe('as a configuration asks for it', () => {
  /** The only check of a virtual service with these lines. */
  const planned = (lines: string) => {
    const text = `virtual = 10.8.8.45:80\n\treal = 10.8.8.48:8080 masq\n\tprotocol = tcp\n${lines}`;
    const plan = configOf(text).virtuals[0]?.reals[0]?.check;
    if (plan === undefined) throw new Error('no check');
    return plan;
  };
  const runPlan = (lines: string) => {
    const { target: peer, spec } = planned(lines);
    return check(peer, spec);
  };

  test('its own arguments come first', async () => {
    const script = join(folder, 'arguments');
    writeFileSync(script, '#!/bin/sh\necho "$#: $*"\n', { mode: 0o755 });
    const result = await runPlan(`\tchecktype = external\n\tcheckcommand = "${script} -w 5"\n`);
    expect(result).toMatchObject({ outcome: 'up', detail: 'exit 0: 6: -w 5 10.8.8.45 80 10.8.8.48 8080' });
  });

  const hasPerl = spawnSync('perl', ['-v']).status === 0;
  if (!hasPerl) console.warn('NOT TESTED: there is no perl here, so external-perl is skipped');
  test.runIf(hasPerl)('external-perl: a Perl script that needs not be executable', async () => {
    const script = join(folder, 'check.pl');
    writeFileSync(script, 'print "perl: @ARGV\\n"; exit 3;\n', { mode: 0o644 });
    const result = await runPlan(`\tchecktype = external-perl\n\tcheckcommand = "${script} x"\n`);
    expect(result).toMatchObject({ outcome: 'down', detail: 'exit 3: perl: x 10.8.8.45 80 10.8.8.48 8080' });
  });
});

describe('one process at a time', () => {
  /** A check that ignores TERM and its time limit, and notes its pid; what has been started, and what of it is alive. */
  const stubborn = (name: string, timeoutMs: number) => {
    const pids = join(folder, name);
    const argv = sh(`trap '' TERM; echo $$ >>${pids}; while :; do sleep 0.05; done`);
    const clock = new HeldClock();
    const prepared = prepareCheck({ target, spec: { kind: 'external', argv, timeoutMs } }, services(), clock);
    const started = () => (existsSync(pids) ? readFileSync(pids, 'utf8').split('\n').filter(Boolean).map(Number) : []);
    return { prepared, clock, started, alive: () => started().filter(isAlive) };
  };

  test('the next run waits until the last one is gone, and then has all its time', async () => {
    const { prepared, clock, started, alive } = stubborn('twice', 500);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, alive().length);
    }, 5);
    const running = prepared.run();
    await until('it runs', () => alive().length === 1);
    clock.over(500);
    const first = await running;
    expect([first.outcome, first.detail]).toEqual(['down', 'no answer within 500 ms (/bin/sh still running)']);
    expect(alive()).toHaveLength(1);
    const waiting = prepared.run();
    expect(clock.isHolding(500)).toBe(false);
    await until('its own time begins', () => clock.isHolding(500));
    expect(isAlive(started()[0] as number)).toBe(false);
    await until('it runs', () => started().length === 2);
    clock.over(500);
    const second = await waiting;
    clearInterval(watch);
    expect([second.outcome, second.detail]).toEqual([first.outcome, first.detail]);
    expect(most).toBe(1);
    prepared.close();
    await until('all are gone', () => alive().length === 0, alive);
  });

  test('a check that is dropped takes its process with it, and starts no other', async () => {
    const { prepared, started, alive } = stubborn('dropped', 10_000);
    const running = prepared.run();
    await until('it runs', () => alive().length === 1);
    prepared.close();
    expect(await running).toMatchObject({ outcome: 'error', detail: 'the check was dropped before it ended' });
    expect((await prepared.run()).outcome).toBe('error');
    await until('it is gone', () => alive().length === 0, alive);
    expect(started()).toHaveLength(1);
  });

  test('a check that is dropped while it waits', async () => {
    const { prepared, clock, started, alive } = stubborn('waiting', 200);
    const running = prepared.run();
    await until('it runs', () => alive().length === 1);
    clock.over(200);
    await running;
    const waiting = prepared.run();
    prepared.close();
    expect(await waiting).toMatchObject({ outcome: 'error' });
    expect(alive()).toHaveLength(1);
    await until('it is gone', () => alive().length === 0, alive);
    expect(started()).toHaveLength(1);
  });

  test('one that even KILL does not end is down, and nothing is started beside it', async () => {
    let calls = 0;
    const world = services(
      {},
      {
        command: () => {
          calls += 1;
          return new Promise(() => {});
        },
      },
    );
    const prepared = prepareCheck({ target, spec: { kind: 'external', argv: ['stuck'], timeoutMs: 50 } }, world);
    await prepared.run();
    const { outcome, detail, durationMs } = await prepared.run();
    expect([outcome, detail]).toEqual(['down', 'the command of the last run is still there, although killed']);
    expect(durationMs).toBeLessThan(3000 + NOISE_MS);
    expect(calls).toBe(1);
    prepared.close();
  });

  test('children that were let go are not waited for', async () => {
    const [go, mark] = [join(folder, 'go'), join(folder, 'left')];
    const argv = sh(
      `(for i in $(seq 600); do [ -e ${go} ] && break; sleep 0.05; done; touch ${mark}) >/dev/null 2>&1 & exit 0`,
    );
    const prepared = prepareCheck(
      { target, spec: { kind: 'external', argv, timeoutMs: 5000 } },
      services(),
      PATIENT_CLOCK,
    );
    for (let run = 0; run < 2; run += 1) {
      expect((await prepared.run()).outcome).toBe('up');
    }
    prepared.close();
    writeFileSync(go, '');
    await until('they live on', () => existsSync(mark));
  });
});
