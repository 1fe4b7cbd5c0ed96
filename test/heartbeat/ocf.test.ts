// The OCF agent, called as Pacemaker calls it, with the real program and the table in memory: actions, exit codes, reasons.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BIN, command, isAlive, type Ran, Site, signal } from '../e2e/program.ts';
import { until } from '../until.ts';

const AGENT = fileURLToPath(new URL('../../heartbeat/ocf/tsdirectord', import.meta.url));
const BROKEN = 'virtual = 10.0.0.1:80\n\treel = 10.0.0.2:80 gate\n\tfoo = 1\n';

const OCF = { success: 0, generic: 1, args: 2, unimplemented: 3, perm: 4, installed: 5, configured: 6, notRunning: 7 };

type Environment = Readonly<Record<string, string>>;

/** A resource whose configuration is the site's. */
class Resource extends Site {
  readonly #functions: Environment;

  constructor(functions: Environment = {}) {
    super();
    this.#functions = functions;
    onTestFinished(() => {
      for (const pid of this.offspring()) signal(pid, 'SIGKILL');
    });
  }

  /** Every process that the agent was or has started, also those that wait in the background. */
  offspring(): number[] {
    const listed = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return listed
      .map(Number)
      .filter((pid) => isAlive(pid) && environmentOf(pid).includes(`OCF_RESKEY_pidfile=${this.pidFile}`));
  }

  get parameters(): Environment {
    return { configfile: this.config, pidfile: this.pidFile, binary: BIN, options: '--ipvs memory' };
  }

