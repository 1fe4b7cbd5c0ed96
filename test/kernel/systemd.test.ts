// The units under a real systemd, installed as a package does it: not root, sandboxed, told how it goes, watched, restarted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Agent } from './lab/agent-client.ts';
import { LOG } from './lab/director.ts';
import { figure, timed } from './lab/figures.ts';
import { type Machine, Network } from './lab/network.ts';
import { eventually, must, NotYet } from './lab/run.ts';
import { Systemd } from './lab/systemd.ts';
import { A, ALL_CHECKS, B, CHECK_SCRIPTS, CONFIG, GLOBALS, VIP, virtual, WEB } from './lab/systemd-configs.ts';
import { install } from './lab/systemd-install.ts';
import { lines, weightOf } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';

const UNIT = 'tsdirectord.service';
/** CAP_NET_ADMIN is 12, CAP_NET_RAW 13 (capability.h). */
const TWO_CAPABILITIES = (1n << 12n) | (1n << 13n);
/** What a test cannot wait for. */
const IMPATIENT = `WatchdogSec=10\nExecStop=\nExecStop=/usr/sbin/tsdirectord stop --stop-timeout 3 -f ${CONFIG}`;

describe('the units under systemd', () => {
  let network: Network;
  let director: Machine;
  let systemd: Systemd;
  let agent: Agent;

  before(async () => {
    await unloadIpvs();
    network = await Network.create();
    const [load, reals] = await network.machines(
      { name: 'director', addresses: ['10.8.8.47/24', `${VIP}/24`] },
      { name: 'reals', addresses: [`${A}/24`, `${B}/24`] },
    );
    assert(load && reals);
    director = load;
    agent = await reals.agent();
    await agent.serve(...[A, B].map((address) => ({ name: address, address, port: 80 })));
    const booted = await timed(async () => {
      systemd = await Systemd.boot(director);
    });
    figure('systemd has booted after', booted);
    await install(systemd);
    await systemd.edit(UNIT, IMPATIENT);
    director.write(CONFIG, WEB);
  });
  after(() => network.close());

  const weight = (address: string, wanted: number | undefined, deadlineMs = 15_000): Promise<void> =>
    eventually(`${address} at weight ${wanted}`, deadlineMs, async () => {
      const table = director.table();
      if (weightOf(table, `${address}:80`) === wanted) return;
      const journal = await systemd.journal(UNIT, '-n', '20');
      return new NotYet(() => [...lines(table), journal].join('\n'));
    });
  /** As `ps` in the machine sees it; node is the program's interpreter. */
  const statusOf = (pid: string | undefined): string => readFileSync(systemd.path(`/proc/${pid}/status`), 'utf8');
  const restore = (): void => director.write(CONFIG, WEB);

  test('start returns when the table is right; the daemon is not root and has two capabilities', async () => {
    const start = await systemd.mustSystemctl('start', UNIT);
    figure('systemctl start took', start.ms);
    await weight(A, 1, 5_000);
    await weight(B, 1, 5_000);
    const { MainPID, User } = await systemd.show(UNIT);
    assert.equal(User, 'tsdirectord');
    const status = statusOf(MainPID);
    const uid = (await systemd.must(['id', '-u', 'tsdirectord'])).trim();
    assert.deepEqual(/^Uid:\t(.*)$/m.exec(status)?.[1]?.split('\t'), [uid, uid, uid, uid]);
    // The sandbox is there: a filter of system calls, and no way to more privileges.
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb'])
      assert.equal(BigInt(`0x${new RegExp(`^${set}:\t(.*)$`, 'm').exec(status)?.[1]}`), TWO_CAPABILITIES, set);
  });

  test('systemctl status tells how many servers are up, and the program itself that it runs', async () => {
    const status = await systemd.mustSystemctl('status', UNIT);
    assert.match(status.stdout, /Status: "1 virtual service, 2 of 2 real servers up"/);
    const own = await systemd.run(['tsdirectord', 'status', '-f', 'ldirectord.cf']);
    assert.equal(own.code, 0, own.stdout + own.stderr);
    assert.match(own.stdout, /running with pid: \d+/);
  });

  test('a server that goes down is quiesced, and seen in the status and in the journal', async () => {
    await agent.behave(`${A}:80`, 'error');
    await weight(A, 0);
    await systemd.shows(UNIT, ({ StatusText }) => StatusText === '1 virtual service, 1 of 2 real servers up', 10_000);
    assert.match(await systemd.journal(UNIT), /^Real server 10\.8\.8\.48:80 .* is down: /m);
    await agent.behave(`${A}:80`, 'ok');
    await weight(A, 1);
    await systemd.shows(UNIT, ({ StatusText }) => StatusText === '1 virtual service, 2 of 2 real servers up', 10_000);
  });

  test('reload brings in a changed configuration; one with a mistake fails, says why, and changes nothing', async () => {
    director.write(CONFIG, WEB.replace(`${B}:80 gate 1`, `${B}:80 gate 5`));
    const reload = await systemd.mustSystemctl('reload', UNIT);
    figure('systemctl reload took', reload.ms);
    await weight(B, 5, 0);
    const before = await systemd.show(UNIT);
    director.write(CONFIG, WEB.replace('checkinterval = 1', 'checkinterval = often'));
    const failed = await systemd.systemctl('reload', UNIT);
    assert.notEqual(failed.code, 0);
    assert.match((await systemd.systemctl('status', UNIT)).stdout, /ldirectord\.cf:1:17: error: "often" is not/);
    await systemd.shows(
      UNIT,
      ({ ActiveState, MainPID }) => ActiveState === 'active' && MainPID === before.MainPID,
      5_000,
    );
    await weight(B, 5, 0);
    restore();
    await systemd.mustSystemctl('reload', UNIT);
    await weight(B, 1, 0);
  });

  test('a killed daemon is started again, and the table is there all the time', async () => {
    const { MainPID, NRestarts } = await systemd.show(UNIT);
    await systemd.must(['kill', '-KILL', String(MainPID)]);
    const restart = await timed(() => runningAgain(MainPID, 30_000));
    figure('a killed daemon is back after', restart);
    assert.equal((await systemd.show(UNIT)).NRestarts, String(Number(NRestarts) + 1));
  });

  test('a daemon that hangs is killed by the watchdog and started again, and the table is there all the time', async () => {
    const { MainPID } = await systemd.show(UNIT);
    await systemd.must(['kill', '-STOP', String(MainPID)]);
    const restart = await timed(() => runningAgain(MainPID, 50_000));
    figure('a daemon that hangs, with WatchdogSec=10, is back after', restart);
    assert.match(await systemd.journal(UNIT), /Watchdog timeout/);
  });

  /** Waits until the unit is active with another process than this; until then both servers must stay in the table. */
  const runningAgain = (pid: string | undefined, deadlineMs: number): Promise<unknown> =>
    systemd.shows(
      UNIT,
      ({ ActiveState, MainPID }) => {
        const table = director.table();
        assert.deepEqual([weightOf(table, `${A}:80`), weightOf(table, `${B}:80`)], [1, 1]);
        return ActiveState === 'active' && MainPID !== '0' && MainPID !== pid;
      },
      deadlineMs,
    );

  test(
    'stop leaves a clean table, also of a daemon that hangs',
    async () => {
      figure('systemctl stop took', (await systemd.mustSystemctl('stop', UNIT)).ms);
      assert.deepEqual(lines(director.table()), []);
      assert.equal((await systemd.show(UNIT)).Result, 'success');
      assert.equal(await systemd.must(['ipvsadm', '-L', '--daemon']), '');
      await systemd.mustSystemctl('start', UNIT);
      const { MainPID } = await systemd.show(UNIT);
      await systemd.must(['kill', '-STOP', String(MainPID)]);
      figure('systemctl stop took, of a daemon that hangs', (await systemd.mustSystemctl('stop', UNIT)).ms);
      assert.deepEqual(lines(director.table()), [], await systemd.journal(UNIT, '-n', '20'));
      await systemd.mustSystemctl('reset-failed', UNIT);
    },
    { deadlineMs: 120_000 },
  );

  test('a mistake in the configuration fails the start with its reason, and is not tried again and again', async () => {
    director.write(CONFIG, WEB.replace('checkinterval = 1', 'checkinterval = often'));
    const start = await systemd.systemctl('start', UNIT);
    assert.notEqual(start.code, 0);
    const { ActiveState, NRestarts, ExecMainStatus } = await systemd.show(UNIT);
    assert.deepEqual([ActiveState, NRestarts, ExecMainStatus], ['failed', '0', '2']);
    assert.match((await systemd.systemctl('status', UNIT)).stdout, /ldirectord\.cf:1:17: error: "often" is not/);
    restore();
  });

  test('two more instances run beside it, each with its own part of the table', async () => {
    await systemd.mustSystemctl('start', UNIT);
    director.write('/etc/ha.d/web-1.cf', GLOBALS + virtual(81, [A]));
    director.write('/etc/ha.d/conf/two.cf', GLOBALS + virtual(82, [B]));
    await systemd.mustSystemctl('start', 'tsdirectord@web-1.cf', 'tsdirectord@two.cf');
    const ports = (): string[] => director.table().map(({ name }) => name.replace(/.*:/, ''));
    assert.deepEqual(ports().sort(), ['80', '81', '82']);
    await systemd.mustSystemctl('stop', 'tsdirectord@web-1.cf');
    assert.deepEqual(ports().sort(), ['80', '82']);
    for (const name of ['ldirectord.cf', 'two.cf'])
      assert.equal((await systemd.run(['tsdirectord', 'status', '-f', name])).code, 0, name);
    await systemd.mustSystemctl('stop', 'tsdirectord@two.cf');
  });

  test(
    'every kind of check works in there: http, connect, pings, scripts; a monitor file, maintenance, the log in a file, too',
    async () => {
      for (const [path, script] of Object.entries(CHECK_SCRIPTS)) systemd.write(path, script, 0o755);
      director.write('/etc/ha.d/maintenance/.keep', '');
      director.write('/etc/ha.d/checks.cf', ALL_CHECKS);
      const unit = 'tsdirectord@checks.cf.service';
      await systemd.edit(unit, `StandardOutput=append:${LOG}`);
      await systemd.mustSystemctl('start', unit);
      const all = (wanted: readonly number[]): Promise<unknown> =>
        eventually(`weights ${wanted}`, 20_000, async () => {
          const table = director.table().filter(({ name }) => /:100\d$/.test(name));
          const weights = table.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ reals }) => reals[0]?.weight);
          if (String(weights) === String(wanted)) return;
          return new NotYet(() => [...lines(table), director.read(LOG)].join('\n'));
        });
      await all([1, 1, 1, 1, 1, 0]);
      director.write(`/etc/ha.d/maintenance/${A}`, '');
      await all([0, 0, 0, 0, 0, 0]);
      assert.match(director.read('/var/log/tsdirectord/checks.log'), / \[up\]/);
      assert.match(director.read(LOG), /^\[.*\] Added virtual server: 10\.8\.8\.45:1001$/m);
      await systemd.mustSystemctl('stop', unit);
    },
    { deadlineMs: 90_000 },
  );

  test('what the unit says how to open works: a script that runs as root', async () => {
    systemd.write(
      '/usr/local/bin/lab-check',
      '#!/bin/sh\ngrep CapEff /proc/self/status >/run/tsdirectord/ran; id -u >>/run/tsdirectord/ran\n',
      0o755,
    );
    const unit = 'tsdirectord@root.cf.service';
    director.write(
      '/etc/ha.d/root.cf',
      GLOBALS + virtual(83, [A], ['checktype = external', 'checkcommand = /usr/local/bin/lab-check']),
    );
    await systemd.edit(unit, 'User=root\nCapabilityBoundingSet=~');
    await systemd.mustSystemctl('start', unit);
    await eventually(
      'the end of a check',
      10_000,
      () =>
        director.read('/run/tsdirectord/ran').includes('\n0\n') ||
        new NotYet(() => director.read('/run/tsdirectord/ran')),
    );
    await systemd.mustSystemctl('stop', unit);
  });

  test('a daemon that was started by hand stays; the unit takes its place when it ends', async () => {
    await systemd.mustSystemctl('stop', UNIT);
    await systemd.must(['tsdirectord', 'start', '-f', 'ldirectord.cf']);
    const start = await systemd.systemctl('start', UNIT);
    assert.notEqual(start.code, 0);
    await weight(A, 1, 0);
    await systemd.must(['tsdirectord', 'stop', '-f', 'ldirectord.cf']);
    await systemd.shows(UNIT, ({ ActiveState }) => ActiveState === 'active', 30_000);
    await weight(A, 1);
  });

  test('the backup of the connection synchronisation runs in the kernel while its unit does', async () => {
    const daemons = (): Promise<string> => systemd.must(['ipvsadm', '-L', '--daemon']);
    await systemd.mustSystemctl('start', 'ipvs-sync-backup@eth0');
    assert.match(await daemons(), /^backup sync daemon \(mcast=eth0, syncid=0,/m);
    assert.match(await daemons(), /^master sync daemon \(mcast=eth0,/m, 'the one of syncdaemon = eth0');
    await systemd.mustSystemctl('stop', 'ipvs-sync-backup@eth0');
    assert.doesNotMatch(await daemons(), /backup/);
  });

  test("Debian's ldirectord, when it runs, gives way", async () => {
    await systemd.mustSystemctl('stop', UNIT);
    director.write(CONFIG, WEB.replace('syncdaemon = eth0\n', ''));
    // Its unit wants this directory, which nothing on Debian makes.
    await systemd.must(['mkdir', '-p', '/var/lock/subsys']);
    await systemd.mustSystemctl('start', 'ldirectord');
    assert.deepEqual(await directors(), ['ldirectord']);
    await systemd.mustSystemctl('start', UNIT);
    assert.deepEqual(await directors(), ['tsdirectord']);
    await weight(A, 1, 0);
    await weight(B, 1, 0);
  });

  test('once it is enabled, the name ldirectord means it', async () => {
    // Not while it runs: of two units that become one, systemd keeps either's process.
    await systemd.mustSystemctl('stop', UNIT);
    await systemd.mustSystemctl('enable', '--now', UNIT);
    const { MainPID } = await systemd.show(UNIT);
    await systemd.mustSystemctl('restart', 'ldirectord');
    assert.deepEqual(await directors(), ['tsdirectord']);
    assert.notEqual((await systemd.show(UNIT)).MainPID, MainPID);
    await systemd.mustSystemctl('disable', UNIT);
    assert.match((await systemd.show('ldirectord')).FragmentPath ?? '', /\/ldirectord\.service$/);
  });

  /** Which directors run on the machine. */
  const directors = async (): Promise<string[]> => {
    const processes = await systemd.must(['ps', '-eo', 'ppid=,args=']);
    const daemons = [...processes.matchAll(/^ *1 .*\/usr\/sbin\/((?:ls|ts|l)directord) start/gm)];
    return daemons.map(([, name = '']) => name);
  };
});

/** The unit has to load it; the kernel then loads schedulers by itself. */
async function unloadIpvs(): Promise<void> {
  const loaded = readFileSync('/proc/modules', 'utf8').match(/^ip_vs\w*/gm) ?? [];
  await must(['rmmod', ...loaded.filter((name) => name !== 'ip_vs'), 'ip_vs']);
}
