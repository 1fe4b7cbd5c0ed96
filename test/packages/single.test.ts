// The single executable: all that the program does, with no Node.js to be found and a name of any kind.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { command, type Ran, Site } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { SINGLE, VERSION } from './made.ts';

/** With a PATH that leads to the program alone. */
function run(name: string, args: readonly string[]): Promise<Ran> {
  const dir = scratch();
  mkdirSync(join(dir, 'sbin'));
  symlinkSync(SINGLE, join(dir, 'sbin', basename(name)));
  return command(['/usr/bin/env', '-i', `PATH=${join(dir, 'sbin')}`, name, ...args], dir);
}

const CHECKED =
  'virtual = 10.0.0.1:80\n\tservice = http\n\trequest = "/"\n\treceive = "x"\n\treal = 127.0.0.1:1 masq\n';

test('prints its version, and nothing else', async () => {
  expect(await run('tsdirectord', ['--version'])).toMatchObject({
    code: 0,
    stdout: `tsdirectord ${VERSION}\n`,
    stderr: '',
  });
});

test('starts, tells its status and stops, found in PATH under another name', async () => {
  const site = new Site(CHECKED);
  const call = (action: string) => run('ldirectord', [action, '-f', site.config, ...site.flags]);
  expect(await call('start')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(site.log).toContain('Real server 127.0.0.1:1 (10.0.0.1:80) is down: connection refused');
  const status = await call('status');
  expect(status.stdout).toBe(`ldirectord for ${site.config} is running with pid: ${site.pid}\n`);
  expect(status.stderr).toBe('');
  expect((await run('ldirectord', ['status', '-f', site.config, '--json', ...site.flags])).stdout).toContain(
    '"virtuals"',
  );
  expect(await call('restart')).toMatchObject({ code: 0, stderr: '' });
  expect(await call('stop')).toMatchObject({ code: 0, stderr: '' });
  expect((await call('status')).code).toBe(3);
});

test('calls itself for another configuration (execute)', async () => {
  const site = new Site();
  const other = join(site.dir, 'other.cf');
  writeFileSync(other, `logfile = "${join(site.dir, 'other.log')}"\n${CHECKED}`);
  site.configure(`execute = "${other}"\n${CHECKED}`);
  const pidFile = join(site.dir, 'ldirectord.other.cf.pid');
  expect((await run('tsdirectord', ['start', '-f', site.config, ...site.flags])).code).toBe(0);
  const status = () => run('tsdirectord', ['status', '-f', other, '--pid-file', pidFile]);
  await until(
    'the other configuration runs',
    async () => (await status()).code === 0,
    () => site.log,
  );
  expect((await run('tsdirectord', ['stop', '-f', site.config, ...site.flags])).code).toBe(0);
  expect((await status()).code).toBe(3);
});

test('has every library inside', async () => {
  const checks = [
    'service = http\n\trequest = "/"\n\treceive = "x"',
    'service = mysql\n\tlogin = "a"\n\tpasswd = "b"\n\tdatabase = "c"\n\trequest = "select 1"',
    'service = pgsql\n\tlogin = "a"\n\tpasswd = "b"\n\tdatabase = "c"\n\trequest = "select 1"',
    'service = redis',
    'service = dns\n\tprotocol = udp\n\trequest = "a.example"\n\tcheckport = 1',
  ];
  const virtual = (check: string, index: number) =>
    `virtual = 10.0.0.${index + 1}:80\n\t${check}\n\treal = 127.0.0.1:1 masq\n`;
  const site = new Site(
    `logformat = json\nchecktimeout = 1\nnegotiatetimeout = 1\nemailalert = a@b.example\nsmtp = 127.0.0.1\n${checks.map(virtual).join('')}`,
  );
  // Passwords are nobody else's business.
  chmodSync(site.config, 0o600);
  expect(await run('tsdirectord', ['start', '-f', site.config, ...site.flags])).toMatchObject({ code: 0, stderr: '' });
  const reasons = site.lines.filter((line) => line.includes(' is down: '));
  expect(reasons.length).toBe(checks.length);
  for (const line of reasons) expect(line).toMatch(/connection refused|no answer|port unreachable|within|timed out/i);
  expect(site.log).not.toMatch(/cannot find|not found|MODULE/i);
  expect((await run('tsdirectord', ['stop', '-f', site.config, ...site.flags])).code).toBe(0);
});

test('prints to a terminal, too (-d)', async () => {
  const site = new Site(CHECKED);
  const running = run('tsdirectord', ['start', '-d', '-f', site.config, ...site.flags]);
  await until(
    'it runs',
    async () => (await run('tsdirectord', ['status', '-f', site.config, ...site.flags])).code === 0,
  );
  await run('tsdirectord', ['stop', '-f', site.config, ...site.flags]);
  expect((await running).stdout).toContain('INFO: Added virtual server: 10.0.0.1:80');
});
