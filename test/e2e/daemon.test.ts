// The background process: it lets go of who started it, obeys signals, and leaves nothing behind whatever happens to it.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeIpvsadm } from '../system/fake-ipvsadm.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { BIN, command, exec, isAlive, Site, signal } from './program.ts';

const OK = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n';

describe('start', () => {
  test('returns when the table is programmed, silent, and nobody waits for the daemon’s output', async () => {
    const site = new Site(OK);
    // exec() waits until every writer of both pipes is gone, as `$(…)` does.
    expect(await site.run('start')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    await until('its log', () => site.lines.includes('Added real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 3)'));
    expect(isAlive(site.pid)).toBe(true);
  });

  test('the daemon has a session, a directory and files of its own', async () => {
    const site = new Site(OK);
    // A descriptor that the starter happens to have open, such as the lock of a script, is not inherited.
    const lock = join(site.dir, 'lock');
    const script = 'exec 9>"$0"; shift 0; "$@"';
    const ran = await command(['sh', '-c', script, lock, BIN, 'start', '-f', site.config, ...site.flags]);
    expect(ran.code).toBe(0);
    const { pid } = site;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    expect(Number(stat[3])).toBe(pid);
    await until('a directory of its own', () => readlinkSync(`/proc/${pid}/cwd`) === '/');
    const silent = () => descriptors(pid).slice(0, 3).join() === '/dev/null,/dev/null,/dev/null';
    await until('files of its own', silent, () => descriptors(pid).join('\n'));
    expect(descriptors(pid)).not.toContain(lock);
  });

  test('several at once make exactly one daemon', async () => {
    const site = new Site(OK);
    const all = await Promise.all([1, 2, 3].map(() => site.run('start')));
    const words = all.map(({ code, stdout, stderr }) => `${code} ${stdout}${stderr}`.trim()).sort();
    const running = expect.stringMatching(`^0 .* is running already, with pid ${site.pid}$`);
    expect(words).toEqual(['0', running, running]);
    await until(
      'nobody else',
      () => site.pids().join() === String(site.pid),
      () => site.pids(),
    );
    await until('its log', () => site.log.includes('Started;'));
    expect(site.lines.filter((line) => line.startsWith('Starting '))).toHaveLength(1);
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops it, again and again harmlessly', async (name) => {
    const site = new Site(OK);
    await site.run('start');
    const { pid } = site;
    for (let count = 0; count < 5; count++) signal(pid, name);
    await until('its end', () => !isAlive(pid));
    expect(site.lines.slice(-3)).toEqual([
      'Purged real server (stop): 10.0.0.2:80 (10.0.0.1:80)',
      'Purged virtual server (stop): 10.0.0.1:80',
      'Stopped',
    ]);
    expect((await site.run('status')).code).toBe(3);
  });

  test('a storm of HUPs: it reloads at least once after the last, and goes on', async () => {
    const site = new Site(OK);
    await site.run('start');
    for (let count = 0; count < 20; count++) {
      site.configure(OK.replace('gate 3', `gate ${count + 10}`));
      signal(site.pid, 'SIGHUP');
    }
    await until(
      'the last weight',
      () => site.log.includes('(Weight set to 29)'),
      () => site.log,
    );
    const count = (text: string) => site.lines.filter((line) => line.startsWith(text)).length;
    await until('the end of every reload', () => count('Reloading') === count('Reloaded'));
    expect(count('Reloading')).toBeLessThanOrEqual(20);
    expect((await site.run('stop')).code).toBe(0);
  });

  test('a file that is no configuration at all fills no log', async () => {
    const site = new Site(OK);
    await site.run('start');
    const { length } = site.lines;
    site.configure(`checkinterval = 0.5\n${'?????\n'.repeat(3_000)}`);
    signal(site.pid, 'SIGHUP');
    await until('a word', () => site.log.includes('the running configuration stays as it is'));
    const said = site.lines.slice(length);
    expect(said.length).toBeLessThan(250);
    expect(
      said.filter((line) => /ERROR: and \d+ more; tsdirectord check -f \S+ tells them all$/.test(line)),
    ).toHaveLength(1);
  });

  test('HUP with a broken file changes nothing, and says why', async () => {
    const site = new Site(OK);
    await site.run('start');
    const { length } = site.lines;
    site.configure(`${OK}\tnonsense = 1\n`);
    signal(site.pid, 'SIGHUP');
    await until(
      'a word',
      () => site.log.includes('the running configuration stays as it is'),
      () => site.log,
    );
    expect(site.log).toContain(`ERROR: ${site.config}:5:2: error:`);
    expect(site.lines.slice(length).filter((line) => /server:/.test(line))).toEqual([]);
    site.configure(OK.replace('gate 3', 'gate 4'));
    expect((await site.run('reload')).code).toBe(0);
    await until('the next reload', () =>
      site.log.includes('Restored real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 4)'),
    );
  });
});

describe('accidents', () => {
  test('killed: status says so, start takes over', async () => {
    const site = new Site(OK);
    await site.run('start');
    const { pid } = site;
    signal(pid, 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    expect((await site.run('status')).code).toBe(1);
    expect((await site.run('start')).code).toBe(0);
    expect(site.pid).not.toBe(pid);
    expect((await site.run('status')).code).toBe(0);
  });

  test('a pid file of another program is not believed', async () => {
    const site = new Site(OK);
    writeFileSync(site.pidFile, `${process.pid}\n`);
    expect((await site.run('status')).code).toBe(1);
    expect((await site.run('stop')).code).toBe(0);
    expect(isAlive(process.pid)).toBe(true);
    expect((await site.run('status')).code).toBe(3);
  });

  test('its working directory, terminal and starter may go', async () => {
    const site = new Site(OK);
    // The whole session that it was started from is killed.
    const script = '"$@"; kill -HUP 0; kill -KILL 0';
    await command(['setsid', '--wait', 'sh', '-c', script, 'sh', BIN, 'start', '-f', site.config, ...site.flags]);
    await site.run('reload');
    await until('a reload', () => site.log.includes('Reloaded'));
    expect((await site.run('status')).code).toBe(0);
  });
});

describe('with ipvsadm', () => {
  function siteWithIpvsadm(text = OK): {
    site: Site;
    fake: FakeIpvsadm;
    run: (...args: string[]) => ReturnType<typeof exec>;
  } {
    const site = new Site(text);
    const fake = new FakeIpvsadm(site.dir);
    fake.table = ['-A -t 10.9.9.9:80 -s rr'];
    const run = (action: string, ...more: string[]) =>
      exec([action, '-f', site.config, '--pid-file', site.pidFile, '--ipvsadm', fake.path, ...more]);
    return { site, fake, run };
  }
  const OURS = ['-A -t 10.0.0.1:80 -s wrr', '-A -t 10.9.9.9:80 -s rr', '-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 3'];

  test('start programs, stop removes what is ours', async () => {
    const { fake, run } = siteWithIpvsadm();
    expect(await run('start')).toMatchObject({ code: 0, stderr: '' });
    expect(fake.table).toEqual(OURS);
    expect((await run('stop')).code).toBe(0);
    expect(fake.table).toEqual(['-A -t 10.9.9.9:80 -s rr']);
  });

  test('a refused start is told with ipvsadm’s words, and leaves neither daemon nor table', async () => {
    const { site, fake, run } = siteWithIpvsadm(`${OK}\treal = 10.0.0.13:80 gate\n`);
    fake.illness = 'refuse';
    const ran = await run('start');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('-a -t 10.0.0.1:80 -r 10.0.0.13:80 -g -w 1');
    expect(ran.stderr).toContain('Memory allocation problem');
    expect(fake.table).toEqual(['-A -t 10.9.9.9:80 -s rr']);
    await site.ended();
    expect((await run('status')).code).toBe(3);
  });

  test('one that hangs is killed by stop, which then cleans up after it', async () => {
    const { site, fake, run } = siteWithIpvsadm();
    await run('start');
    const { pid } = site;
    signal(pid, 'SIGSTOP');
    const ran = await run('stop', '--stop-timeout', '1');
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`did not end within 1 s of SIGTERM; killing pid ${pid}`),
    });
    expect(isAlive(pid)).toBe(false);
    expect(fake.table).toEqual(['-A -t 10.9.9.9:80 -s rr']);
    expect((await run('status')).code).toBe(3);
  });

  test('stop cleans up after one that was killed; without a readable configuration it says that it cannot', async () => {
    const { site, fake, run } = siteWithIpvsadm();
    const killed = async () => {
      await run('start');
      const { pid } = site;
      signal(pid, 'SIGKILL');
      await until('its end', () => !isAlive(pid));
    };
    await killed();
    expect(fake.table).toEqual(OURS);
    expect((await run('stop')).code).toBe(0);
    expect(fake.table).toEqual(['-A -t 10.9.9.9:80 -s rr']);
    await killed();
    site.configure('nonsense = 1\n');
    const ran = await run('stop');
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('has errors, so it cannot be said which') });
    expect((await run('status')).code).toBe(3);
  });
});

