// The daemon as a whole, in this process: real checks of real listeners on loopback, the kernel's table in memory.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckServices } from '../src/checks/check.ts';
import type { Config } from '../src/config/model.ts';
import { Daemon } from '../src/daemon.ts';
import { CannotCheck } from '../src/errors.ts';
import { type Edit, editLine } from '../src/ipvs/edit.ts';
import { parseSave } from '../src/ipvs/save-format.ts';
import { runCommand } from '../src/system/command.ts';
import { MemoryKernel } from '../src/system/memory-kernel.ts';
import { resolveHost } from '../src/system/resolver.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';
import { WebServer } from './web-server.ts';

/** A kernel in memory that remembers what it was told, and can refuse. */
class NotingKernel extends MemoryKernel {
  readonly edits: string[] = [];
  refuse = /$^/;

  override async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    this.edits.push(...edits.map(editLine));
    return super.apply(edits.filter((edit) => !this.refuse.test(editLine(edit))));
  }

  /** `SERVICE > SERVER WEIGHT` for each server. */
  get servers(): string[] {
    return [...this.table].flatMap(([key, { destinations }]) =>
      [...destinations].map(([name, { weight }]) => `${key} > ${name} ${weight}`),
    );
  }
}

/** Intervals ten times as short as a configuration can say. */
function hurried(text: string): Config {
  const config = configOf(text);
  return {
    ...config,
    virtuals: config.virtuals.map((each) => ({ ...each, checkIntervalMs: each.checkIntervalMs / 10 })),
  };
}

function daemonOf(text: string, table = '', changes: Partial<CheckServices> = {}) {
  const kernel = new NotingKernel(parseSave(table));
  const log = new LogLines();
  const daemon = new Daemon(hurried(text), {
    kernel,
    log,
    services: { resolve: resolveHost, command: runCommand, ping: async () => ({ answered: false }), ...changes },
  });
  onTestFinished(() => daemon.stop().catch(() => {}));
  const reaches = (...servers: string[]) =>
    until(
      servers.join(', ') || 'no servers',
      () => kernel.servers.sort().join() === servers.sort().join(),
      () => [...kernel.servers, ...log.lines].join('\n'),
    );
  return { daemon, kernel, log, reaches, reload: (next: string) => daemon.reload(hurried(next), log) };
}

const HTTP = '\tservice = http\n\treceive = "found"\n';
const vip = (port = 80): string => `tcp:10.0.0.1:${port}`;
const virtual = (port: number, servers: readonly WebServer[], more = ''): string =>
  [`virtual = 10.0.0.1:${port}\n${HTTP}${more}`, ...servers.map(at).map((each) => `\treal = ${each} masq 3\n`)].join(
    '',
  );
const at = (server: WebServer): string => `127.0.0.1:${server.port}`;
const FAST = 'checkinterval = 1\nnegotiatetimeout = 5\n';
const QUIET = `quiescent = yes\n${FAST}`;

describe('the first round', () => {
  test('is over when every server has been checked and the table shows it', async () => {
    const servers = await Promise.all([WebServer.start(), WebServer.start(), WebServer.start()]);
    const [broken, ...fine] = servers as [WebServer, WebServer, WebServer];
    broken.mood = 'broken';
    const { daemon, kernel } = daemonOf(QUIET + virtual(80, servers));
    await daemon.start();
    await daemon.firstRound(5_000);
    expect(kernel.servers.sort()).toEqual(
      [`${vip()} > ${at(broken)} 0`, ...fine.map((each) => `${vip()} > ${at(each)} 3`)].sort(),
    );
  });

  test('does not wait longer than it may for a server that is silent', async () => {
    const silent = await WebServer.start();
    silent.mood = 'hang';
    const { daemon, kernel } = daemonOf(QUIET + virtual(80, [silent]));
    const began = performance.now();
    await daemon.start();
    await daemon.firstRound(500);
    expect(performance.now() - began).toBeGreaterThan(495);
    expect(kernel.servers).toEqual([`${vip()} > ${at(silent)} 0`]);
  });

  test('is over at once when nothing is to be checked', async () => {
    const { daemon } = daemonOf('virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 127.0.0.1:1 masq 3\n');
    await daemon.start();
    await daemon.firstRound(600_000);
  });
});

