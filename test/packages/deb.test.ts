// The life of the Debian package in a Debian of its own, alone and beside Debian's package ldirectord.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { INSTALLED_FILES } from '../../src/commands/installed-files.ts';
import { debianPackage, VERSION } from './made.ts';

const root = process.env.TSDIRECTORD_TEST_ROOT ?? '';

/**
 * Runs a script of /bin/sh in there, with a /proc of its own; all that it has started ends with it, and no mount is left.
 * Without network, unless asked for.
 */
function sh(script: string, network = false): { code: number | null; output: string } {
  const own = ['--mount', '--pid', '--fork', '--kill-child', ...(network ? [] : ['--net'])];
  const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -c "exec 2>&1; $1"';
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  const { status, stdout } = spawnSync('unshare', [...own, '/bin/sh', '-c', enter, root, script], {
    env,
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
  return { code: status, output: stdout };
}

/** All of it has to succeed. */
function done(script: string, network = false): string {
  const { code, output } = sh(`set -e\n${script}`, network);
  expect(code, output).toBe(0);
  return output;
}

const INSTALL = `dpkg -i /packages/tsdirectord.deb`;
const LDIRECTORD = '/usr/sbin/ldirectord';
const ALTERNATIVE = '/etc/alternatives/ldirectord';
/** Everything but what any installation of anything changes. */
const LIST = `find / -xdev \\( -path /proc -o -path /packages -o -path /tmp -o -path '/var/lib/dpkg' -o -path '/var/cache' -o -path /var/log/dpkg.log \\
  -o -path /var/log/alternatives.log -o -path '/etc/*-' -o -path /etc/.pwd.lock \\) -prune -o -print | sort`;

describe.skipIf(root === '')('installed', () => {
  beforeAll(() => {
    mkdirSync(join(root, 'packages'), { recursive: true });
    copyFileSync(debianPackage(), join(root, 'packages/tsdirectord.deb'));
    writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    writeFileSync(join(root, 'packages/on.cf'), 'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate\n');
    // What both need; the tests themselves then need no network.
    const get = 'apt-get -qq -y --no-install-recommends';
    done(
      `apt-get -qq update; ${get} install /packages/tsdirectord.deb ldirectord logrotate
      cd /packages; apt-get -qq download ldirectord; mv ldirectord_*.deb ldirectord.deb; dpkg --purge tsdirectord ldirectord`,
      true,
    );
  });

  beforeEach(() => {
    done('dpkg --purge tsdirectord ldirectord; rm -f /etc/ha.d/ldirectord.cf');
  });

  test('brings every file, which --print-files lists', () => {
    const files = INSTALLED_FILES.flatMap(({ debian }) => debian ?? []);
    const said = done(`${INSTALL} >/dev/null; tsdirectord --print-files`);
    expect(
      said
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(files);
    for (const path of files) expect(done(`ls ${path}`)).toBe(`${path}\n`);
  });

  test('works without Node.js, under all its names, and has its user', () => {
    const said = done(`${INSTALL} >/dev/null; ! command -v node
      mkdir -p /etc/ha.d; cp /packages/on.cf /etc/ha.d/ldirectord.cf
      tsdirectord check -f ldirectord.cf; tsdirectord start --ipvs memory -f ldirectord.cf
      tsdirectord status -f ldirectord.cf; ldirectord ldirectord.cf status
      /etc/ha.d/resource.d/tsdirectord ldirectord.cf status; /etc/ha.d/resource.d/ldirectord ldirectord.cf status
      tsdirectord stop --ipvs memory -f ldirectord.cf; tsdirectord status -f ldirectord.cf || echo "status $?"
      getent passwd tsdirectord | cut -d: -f 5-`);
    expect(said.replace(/pid: \d+/g, 'pid: N').split('\n')).toEqual([
      '/etc/ha.d/ldirectord.cf is correct: 1 virtual service, 1 real server',
      'tsdirectord for /etc/ha.d/ldirectord.cf is running with pid: N',
      'ldirectord for /etc/ha.d/ldirectord.cf is running with pid: N',
      'tsdirectord for /etc/ha.d/ldirectord.cf is running with pid: N',
      'ldirectord for /etc/ha.d/ldirectord.cf is running with pid: N',
      'tsdirectord for /etc/ha.d/ldirectord.cf is stopped (not running)',
      'status 3',
      'LVS director,,,:/:/usr/sbin/nologin',
      '',
    ]);
  });

  test('says which package oracle takes, and takes it from where it says', () => {
    const oracle =
      'virtual=10.0.0.1:1521\n\tservice=oracle\n\tlogin=a\n\tpasswd=b\n\tdatabase=c\n\trequest="select 1"\n\treal=10.0.0.2 gate\n';
    writeFileSync(join(root, 'packages/oracle.cf'), oracle);
    done(`${INSTALL} >/dev/null`);
    const { code, output } = sh('cd /packages; tsdirectord check -f oracle.cf');
    expect(code).toBe(2);
    expect(output).toContain('the oracle check needs the package oracledb, which is not installed');
    expect(output).toContain('npm install --prefix /usr/local/lib oracledb@26');
    for (const place of ['/usr/lib/node_modules', '/usr/local/lib/node_modules'])
      done(
        `mkdir -p ${place}/oracledb; echo > ${place}/oracledb/index.js; cd /packages; tsdirectord check -f oracle.cf; rm -r ${place}`,
      );
  });

  test('an upgrade leaves a running daemon alone, a removal ends it, a purge leaves nothing', () => {
    const said = done(`mkdir -p /packages/lists; ${LIST} >/packages/lists/before; ${INSTALL} >/dev/null
      start() { tsdirectord start --ipvs memory -f /packages/on.cf; }
      start; before=$(cat /run/ldirectord.on.cf.pid); ${INSTALL} | grep 'goes on' | sed "s/$before/PID/"
      tsdirectord status -f /packages/on.cf >/dev/null; [ "$(cat /run/ldirectord.on.cf.pid)" = "$before" ]
      dpkg --remove tsdirectord >/dev/null; ! [ -e /proc/$before ]; ! [ -e /run/ldirectord.on.cf.pid ]
      tail -n 1 /var/log/ldirectord.log | sed 's/.*] //'
      dpkg --purge tsdirectord >/dev/null; ${LIST} >/packages/lists/after; diff /packages/lists/before /packages/lists/after`);
    expect(said.split('\n')).toEqual([
      'tsdirectord: process PID goes on as the version before, until somebody restarts it',
      expect.stringMatching(/stopped|Stopped|ended/),
      '',
    ]);
  });

  test('enables and starts nothing', () => {
    done(`${INSTALL} >/dev/null; ! ls /run/ldirectord.*.pid; ! find /etc/systemd | grep -E '/(ts|l)directord'`);
  });

  const theirs = (): void => {
    done(`dpkg --verify ldirectord; [ -f ${LDIRECTORD} ] && [ ! -L ${LDIRECTORD} ]
      [ "$(readlink /etc/ha.d/resource.d/ldirectord)" = ${LDIRECTORD} ]; ! [ -e ${ALTERNATIVE} ]; ! update-alternatives --query ldirectord`);
  };
  const ours = (): void => {
    done(`[ "$(readlink ${LDIRECTORD})" = ${ALTERNATIVE} ]; [ "$(readlink -f ${LDIRECTORD})" = /usr/lib/tsdirectord/tsdirectord ]
      [ "$(readlink /etc/ha.d/resource.d/ldirectord)" = ${LDIRECTORD} ]; [ -e /usr/share/man/man8/ldirectord.8.gz ]
      [ "$(ldirectord --version)" = 'tsdirectord ${VERSION}' ]`);
  };
  const gone = (): void => {
    done(
      `! ls ${LDIRECTORD} ${ALTERNATIVE} /usr/sbin/tsdirectord /etc/ha.d /usr/share/man/man8/ldirectord.8.gz 2>/dev/null`,
    );
  };

  test("is ldirectord where nobody else is, and makes room for Debian's", () => {
    done(INSTALL);
    ours();
    expect(done('dpkg -i /packages/ldirectord.deb')).toContain("another program's and stays");
    theirs();
    expect(done('logrotate -d /etc/logrotate.conf')).not.toMatch(/^error/m);
    done('dpkg --purge ldirectord');
    ours();
    done('dpkg --purge tsdirectord');
    gone();
  });

  test("leaves Debian's ldirectord as it is", () => {
    done('dpkg -i /packages/ldirectord.deb');
    expect(done(INSTALL)).toContain("another program's and stays");
    theirs();
    expect(done('logrotate -d /etc/logrotate.conf')).not.toMatch(/^error/m);
    done('dpkg --purge tsdirectord');
    theirs();
    done('dpkg --purge ldirectord');
    gone();
  });
});
