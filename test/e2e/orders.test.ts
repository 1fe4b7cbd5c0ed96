// drain, disable, enable, weight and recheck on the command line: what they say, and how long drain --wait waits. The table in memory
// has no connections, so the waiting is done for a daemon of the test's own.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { OrderOutcome } from '../../src/operator/commands.ts';
import { listenForControl, socketPath } from '../../src/status/control.ts';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { scratch } from '../scratch.ts';
import { daemon, server, virtual } from '../status/snapshots.ts';
import { exec, type Ran, Site } from './program.ts';

describe('a daemon', () => {
  const CONFIG = [
    'virtual = 10.0.0.1:80\n\tservicename = shop\n\tchecktype = on\n\treal = 10.0.0.2:80 gate\n\treal = 10.0.0.3:80 gate 5\n',
    'virtual = 10.0.0.1:53\n\tprotocol = udp\n\tchecktype = on\n\treal = 10.0.0.2:53 masq\n',
    'virtual = 10.0.0.1:53\n\tprotocol = tcp\n\tchecktype = on\n\treal = 10.0.0.2:53 masq\n',
    'virtual6 = 6\n\tchecktype = on\n\treal6 = [fd00::2]:0 gate\n',
  ].join('');

  test('does as it is told, and says what', async () => {
    const site = new Site(CONFIG);
    await site.run('start');
    const said: string[] = [];
    for (const words of [
      ['drain', 'shop', '10.0.0.2', '--wait'],
      ['drain', 'tcp:10.0.0.1:80', '10.0.0.2:80'],
      ['weight', '10.0.0.1:80', '10.0.0.3:80', '7'],
      ['disable', 'fwm6:6', 'all'],
      ['recheck', 'udp:10.0.0.1:53'],
      ['enable', 'all', 'all'],
    ]) {
      const { code, stdout, stderr } = await site.run(words[0] ?? '', ...words.slice(1));
      expect([code, stderr]).toEqual([0, '']);
      said.push(stdout);
    }
    expect(said).toEqual([
      '10.0.0.2:80 (10.0.0.1:80) is drained\nno connections left\n',
      '10.0.0.2:80 (10.0.0.1:80) is drained already\n',
      '10.0.0.3:80 (10.0.0.1:80) has weight 7\n',
      '[fd00::2]:0 (6) is disabled\n',
      '10.0.0.2:53 (10.0.0.1:53) has checktype = on\n',
      [
        '10.0.0.2:80 (10.0.0.1:80) is enabled: its checks decide again\n',
        '10.0.0.3:80 (10.0.0.1:80) is enabled: its checks decide again\n',
        '10.0.0.2:53 (10.0.0.1:53) had no order\n',
        '10.0.0.2:53 (10.0.0.1:53) had no order\n',
        '[fd00::2]:0 (6) is enabled: its checks decide again\n',
      ].join(''),
    ]);
  });

  test('is not asked for what makes no sense', async () => {
    const site = new Site(CONFIG);
    await site.run('start');
    const WEIGHT = 'a weight is a whole number from 0 to 65535';
    const NAMES = 'names are as show prints them, or "all"';
    const mistakes: [string[], string][] = [
      [['drain', 'nosuch', 'all'], 'there is no virtual service "nosuch"; there is 10.0.0.1:80, 10.0.0.1:53, 6'],
      [
        ['drain', '10.0.0.1:80', '10.0.0.9'],
        'there is no real server "10.0.0.9" in 10.0.0.1:80; there is 10.0.0.2:80, 10.0.0.3:80',
      ],
      [
        ['drain', '10.0.0.1:53', 'all'],
        'several virtual services are called "10.0.0.1:53": say which of udp:10.0.0.1:53, tcp:10.0.0.1:53',
      ],
      [['weight', 'shop', 'all', '70000'], WEIGHT],
      [['weight', 'shop', 'all', '1e3'], WEIGHT],
      [['weight', 'shop', 'all', ''], WEIGHT],
      [['weight', 'shop', 'all', '-1'], WEIGHT],
      [['weight', 'shop', 'all'], `weight wants VIRTUAL REAL N behind it, not "shop all"; ${NAMES}`],
      [['drain'], `drain wants VIRTUAL REAL behind it, not nothing; ${NAMES}`],
      [['enable', 'shop'], `enable wants VIRTUAL REAL behind it, not "shop"; ${NAMES}`],
      [['recheck', 'a', 'b', 'c'], `recheck wants [VIRTUAL [REAL]] behind it, not "a b c"; ${NAMES}`],
      [['drain', 'shop', 'all', '--timeout', '3'], '--timeout makes no sense without --wait'],
      [
        ['disable', 'shop', 'all', '--wait'],
        '--wait makes no sense with disable; it is for reload, force-reload, drain',
      ],
      [['enable', 'shop', 'all', '--timeout', '3'], '--timeout makes no sense with enable; it is for drain'],
    ];
    for (const [[action = '', ...words], message] of mistakes)
      expect(await site.run(action, ...words)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `tsdirectord: ${message}\n`,
      });
    expect((await site.run('show')).stdout).not.toContain('operator');
    for (const seconds of ['0', 'soon', '-1'])
      expect((await site.run('drain', 'shop', 'all', '--wait', '--timeout', seconds)).stderr).toMatch(
        /whole number of seconds/,
      );
  });

  test.each(['drain', 'disable', 'enable'])('that is not there is not told: %s', async (action) => {
    const site = new Site(CONFIG);
    expect(await site.run(action, 'shop', 'all')).toMatchObject({
      ...{ code: 1, stdout: '', stderr: `tsdirectord for ${site.config} is stopped (not running)\n` },
    });
  });
});