describe('health and the table', () => {
  test.each([
    ['quiescent=yes', QUIET, (name: string) => [`${vip()} > ${name} 0`]],
    ['quiescent=no', FAST, () => []],
  ])('%s: served after its first success, out when broken, back when mended', async (_, globals, out) => {
    const web = await WebServer.start();
    web.mood = 'broken';
    const { daemon, log, kernel, reaches } = daemonOf(globals + virtual(80, [web]));
    await daemon.start();
    await until('down', () => log.lines.some((line) => line.includes('is down')));
    expect(kernel.servers).toEqual(out(at(web)));
    web.mood = 'ok';
    await reaches(`${vip()} > ${at(web)} 3`);
    web.mood = 'broken';
    await reaches(...out(at(web)));
    web.mood = 'ok';
    await reaches(`${vip()} > ${at(web)} 3`);
    const words = log.lines.filter((line) => line.startsWith(`Real server ${at(web)} (10.0.0.1:80)`));
    expect(words.map((line) => line.replace(/.* is (\w+): .*/, '$1'))).toEqual(['down', 'up', 'down', 'up']);
    expect(words[0]).toContain('500');
  });

  test('failurecount: soft failures first, one success forgets them', async () => {
    const web = await WebServer.start();
    const { daemon, log, kernel, reaches } = daemonOf(QUIET + virtual(80, [web], '\tfailurecount = 2\n'));
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    web.mood = 'broken';
    await until('a soft failure', () =>
      log.lines.includes(`Soft failure real server: ${at(web)} (tcp:10.0.0.1:80) failure 1/2`),
    );
    expect(kernel.servers).toEqual([`${vip()} > ${at(web)} 3`]);
    web.mood = 'ok';
    await until('a reset', () => log.lines.includes(`Resetting soft failure count: ${at(web)} (tcp:10.0.0.1:80)`));
    web.mood = 'broken';
    await reaches(`${vip()} > ${at(web)} 0`);
    expect(log.lines.filter((line) => line.includes('failure 1/2'))).toHaveLength(2);
  });

  test('one check on the wire serves two virtuals, and each counts its own failures', async () => {
    const web = await WebServer.start();
    const slow = '\tcheckinterval = 6000\n';
    const text = QUIET + virtual(80, [web], slow) + virtual(81, [web], `${slow}\tfailurecount = 3\n`);
    const { daemon, kernel, reaches, log } = daemonOf(text);
    await daemon.start();
    await reaches(`${vip(80)} > ${at(web)} 3`, `${vip(81)} > ${at(web)} 3`);
    expect(web.hits).toBe(1);
    web.mood = 'broken';
    const members = daemon.config.virtuals.flatMap((each) => each.reals.map((real) => ({ virtual: each, real })));
    for (const failures of [1, 2, 3]) {
      daemon.recheck(members);
      await reaches(`${vip(80)} > ${at(web)} 0`, `${vip(81)} > ${at(web)} ${failures < 3 ? 3 : 0}`);
      await until(
        'its failure',
        () => log.lines.filter((line) => line.startsWith('Soft')).length >= Math.min(failures, 2),
      );
      expect(web.hits).toBe(1 + failures);
    }
    expect(log.lines.filter((line) => line.startsWith('Soft failure'))).toEqual([
      `Soft failure real server: ${at(web)} (tcp:10.0.0.1:81) failure 1/3`,
      `Soft failure real server: ${at(web)} (tcp:10.0.0.1:81) failure 2/3`,
    ]);
    expect(kernel.servers).toHaveLength(2);
  });

  test('a server that hangs keeps nobody waiting', async () => {
    const [hung, well] = [await WebServer.start(), await WebServer.start()];
    hung.mood = 'hang';
    const { daemon, reaches } = daemonOf(FAST + virtual(80, [hung, well]));
    await daemon.start();
    await reaches(`${vip()} > ${at(well)} 3`);
    const { hits } = well;
    await until('more checks of the other', () => well.hits > hits + 1);
    expect(hung.hits).toBe(1);
  });

  test('connect checks, checktype on and off', async () => {
    const [open, closed] = [await WebServer.start(), await WebServer.start()];
    await closed.close();
    const real = (server: WebServer) => `\treal = ${at(server)} masq\n`;
    const { daemon, kernel, reaches } = daemonOf(
      `${FAST}virtual = 10.0.0.1:80\n\tchecktype = connect\n${real(open)}${real(closed)}` +
        `virtual = 10.0.0.1:81\n\tchecktype = on\n${real(closed)}virtual = 10.0.0.1:82\n\tchecktype = off\n${real(open)}`,
    );
    await daemon.start();
    await reaches(`${vip(80)} > ${at(open)} 1`, `${vip(81)} > ${at(closed)} 1`);
    expect(kernel.table.has(vip(82))).toBe(true);
  });
});

