// File descriptors exhausted: by a limit of this process, and by whoever connects to it.
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { command } from '../e2e/program.ts';
import { until } from '../until.ts';
import { Director } from './director.ts';

const SERVERS = 20;
const UP = Array.from({ length: SERVERS }, () => 1);

describe('too many open files', () => {
  test('no check counts, each trouble is told once, and afterwards all is right', { timeout: 60_000 }, async () => {
    const director = await Director.start({ servers: SERVERS });
    const before = director.descriptors;
    // A few are left: some checks can be made, others cannot, and ipvsadm cannot be run.
    await command(['prlimit', `--pid=${director.pid}`, '--nofile=5:']);
    await director.says('too many open files');
    const [first] = director.servers;
    if (first !== undefined) first.mood = 'broken';
    director.signal('SIGHUP');
    // None is left: nobody is even accepted, which does no harm.
    await command(['prlimit', `--pid=${director.pid}`, '--nofile=3:']);
    for (let count = 0; count < 5; count++) await director.run('status');
    await director.says('Nor could the check of');
    const checks =
      'could not be made, which says nothing about the server: too many open files in this process (EMFILE)';
    // A reload may begin it anew.
    expect(director.told(checks).length).toBeLessThanOrEqual(2);
    expect(director.told("Cannot bring the kernel's table up to date").length).toBeLessThanOrEqual(2);
    await command(['prlimit', `--pid=${director.pid}`, '--nofile=1024:']);
    await director.reaches([0, ...UP.slice(1)]);
    await director.says('All checks can be made again');
    await director.checksGoOn();
    expect(director.failures.filter((line) => !line.includes(`:${first?.port} `))).toEqual([]);
    expect((await director.run('status')).code).toBe(0);
    await until(
      'no descriptor is left',
      () => director.descriptors <= before + 2,
      () => `${before}, ${director.descriptors}`,
    );
    await director.stop();
  });

  test('clients that take all they get do not stop the checks', { timeout: 60_000 }, async () => {
    const director = await Director.make({ servers: 5, within: ['prlimit', '--nofile=256:256'] });
    const page = join(director.site.dir, 'page.sock');
    const control = join(director.site.dir, 'pid.sock');
    director.configure({ globals: [`statuslisten = ${page}`] });
    await director.run('start');
    await director.reaches(UP.slice(0, 5));
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const taken = setInterval(() => {
      for (const path of [page, control]) {
        for (let count = 0; count < 40; count++) sockets.push(connect(path).on('error', () => {}));
      }
    }, 50);
    onTestFinished(() => clearInterval(taken));
    await director.checksGoOn(4);
    clearInterval(taken);
    expect(director.descriptors).toBeLessThan(256);
    expect(director.told('could not be made')).toEqual([]);
    for (const socket of sockets) socket.destroy();
    const shown = async () => (await director.run('show')).stdout;
    await until('it answers', async () => (await shown()).includes('5 of 5 real servers'), shown);
    await director.stop();
  });
});
