// start --foreground, as a supervisor runs it: its log, its end, the other commands beside it, and what systemd is told.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { receiveDatagrams } from '../system/datagram-receiver.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { BIN, command, isAlive, Site, signal } from './program.ts';

const ON = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n';
const TIME = /^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] /;

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

interface Foreground {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit status, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Runs it with `env` besides ours; standard output goes into the file that `out` is, or is kept. */
function run(site: Site, env: NodeJS.ProcessEnv = {}, out?: number): Foreground {
  const child = spawn(BIN, ['start', '--foreground', '-f', site.config, ...site.flags], {
    stdio: ['ignore', out ?? 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, name) => resolve(name ?? code));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended, stdout: () => heard.stdout, stderr: () => heard.stderr };
}

async function started(site: Site, env?: NodeJS.ProcessEnv): Promise<Foreground> {
  const daemon = run(site, env);
  await until('its start', () => daemon.stdout().includes('Started; checking'), daemon.stdout);
  return daemon;
}

const said = (daemon: Foreground, text: string) =>
  until(`"${text}"`, () => daemon.stdout().includes(text), daemon.stdout);

describe('in the foreground', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('it logs to standard output, and ends in order on %s', async (name) => {
    const site = new Site(ON);
    const { child, ended, stdout, stderr } = await started(site);
    expect(site.pid).toBe(child.pid);
    child.kill(name);
    expect(await ended).toBe(0);
    const lines = stdout().trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(TIME);
    const words = lines.map((line) => line.replace(TIME, ''));
    expect(words[0]).toMatch(/^Starting tsdirectord /);
    expect(words).toContain('Added real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 3)');
    expect(words.at(-1)).toBe('Stopped');
    expect(stderr()).toBe('');
    // The logfile of the configuration is not its log.
    expect(existsSync(site.logFile)).toBe(false);
    expect((await site.run('status')).code).toBe(3);
  });

  test('status, reload and stop work beside it', async () => {
    const site = new Site(ON);
    const daemon = await started(site);
    const { ended, child } = daemon;
    expect(await site.run('status')).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid: ${child.pid}`) });
    site.configure(ON.replace('gate 3', 'gate 5'));
    expect((await site.run('reload')).code).toBe(0);
    await said(daemon, 'Restored real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 5)');
    expect((await site.run('stop')).code).toBe(0);
    expect(await ended).toBe(0);
  });

  test('another start beside it says who runs, in the foreground too, and changes nothing', async () => {
    const site = new Site(ON);
    const { child } = await started(site);
    const second = run(site);
    expect(await second.ended).toBe(0);
    expect(second.stdout()).toContain(`is running already, with pid ${child.pid}`);
    expect(await site.run('start')).toMatchObject({ code: 0 });
    expect(site.pid).toBe(child.pid);
  });

  test('warnings are in the log, where they are read; errors are told, and nothing is started', async () => {
    const site = new Site(`maintenancedir = /nowhere/at/all\n${ON}`);
    const daemon = await started(site);
    expect(daemon.stdout()).toContain('WARNING: ');
    expect(daemon.stdout()).toContain('the maintenance directory /nowhere/at/all does not exist');
    expect(daemon.stderr()).toBe('');
    daemon.child.kill();
    await daemon.ended;
    site.configure(`${ON}\tnonsense = 1\n`);
    const broken = run(site);
    expect(await broken.ended).toBe(2);
    expect(broken.stderr()).toMatch(/:5:2: error: .*\n.* has 1 error; nothing was changed\n$/s);
    expect(broken.stdout()).toBe('');
    expect(existsSync(site.pidFile)).toBe(false);
  });

  test('a reader that goes away does not end it', async () => {
    const site = new Site(
      'checkinterval = 1\nvirtual = 10.0.0.1:80\n\tchecktype = connect\n\treal = 127.0.0.1:1 masq\n',
    );
    const { child } = await started(site);
    child.stdout?.destroy();
    expect(await site.run('reload', '--wait')).toMatchObject({ code: 0 });
    expect(await site.run('reload', '--wait')).toMatchObject({ code: 0 });
    expect((await site.run('status')).code).toBe(0);
  });

  test('is for start only', async () => {
    const site = new Site(ON);
    for (const action of ['reload', 'restart', 'status']) {
      const { code, stderr } = await site.run(action, '--foreground');
      expect([code, stderr]).toEqual([1, expect.stringContaining(`--foreground makes no sense with ${action}`)]);
    }
  });
});

describe('reload --wait', () => {
  test('returns when the configuration is in force', async () => {
    const site = new Site(ON);
    const daemon = await started(site);
    site.configure(ON.replace('gate 3', 'gate 5'));
    expect(await site.run('reload', '--wait')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    const [virtual] = JSON.parse((await site.run('status', '--json')).stdout).virtuals;
    expect(virtual.servers).toMatchObject([{ weight: 5 }]);
    await said(daemon, `Reloaded ${site.config}`);
  });

  test('a broken configuration: status 2, what the daemon found, and nothing changed', async () => {
    const site = new Site(ON);
    const daemon = await started(site);
    site.configure(
      `maintenancedir = /nowhere\n${ON.replace('gate 3', 'gate 5')}\tnonsense = 1\n\tchecktype = sometimes\n`,
    );
    const { code, stdout, stderr } = await site.run('reload', '--wait');
    expect([code, stdout]).toEqual([2, '']);
    const lines = stderr.split('\n');
    const places = lines.filter((line) => line.startsWith(site.config)).map((line) => line.slice(site.config.length));
    expect(places).toEqual([
      expect.stringMatching(/^:2:\d+: warning: the maintenance directory \/nowhere does not exist$/),
      expect.stringMatching(/^:6:2: error: /),
      expect.stringMatching(/^:7:14: error: "sometimes" is not a check type$/),
    ]);
    expect(lines.at(-2)).toBe(
      `tsdirectord: Cannot reload ${site.config}, the running configuration stays as it is: it has 2 errors`,
    );
    await said(daemon, 'the running configuration stays as it is: it has 2 errors');
    const [virtual] = JSON.parse((await site.run('status', '--json')).stdout).virtuals;
    expect(virtual.servers).toMatchObject([{ weight: 3 }]);
  });

  test('a configuration that is gone, and a daemon that is not there', async () => {
    const site = new Site(ON);
    const daemon = await started(site);
    rmSync(site.config);
    const gone = await site.run('reload', '--wait');
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('the running configuration stays as it is');
    expect((await site.run('status')).code).toBe(0);
    site.configure(ON);
    daemon.child.kill();
    await daemon.ended;
    expect(await site.run('reload', '--wait')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not running'),
    });
  });
});

describe('the journal', () => {
  /** Its log in a file that it takes for the journal. */
  async function journal(text: string): Promise<string[]> {
    const site = new Site(text);
    const path = join(site.dir, 'journal');
    const out = openSync(path, 'a');
    const { dev, ino } = fstatSync(out, { bigint: true });
    const { child, ended, stderr } = run(site, { JOURNAL_STREAM: `${dev}:${ino}` }, out);
    closeSync(out);
    await until(
      'its start',
      () => read(path).includes('Started; checking'),
      () => read(path) + stderr(),
    );
    child.kill();
    expect(await ended).toBe(0);
    return read(path).trimEnd().split('\n');
  }

  test('gets each line with its severity, and no time', async () => {
    const lines = await journal(`maintenancedir = /nowhere/at/all\n${ON}`);
    for (const line of lines) expect(line).toMatch(/^<[346]>(?!\[)/);
    expect(lines[0]).toMatch(/^<6>Starting tsdirectord /);
    expect(lines[1]).toMatch(/^<4>WARNING: .* the maintenance directory/);
    expect(lines.at(-1)).toBe('<6>Stopped');
  });

  test('gets JSON as it is', async () => {
    const lines = await journal(`logformat = json\n${ON}`);
    expect(lines.map((line) => JSON.parse(line).level)).toContain('info');
  });

  test('is elsewhere: a pipe of somebody who was started by it gets times', async () => {
    const site = new Site(ON);
    const { stdout } = await started(site, { JOURNAL_STREAM: '8:12345' });
    expect(stdout()).toMatch(TIME);
  });
});

const hasNotify = spawnSync('systemd-notify', ['--version']).status === 0;
if (!hasNotify) console.warn('NOT TESTED: there is no systemd-notify here, so the program tells no service manager');

describe.skipIf(!hasNotify)('a service manager', () => {
  const http = (web: WebServer): string =>
    `checkinterval = 1\nvirtual = 10.0.0.1:80\n\tservice = http\n\treal = 127.0.0.1:${web.port} masq 3\nvirtual = 10.0.0.1:81\n\tchecktype = on\n\treal = 10.0.0.2 gate\n`;

  /** The socket of a service manager, and what came through it since it was last asked. */
  async function manager(site: Site) {
    const { socket, datagrams } = await receiveDatagrams(join(site.dir, 'notify'));
    const all = (): string[] => datagrams().filter((text) => text !== 'BARRIER=1');
    const hears = (text: string, count = 1) =>
      until(
        `${text}, ${count} times`,
        () => all().filter((each) => each.split('\\n').includes(text)).length >= count,
        () => all().join('\n'),
      );
    return { env: { NOTIFY_SOCKET: socket }, all, hears };
  }

  test('is told of the start, the servers, reloads and the end', async () => {
    const web = await WebServer.start();
    web.mood = 'broken';
    const site = new Site(http(web));
    const { env, all, hears } = await manager(site);
    const daemon = await started(site, env);
    await hears('READY=1');
    expect(all()[0]).toMatch(/^READY=1\\nSTATUS=2 virtual services, 1 of 2 real servers up\\nWATCHDOG=1$/);
    web.mood = 'ok';
    await hears('STATUS=2 virtual services, 2 of 2 real servers up');
    web.mood = 'broken';
    await hears('STATUS=2 virtual services, 1 of 2 real servers up', 2);
    const before = all().length;
    site.configure(`${http(web)}\treal = 10.0.0.3 gate\n`);
    expect((await site.run('reload', '--wait')).code).toBe(0);
    await hears('READY=1', 2);
    expect(all().slice(before, before + 2)).toEqual(['RELOADING=1', 'READY=1']);
    await hears('STATUS=2 virtual services, 2 of 3 real servers up');
    site.configure('nonsense = 1\n');
    expect((await site.run('reload', '--wait')).code).toBe(2);
    // RELOADING is not told any more where that is over before the last words are told.
    await hears('READY=1', 3);
    daemon.child.kill();
    expect(await daemon.ended).toBe(0);
    // Told by then.
    expect(all().at(-1)).toBe('STOPPING=1');
    expect(daemon.stdout()).not.toContain('service manager');
  });

  test('is not told that it is ready by a start that fails', async () => {
    const site = new Site(ON.replace('virtual', 'virtua'));
    const { env, all } = await manager(site);
    expect(await run(site, env).ended).toBe(2);
    expect(all()).toEqual([]);
  });

  test('has its watchdog fed while checks go on, and no more when the process is stopped', async () => {
    const site = new Site(ON);
    const { env, all, hears } = await manager(site);
    const { child } = await started(site, { ...env, WATCHDOG_USEC: '1000000' });
    await hears('WATCHDOG=1', 4);
    const { length } = all();
    await hears('WATCHDOG=1', length + 2);
    child.kill('SIGSTOP');
    const stopped = performance.now();
    await until('what was on its way', () => performance.now() - stopped > 1_000);
    const { length: told } = all();
    await until('more than two seconds', () => performance.now() - stopped > 3_500);
    expect(all().length).toBeLessThanOrEqual(told + 1);
    child.kill('SIGCONT');
    await hears('WATCHDOG=1', told + 3);
  });

  test('that does not watch gets no signs of life', async () => {
    const site = new Site(ON);
    const { env, all, hears } = await manager(site);
    await started(site, { ...env, WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' });
    await hears('READY=1');
    const began = performance.now();
    await until('several watchdog times', () => performance.now() - began > 1_000);
    expect(all()).toHaveLength(1);
  });

  test('whose socket is gone costs a line in the log', async () => {
    const site = new Site(ON);
    const daemon = await started(site, { NOTIFY_SOCKET: join(site.dir, 'gone') });
    await said(daemon, 'ERROR: Cannot tell the service manager how this daemon is: ');
    daemon.child.kill();
    expect(await daemon.ended).toBe(0);
  });

  /** A configuration whose check writes its environment into a file. */
  function spying(): { site: Site; seen: () => string[] } {
    const site = new Site();
    const script = join(site.dir, 'check');
    const env = join(site.dir, 'env');
    writeFileSync(script, `#!/bin/sh\nenv >${env}.new && mv ${env}.new ${env}\n`);
    chmodSync(script, 0o755);
    const check = `\tchecktype = external\n\tcheckcommand = ${script}\n`;
    site.configure(`checkinterval = 1\nvirtual = 10.0.0.1:80\n${check}\treal = 10.0.0.2:80 gate\n`);
    const variable = /^(NOTIFY_SOCKET|WATCHDOG_\w+|LC_OF_THE_TEST)=/;
    return {
      site,
      seen: () =>
        read(env)
          .split('\n')
          .filter((line) => variable.test(line)),
    };
  }

  test('hears nothing from the commands that are run: they do not see its socket', async () => {
    const { site, seen } = spying();
    const { env, hears } = await manager(site);
    await started(site, { ...env, WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1', LC_OF_THE_TEST: '1' });
    await until('a check', () => seen().length > 0);
    expect(seen()).toEqual(['LC_OF_THE_TEST=1']);
    await hears('READY=1');
  });

  test('hears nothing from a daemon in the background, whose starter is what it runs', async () => {
    const { site, seen } = spying();
    const { env, all } = await manager(site);
    const words = [...Object.entries({ ...env, WATCHDOG_USEC: '200000', LC_OF_THE_TEST: '1' })].map((pair) =>
      pair.join('='),
    );
    expect(await command(['env', ...words, BIN, 'start', '-f', site.config, ...site.flags])).toMatchObject({ code: 0 });
    await until('a check', () => seen().length > 0);
    expect(seen()).toEqual(['LC_OF_THE_TEST=1']);
    const { pid } = site;
    expect((await site.run('stop')).code).toBe(0);
    expect([isAlive(pid), all()]).toEqual([false, []]);
  });
});

test('killed: status says so, and a supervisor’s next start takes over', async () => {
  const site = new Site(ON);
  const { child, ended } = await started(site);
  signal(child.pid ?? 0, 'SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect((await site.run('status')).code).toBe(1);
  await started(site);
  expect((await site.run('status')).code).toBe(0);
});