test('a check that cannot be made is told once, and leaves its server as it is', async () => {
  let asked = 0;
  let able = false;
  const ping = async () => {
    asked += 1;
    if (!able) throw new CannotCheck('cannot ping: fping is not installed; ping is not installed');
    return { answered: true };
  };
  const served = '-A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 3\n';
  const text = `${FAST}virtual = 10.0.0.1:80\n\tchecktype = ping\n\treal = 10.0.0.2:80 masq 3\n\treal = 10.0.0.3:80 masq 3\n`;
  const { daemon, log, kernel, reaches } = daemonOf(text, served, { ping });
  const told = () => log.lines.filter((line) => line.includes('cannot ping'));
  await daemon.start();
  await until('each was tried three times', () => asked >= 6);
  expect(kernel.servers).toEqual([`${vip()} > 10.0.0.2:80 3`]);
  await until('both are told', () => told().length === 2);
  const said = [
    'error: The check of 10.0.0.2:80 (10.0.0.1:80) could not be made, which says nothing about the server: cannot ping: fping is not installed; ping is not installed',
    'error: Nor could the check of 10.0.0.3:80 (10.0.0.1:80) be made: cannot ping: fping is not installed; ping is not installed',
  ];
  expect(told()).toEqual(said);
  able = true;
  await reaches(`${vip()} > 10.0.0.2:80 3`, `${vip()} > 10.0.0.3:80 3`);
  await until('the end is told', () => log.lines.includes('All checks can be made again'));
  able = false;
  await until('it is told anew', () => told().length === 4);
  expect(told().slice(2)).toEqual(expect.arrayContaining([expect.stringContaining('which says nothing')]));
});

describe('fallback', () => {
  test('serves while nobody else does', async () => {
    const web = await WebServer.start();
    web.mood = 'broken';
    const { daemon, kernel, reaches } = daemonOf(`fallback = 127.0.0.1:9 masq\n${QUIET}${virtual(80, [web])}`);
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 0`, `${vip()} > 127.0.0.1:9 1`);
    web.mood = 'ok';
    await reaches(`${vip()} > ${at(web)} 3`);
    // It goes last, so that somebody serves at every moment.
    expect(kernel.edits.slice(-2)).toEqual([
      `-e -t 10.0.0.1:80 -r ${at(web)} -m -w 3`,
      '-d -t 10.0.0.1:80 -r 127.0.0.1:9',
    ]);
    web.mood = 'broken';
    await reaches(`${vip()} > ${at(web)} 0`, `${vip()} > 127.0.0.1:9 1`);
  });

  test('its command is told start and stop in that order, one at a time, with its own arguments first', async () => {
    const dir = scratch();
    const program = join(dir, 'command');
    const said = join(dir, 'said');
    writeFileSync(program, `#!/bin/sh\necho "begin $*" >>'${said}'\nsleep 0.3\necho "end $*" >>'${said}'\n`);
    chmodSync(program, 0o755);
    writeFileSync(said, '');
    const lines = () => readFileSync(said, 'utf8').split('\n').filter(Boolean);
    const web = await WebServer.start();
    const { daemon, log } = daemonOf(QUIET + virtual(80, [web], `\tfallbackcommand = "${program} my args"\n`));
    await daemon.start();
    const pair = (word: string) => ['begin', 'end'].map((edge) => `${edge} my args ${word} 10.0.0.1:80 tcp`);
    await until('stop', () => lines().length === 2, lines);
    web.mood = 'broken';
    await until('start', () => lines().length >= 3, lines);
    web.mood = 'ok';
    await until('stop again', () => lines().length === 6, lines);
    expect(lines()).toEqual([...pair('stop'), ...pair('start'), ...pair('stop')]);
    await until('a word in the log', () =>
      log.lines.includes(`Fallback command "${program} my args stop 10.0.0.1:80 tcp" done`),
    );
  });

  test('a command that fails is told, and harms nothing', async () => {
    const web = await WebServer.start();
    const { daemon, log, reaches } = daemonOf(QUIET + virtual(80, [web], '\tfallbackcommand = "/bin/false"\n'));
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    await until('an error', () =>
      log.lines.includes('error: Fallback command "/bin/false stop 10.0.0.1:80 tcp" failed with status 1'),
    );
  });
});