describe('drain --wait', () => {
  const drained = (activeConnections: number): DaemonSnapshot =>
    daemon([
      virtual('tcp:10.0.0.1:80', [
        server('10.0.0.2:80', {
          ...{ override: { kind: 'drain' }, heldDown: 'drained by the operator' },
          kernel: { forwarding: 'gate', weight: 0, activeConnections, inactiveConnections: 9 },
        }),
      ]),
    ]);

  /** What the program says to a daemon that shows this, one look after the other, and at the end the last again. */
  async function waited(shown: readonly DaemonSnapshot[], ...words: string[]): Promise<Ran & { looks: number }> {
    const dir = scratch();
    const [pidFile, config] = [join(dir, 'pid'), join(dir, 'test.cf')];
    writeFileSync(config, '');
    // Whose pid file it is, is known by who holds it open.
    const file = openSync(pidFile, 'w');
    writeSync(file, `${process.pid}\n`);
    let looks = 0;
    const control = await listenForControl(socketPath(pidFile), {
      drain: (): OrderOutcome[] => [{ virtual: '10.0.0.1:80', real: '10.0.0.2:80', done: 'is drained' }],
      show: () => shown[Math.min(looks++, shown.length - 1)],
    });
    onTestFinished(async () => {
      await control.close();
      closeSync(file);
    });
    const ran = await exec([
      'drain',
      '10.0.0.1:80',
      '10.0.0.2:80',
      '--wait',
      '-f',
      config,
      '--pid-file',
      pidFile,
      ...words,
    ]);
    return { ...ran, looks };
  }

  test('returns when the last connection has gone, and is still gone', async () => {
    const { code, stdout, looks } = await waited([2, 1, 0, 1, 0, 0].map(drained));
    expect([code, looks]).toEqual([0, 6]);
    expect(stdout).toBe(
      '10.0.0.2:80 (10.0.0.1:80) is drained\nwaiting for 2 connections, at most 300 s\nno connections left\n',
    );
  });

  test('fails at the time limit, with what is left', async () => {
    const { code, stdout, stderr } = await waited([drained(1)], '--timeout', '1');
    expect([code, stderr]).toEqual([1, '1 connection left after 1 s\n']);
    expect(stdout).toContain('waiting for 1 connection, at most 1 s\n');
  });

  test.each<[string, DaemonSnapshot[], string]>([
    [
      'somebody enables it',
      [drained(2), daemon([virtual('tcp:10.0.0.1:80', [server('10.0.0.2:80')])])],
      '10.0.0.2:80 (10.0.0.1:80): not drained any more',
    ],
    ['its service has gone', [drained(2), daemon([])], '10.0.0.2:80 (10.0.0.1:80): not drained any more'],
  ])('fails when %s', async (_, shown, message) => {
    expect(await waited(shown)).toMatchObject({ code: 1, stderr: `tsdirectord: ${message}\n` });
  });
});
