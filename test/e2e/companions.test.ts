// What works beside the daemon, through the real program: autoreload and callback, maintenancedir, monitorfile, mail, other
// configurations, a supervisor, and what status and reload --wait learn through the control socket.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { smtpRecorder } from '../system/smtp-recorder.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { BIN, exec, isAlive, Site, signal } from './program.ts';

const ON = 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n';
const http = (web: WebServer, more = ''): string =>
  `checkinterval = 1\nquiescent = yes\n${more}virtual = 10.0.0.1:80\n\tservice = http\n\treceive = found\n\treal = 127.0.0.1:${web.port} masq 3\n`;

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

async function started(text: string): Promise<Site> {
  const site = new Site(text);
  expect(await site.run('start')).toMatchObject({ code: 0, stderr: '' });
  return site;
}

const logged = (site: Site, text: string, times = 1): Promise<unknown> =>
  until(
    `"${text}" in the log`,
    () => site.lines.filter((line) => line.includes(text)).length >= times,
    () => site.log,
  );

describe('autoreload', () => {
  test('a changed file is reloaded, and the callback is run after it; one with errors changes nothing', async () => {
    const site = new Site();
    const calls = join(site.dir, 'calls');
    const callback = join(site.dir, 'callback');
    writeFileSync(callback, `#!/bin/sh\necho "$@" >>${calls}\n`);
    chmodSync(callback, 0o755);
    const globals = `autoreload = yes\ncallback = "${callback}"\n`;
    site.configure(globals + ON);
    expect((await site.run('start')).code).toBe(0);
    site.configure(globals + ON.replace('gate 3', 'gate 5'));
    await logged(site, 'Restored real server: 10.0.0.2:80 (10.0.0.1:80) (Weight set to 5)');
    await until('the callback', () => read(calls) === `${site.config}\n`);
    // As editors and configuration management replace a file.
    const next = join(site.dir, 'next');
    writeFileSync(next, `logfile = "${site.logFile}"\n${globals}virtual = nonsense\n`);
    renameSync(next, site.config);
    await logged(site, 'Cannot reload');
    expect((await site.run('status')).code).toBe(0);
  });

  test('without it a change is told, and left alone', async () => {
    const site = await started(ON);
    site.configure(ON.replace('gate 3', 'gate 5'));
    await logged(site, `Configuration file ${site.config} has changed on disk: not reloaded, autoreload = no`);
    expect(site.log).not.toContain('Weight set to 5');
  });
});

test('maintenancedir takes a server out at once, and lets its checks bring it back', async () => {
  const web = await WebServer.start();
  const site = new Site();
  const directory = join(site.dir, 'maintenance');
  mkdirSync(directory);
  site.configure(http(web, `maintenancedir = ${directory}\n`));
  expect((await site.run('start')).code).toBe(0);
  const server = `127.0.0.1:${web.port}`;
  await logged(site, `Added real server: ${server} (10.0.0.1:80) (Weight set to 3)`);
  writeFileSync(join(directory, '127.0.0.1'), '');
  await logged(site, `Real server ${server} (10.0.0.1:80) is in maintenance: file 127.0.0.1 in ${directory}`);
  await logged(site, `Quiescent real server: ${server} (10.0.0.1:80) (Weight set to 0)`);
  const { stdout } = await site.run('status', '--json');
  const [virtual] = JSON.parse(stdout).virtuals;
  expect(virtual.servers[0]).toMatchObject({ state: 'up', heldDown: `maintenance: file 127.0.0.1 in ${directory}` });
  rmSync(join(directory, '127.0.0.1'));
  await logged(site, `Restored real server: ${server} (10.0.0.1:80) (Weight set to 3)`);
});

test('a maintenance directory that is not there is a warning', async () => {
  const site = new Site(`maintenancedir = /nowhere/at/all\n${ON}`);
  const { code, stderr } = await site.run('start');
  expect(code).toBe(0);
  expect(stderr).toContain('warning: the maintenance directory /nowhere/at/all does not exist');
});

test('tripwire has a server checked as soon as it ends, from the reload on that turns it on', async () => {
  const web = await WebServer.start();
  const text = http(web).replace('checkinterval = 1', 'checkinterval = 60');
  const site = await started(text);
  const server = `127.0.0.1:${web.port}`;
  await logged(site, `Added real server: ${server} (10.0.0.1:80) (Weight set to 3)`);
  site.configure(`tripwire = yes\n${text}`);
  expect((await site.run('reload', '--wait')).code).toBe(0);
  await until('an idle connection', async () => (await web.connections()) > 0);
  await web.close();
  await logged(site, `Quiescent real server: ${server} (10.0.0.1:80) (Weight set to 0)`);
});

test('monitorfile has a line for each check', async () => {
  const web = await WebServer.start();
  const site = new Site();
  const monitor = join(site.dir, 'monitor');
  site.configure(`${http(web)}\tmonitorfile = ${monitor}\n\trequest = "lb.html"\n`);
  expect((await site.run('start')).code).toBe(0);
  const words = `negotiate http tcp 127.0.0.1 ${web.port} 3 masq /lb.html found`;
  const line = (state: string, reason: string) =>
    new RegExp(`^\\[[^\\]]+\\] \\[\\d+\\] ${words} \\[${state}\\] ${reason}$`, 'm');
  await until(
    'a line',
    () => line('up', '200 OK').test(read(monitor)),
    () => read(monitor),
  );
  web.mood = 'broken';
  await until(
    'another',
    () => line('down', '500 Internal Server Error').test(read(monitor)),
    () => read(monitor),
  );
});