describe('start', () => {
  test('servers that answer come into the table with their weight, and no fallback before them', async () => {
    const [one, two] = [await WebServer.start(), await WebServer.start()];
    const { daemon, kernel } = daemonOf(`fallback = 127.0.0.1:9 masq\n${QUIET}${virtual(80, [one, two])}`);
    await daemon.start();
    expect(kernel.edits).toEqual([
      '-A -t 10.0.0.1:80 -s wrr',
      ...[one, two].map((each) => `-a -t 10.0.0.1:80 -r ${at(each)} -m -w 3`),
    ]);
  });

  test('a hand that changes the table while it waits for answers is seen', async () => {
    const web = await WebServer.start();
    web.mood = 'hang';
    const { daemon, kernel } = daemonOf(QUIET + virtual(80, [web]));
    const starting = daemon.start();
    await until('a check', () => web.hits > 0);
    for (const service of parseSave('-A -t 10.0.0.1:80 -s rr\n').values())
      await kernel.apply([{ kind: 'add-service', service }]);
    await starting;
    expect(kernel.edits).toEqual([
      '-A -t 10.0.0.1:80 -s rr',
      '-E -t 10.0.0.1:80 -s wrr',
      `-a -t 10.0.0.1:80 -r ${at(web)} -m -w 0`,
    ]);
  });

  test('whoever is told hears of each server once, and what a check has found is of a running daemon', async () => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => WebServer.start()));
    const [well, added, absent, known] = servers as [WebServer, WebServer, WebServer, WebServer];
    for (const each of [added, absent, known]) each.mood = 'broken';
    const kernel = new NotingKernel(parseSave(`-A -t 10.0.0.1:82 -s wrr\n-a -t 10.0.0.1:82 -r ${at(known)} -m -w 0\n`));
    const told: string[] = [];
    const daemon = new Daemon(
      hurried(
        `${FAST}${virtual(80, [well, added], '\tquiescent = yes\n')}${virtual(81, [absent])}${virtual(82, [known], '\tquiescent = yes\n')}` +
          'virtual = 10.0.0.1:83\n\tchecktype = on\n\treal = 127.0.0.1:9 masq 3\n',
      ),
      {
        kernel,
        log: new LogLines(),
        services: { resolve: resolveHost, command: runCommand, ping: async () => ({ answered: false }) },
        observers: [{ changed: ({ message, inService, state }) => told.push(`${state}, ${inService}: ${message}`) }],
      },
    );
    onTestFinished(() => daemon.stop().catch(() => {}));
    await daemon.start();
    await daemon.firstRound(5_000);
    // And nobody anew, with the next checks.
    const { hits } = known;
    await until('more checks', () => known.hits > hits + 1);
    expect(told.toSorted()).toEqual(
      [
        `running, true: Added real server: ${at(well)} (10.0.0.1:80) (Weight set to 3)`,
        `running, false: Quiescent real server: ${at(added)} (10.0.0.1:80) (Weight set to 0)`,
        `running, false: Deleted real server: ${at(absent)} (10.0.0.1:81)`,
        `running, false: Quiescent real server: ${at(known)} (10.0.0.1:82) (Weight set to 0)`,
        'starting, true: Added real server: 127.0.0.1:9 (10.0.0.1:83) (Weight set to 3)',
      ].toSorted(),
    );
  });

  test('adopts what serves, purges what is foreign, leaves others alone', async () => {
    const web = await WebServer.start();
    web.mood = 'hang';
    const mine = `-A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r ${at(web)} -m -w 3\n`;
    const others = '-A -t 10.9.9.9:80 -s rr\n-a -t 10.9.9.9:80 -r 10.9.9.1:80 -g -w 1\n';
    const foreign = '-a -t 10.0.0.1:80 -r 127.0.0.1:9 -m -w 1\n';
    const { daemon, kernel } = daemonOf(QUIET + virtual(80, [web]), mine + foreign + others);
    await daemon.start();
    expect(kernel.edits).toEqual(['-d -t 10.0.0.1:80 -r 127.0.0.1:9']);
    expect(kernel.servers).toEqual([`${vip()} > ${at(web)} 3`, 'tcp:10.9.9.9:80 > 10.9.9.1:80 1']);
  });

  test('a kernel that refuses something makes it fail, and what it added is removed again', async () => {
    const web = await WebServer.start();
    const before = '-A -t 10.0.0.1:81 -s wrr\n';
    const { daemon, kernel } = daemonOf(QUIET + virtual(80, [web]) + virtual(81, [web]), before);
    kernel.refuse = /^-a -t 10.0.0.1:80/;
    await expect(daemon.start()).rejects.toThrow(/the kernel did not take 1 of 3 changes/);
    expect([...kernel.table.keys()]).toEqual([vip(81)]);
    // Ten of its intervals.
    const { hits } = web;
    await pause(1_000);
    expect(web.hits).toBe(hits);
  });
});

