// The state file of the real program where it usually is, /var/lib/tsdirectord: one that cannot be written keeps no daemon from its
// work, and a daemon whose table is in memory leaves it alone. Each test has a /run and a /var/lib of its own (a mount namespace),
// which needs root; nothing of this machine's is seen or touched.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeIpvsadm } from '../system/fake-ipvsadm.ts';
import { until } from '../until.ts';
import { BIN, command, Site } from './program.ts';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const OWN_DIRECTORIES = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=755 tmpfs /var/lib && eval "$PREPARE" && exec "$@"',
  'sh',
] as const;
const [unshare, ...within] = OWN_DIRECTORIES;
const able = spawnSync(unshare, [...within, 'true'], { env: { ...process.env, PREPARE: 'true' } });
const isAble = able.status === 0;
if (!isAble)
  console.warn(`NOT TESTED: the state file in /var/lib, because one of its own cannot be made: ${able.stderr}`);

let sites = 0;

interface Launch {
  /** Shell commands. */
  readonly prepare: string;
  readonly user?: readonly string[];
  readonly ipvs?: 'kernel' | 'memory';
}

async function launch({ prepare, user = [], ipvs = 'kernel' }: Launch) {
  // The lock of a name counts in all of them.
  const site = new Site(
    'virtual = 10.0.0.1:80\n\tchecktype = on\n\treal = 10.0.0.2:80 gate 3\n',
    `state-${process.pid}-${++sites}.cf`,
  );
  const ipvsadm = new FakeIpvsadm(site.dir);
  chmodSync(site.dir, 0o755);
  if (user.length > 0) chownSync(site.dir, 65_534, 65_534);
  const state = `/var/lib/tsdirectord/${basename(site.config)}.state`;
  const flags = ['-f', site.config, '--ipvs', ipvs, '--ipvsadm', ipvsadm.path];
  const child: ChildProcess = spawn(unshare, [...within, ...user, BIN, 'start', '--foreground', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PREPARE: prepare.replaceAll('STATE', state) },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const ended = new Promise((resolve) => child.on('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  const started = () => said.includes('Started; checking');
  await until('its start', started, () => said);
  const inside = (...words: string[]) => command(['nsenter', '--mount', '-t', String(child.pid), ...words]);
  return {
    ...{ state, ended, inside },
    run: (action: string, ...operands: string[]) => inside(...user, BIN, action, ...operands, ...flags),
    lines: (part: string) => said.split('\n').filter((line) => line.includes(part)),
  };
}

const DRAIN = ['drain', '10.0.0.1:80', '10.0.0.2:80'] as const;
const FOR_NOBODY = 'install -d -o 65534 -g 65534 /run/tsdirectord';
const FULL = 'mkdir /var/lib/tsdirectord && mount -t tmpfs -o size=64k tmpfs /var/lib/tsdirectord';

describe.skipIf(!isAble)(
  'a state file that cannot be written: the daemon runs, says so once and what to do, and so does each order',
  () => {
    test.each<[what: string, launched: Launch, reason: string, remedy: string]>([
      [
        'a read-only /var/lib, as systemd makes it',
        { prepare: 'mount -o remount,ro /var/lib' },
        'read-only file system',
        'uid 0 must be able to write in /var/lib/tsdirectord (in a systemd unit: StateDirectory=tsdirectord)',
      ],
      [
        'a user who may not write there',
        { prepare: FOR_NOBODY, user: NOBODY },
        'permission denied',
        'uid 65534 must be able to write in /var/lib/tsdirectord (in a systemd unit: StateDirectory=tsdirectord)',
      ],
      [
        'a full disk',
        { prepare: `${FULL} && head -c 64k /dev/zero >/var/lib/tsdirectord/other` },
        'no space left on device',
        'make room there',
      ],
      [
        'a file in place of the directory',
        { prepare: 'touch /var/lib/tsdirectord' },
        'not a directory',
        '/var/lib/tsdirectord must be a directory to write in',
      ],
    ])('%s', async (_, launched, reason, remedy) => {
      const { state, run, lines, ended } = await launch(launched);
      for (const order of [DRAIN, ['enable', ...DRAIN.slice(1)]] as const) {
        const [action = '', ...operands] = order;
        const ran = await run(action, ...operands);
        expect(ran.code).toBe(0);
        expect(ran.stdout).toContain(`until this daemon ends: its state file ${state} cannot be written: ${reason}`);
      }
      const told = lines('would not outlive this daemon');
      expect(told).toHaveLength(1);
      expect(told[0]).toContain(`The state file ${state} cannot be written`);
      expect(told[0]).toContain(`${reason}; ${remedy}`);
      expect((await run('stop')).code).toBe(0);
      expect(await ended).toBe(0);
    });

    test('room is made on a full disk: it is told, and orders are kept again', async () => {
      const { run, lines, inside, state } = await launch({
        prepare: `${FULL} && head -c 64k /dev/zero >/var/lib/tsdirectord/other`,
      });
      expect((await run(...DRAIN)).stdout).toContain('no space left on device');
      await inside('rm', '/var/lib/tsdirectord/other');
      await until('it is written again', () => lines('can be written again').length === 1);
      expect((await inside('cat', state)).stdout).toContain('"kind":"drain"');
      expect((await run('weight', '10.0.0.1:80', '10.0.0.2:80', '5')).stdout).not.toContain('until this daemon ends');
    });
  },
);

describe.skipIf(!isAble)('a state file that cannot be read', () => {
  test.each<[what: string, prepare: string, said: string]>([
    ['a directory', 'mkdir -p STATE', 'it is not a file; it is kept as'],
    ['a link', 'mkdir /var/lib/tsdirectord && ln -s /etc/passwd STATE', 'it is kept as'],
    ["another user's", 'install -D -o 1234 -m 600 /dev/null STATE', 'it belongs to another user (uid 1234)'],
    [
      'another version’s',
      'mkdir /var/lib/tsdirectord && echo \'{"format":"tsdirectord state","version":9}\' >STATE',
      'was written by another version (its format is 9)',
    ],
  ])('%s is set aside, and another one begun', async (_, prepare, said) => {
    const { lines, run, inside, state } = await launch({ prepare });
    expect(lines('The state file')).toEqual([expect.stringContaining(said)]);
    const { stdout } = await run(...DRAIN);
    expect(stdout).not.toContain('until this daemon ends');
    expect((await inside('cat', state)).stdout).toContain('"kind":"drain"');
    expect((await inside('ls', '-d', `${state}.damaged`)).code).toBe(0);
  });
});

test.skipIf(!isAble)(
  'with a table in memory, what is ordered of the real daemon is neither read nor written',
  async () => {
    const order = '{"server":"tcp:10.0.0.1:80 10.0.0.2:80","order":{"kind":"weight","weight":9,"at":1}}';
    const { run, lines, inside, state } = await launch({
      prepare: `mkdir /var/lib/tsdirectord && printf '%s\\n' '{"format":"tsdirectord state","version":1}' '${order}' >STATE`,
      ipvs: 'memory',
    });
    const before = (await inside('cat', state)).stdout;
    expect(before).toContain('"weight":9');
    expect(lines('orders from before')).toEqual([]);
    expect((await run(...DRAIN)).stdout).toContain(
      'is drained, until this daemon ends: what is ordered with --ipvs memory is kept only beside a --pid-file of its own',
    );
    expect((await run('plan')).stdout).not.toContain('ordered by the operator');
    expect((await run('stop')).code).toBe(0);
  },
);