  /** Calls the agent; more environment wins. */
  async agent(action: string, more: Environment = {}): Promise<Ran> {
    const parameters = Object.entries(this.parameters).map(([name, value]) => [`OCF_RESKEY_${name}`, value]);
    const cluster = { OCF_ROOT: '/usr/lib/ocf', OCF_RESOURCE_INSTANCE: 'director', OCF_RA_VERSION_MAJOR: '1' };
    const env = { ...cluster, ...this.#functions, ...Object.fromEntries(parameters), ...more };
    return command(['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), AGENT, action]);
  }

  async code(action: string, more?: Environment): Promise<number | null> {
    return (await this.agent(action, more)).code;
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // Gone already, or somebody else's.
  }
}

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe.each([
  ['with the functions of resource-agents', {}],
  ['without them', { OCF_FUNCTIONS_DIR: '/nowhere' }],
])('%s', (_, functions: Environment) => {
  test('it starts, is monitored, reloads and stops, each as often as one likes', async () => {
    const resource = new Resource(functions);
    expect(await resource.code('monitor')).toBe(OCF.notRunning);
    expect(await resource.code('stop')).toBe(OCF.success);
    expect(await resource.code('start')).toBe(OCF.success);
    const { pid } = resource;
    expect(isAlive(pid)).toBe(true);
    expect(await resource.code('start')).toBe(OCF.success);
    expect(resource.pid).toBe(pid);
    expect(await resource.agent('monitor')).toMatchObject({ code: OCF.success, stdout: '', stderr: '' });
    expect(await resource.code('monitor', { OCF_CHECK_LEVEL: '10' })).toBe(OCF.success);
    resource.configure('virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.3:80 gate\n');
    expect(await resource.code('reload')).toBe(OCF.success);
    await until('the reload', () => resource.log.includes('real server: 10.0.0.3:80 (10.0.0.1:80)'));
    expect(await resource.code('stop')).toBe(OCF.success);
    expect(isAlive(pid)).toBe(false);
    expect(await resource.code('monitor')).toBe(OCF.notRunning);
    expect(await resource.code('stop')).toBe(OCF.success);
  });

  test('a configuration with errors: start and validate-all say where, and it is this node that cannot', async () => {
    const resource = new Resource(functions);
    resource.configure(BROKEN);
    for (const action of ['start', 'validate-all']) {
      const { code, stderr } = await resource.agent(action);
      expect(code, action).toBe(OCF.args);
      const reason = stderr.split('\n').find((line) => line.startsWith('ocf-exit-reason:'));
      expect(reason).toBe(`ocf-exit-reason:${resource.config}:3:2: error: unknown directive "reel"`);
      expect(stderr).toContain(`${resource.config}:4:2: error: unknown directive "foo"`);
    }
    expect(await resource.code('monitor')).toBe(OCF.notRunning);
    expect(await resource.code('stop')).toBe(OCF.success);
  });
});

test.each([
  ['broken', (resource: Resource) => resource.configure(BROKEN)],
  ['missing', (resource: Resource) => rmSync(resource.config)],
])('a daemon whose configuration is %s runs, and can be stopped', async (_, spoil) => {
  const resource = new Resource();
  expect(await resource.code('start')).toBe(OCF.success);
  spoil(resource);
  expect(await resource.code('monitor')).toBe(OCF.success);
  expect(await resource.code('start')).toBe(OCF.success);
  expect(await resource.code('reload')).toBe(OCF.args);
  expect(await resource.code('validate-all')).toBe(OCF.args);
  expect(await resource.code('monitor')).toBe(OCF.success);
  expect(await resource.code('stop')).toBe(OCF.success);
  expect(await resource.code('monitor')).toBe(OCF.notRunning);
});

describe('a killed daemon', () => {
  async function killed(): Promise<Resource> {
    const resource = new Resource();
    expect(await resource.code('start')).toBe(OCF.success);
    const { pid } = resource;
    signal(pid, 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    expect(await resource.code('monitor')).toBe(OCF.notRunning);
    return resource;
  }

  test('is stopped and started by the cluster; in between nothing is cleaned up', async () => {
    const resource = await killed();
    const stop = await resource.agent('stop');
    expect(stop.code).toBe(OCF.success);
    expect(stop.stderr).toContain('its services stay in the kernel for 20 s, unless it is started again');
    expect(existsSync(resource.pidFile)).toBe(true);
    expect(await resource.code('start')).toBe(OCF.success);
    expect(await resource.code('monitor')).toBe(OCF.success);
  });

  test('that is not started again is cleaned up after', async () => {
    const resource = await killed();
    expect(await resource.code('stop', { OCF_RESKEY_recovery_time: '1' })).toBe(OCF.success);
    await until('the end of its pid file', () => !existsSync(resource.pidFile));
  });

  test('is cleaned up after at once when no time is granted', async () => {
    const resource = await killed();
    expect(await resource.code('stop', { OCF_RESKEY_recovery_time: '0' })).toBe(OCF.success);
    expect(existsSync(resource.pidFile)).toBe(false);
  });

  test('that is started again in that time is left alone', async () => {
    const resource = await killed();
    expect(await resource.code('stop', { OCF_RESKEY_recovery_time: '1' })).toBe(OCF.success);
    expect(await resource.code('start')).toBe(OCF.success);
    const { pid } = resource;
    await until('the end of whoever waits', () => resource.offspring().length === 1);
    expect(resource.offspring()).toEqual([pid]);
    expect(isAlive(pid)).toBe(true);
  });
});

test('a daemon that hangs is noticed at level 10, and stopped in half the time that the cluster grants', async () => {
  const resource = new Resource();
  expect(await resource.code('start')).toBe(OCF.success);
  const { pid } = resource;
  signal(pid, 'SIGSTOP');
  expect(await resource.code('monitor')).toBe(OCF.success);
  const monitor = await resource.agent('monitor', { OCF_CHECK_LEVEL: '10' });
  expect(monitor.code).toBe(OCF.generic);
  expect(monitor.stderr).toContain('it runs, but does not answer');
  expect(await resource.code('stop', { OCF_RESKEY_CRM_meta_timeout: '2000' })).toBe(OCF.success);
  expect(isAlive(pid)).toBe(false);
});

describe('what a node lacks', () => {
  test('the program: a probe says so, and stop succeeds', async () => {
    const resource = new Resource();
    const without = { OCF_RESKEY_binary: '/nowhere/tsdirectord' };
    for (const action of ['monitor', 'start', 'reload', 'validate-all'])
      expect(await resource.code(action, without), action).toBe(OCF.installed);
    expect(await resource.code('stop', without)).toBe(OCF.success);
  });

  test('the program, while the daemon runs: stop fails rather than lie', async () => {
    const resource = new Resource();
    expect(await resource.code('start')).toBe(OCF.success);
    const stop = await resource.agent('stop', { OCF_RESKEY_binary: '/nowhere/tsdirectord' });
    expect(stop.code).toBe(OCF.generic);
    expect(stop.stderr).toContain(`pid ${resource.pid} still runs`);
  });

  test('the configuration', async () => {
    const resource = new Resource();
    rmSync(resource.config);
    expect(await resource.code('monitor')).toBe(OCF.notRunning);
    const start = await resource.agent('start');
    expect(start.code).toBe(OCF.args);
    expect(start.stderr).toContain(`there is no configuration file; looked for ${resource.config}`);
    expect(await resource.code('stop')).toBe(OCF.success);
  });

  test('the right to read it', async () => {
    const resource = new Resource();
    chmodSync(resource.config, 0o000);
    chmodSync(resource.dir, 0o755);
    const nobody = process.geteuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const parameters = Object.entries(resource.parameters).map(([name, value]) => `OCF_RESKEY_${name}=${value}`);
    const { code, stderr } = await command([
      ...nobody,
      'env',
      'OCF_RESOURCE_INSTANCE=x',
      ...parameters,
      AGENT,
      'start',
    ]);
    expect(code, stderr).toBe(OCF.perm);
  });
});

test.each([
  ['configfile', 'ldirectord.cf'],
  ['pidfile', 'pid'],
  ['binary', 'bin/tsdirectord'],
  ['recovery_time', '5s'],
])('%s = %s is wrong on every node, whatever check level is asked for', async (name, value) => {
  const resource = new Resource();
  for (const level of ['0', '10']) {
    const more = { [`OCF_RESKEY_${name}`]: value, OCF_CHECK_LEVEL: level };
    expect(await resource.code('validate-all', more)).toBe(OCF.configured);
  }
});

test('validate-all at level 0 looks at the parameters alone: this node need not be one that runs it', async () => {
  const resource = new Resource();
  rmSync(resource.config);
  const more = { OCF_CHECK_LEVEL: '0', OCF_RESKEY_binary: '/nowhere/tsdirectord' };
  expect(await resource.code('validate-all', more)).toBe(OCF.success);
});

test.each(['yes', '"yes"'])('supervised = %s cannot be started: start would never return', async (yes) => {
  const resource = new Resource();
  resource.configure(`supervised = ${yes}\nvirtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate\n`);
  const { code, stderr } = await resource.agent('start');
  expect(code).toBe(OCF.args);
  expect(stderr).toContain('supervised = yes');
});

test('other actions', async () => {
  const resource = new Resource();
  for (const action of ['promote', 'notify', 'reload-agent', ''])
    expect(await resource.code(action), action).toBe(OCF.unimplemented);
  expect(await resource.agent('usage')).toMatchObject({ code: OCF.success, stderr: '' });
});

test('meta-data needs no environment, and is valid', async () => {
  const { code, stdout, stderr } = await command(['env', '-i', AGENT, 'meta-data']);
  expect({ code, stderr }).toEqual({ code: OCF.success, stderr: '' });
  const names = (element: string) =>
    [...stdout.matchAll(new RegExp(`<${element} name="([^"]*)"`, 'g'))].map(([, name]) => name);
  expect(names('parameter')).toEqual(['configfile', 'binary', 'pidfile', 'options', 'recovery_time']);
  expect([...new Set(names('action'))]).toEqual(['start', 'stop', 'monitor', 'reload', 'validate-all', 'meta-data']);
});

const TESTER = ['ocf-tester', 'xmllint'].every(has);
test.skipIf(!TESTER)('ocf-tester of resource-agents has nothing against it', async () => {
  const resource = new Resource();
  // Where it can be read by nobody, as whom meta-data is tried.
  const agent = join(resource.dir, 'agent');
  copyFileSync(AGENT, agent);
  chmodSync(resource.dir, 0o755);
  const parameters = Object.entries(resource.parameters).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const { code, stdout, stderr } = await command(['ocf-tester', '-n', 'director', ...parameters, agent]);
  expect(stderr).toBe('');
  const told = stdout.split('\n').filter((line) => line.startsWith('*') && !line.endsWith('(optional)'));
  expect(told).toEqual([]);
  expect(stdout).toContain(`${agent} passed all tests`);
  expect(code).toBe(0);
});

test.skipIf(!has('shellcheck'))('shellcheck has nothing against it', async () => {
  const { code, stdout } = await command(['shellcheck', AGENT]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});