describe('reload', () => {
  test('edits only what differs; servers that stay keep their health and their checks', async () => {
    const [first, second] = [await WebServer.start(), await WebServer.start()];
    const text = QUIET + virtual(80, [first], '\tcheckinterval = 60\n');
    const { daemon, kernel, reaches, reload } = daemonOf(text);
    await daemon.start();
    await reaches(`${vip()} > ${at(first)} 3`);
    const { length } = kernel.edits;
    await reload(`${text}\treal = ${at(second)} masq 4\n`);
    // With its weight, where its first answer comes in time.
    expect(kernel.edits.slice(length)).toEqual([
      expect.stringMatching(`^-a -t 10.0.0.1:80 -r ${at(second)} -m -w [04]$`),
    ]);
    await reaches(`${vip()} > ${at(first)} 3`, `${vip()} > ${at(second)} 4`);
    const before = kernel.edits.length;
    await reload(`${QUIET}${virtual(80, [], '\tcheckinterval = 60\n')}\treal = ${at(second)} masq 4\n`);
    await reaches(`${vip()} > ${at(second)} 4`);
    // What it was asked before it answers: the kernel drops the packets of connections to a server that is deleted.
    const leaving = `-t 10.0.0.1:80 -r ${at(first)}`;
    expect(kernel.edits.slice(before)).toEqual([`-e ${leaving} -m -w 0`, `-d ${leaving}`]);
    expect([first.hits, second.hits]).toEqual([1, 1]);
  });

  test('servers that are exchanged for others serve until one of those can', async () => {
    const [old, next] = [await WebServer.start(), await WebServer.start()];
    const { daemon, kernel, reaches, reload } = daemonOf(QUIET + virtual(80, [old]));
    await daemon.start();
    await reaches(`${vip()} > ${at(old)} 3`);
    next.mood = 'hang';
    await reload(QUIET + virtual(80, [next]));
    expect(kernel.servers.sort()).toEqual([`${vip()} > ${at(old)} 3`, `${vip()} > ${at(next)} 0`].sort());
    next.mood = 'broken';
    next.closeConnections();
    // Its first check has failed: nobody is left to wait for.
    await reaches(`${vip()} > ${at(next)} 0`);
  });

  test('a server that comes back while it leaves, stays', async () => {
    const [first, second] = [await WebServer.start(), await WebServer.start()];
    const both = QUIET + virtual(80, [first, second]);
    const { daemon, reaches, reload } = daemonOf(both);
    await daemon.start();
    await reaches(`${vip()} > ${at(first)} 3`, `${vip()} > ${at(second)} 3`);
    await reload(QUIET + virtual(80, [second]));
    await reaches(`${vip()} > ${at(first)} 0`, `${vip()} > ${at(second)} 3`);
    await reload(both);
    await reaches(`${vip()} > ${at(first)} 3`, `${vip()} > ${at(second)} 3`);
  });

  test('keeps failure counts', async () => {
    const web = await WebServer.start();
    const text = (weight: number) =>
      `${QUIET}virtual = 10.0.0.1:80\n${HTTP}\tfailurecount = 3\n\treal = ${at(web)} masq ${weight}\n`;
    const { daemon, log, reaches, reload } = daemonOf(text(3));
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    web.mood = 'broken';
    await until('a soft failure', () => log.lines.some((line) => line.endsWith('failure 1/3')));
    await reload(text(5));
    await reaches(`${vip()} > ${at(web)} 5`);
    await reaches(`${vip()} > ${at(web)} 0`);
    expect(log.lines.filter((line) => line.startsWith('Soft')).map((line) => line.slice(-3))).toEqual(['1/3', '2/3']);
  });

  test('a server that is known already need not wait for its next check to serve elsewhere', async () => {
    const web = await WebServer.start();
    const slow = '\tcheckinterval = 60\n';
    const text = QUIET + virtual(80, [web], slow);
    const { daemon, kernel, reaches, reload } = daemonOf(text);
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    await reload(text + virtual(81, [web], slow));
    expect(kernel.servers).toEqual([`${vip()} > ${at(web)} 3`, `${vip(81)} > ${at(web)} 3`]);
    expect(web.hits).toBe(1);
  });

  test('a virtual that is gone leaves the table, whatever its cleanstop says', async () => {
    const web = await WebServer.start();
    const { daemon, kernel, reload } = daemonOf(
      QUIET + virtual(80, [web], '\tcleanstop = no\n'),
      '-A -t 10.9.9.9:80 -s rr\n',
    );
    await daemon.start();
    await reload(QUIET + virtual(81, [web]));
    expect([...kernel.table.keys()]).toEqual(['tcp:10.9.9.9:80', vip(81)]);
  });
});