describe('-d', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('stays in the foreground, says everything, ends on %s', async (name) => {
    const web = await WebServer.start();
    const real = `\treal = 127.0.0.1:${web.port} masq 3\n`;
    const site = new Site(
      `checkinterval = 1\nvirtual = 10.0.0.1:80\n\tservice = http\n\trequest = "x.html"\n\tpasswd = "s3cret"\n${real}`,
    );
    const running = site.run('start', '-d');
    await until('a daemon', async () => (await site.run('status')).code === 0);
    await until('a check', () => web.hits > 0);
    signal(site.pid, name);
    const { code, stdout, stderr } = await running;
    expect(code).toBe(0);
    expect(stdout).toContain('Added virtual server: 10.0.0.1:80');
    expect(stdout).toContain('GET /x.html HTTP/1.1');
    expect(stdout).toContain('Stopped');
    // No colours where there is no terminal.
    expect(stdout.includes('\x1b')).toBe(false);
    expect(stdout + stderr).not.toContain('s3cret');
    expect(site.log).toBe('');
  });

  test('ends in order when nobody reads any more', async () => {
    // Something to say every second: only a line that cannot be written tells that nobody is there.
    const site = new Site(
      'checkinterval = 1\nvirtual = 10.0.0.1:80\n\tchecktype = connect\n\treal = 127.0.0.1:1 masq\n',
    );
    const ran = await command([
      'sh',
      '-c',
      '"$0" "$@" | head -1',
      BIN,
      'start',
      '-d',
      '-f',
      site.config,
      ...site.flags,
    ]);
    expect(ran.stdout).toContain('Starting tsdirectord');
    await site.ended();
    expect((await site.run('status')).code).toBe(3);
  });
});

/** Where its descriptors lead, by number; one that is closed while they are looked at is left out. */
function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
}
