// Check commands, run for real: exit status, signals, what they print, what they leave behind.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { check } from './listeners.ts';

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
  const mark = join(folder, 'alive');
  const argv = sh(`(sleep 0.5; touch ${mark}) & sleep 30`);
  const { outcome, detail, durationMs } = await run(argv, 300);
  expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (/bin/sh still running)']);
  expect(durationMs).toBeLessThan(1000);
  await new Promise((resolve) => setTimeout(resolve, 350));
  expect(existsSync(mark)).toBe(false);
});
