// Running programs: how they end, how much they may say, and that nothing of them outlives an abort.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Commands, runCommand } from '../../src/system/command.ts';
import { until } from '../until.ts';

const never = new AbortController().signal;
const sh = (script: string) => ['/bin/sh', '-c', script];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
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
  test.each([
    ['ends a command', 'sleep 30', 'SIGTERM', 0],
    ['kills one that ignores TERM', 'trap "" TERM; sleep 30 & wait; sleep 30', 'SIGKILL', 200],
    ['ends its children too', 'sleep 30 & sleep 30 & wait', 'SIGTERM', 0],
    ['ends children that hold no pipe', 'sleep 30 >/dev/null 2>&1 & wait', 'SIGTERM', 0],
  ])('%s', async (_name, script, signal, atLeastMs) => {
    const controller = new AbortController();
    const started = performance.now();
    const running = runCommand(sh(script), { signal: controller.signal, killAfterMs: 200 });
    await pause(100);
    controller.abort();
    expect(await running).toMatchObject({ code: null, signal });
    const tookMs = performance.now() - started - 100;
    expect(tookMs).toBeGreaterThanOrEqual(atLeastMs - 20);
    expect(tookMs).toBeLessThan(atLeastMs + 700);
  });

  test('reaches a grandchild that ignores TERM and holds no pipe', async () => {
    const mark = join(folder, 'survivor');
    const controller = new AbortController();
    const script = `sh -c 'trap "" TERM; sleep 0.5; touch ${mark}' >/dev/null 2>&1 & sleep 30`;
    const running = runCommand(sh(script), { signal: controller.signal, killAfterMs: 200 });
    await pause(100);
    controller.abort();
    await running;
    await pause(500);
    expect(existsSync(mark)).toBe(false);
  });
});

test.each([
  ['ended', false],
  ['let go when that is asked for', true],
])('children that hold the pipes do not keep it waiting, and are %s', async (_name, leaveChildren) => {
  const mark = join(folder, `lingering-${leaveChildren}`);
  const started = performance.now();
  const script = sh(`echo done; (sleep 0.5; touch ${mark}) & exit 0`);
  const result = await runCommand(script, { signal: never, leaveChildren });
  expect(result).toMatchObject({ code: 0, stdout: 'done\n' });
  expect(performance.now() - started).toBeLessThan(450);
  if (leaveChildren) await until('the child has done its work', () => existsSync(mark));
  else await pause(600);
  expect(existsSync(mark)).toBe(leaveChildren);
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
  await pause(10);
  expect(busy()).toBeLessThanOrEqual(before);
});

test('output is heard as it comes, also what is not kept', async () => {
  const heard: string[] = [];
  let running = true;
  const script = 'echo one; echo two >&2; head -c 100000 /dev/zero; echo end; sleep 0.3';
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
