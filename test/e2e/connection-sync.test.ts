// syncdaemon through the real program, with a stand-in for ipvsadm: the master lives and ends with the director, whatever ends that.
import { describe, expect, test } from 'vitest';
import { FakeIpvsadm } from '../system/fake-ipvsadm.ts';
import { until } from '../until.ts';
import { exec, isAlive, Site, signal } from './program.ts';

// An interface that every machine has.
const sync = (value = 'lo 7'): string =>
  `syncdaemon = ${value}\nvirtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n`;
const WITHOUT = sync().replace(/^.*\n/, '');

function setUp(text = sync()) {
  const site = new Site(text);
  const fake = new FakeIpvsadm(site.dir);
  fake.backup = 'lo 7';
  const run = (action: string, ...more: string[]) =>
    exec([action, '-f', site.config, '--pid-file', site.pidFile, '--ipvsadm', fake.path, ...more]);
  const logs = (text: string) =>
    until(
      `"${text}" in the log`,
      () => site.log.includes(text),
      () => site.log,
    );
  /** Its calls that are about synchronisation. */
  const asked = (): string[] => fake.calls.filter((call) => call.includes('daemon'));
  return { site, fake, run, logs, asked };
}

const START = '--start-daemon master --mcast-interface lo --syncid 7';
const STOP = '--stop-daemon master';

describe('with the director', () => {
  test('started after the table, stopped with it; the backup is the machine’s', async () => {
    const { site, fake, run, asked } = setUp();
    expect(await run('start')).toMatchObject({ code: 0, stderr: '' });
    // The start has returned: all of it is done.
    expect(fake.sync).toBe('lo 7');
    expect(fake.calls.indexOf(START)).toBeGreaterThan(fake.calls.indexOf('-R'));
    expect(await run('stop')).toMatchObject({ code: 0, stderr: '' });
    expect(fake.sync).toBe('');
    expect(asked()).toEqual([START, STOP]);
    expect(site.log).toContain('Connections are synchronised over lo, syncid 7\n');
  });

  test('a reload that changes it exchanges it, one that does not leaves it, one that takes it out stops it', async () => {
    const { site, fake, run, asked } = setUp();
    await run('start');
    site.configure(sync().replace('gate 3', 'gate 4'));
    expect((await run('reload', '--wait')).code).toBe(0);
    expect(asked()).toEqual([START]);
    site.configure(sync('lo 8'));
    expect((await run('reload', '--wait')).code).toBe(0);
    expect(fake.sync).toBe('lo 8');
    site.configure(`${sync('lo 9')}\tnonsense = 1\n`);
    expect((await run('reload', '--wait')).code).toBe(2);
    expect(fake.sync).toBe('lo 8');
    site.configure(WITHOUT);
    expect((await run('reload', '--wait')).code).toBe(0);
    expect(fake.sync).toBe('');
    const { length } = asked();
    expect((await run('stop')).code).toBe(0);
    expect(asked()).toHaveLength(length);
  });

  test('without syncdaemon nobody asks, and the administrator’s own master stays', async () => {
    const { fake, run, asked } = setUp(WITHOUT);
    fake.sync = 'lo 1';
    await run('start');
    expect((await run('stop')).code).toBe(0);
    expect([asked(), fake.sync]).toEqual([[], 'lo 1']);
  });

  test('a start that is refused starts no master', async () => {
    const { site, fake, run, asked } = setUp(`${sync()}\treal = 10.0.0.13:80 gate\n`);
    fake.illness = 'refuse';
    expect((await run('start')).code).toBe(1);
    await site.ended();
    expect(asked()).toEqual([]);
  });

  test('an interface that is not there: a warning, an error in the log, and the director works', async () => {
    const { fake, run, logs } = setUp(sync('gone0'));
    const { code, stderr } = await run('start');
    expect(code).toBe(0);
    expect(stderr).toContain('warning: there is no network interface gone0 to synchronise connections over');
    await logs('ERROR: Connections are not synchronised as they should be (syncdaemon): "');
    await logs('--mcast-interface gone0 --syncid 0" failed: No such device');
    expect(fake.table).toContain('-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 3');
    expect(await run('stop')).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('after a director that was killed', () => {
  async function killed() {
    const all = setUp();
    await all.run('start');
    const { pid } = all.site;
    signal(pid, 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    expect(all.fake.sync).toBe('lo 7');
    return all;
  }

  test('stop ends the master, too', async () => {
    const { fake, run, asked } = await killed();
    expect((await run('stop')).code).toBe(0);
    expect([fake.sync, fake.table]).toEqual(['', []]);
    expect(asked()).toEqual([START, STOP]);
    expect((await run('status')).code).toBe(3);
  });

  test('a start takes it over as it runs', async () => {
    const { fake, run, asked } = await killed();
    expect(await run('start')).toMatchObject({ code: 0, stderr: '' });
    expect(asked()).toEqual([START, START, '-L --daemon']);
    expect((await run('stop')).code).toBe(0);
    expect(fake.sync).toBe('');
  });

  test('a stop that cannot end it is a stop, and says so', async () => {
    const { fake, run } = await killed();
    fake.illness = 'refuse';
    const { code, stderr } = await run('stop');
    expect(code).toBe(0);
    expect(stderr).toContain('Connections may still be synchronised, see ipvsadm -L --daemon: ');
    expect(stderr).toContain('--stop-daemon master" failed: Operation not permitted');
    // Not what has been done.
    expect(stderr).not.toContain('virtual services may still be');
    expect(fake.table).toEqual([]);
  });

  test('one that hangs is killed by stop, which ends the master', async () => {
    const { site, fake, run } = setUp();
    await run('start');
    signal(site.pid, 'SIGSTOP');
    expect((await run('stop', '--stop-timeout', '1')).code).toBe(0);
    expect([fake.sync, fake.table]).toEqual(['', []]);
  });
});