describe('what systemd is told', () => {
  test('how many servers are up: adopted, checked, held down, after a reload', async () => {
    const [good, bad, slow] = [await WebServer.start(), await WebServer.start(), await WebServer.start()];
    bad.mood = 'broken';
    slow.mood = 'hang';
    const served = `-A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r ${at(slow)} -m -w 3\n`;
    const on = '\tchecktype = on\n';
    const text = `${FAST}negotiatetimeout = 60\n${virtual(80, [good, bad, slow])}${virtual(81, [good], on)}${virtual(82, [])}`;
    const held = new Set<string>();
    const kernel = new NotingKernel(parseSave(served));
    const log = new LogLines();
    const daemon = new Daemon(hurried(text), {
      kernel,
      log,
      services: { resolve: resolveHost, command: runCommand, ping: async () => ({ answered: false }) },
      heldDown: (_, { port }) => (held.has(`127.0.0.1:${port}`) ? 'maintenance' : undefined),
    });
    onTestFinished(() => daemon.stop().catch(() => {}));
    await daemon.start();
    await until('checks', () => log.lines.filter((line) => line.startsWith('Real server')).length === 2);
    // The one that was in the table is up until it answers, and the one that is always up.
    expect(daemon.tally()).toEqual({ virtuals: 3, up: 3, reals: 4 });
    held.add(at(good));
    await daemon.holdsChanged();
    expect(daemon.tally()).toEqual({ virtuals: 3, up: 1, reals: 4 });
    held.clear();
    await daemon.reload(hurried(FAST + virtual(80, [good])), log);
    expect(daemon.tally()).toEqual({ virtuals: 1, up: 1, reals: 1 });
  });

  /** Makes the clock that lateness is measured with go on by itself. */
  function clock(): (ms: number) => void {
    const now = performance.now.bind(performance);
    let ahead = 0;
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
    onTestFinished(() => spy.mockRestore());
    return (ms) => {
      ahead += ms;
    };
  }

  test('a check that is never made is what it is stuck with, once it is late by twenty seconds', async () => {
    const web = await WebServer.start();
    const { daemon, reaches } = daemonOf(FAST + virtual(80, [web], '\tcheckinterval = 600\n'));
    const pass = clock();
    expect(daemon.stuck()).toBeUndefined();
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    expect(daemon.stuck()).toBeUndefined();
    // An interval is a tenth of what the configuration says here.
    pass(60_000 + 15_000);
    expect(daemon.stuck()).toBeUndefined();
    pass(10_000);
    expect(daemon.stuck()).toMatch(/^a check has been due for (2[5-9]|3\d) s$/);
    await daemon.stop();
    expect(daemon.stuck()).toBeUndefined();
  });

  test('a slow server, and a check that waits for it, are nothing to be stuck with', async () => {
    const web = await WebServer.start();
    web.mood = 'hang';
    const { daemon } = daemonOf(virtual(80, [web], '\tnegotiatetimeout = 300\n'));
    const pass = clock();
    await daemon.start();
    await until('the check', () => web.hits === 1);
    pass(300_000);
    expect(daemon.stuck()).toBeUndefined();
  });

  test('a kernel that never answers is, after ninety seconds', async () => {
    const { daemon, kernel } = daemonOf('virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2 gate\n');
    const pass = clock();
    await daemon.start();
    pass(3_600_000);
    expect(daemon.stuck()).toBeUndefined();
    let answer = (): void => {};
    // Where there is no cheap look, the table is read.
    kernel.list = async () => undefined as never;
    const read = vi.spyOn(kernel, 'read').mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          answer = () => resolve(kernel.table);
        }),
    );
    const changed = daemon.holdsChanged();
    await until('the question', () => read.mock.calls.length > 0);
    pass(85_000);
    expect(daemon.stuck()).toBeUndefined();
    pass(10_000);
    expect(daemon.stuck()).toMatch(/^the kernel's table has been worked on for (9[5-9]|10\d) s$/);
    answer();
    await changed;
    expect(daemon.stuck()).toBeUndefined();
  });
});

