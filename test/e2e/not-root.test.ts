// A daemon that is not root, as systemd runs it: where its pid file and socket are, and that root's commands find it. Each test has
// a /run of its own (a mount namespace), which needs root; nothing of this machine's /run is seen or touched.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../until.ts';
import { BIN, command, Site } from './program.ts';

const ON = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n';
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const SOMEBODY = ['setpriv', '--reuid=65533', '--regid=65533', '--clear-groups'];
const OWN_RUN = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs -o mode=755 tmpfs /run && eval "$PREPARE" && exec "$@"',
  'sh',
];
const OURS = 'install -d -o 65534 -g 65534 /run/tsdirectord';

const [unshare = '', ...withRun] = OWN_RUN;
const able = spawnSync(unshare, [...withRun, ...NOBODY, 'node', '--version'], {
  env: { ...process.env, PREPARE: OURS },
});
const isAble = able.status === 0;
if (!isAble)
  console.warn(`NOT TESTED: a daemon that is not root, because a /run of its own cannot be made: ${able.stderr}`);

let sites = 0;

/** A configuration that everybody may read. */
function siteForAll(): Site {
  // The lock of a name counts in all of them.
  const site = new Site(ON, `not-root-${process.pid}-${++sites}.cf`);
  chmodSync(site.dir, 0o755);
  return site;
}

/** Starts in the foreground with a /run of its own, as `user`. */
function launch(site: Site, user: readonly string[], prepare = OURS) {
  const child: ChildProcess = spawn(
    unshare,
    [...withRun, ...user, BIN, 'start', '--foreground', '-f', site.config, '--ipvs', 'memory'],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PREPARE: prepare } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const ended = new Promise((resolve) => child.on('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  const inside = (...words: string[]) => command(['nsenter', '--mount', '-t', String(child.pid), ...words]);
  return {
    child,
    ended,
    inside,
    said: () => said,
    started: () =>
      until(
        'its start',
        () => said.includes('Started; checking'),
        () => said,
      ),
    run: (user: readonly string[], action: string, ...more: string[]) =>
      inside(...user, BIN, action, '-f', site.config, '--ipvs', 'memory', ...more),
    files: async () => (await inside('find', '/run', '-type', 'f,s')).stdout.split('\n').filter(Boolean).sort(),
  };
}

describe.skipIf(!isAble)('not root', () => {
  test('its files are in /run/tsdirectord, and root’s commands find it', async () => {
    const site = siteForAll();
    const { child, ended, started, run, files } = launch(site, NOBODY);
    await started();
    const name = basename(site.config);
    expect(await files()).toEqual([`/run/tsdirectord/ldirectord.${name}.pid`, `/run/tsdirectord/${name}.sock`]);
    const isRunning = expect.stringContaining(`is running with pid: ${child.pid}`);
    for (const user of [[], NOBODY, SOMEBODY])
      expect(await run(user, 'status')).toMatchObject({ code: 0, stdout: isRunning, stderr: '' });
    expect(JSON.parse((await run([], 'status', '--json')).stdout)).toMatchObject({ pid: child.pid });
    for (const user of [[], NOBODY]) {
      expect(await run(user, 'reload', '--wait')).toMatchObject({ code: 0, stderr: '' });
      expect(await run(user, 'start')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`is running already, with pid ${child.pid}`),
      });
    }
    expect((await run(SOMEBODY, 'stop')).code).toBe(1);
    // No nsenter after its end: the namespace goes with it.
    expect(await run([], 'stop')).toMatchObject({ code: 0, stderr: '' });
    expect(await ended).toBe(0);
  });

  test('killed: status tells everybody so, and root’s stop cleans up after it', async () => {
    const site = siteForAll();
    const keeper = launch(site, NOBODY);
    await keeper.started();
    const other = spawn('nsenter', ['--mount', '-t', String(keeper.child.pid), 'sleep', '60']);
    onTestFinished(() => void other.kill('SIGKILL'));
    await until(
      'a process that keeps /run',
      () => spawnSync('nsenter', ['--mount', '-t', String(other.pid), 'true']).status === 0,
    );
    keeper.child.kill('SIGKILL');
    await keeper.ended;
    const run = (user: readonly string[], action: string) =>
      command([
        'nsenter',
        '--mount',
        '-t',
        String(other.pid),
        ...user,
        BIN,
        action,
        '-f',
        site.config,
        '--ipvs',
        'memory',
      ]);
    for (const user of [[], NOBODY]) expect((await run(user, 'status')).code).toBe(1);
    expect(await run([], 'stop')).toMatchObject({ code: 0 });
    expect((await run([], 'status')).code).toBe(3);
  });

  test('root has ldirectord’s place', async () => {
    const site = siteForAll();
    const { started, files, run, ended } = launch(site, []);
    await started();
    const name = basename(site.config);
    expect(await files()).toEqual([`/run/ldirectord.${name}.pid`, `/run/tsdirectord/${name}.sock`]);
    expect((await run(NOBODY, 'start')).stdout).toContain('is running already');
    expect((await run([], 'stop')).code).toBe(0);
    expect(await ended).toBe(0);
  });

  test('without /run/tsdirectord it says what it cannot write', async () => {
    const site = siteForAll();
    const { ended, said } = launch(site, NOBODY, 'true');
    expect(await ended).toBe(1);
    expect(said()).toContain(`cannot write the pid file /var/run/ldirectord.${basename(site.config)}.pid: EACCES`);
    expect(said()).toContain('run as root, or name another with --pid-file');
  });
});
