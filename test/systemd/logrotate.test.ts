// The logrotate file: logrotate takes it, beside Debian's of ldirectord too, and the daemon follows a rotation by itself.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Site } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const FILE = fileURLToPath(new URL('../../systemd/tsdirectord.logrotate', import.meta.url));
/** Where it is installed, which says when it is read. */
const NAME = 'ipvs-tsdirectord';
/** What Debian's package ldirectord has. */
const DEBIANS = '/var/log/ldirectord.log {\n    missingok\n}\n';

const missing = spawnSync('logrotate', ['--version']).error !== undefined;
if (missing) console.warn('SKIPPED: there is no logrotate here to read its file');

/** Runs logrotate on /etc/logrotate.d as it would be with /var/log in `logs`; our user is the one that is installed. */
function rotate(logs: string, files: Readonly<Record<string, string>>, ...options: string[]) {
  const etc = scratch();
  mkdirSync(join(etc, 'logrotate.d'));
  const { username, gid } = userInfo();
  const group = spawnSync('id', ['-gn', String(username)], { encoding: 'utf8' }).stdout.trim() || String(gid);
  for (const [name, text] of Object.entries(files)) {
    const here = text.replaceAll('/var/log', logs).replace('su tsdirectord tsdirectord', `su ${username} ${group}`);
    writeFileSync(join(etc, 'logrotate.d', name), here, { mode: 0o644 });
  }
  const main = join(etc, 'logrotate.conf');
  writeFileSync(main, `include ${join(etc, 'logrotate.d')}\n`, { mode: 0o644 });
  return spawnSync('logrotate', [...options, '--state', join(etc, 'state'), main], { encoding: 'utf8' });
}

describe.skipIf(missing)('logrotate', () => {
  const ours = { [NAME]: missing ? '' : readFileSync(FILE, 'utf8') };

  test.each([
    ['alone', ours],
    ["beside that of Debian's ldirectord", { ...ours, ldirectord: DEBIANS }],
  ])('takes the file, %s', (_, files) => {
    const logs = scratch();
    mkdirSync(join(logs, 'tsdirectord'));
    writeFileSync(join(logs, 'tsdirectord/monitor.log'), 'a line\n');
    const { status, stderr } = rotate(logs, files, '--debug');
    expect(stderr).not.toMatch(/^error/m);
    expect(status).toBe(0);
    expect(stderr).toContain('ldirectord.log  weekly (8 rotations)');
    expect(stderr).toContain('monitor.log');
  });

  test('a running daemon goes on in the new logfile', async () => {
    const site = new Site();
    const logs = join(site.dir, 'log.d');
    mkdirSync(logs);
    const log = join(logs, 'ldirectord.log');
    site.configure('virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate\n', log);
    expect((await site.run('start')).code).toBe(0);
    await until('its start', () => readFileSync(log, 'utf8').includes('Started; '));
    const { status, stderr } = rotate(logs, ours, '--force');
    expect(status, stderr).toBe(0);
    expect(readFileSync(`${log}.1`, 'utf8')).toContain('Started; ');
    await until(`a new ${basename(log)}`, () => spawnSync('test', ['-e', log]).status === 0);
    expect((await site.run('reload', '--wait')).code).toBe(0);
    await until('its reload', () => readFileSync(log, 'utf8').includes('Reloaded '));
    expect((await site.run('stop')).code).toBe(0);
  });
});
