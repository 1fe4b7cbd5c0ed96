// What systemd is told: by a stand-in for systemd-notify that notes how it was called, and by the real one into a socket of ours.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serviceManager } from '../../src/system/service-manager.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { receiveDatagrams } from './datagram-receiver.ts';

const PATH = process.env.PATH ?? '';

/** A manager whose systemd-notify notes its words, and then does what `text` says. */
function setUp(text = '', env: NodeJS.ProcessEnv = {}) {
  const dir = scratch();
  const program = join(dir, 'notify');
  const script = (more: string): void => {
    writeFileSync(program, `#!/bin/sh\ncd ${dir}\n(printf '%s|' "$@"; echo) >>words\n${more}\n`);
    chmodSync(program, 0o755);
  };
  script(text);
  const troubles: string[] = [];
  const manager = serviceManager({
    env: { PATH, NOTIFY_SOCKET: '/run/notify', ...env },
    onTrouble: (reason) => troubles.push(reason),
    program,
  });
  if (manager === undefined) throw new Error('no manager');
  const file = (name: string): string => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  /** The words of each call. */
  const calls = (): string[][] =>
    file('words')
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('|').slice(0, -1));
  return { dir, program, manager, troubles, script, calls, file };
}

describe('the environment', () => {
  const manager = (env: NodeJS.ProcessEnv) => serviceManager({ env, onTrouble: () => {} });

  test.each<[string, NodeJS.ProcessEnv, boolean]>([
    ['nobody wants to be told', { PATH }, false],
    ['nobody, but a watchdog is left in it', { PATH, WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, false],
    ['somebody', { PATH, NOTIFY_SOCKET: '/run/notify' }, true],
    ['somebody, with a watchdog', { PATH, NOTIFY_SOCKET: '@abstract', WATCHDOG_USEC: '1', WATCHDOG_PID: '1' }, true],
  ])('%s: what a command that we run could speak with is taken out, and nothing else', (_, env, isThere) => {
    expect(manager(env) !== undefined).toBe(isThere);
    expect(env).toEqual({ PATH });
  });

  test.each<[string, NodeJS.ProcessEnv, number | undefined]>([
    ['none', {}, undefined],
    ['thirty seconds', { WATCHDOG_USEC: '30000000' }, 30_000],
    ['for this process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) }, 30_000],
    ['for another process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.ppid) }, undefined],
    ['off', { WATCHDOG_USEC: '0' }, undefined],
    ['nonsense', { WATCHDOG_USEC: 'soon' }, undefined],
    ['empty', { WATCHDOG_USEC: '' }, undefined],
  ])('watchdog: %s', (_, env, expected) => {
    expect(manager({ NOTIFY_SOCKET: '/run/notify', ...env })?.watchdogMs).toBe(expected);
  });

  test('the program gets the socket, and what else was there, but no watchdog of its own', async () => {
    const { manager: told, file } = setUp('env >env', { WATCHDOG_USEC: '5', HOME: '/root/of it', LANG: 'C.UTF-8' });
    told.tell({ state: 'READY' });
    await told.told();
    const lines = file('env').split('\n');
    expect(lines).toEqual(expect.arrayContaining(['NOTIFY_SOCKET=/run/notify', 'HOME=/root/of it', 'LANG=C.UTF-8']));
    expect(lines.filter((line) => line.startsWith('WATCHDOG'))).toEqual([]);
  });
});

describe('messages', () => {
  test('what is told together is one message; words stay whole', async () => {
    const { manager, troubles, calls } = setUp();
    manager.tell({ state: 'READY', status: '2 virtual services, $(date) "é"', alive: true });
    await manager.told();
    expect(calls()).toEqual([['READY=1', 'STATUS=2 virtual services, $(date) "é"', 'WATCHDOG=1']]);
    expect(troubles).toEqual([]);
  });

  test('nothing waits for a message, and what is told during one is one more, with the last word of each kind', async () => {
    const { dir, manager, calls } = setUp('while [ ! -e go ]; do sleep 0.01; done; echo >>ended');
    manager.tell({ state: 'READY' });
    await until('the first', () => calls().length === 1);
    manager.tell({ status: '1 up' });
    manager.tell({ state: 'RELOADING' });
    manager.tell({ alive: true });
    manager.tell({ status: '2 up' });
    manager.tell({ state: 'READY' });
    expect(calls()).toHaveLength(1);
    writeFileSync(join(dir, 'go'), '');
    await manager.told();
    const [first, second = [], ...more] = calls();
    expect([first, second.sort(), more]).toEqual([['READY=1'], ['READY=1', 'STATUS=2 up', 'WATCHDOG=1'], []]);
  });

  test('told waits for all of them, and for nothing when there is nothing', async () => {
    const { manager, file } = setUp('sleep 0.2; echo >>ended');
    await manager.told();
    manager.tell({ state: 'RELOADING' });
    await until('it begins', () => file('words') !== '');
    manager.tell({ state: 'STOPPING' });
    await manager.told();
    expect(file('ended')).toBe('\n\n');
    manager.tell({ alive: true });
    await manager.told();
    expect(file('words')).toBe('RELOADING=1|\nSTOPPING=1|\nWATCHDOG=1|\n');
  });
});

describe('trouble', () => {
  test.each<[string, string, string | RegExp]>([
    ['complains', 'echo "Failed to notify init system: Permission denied" >&2; exit 1', /^Failed to notify .* denied$/],
    ['fails silently', 'exit 3', /\/notify ended with status 3$/],
    ['is killed', 'kill -9 $$', /\/notify ended with SIGKILL$/],
  ])('one that %s', async (_, text, expected) => {
    const { manager, troubles } = setUp(text);
    manager.tell({ state: 'READY' });
    await manager.told();
    expect(troubles).toEqual([expect.stringMatching(expected)]);
  });

  test('a missing program', async () => {
    const troubles: string[] = [];
    const env = { PATH, NOTIFY_SOCKET: '/run/notify' };
    const manager = serviceManager({ env, onTrouble: (reason) => troubles.push(reason), program: 'no-such-notify' });
    manager?.tell({ state: 'READY' });
    await manager?.told();
    expect(troubles).toEqual(['cannot run no-such-notify: spawn no-such-notify ENOENT']);
  });

  test('is told once, and anew after it was well in between; messages go on', async () => {
    const { manager, troubles, script, calls } = setUp('exit 1');
    const tell = async (): Promise<void> => {
      manager.tell({ alive: true });
      await manager.told();
    };
    await tell();
    await tell();
    expect(troubles).toHaveLength(1);
    script('');
    await tell();
    script('echo again >&2; exit 1');
    await tell();
    await tell();
    expect(troubles.slice(1)).toEqual(['again']);
    expect(calls()).toHaveLength(5);
  });

  test('one that hangs is ended after five seconds', async () => {
    const { manager, troubles } = setUp('exec sleep 60');
    const began = performance.now();
    manager.tell({ state: 'STOPPING' });
    await manager.told();
    expect(performance.now() - began).toBeGreaterThan(4_500);
    expect(performance.now() - began).toBeLessThan(5_000 + NOISE_MS);
    expect(troubles).toEqual([expect.stringMatching(/\/notify ended with SIGTERM$/)]);
  });
});

const hasNotify = spawnSync('systemd-notify', ['--version']).status === 0;
if (!hasNotify) console.warn('NOT TESTED: there is no systemd-notify here, so nothing is told through the real one');

describe.skipIf(!hasNotify)('the real systemd-notify', () => {
  test('brings each message whole', async () => {
    const { socket, datagrams } = await receiveDatagrams(join(scratch(), 'notify'));
    const troubles: string[] = [];
    const manager = serviceManager({
      env: { PATH, NOTIFY_SOCKET: socket },
      onTrouble: (reason) => troubles.push(reason),
    });
    const sent = async (...notices: Parameters<NonNullable<typeof manager>['tell']>[0][]): Promise<void> => {
      for (const notice of notices) manager?.tell(notice);
      await manager?.told();
    };
    await sent({ state: 'READY', status: '1 virtual service, 0 of 2 real servers up', alive: true });
    await sent({ state: 'RELOADING' });
    await sent({ status: '--help $HOME "ü" %n' });
    await sent({ state: 'STOPPING' });
    expect(troubles).toEqual([]);
    // It waits with a barrier until what it sent has been read.
    expect(datagrams().filter((text) => text !== 'BARRIER=1')).toEqual([
      'READY=1\\nSTATUS=1 virtual service, 0 of 2 real servers up\\nWATCHDOG=1',
      'RELOADING=1',
      'STATUS=--help $HOME "ü" %n',
      'STOPPING=1',
    ]);
  });

  test('a socket that is gone is told in its words', async () => {
    const troubles: string[] = [];
    const env = { PATH, NOTIFY_SOCKET: join(scratch(), 'gone') };
    const manager = serviceManager({ env, onTrouble: (reason) => troubles.push(reason) });
    manager?.tell({ state: 'READY' });
    await manager?.told();
    expect(troubles).toEqual([expect.stringContaining('No such file or directory')]);
  });
});
