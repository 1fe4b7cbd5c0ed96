// What the daemon writes into its logfile, and that rotating it needs no signal.
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { isAlive, Site, signal } from './program.ts';

const virtual = (web: WebServer): string =>
  `quiescent = yes\ncheckinterval = 1\nvirtual = 10.0.0.1:80\n\tservice = http\n\tlogin = "me"\n\tpasswd = "s3cret"\n\treal = 127.0.0.1:${web.port} masq 3\n`;

test('classic: ldirectord’s lines, and never a secret', async () => {
  const web = await WebServer.start();
  const site = new Site(`${virtual(web)}\tpasswd = "s3cret" and more\n`);
  expect(await site.run('start')).toMatchObject({ code: 2, stderr: expect.not.stringContaining('s3cret') });
  site.configure(virtual(web));
  const started = await site.run('start');
  expect(started).toMatchObject({ code: 0, stderr: expect.not.stringContaining('s3cret') });
  await until('up', () => site.log.includes('Added real'));
  web.mood = 'broken';
  await until('down', () => site.log.includes('Quiescent'));
  web.mood = 'ok';
  await until('up again', () => site.log.includes('Restored'));
  const { pid } = site;
  await site.run('stop');
  const day = '(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
  const line = new RegExp(
    `^\\[${day} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d \\d{4}\\|test\\.cf\\|${pid}\\] (ERROR: |WARNING: )?\\S`,
  );
  for (const found of site.log.trimEnd().split('\n')) expect(found).toMatch(line);
  expect(site.log).not.toContain('s3cret');
  const name = `127.0.0.1:${web.port}`;
  expect(site.lines.filter((text) => / server[ :(]/.test(text) && !/^(Real|WARNING|Started)/.test(text))).toEqual([
    'Added virtual server: 10.0.0.1:80',
    `Added real server: ${name} (10.0.0.1:80) (Weight set to 3)`,
    `Quiescent real server: ${name} (10.0.0.1:80) (Weight set to 0)`,
    `Restored real server: ${name} (10.0.0.1:80) (Weight set to 3)`,
    `Purged real server (stop): ${name} (10.0.0.1:80)`,
    'Purged virtual server (stop): 10.0.0.1:80',
  ]);
});

test('json: one object a line, with fields', async () => {
  const web = await WebServer.start();
  const site = new Site(`logformat = json\n${virtual(web)}`);
  await site.run('start');
  await until('up', () => site.log.includes('Added real'));
  const { pid } = site;
  await site.run('stop');
  const entries = site.log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const entry of entries) {
    expect(entry).toMatchObject({ level: expect.stringMatching(/^(info|warn|error)$/), pid, config: 'test.cf' });
    expect(new Date(entry.time).getTime()).toBeGreaterThan(Date.now() - 60_000);
  }
  const real = `127.0.0.1:${web.port}`;
  expect(entries).toContainEqual(
    expect.objectContaining({
      virtual: '10.0.0.1:80',
      real,
      reason: expect.any(String),
      durationMs: expect.any(Number),
    }),
  );
  expect(entries).toContainEqual(
    expect.objectContaining({ virtual: '10.0.0.1:80', real, msg: expect.stringMatching(/^Added real/) }),
  );
  expect(entries.at(-1).msg).toBe('Stopped');
});

test('rotated by renaming: goes on in a new file, without a signal', async () => {
  const site = new Site();
  await site.run('start');
  await until('its start', () => site.log.includes('Started;'));
  renameSync(site.logFile, `${site.logFile}.1`);
  await until('a new file', () => existsSync(site.logFile));
  signal(site.pid, 'SIGHUP');
  await until('a line in it', () => site.log.includes('Reloaded'));
  expect(readFileSync(`${site.logFile}.1`, 'utf8')).toContain('Started;');
  expect(site.log).not.toContain('Started;');
});

test('a reload goes over to another logfile and format', async () => {
  const site = new Site();
  await site.run('start');
  const second = `${site.logFile}.second`;
  site.configure('logformat = json\nvirtual = 10.0.0.1:80\n\tchecktype = on\n', second);
  await site.run('reload');
  await until('the end of the reload', () => existsSync(second) && readFileSync(second, 'utf8').includes('Reloaded'));
  expect(site.log).toContain('Reloading');
  expect(site.log).not.toContain('Reloaded');
});

test('a full disk neither stops the daemon nor holds up its stop', async () => {
  const site = new Site();
  site.configure('virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2 gate\n', '/dev/full');
  expect((await site.run('start')).code).toBe(0);
  const { pid } = site;
  const ran = await site.run('stop', '--stop-timeout', '5');
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(isAlive(pid)).toBe(false);
});
