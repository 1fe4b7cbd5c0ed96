// Both grammars, all actions, and what they say and return. Heartbeat reads the exit code, and the words of status.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exec, isAlive, Site } from './program.ts';

describe('words', () => {
  test.each<[string, string[], number, RegExp]>([
    ['-h', ['-h'], 0, /Usage: tsdirectord ACTION[\s\S]*try-restart/],
    ['--help', ['--help'], 0, /Usage:/],
    ['-? as ldirectord takes it', ['-?'], 0, /Usage:/],
    ['-v', ['-v'], 0, /^tsdirectord \d+\.\d+\.\d+\n$/],
    ['nothing', [], 1, /what to do is missing; expected one of start, stop/],
    ['an unknown action', ['ldirectord.cf', 'begin'], 1, /cannot make sense of "ldirectord.cf begin"/],
    ['too many words', ['a', 'b', 'start'], 1, /cannot make sense of "a b start"/],
    ['the configuration twice', ['-f', 'a', 'b', 'start'], 1, /cannot make sense of "b start"/],
    ['an unknown option', ['--frobnicate', 'start'], 1, /unknown option '--frobnicate'/],
    ['an unknown kernel', ['--ipvs', 'abacus', 'start'], 1, /Allowed choices are kernel, memory/],
    ['a time that is none', ['--stop-timeout', 'soon', 'stop'], 1, /expected a whole number of seconds/],
  ])('%s', async (_, args, code, words) => {
    const ran = await exec(args);
    expect(ran.stdout + ran.stderr).toMatch(words);
    expect(ran.code).toBe(code);
    expect(code === 0 ? ran.stderr : ran.stdout).toBe('');
  });
});

describe.each(['new', 'old'] as const)('the life of a daemon, %s grammar', (grammar) => {
  test('start, status, start again, reload, try-restart, restart, stop, stop again, status', async () => {
    const site = new Site();
    const run = (action: string) => (grammar === 'new' ? site.run(action) : site.runOld(action));
    const results: unknown[] = [];
    for (const action of ['status', 'try-restart', 'start', 'status', 'start', 'reload', 'force-reload']) {
      results.push([action, (await run(action)).code]);
    }
    const before = site.pid;
    results.push(['restart', (await run('restart')).code]);
    const after = site.pid;
    expect(isAlive(before)).toBe(false);
    expect(isAlive(after)).toBe(true);
    for (const action of ['stop', 'stop', 'status', 'reload', 'try-restart']) {
      results.push([action, (await run(action)).code]);
      expect(isAlive(after)).toBe(false);
    }
    expect(results).toEqual([
      ...[
        ['status', 3],
        ['try-restart', 0],
        ['start', 0],
        ['status', 0],
        ['start', 0],
        ['reload', 0],
        ['force-reload', 0],
      ],
      ['restart', 0],
      ...[
        ['stop', 0],
        ['stop', 0],
        ['status', 3],
        ['reload', 1],
        ['try-restart', 0],
      ],
    ]);
    await site.ended();
  });
});

describe('status', () => {
  // Heartbeat 3: `not running` in the output means no; otherwise `running` or `OK` anywhere means that this node owns it.
  const heartbeat = (stdout: string): boolean => !/not running/.test(stdout) && /running|OK/.test(stdout);

  test.each(['plain.cf', 'running.cf', 'OK', 'is running with pid: 5/OK.cf'])(
    'cannot mislead Heartbeat: %s',
    async (name) => {
      const site = new Site(undefined, name);
      const said: [number | null, boolean][] = [];
      const ask = async () => {
        const { code, stdout } = await site.runOld('status');
        expect(stdout.split('\n')).toHaveLength(2);
        said.push([code, heartbeat(stdout)]);
      };
      await ask();
      await site.runOld('start');
      await ask();
      process.kill(site.pid, 'SIGKILL');
      await site.ended();
      await ask();
      await site.runOld('stop');
      await ask();
      expect(said).toEqual([
        [3, false],
        [0, true],
        [1, false],
        [3, false],
      ]);
    },
  );

  test('says who runs, on stdout, in ldirectord’s words', async () => {
    const site = new Site();
    await site.run('start');
    const { stdout, stderr } = await site.run('status');
    expect(stdout).toBe(`tsdirectord for ${site.config} is running with pid: ${site.pid}\n`);
    expect(stderr).toBe('');
  });
});