describe('by hand', () => {
  test('a flushed table is put back, a lowered weight stays until the next transition', async () => {
    const web = await WebServer.start();
    const { daemon, kernel, log, reaches } = daemonOf(QUIET + virtual(80, [web]));
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`);
    kernel.table = new Map();
    await reaches(`${vip()} > ${at(web)} 3`);
    expect(log.lines).toContain("warn: Something of ours has vanished from the kernel's table: putting it back");
    kernel.table = parseSave(`-A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r ${at(web)} -m -w 0\n`);
    const { length } = kernel.edits;
    const { hits } = web;
    await until('two more checks', () => web.hits >= hits + 2);
    expect(kernel.edits.slice(length)).toEqual([]);
    web.mood = 'broken';
    await until('down', () => log.lines.some((line) => line.includes('is down')));
    web.mood = 'ok';
    await reaches(`${vip()} > ${at(web)} 3`);
  });
});

describe('stop', () => {
  test('removes virtuals with cleanstop, leaves the others exactly as they are, and asks nobody any more', async () => {
    const web = await WebServer.start();
    const { daemon, kernel, log, reaches } = daemonOf(
      QUIET + virtual(80, [web]) + virtual(81, [web], '\tcleanstop = no\n'),
      '-A -t 10.9.9.9:80 -s rr\n',
    );
    await daemon.start();
    await reaches(`${vip()} > ${at(web)} 3`, `${vip(81)} > ${at(web)} 3`);
    const kept = kernel.table.get(vip(81));
    await daemon.stop();
    expect([...kernel.table.keys()]).toEqual(['tcp:10.9.9.9:80', vip(81)]);
    expect(kernel.table.get(vip(81))).toBe(kept);
    expect(log.lines.slice(-2)).toEqual([
      `Purged real server (stop): ${at(web)} (10.0.0.1:80)`,
      'Purged virtual server (stop): 10.0.0.1:80',
    ]);
    const { hits } = web;
    const began = performance.now();
    await until('longer than an interval', () => performance.now() - began > 300);
    expect(web.hits).toBe(hits);
  });
});
