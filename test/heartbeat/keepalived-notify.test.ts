// heartbeat/keepalived/notify, called as keepalived calls it: with the real program and a table in memory, and with stand-ins
// that are slow, fail, hang or are terminated. With keepalived itself: test/kernel/keepalived.test.ts.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BIN, Site } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

const SCRIPT = fileURLToPath(new URL('../../heartbeat/keepalived/notify', import.meta.url));
type State = 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP' | 'DELETED';

/** A node with keepalived's notify script, and what it says to syslog. */
class Node {
  readonly dir = scratch();
  readonly #what: string;

  /** `program` is the text of a shell script that takes tsdirectord's place, or of systemctl when WHAT is a unit. */
  constructor(program: string, what = 'ldirectord.cf') {
    this.#what = what;
    mkdirSync(join(this.dir, 'bin'));
    this.command('logger', `echo "$@" >>${this.dir}/syslog`);
    this.command(what.endsWith('.service') ? 'systemctl' : 'tsdirectord', program);
  }

  /** A command that the script finds before the machine's own. */
  command(name: string, text: string): void {
    writeFileSync(join(this.dir, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  /** Calls without waiting, as keepalived does; calls begin in this order. */
  notify(...states: State[]): ChildProcess[] {
    return states.map((state) => this.run(this.#what, 'INSTANCE', 'VI_1', state, '150'));
  }

  run(...args: string[]): ChildProcess {
    return this.spawn(SCRIPT, ...args);
  }

  spawn(file: string, ...args: string[]): ChildProcess {
    const env = {
      PATH: `${this.dir}/bin:${process.env.PATH}`,
      TSDIRECTORD: join(this.dir, 'bin/tsdirectord'),
      TSDIRECTORD_NOTIFY_DIR: this.statesDir,
    };
    return spawn(file, args, { env, stdio: 'ignore', detached: true });
  }

  async check(): Promise<number | null> {
    return ended(this.run('check', this.#what));
  }

  get statesDir(): string {
    return join(this.dir, 'states');
  }

  read(name: string): string {
    const path = join(this.dir, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  said(text: string): Promise<unknown> {
    return until(
      `'${text}' in syslog`,
      () => this.read('syslog').includes(text),
      () => this.read('syslog'),
    );
  }

  /** Waits until no call is at work or waits any more. */
  async quiet(): Promise<void> {
    const lock = join(this.statesDir, `${this.#what.replaceAll('/', '_')}.work`);
    const probe = () => ended(spawn('flock', ['-n', lock, 'true']));
    await until('the end of the work', async () => (await probe()) === 0);
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
}

/** Stand-in: notes what it was told, and that this is over a while later. */
const SLOW = `echo "begin $*" >>"$(dirname "$0")/../calls"; sleep 0.3; echo end >>"$(dirname "$0")/../calls"`;
/** The same, over when the file "go" is there. */
const HELD = SLOW.replace(
  'sleep 0.3',
  'for i in $(seq 600); do [ -e "$(dirname "$0")/../go" ] && break; sleep 0.05; done',
);
const calls = (node: Node): string[] => node.read('calls').split('\n').filter(Boolean);

describe('with the real program', () => {
  const real = (): { site: Site; node: Node } => {
    const site = new Site();
    const flags = site.flags.join(' ');
    return { site, node: new Node(`exec ${BIN} ${flags} "$@"`, site.config) };
  };
  const status = async (site: Site): Promise<number | null> => (await site.run('status')).code;

  test.each(['BACKUP', 'FAULT', 'STOP', 'DELETED'] as const)('MASTER starts it, %s stops it', async (state) => {
    const { site, node } = real();
    node.notify('MASTER');
    await node.said('VI_1 is MASTER: start');
    expect(await status(site)).toBe(0);
    node.notify(state);
    await node.said(`VI_1 is ${state}: stop`);
    expect(await status(site)).toBe(3);
  });

  test('a burst ends in the last state', async () => {
    const { site, node } = real();
    const settled = async (calls: ChildProcess[], last: string): Promise<void> => {
      // What is done after the last call has said what it wants is that.
      const mark = ` ${calls.at(-1)?.pid} `;
      await until('the last word', () => node.read(`states/${site.config.replaceAll('/', '_')}`).includes(mark));
      await until(last, () => node.read('syslog').trimEnd().endsWith(`${last} ${site.config}`));
      await node.quiet();
    };
    await settled(node.notify('MASTER', 'BACKUP', 'MASTER', 'BACKUP', 'MASTER'), 'MASTER: start');
    expect(await status(site)).toBe(0);
    await settled(node.notify('BACKUP', 'MASTER', 'FAULT', 'MASTER', 'BACKUP'), 'BACKUP: stop');
    expect(await status(site)).toBe(3);
  });

  test('said twice is as good as once', async () => {
    const { site, node } = real();
    node.notify('BACKUP');
    await node.said('BACKUP: stop');
    node.notify('MASTER');
    await node.said('MASTER: start');
    const { pid } = site;
    await ended(node.notify('MASTER')[0] as ChildProcess);
    await until('both', () => node.read('syslog').match(/MASTER: start/g)?.length === 2);
    expect(site.pid).toBe(pid);
  });

  test('a configuration with mistakes is told, with the reason', async () => {
    const { site, node } = real();
    site.configure('nonsense = 1\n');
    node.notify('MASTER');
    await node.said('failed (exit 2)');
    expect(node.read('syslog')).toMatch(/-p daemon.err .*VI_1 is MASTER, but 'start .*nonsense/s);
  });

  test('check fails only when it should run and does not', async () => {
    const { site, node } = real();
    expect(await node.check(), 'before any call').toBe(0);
    node.notify('MASTER');
    await node.said('MASTER: start');
    await node.quiet();
    expect(await node.check(), 'it runs').toBe(0);
    process.kill(site.pid, 'SIGKILL');
    await until('it is dead', async () => (await status(site)) === 1);
    expect(await node.check(), 'it was killed').not.toBe(0);
    node.notify('FAULT');
    await node.said('FAULT: stop');
    expect(await node.check(), 'not the master any more').toBe(0);
  });
});

describe('calls that overlap', () => {
  test.each([
    [['MASTER', 'BACKUP', 'MASTER', 'BACKUP'], 'stop'],
    [['BACKUP', 'MASTER', 'BACKUP', 'MASTER'], 'start'],
    [['MASTER', 'MASTER', 'FAULT', 'BACKUP', 'MASTER', 'STOP'], 'stop'],
  ] as const)('%j: one after the other, the last one last, the ones between left out', async (states, last) => {
    const node = new Node(HELD);
    const latest = node.notify(...states).at(-1);
    // All have said what they want, and the first one is at work still.
    await until('the last word', () => node.read('states/ldirectord.cf').includes(` ${latest?.pid} `));
    writeFileSync(join(node.dir, 'go'), '');
    await node.said(`${states.at(-1)}: ${last}`);
    await node.quiet();
    const done = calls(node);
    expect(done.filter((_, index) => index % 2 === 1).every((line) => line === 'end')).toBe(true);
    expect(done.at(-2)).toBe(`begin ${last} -f ldirectord.cf`);
    // Whoever was first was at work already when the others came.
    expect(done.length / 2).toBeLessThanOrEqual(2);
  });

  test('a call that began before the last one, and runs after it, changes nothing', async () => {
    const node = new Node(SLOW);
    mkdirSync(node.statesDir);
    const later = '99999999999 7 MASTER\n';
    writeFileSync(join(node.statesDir, 'ldirectord.cf'), later);
    await ended(node.notify('BACKUP')[0] as ChildProcess);
    await node.quiet();
    expect(calls(node)).toEqual([]);
    expect(node.read('states/ldirectord.cf')).toBe(later);
  });

  test('check says nothing against a start that is under way', async () => {
    const node = new Node(`[ "$1" = start ] || exit 3; ${SLOW}`);
    node.notify('MASTER');
    await until('it is at work', () => calls(node).length === 1);
    expect(await node.check()).toBe(0);
    await node.said('MASTER: start');
    await node.quiet();
    expect(await node.check(), 'the stand-in never runs').not.toBe(0);
  });
});

describe('trouble', () => {
  test('what keepalived has terminated when it ends itself is done all the same', async () => {
    const node = new Node(SLOW);
    const [call] = node.notify('STOP') as [ChildProcess];
    await until('it is at work', () => calls(node).length > 0);
    process.kill(-(call.pid as number), 'SIGTERM');
    await node.said('STOP: stop');
    expect(calls(node)).toEqual(['begin stop -f ldirectord.cf', 'end']);
  });

  test('a keepalived that ends without STOP stops it', async () => {
    const node = new Node(SLOW);
    const words = [SCRIPT, 'ldirectord.cf', 'INSTANCE', 'VI_1', 'MASTER', '150'];
    const keepalived = node.spawn('sh', '-c', '"$0" "$@"; exec sleep 100', ...words);
    await node.said('MASTER: start');
    keepalived.kill('SIGKILL');
    await node.said('VI_1 was MASTER when keepalived ended');
    await node.said('STOP: stop');
    await node.quiet();
    expect(calls(node)).toEqual(['begin start -f ldirectord.cf', 'end', 'begin stop -f ldirectord.cf', 'end']);
  });

  test('work that is terminated from outside is done again', async () => {
    const node = new Node(`${SLOW}; [ -e "$0.again" ] || { touch "$0.again"; kill -TERM $$; }`);
    node.notify('STOP');
    await node.said('STOP: stop');
    expect(calls(node)).toHaveLength(4);
  });

  test('work that does not end is ended and told', async () => {
    const node = new Node('sleep 100');
    // The script's own limit is a minute; the one for logger, without -k, may stay.
    node.command('timeout', '[ "$1" = -k ] || { shift; exec "$@"; }; shift 3; exec /usr/bin/timeout -k 1 0.5 "$@"');
    node.notify('MASTER');
    await node.said("VI_1 is MASTER, but 'start ldirectord.cf' did not end within");
  });

  test.each([
    ['no words', [], 'expected'],
    ['an unknown state', ['INSTANCE', 'VI_1', 'CONFUSED', '1'], "VI_1 is 'CONFUSED': not a state"],
  ])('%s: told, and nothing done', async (_, args, text) => {
    const node = new Node(SLOW);
    expect(await ended(node.run(...args))).toBe(2);
    await node.said(text);
    expect(calls(node)).toEqual([]);
  });
});

test('without WHAT it is ldirectord.cf, and a sync group is as good as an instance', async () => {
  const node = new Node(SLOW);
  node.run('GROUP', 'VG_1', 'MASTER', '0');
  await node.said('GROUP VG_1 is MASTER: start ldirectord.cf');
  expect(calls(node)[0]).toBe('begin start -f ldirectord.cf');
});

test('a systemd unit is started, stopped and asked for through systemctl', async () => {
  const node = new Node(`${SLOW}; [ "$1" != is-active ] || exit 3`, 'tsdirectord.service');
  node.notify('MASTER');
  await node.said('MASTER: start tsdirectord.service');
  await node.quiet();
  expect(await node.check()).not.toBe(0);
  node.notify('BACKUP');
  await node.said('BACKUP: stop tsdirectord.service');
  const begun = calls(node).filter((line) => line.startsWith('begin'));
  expect(begun).toEqual([
    'begin start tsdirectord.service',
    'begin is-active --quiet tsdirectord.service',
    'begin stop tsdirectord.service',
  ]);
});