describe('where it is called from', () => {
  test('a symlink named ldirectord, another working directory, relative paths', async () => {
    const site = new Site();
    const bin = site.symlink('ldirectord');
    const args = ['--ipvs', 'memory', '--pid-file', 'pid', './test.cf'];
    const started = await exec([...args, 'start'], { cwd: site.dir, bin });
    expect(started).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const status = await exec([...args, 'status'], { cwd: site.dir, bin });
    expect(status.stdout).toBe(`ldirectord for ${site.config} is running with pid: ${site.pid}\n`);
    const stopped = await exec([...args, 'stop'], { cwd: site.dir, bin });
    expect(stopped.code).toBe(0);
    expect(existsSync(site.pidFile)).toBe(false);
    expect(await exec([...args, 'status'], { cwd: site.dir, bin })).toMatchObject({ code: 3 });
  });
});

describe('configurations that cannot be used', () => {
  const broken = 'virtual = 10.0.0.1:80\n\tscheduller = wlc\n\treal = 10.0.0.2:80 gatee\n';

  test('every error is told with its place, and nothing is started', async () => {
    const site = new Site(broken);
    const { code, stdout, stderr } = await site.run('start');
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${site.config}:3:2: error:`);
    expect(stderr).toContain(`${site.config}:4:21: error:`);
    expect(stderr).toContain('2 errors; nothing was changed');
    await site.ended();
    expect((await site.run('status')).code).toBe(3);
  });

  test('a missing file is exit code 1, for status and stop it makes no difference', async () => {
    const site = new Site();
    const missing = join(site.dir, 'missing.cf');
    const codes = [];
    for (const action of ['start', 'restart', 'stop', 'status', 'reload']) {
      const ran = await exec([action, '-f', missing, ...site.flags]);
      codes.push([action, ran.code]);
      if (action.endsWith('start'))
        expect(ran.stderr).toContain(`there is no configuration file; looked for ${missing}`);
    }
    expect(codes).toEqual([
      ['start', 1],
      ['restart', 1],
      ['stop', 0],
      ['status', 3],
      ['reload', 1],
    ]);
  });

  test('restart and reload with a broken file leave the daemon as it is; stop works', async () => {
    const site = new Site();
    await site.run('start');
    const { pid } = site;
    site.configure(broken);
    for (const action of ['restart', 'try-restart', 'reload']) {
      const ran = await site.run(action);
      expect([action, ran.code, ran.stderr.includes('2 errors')]).toEqual([action, 2, true]);
    }
    expect(site.pid).toBe(pid);
    expect((await site.run('status')).code).toBe(0);
    expect((await site.run('stop')).code).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test('a logfile that cannot be written is an error of the configuration, and leaves no pid file', async () => {
    const site = new Site();
    site.configure('virtual = 10.0.0.1:80\n', join(site.dir, 'no', 'log'));
    expect(await site.run('start')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot write the logfile'),
    });
    // A directory can be written, but not like a file.
    site.configure('virtual = 10.0.0.1:80\n', site.dir);
    expect(await site.run('start')).toMatchObject({ code: 2, stderr: expect.stringContaining(site.dir) });
    expect((await site.run('status')).code).toBe(3);
  });

  test('a pid file that cannot be written', async () => {
    const site = new Site();
    const pidFile = join(site.dir, 'no', 'pid');
    const ran = await exec(['start', '-f', site.config, '--ipvs', 'memory', '--pid-file', pidFile]);
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(`cannot write the pid file ${pidFile}`) });
  });

  test('warnings are told, and it starts', async () => {
    const site = new Site('checkcount = 2\nvirtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2 gate\n');
    const ran = await site.run('start');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain(`${site.config}:2:`);
    expect(ran.stderr).toContain('warning:');
    expect((await site.run('status')).code).toBe(0);
  });
});

test('ipvsadm that is not there: exit 1 with the reason, and no daemon', async () => {
  const site = new Site();
  const ran = await exec(['start', '-f', site.config, '--pid-file', site.pidFile, '--ipvsadm', './no-such-ipvsadm']);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/cannot run .*no-such-ipvsadm: .*ENOENT; install the package ipvsadm/);
  await site.ended();
  expect((await site.run('status')).code).toBe(3);
});

test('a file that is no configuration at all', async () => {
  const site = new Site();
  writeFileSync(site.config, '\0\u0001\u0002 what?\n');
  expect((await site.run('start')).code).toBe(2);
});