test('mail tells what happened to servers, also to one that was down from the beginning', async () => {
  const [web, dead, mail] = await Promise.all([WebServer.start(), WebServer.start(), smtpRecorder()]);
  dead.mood = 'broken';
  const alerts = `emailalert = "ops@example.com, boss@example.com"\nemailalertfrom = lb@example.com\nsmtp = "${mail.server}"\n`;
  const site = await started(`${http(web, alerts)}\treal = 127.0.0.1:${dead.port} masq 1\n\tservicename = shop\n`);
  await until(
    'two mails',
    () => mail.mails.length === 2,
    () => site.log,
  );
  expect(mail.mails.map(({ to }) => to.join()).sort()).toEqual(['<boss@example.com>', '<ops@example.com>']);
  const [first] = mail.mails;
  expect(first?.from).toBe('<lb@example.com>');
  expect(first?.message).toContain('Subject: [shop] 1 real server down, 1 up (10.0.0.1:80)');
  expect(first?.message).toContain(`Quiescent real server: 127.0.0.1:${dead.port} (10.0.0.1:80) (Weight set to 0)`);
  web.mood = 'broken';
  await until(
    'two more',
    () => mail.mails.length === 4,
    () => site.log,
  );
  expect(mail.mails[3]?.message).toContain(
    `Log-Message: [shop] Quiescent real server: 127.0.0.1:${web.port} (10.0.0.1:80) (Weight set to 0)\r\nDaemon-Status: running`,
  );
  await site.run('stop');
});

test('other configurations are started, reloaded and stopped with this one', async () => {
  const site = new Site();
  const log = join(site.dir, 'other.log');
  const other = join(site.dir, 'other.cf');
  writeFileSync(other, `logfile = "${log}"\nsupervised = yes\n${ON.replace('0.1:80', '0.9:80')}`);
  site.configure(`execute = other.cf\n${ON}`);
  const pidFile = join(site.dir, 'ldirectord.other.cf.pid');
  onTestFinished(() => {
    if (existsSync(pidFile)) signal(Number.parseInt(read(pidFile), 10), 'SIGKILL');
  });
  expect((await site.run('start')).code).toBe(0);
  await until(
    'the other one',
    () => read(log).includes('Started; checking'),
    () => site.log + read(log),
  );
  const pid = Number.parseInt(read(pidFile), 10);
  expect((await site.run('reload', '--wait')).code).toBe(0);
  await until(
    'its reload',
    () => read(log).includes('Reloaded '),
    () => site.log + read(log),
  );
  expect((await site.run('stop')).code).toBe(0);
  expect(isAlive(pid)).toBe(false);
});

test('under a supervisor it stays in the foreground, logs to standard output, and obeys the other commands', async () => {
  const site = new Site(`supervised = yes\n${ON}`);
  const child = spawn(BIN, ['start', '-f', site.config, ...site.flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await until(
    'its start',
    () => said.includes('Started; checking'),
    () => said,
  );
  expect(said).toMatch(/^\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] Starting tsdirectord/);
  expect(site.pid).toBe(child.pid);
  expect((await site.run('status')).code).toBe(0);
  expect((await site.run('stop')).code).toBe(0);
  expect(await ended).toBe(0);
  expect(site.log).toBe('');
});

describe('the control socket', () => {
  test('reload --wait returns when the configuration is in force, or fails with why not', async () => {
    const site = await started(ON);
    site.configure(ON.replace('gate 3', 'gate 5'));
    expect(await site.run('reload', '--wait')).toMatchObject({ code: 0, stderr: '' });
    await logged(site, `Reloaded ${site.config}`);
    site.configure('virtual = nonsense\n');
    const { code, stderr } = await site.run('reload', '--wait');
    expect(code).toBe(2);
    expect(stderr).toContain(':2:11: error: the port of the virtual service is missing');
    expect(stderr).toContain('the running configuration stays as it is: it has 1 error');
  });

  test('goes with the daemon; a killed one’s is replaced', async () => {
    const site = await started(ON);
    const socket = join(site.dir, 'pid.sock');
    expect(existsSync(socket)).toBe(true);
    signal(site.pid, 'SIGKILL');
    await site.ended();
    expect((await site.run('start')).code).toBe(0);
    expect(JSON.parse((await site.run('status', '--json')).stdout)).toMatchObject({
      state: 'running',
      path: site.config,
    });
    expect((await site.run('stop')).code).toBe(0);
    expect(existsSync(socket)).toBe(false);
  });

  test('status on a terminal says more, and to a pipe only its first line', async () => {
    const site = await started(ON);
    expect((await site.run('status')).stdout.split('\n')).toHaveLength(2);
    const command = [BIN, 'status', '-f', site.config, ...site.flags].join(' ');
    const { stdout } = await exec(['-qec', command, '/dev/null'], { bin: 'script' });
    expect(stdout).toContain(`is running with pid: ${site.pid}`);
    expect(stdout).toContain('1 of 1 real server of 1 virtual service is up');
    expect(stdout).toMatch(/up.* 10\.0\.0\.2:80 weight 3/);
  });
});
