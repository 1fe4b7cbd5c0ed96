// Running programs: how they end, how much they may say, and that nothing of them outlives an abort.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Commands, runCommand } from '../../src/system/command.ts';
import { isAlive } from '../is-alive.ts';
import { NOISE_MS } from '../noise.ts';
import { until } from '../until.ts';

const never = new AbortController().signal;
const sh = (script: string) => ['/bin/sh', '-c', script];
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsdirectord-command-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  [
    'output and status',
    sh('echo out; echo err >&2; exit 3'),
    { code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' },
  ],
  ['a signal', sh('kill -TERM $$'), { code: null, signal: 'SIGTERM', stdout: '', stderr: '' }],
  ['no shell', ['/bin/echo', '$HOME', ';ls', '*'], { code: 0, signal: null, stdout: '$HOME ;ls *\n', stderr: '' }],
  ['an empty standard input', ['/bin/cat'], { code: 0, signal: null, stdout: '', stderr: '' }],
])('%s', async (_name, argv, expected) => {
  expect(await runCommand(argv, { signal: never })).toEqual(expected);
});

test('input and environment', async () => {
  const argv = sh('cat; echo "$WORD"');
  const { stdout } = await runCommand(argv, { signal: never, input: 'given, ', env: { WORD: 'and told' } });
  expect(stdout).toBe('given, and told\n');
});

test('input that nobody reads', async () => {
  const { code } = await runCommand(['/bin/true'], { signal: never, input: 'x'.repeat(1_000_000) });
  expect(code).toBe(0);
});

test('only the end of the output is kept, and the rest does not block', async () => {
  const argv = sh('head -c 5000000 /dev/zero | tr "\\0" o; head -c 5000000 /dev/zero | tr "\\0" e >&2');
  const { code, stdout, stderr } = await runCommand(argv, { signal: never });
  expect([code, stdout.length, stderr.length]).toEqual([0, 65536, 65536]);
  expect((await runCommand(argv, { signal: never, maxOutputBytes: 10 })).stdout).toBe('oooooooooo');
  expect((await runCommand(sh('echo begin; sleep 0.1; echo end'), { signal: never, maxOutputBytes: 6 })).stdout).toBe(
    'n\nend\n',
  );
});

describe('not startable', () => {
  test.each([
    [['/no/such/program'], 'ENOENT'],
    [['/tmp'], 'EACCES'],
    [[], 'ERR_INVALID_ARG_VALUE'],
  ])('%j rejects with %s', async (argv, code) => {
    await expect(runCommand(argv, { signal: never })).rejects.toMatchObject({ code });
  });

  test('a signal that is aborted already starts nothing', async () => {
    const mark = join(folder, 'started');
    await expect(runCommand(['/usr/bin/touch', mark], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(existsSync(mark)).toBe(false);
  });
});

describe('abort', () => {
  /** A command that has said so. */
  async function begun(script: string) {
    const controller = new AbortController();
    let said = 0;
    const running = runCommand(sh(script), {
      signal: controller.signal,
      killAfterMs: 200,
      onOutput: () => void said++,
    });
    await until('it has begun', () => said > 0);
    return { running, abort: () => controller.abort() };
  }

  test.each([
    ['ends a command', 'echo begun; sleep 300', 'SIGTERM', 0],
    ['kills one that ignores TERM', 'trap "" TERM; echo begun; sleep 300 & wait; sleep 300', 'SIGKILL', 200],
    ['ends its children too', 'sleep 300 & sleep 300 & echo begun; wait', 'SIGTERM', 0],
    ['ends children that hold no pipe', 'sleep 300 >/dev/null 2>&1 & echo begun; wait', 'SIGTERM', 0],
  ])('%s', async (_name, script, signal, atLeastMs) => {
    const { running, abort } = await begun(script);
    const aborted = performance.now();
    abort();
    expect(await running).toMatchObject({ code: null, signal });
    expect(performance.now() - aborted).toBeGreaterThanOrEqual(atLeastMs - 20);
    expect(performance.now() - aborted).toBeLessThan(atLeastMs + NOISE_MS);
  });

  test('reaches a grandchild that ignores TERM and holds no pipe', async () => {
    const mark = join(folder, 'survivor');
    const script = `sh -c 'trap "" TERM; echo $$ >${mark}; while :; do sleep 0.05; done' >/dev/null 2>&1 &
      until [ -s ${mark} ]; do sleep 0.01; done; echo begun; sleep 300`;
    const { running, abort } = await begun(script);
    abort();
    await running;
    await until('it is gone', () => !isAlive(Number(readFileSync(mark, 'utf8'))));
  });
});

test.each([
  ['ended', false],
  ['let go when that is asked for', true],
])('children that hold the pipes do not keep it waiting, and are %s', async (_name, leaveChildren) => {
  const mark = join(folder, `lingering-${leaveChildren}`);
  const script = sh(`sleep 300 & echo $! >${mark}; echo done; exit 0`);
  const result = await runCommand(script, { signal: never, leaveChildren });
  expect(result).toMatchObject({ code: 0, stdout: 'done\n' });
  const child = Number(readFileSync(mark, 'utf8'));
  if (leaveChildren) {
    expect(isAlive(child)).toBe(true);
    process.kill(child, 'SIGKILL');
  }
  await until('it is gone', () => !isAlive(child));
});

test('a script whose interpreter is missing', async () => {
  const script = join(folder, 'odd');
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
  await expect(runCommand([script], { signal: never })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('leaves nothing alive in this process', async () => {
  const controller = new AbortController();
  const busy = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Process|Pipe/.test(name)).length;
  const before = busy();
  const running = runCommand(sh('sleep 30'), { signal: controller.signal });
  controller.abort();
  await running;
  await runCommand(['/bin/true'], { signal: never });
  await until('nothing is left', () => busy() <= before, busy);
});

test('output is heard as it comes, also what is not kept', async () => {
  const heard: string[] = [];
  let running = true;
  const go = join(folder, 'go');
  const script = `echo one; echo two >&2; head -c 100000 /dev/zero; echo end; for i in $(seq 600); do [ -e ${go} ] && break; sleep 0.05; done`;
  const command = runCommand(sh(script), {
    signal: never,
    maxOutputBytes: 4,
    onOutput: (stream, chunk) => heard.push(`${stream} ${chunk.length}${running ? '' : ' late'}`),
  }).finally(() => {
    running = false;
  });
  await until(
    'all of it',
    () => heard.length > 1 && heard.map((each) => Number(each.split(' ')[1])).reduce((a, b) => a + b) === 100_012,
  );
  expect(running).toBe(true);
  writeFileSync(go, '');
  expect(heard).toContain('stderr 4');
  expect(await command).toMatchObject({ stdout: 'end\n', stderr: 'two\n' });
});

test('an owner knows when none of its commands is left', async () => {
  const commands = new Commands();
  await commands.ended();
  const mark = join(folder, 'last');
  const ends = [
    commands.run(sh(`sleep 0.2; touch ${mark}`), { signal: never }),
    commands.run(['/no/such/program'], { signal: never }),
  ];
  const results = Promise.allSettled(ends);
  await commands.ended();
  expect(existsSync(mark)).toBe(true);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});
