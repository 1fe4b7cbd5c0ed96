// Servers taken out of service by files: which names count, when that is noticed, and what happens to the directory itself.
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Config } from '../src/config/model.ts';
import { Maintenance } from '../src/maintenance.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { holds } from './loop-holds.ts';
import { NOISE_MS } from './noise.ts';
import { scratch } from './scratch.ts';
import { until } from './until.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  '10.8.8.48': ['web1.example.com'],
  '10.8.8.49': ['Web2.Example.COM.', '10.8.8.50'],
  '2001:db8::48': ['web6.example.com'],
};
const SERVERS = `virtual=10.0.0.1:80
	real=10.8.8.48:80 gate
	real=10.8.8.48:8080 masq
	real=10.8.8.49:81 masq
	real=10.8.8.50 masq
virtual6=[2001:db8::1]:80
	real6=[2001:db8::48]:80 gate
virtual=5
	real=10.8.8.51 gate
`;
const WEB1 = '10.8.8.48:80';
const WEB6 = '[2001:db8::48]:80';

interface Options {
  readonly text?: string;
  readonly reverse?: (address: string) => Promise<readonly string[]>;
  readonly pollMs?: number;
  readonly replacingMs?: number;
}

function withDirectory(directory: string, text = SERVERS): Config {
  return configOf(`maintenancedir=${directory}\n${text}`);
}

async function maintenanceOf(directory: string, { text, reverse, pollMs = 20, replacingMs = 200 }: Options = {}) {
  const log = new LogLines();
  let changes = 0;
  const asked: string[] = [];
  const maintenance = new Maintenance({
    reverse: (address) => {
      asked.push(address);
      return reverse?.(address) ?? Promise.resolve(NAMES[address] ?? []);
    },
    log: () => log,
    onChange: () => {
      changes++;
    },
    pollMs,
    replacingMs,
  });
  onTestFinished(() => maintenance.close());
  let config = withDirectory(directory, text);
  await maintenance.follow(config);
  return {
    log,
    asked,
    maintenance,
    changes: () => changes,
    follow: (next: Config) => {
      config = next;
      return maintenance.follow(next);
    },
    /** The servers in maintenance, as configured. */
    out: () =>
      config.virtuals.flatMap((virtual) =>
        virtual.reals
          .filter((real) => maintenance.reasonFor(virtual, real) !== undefined)
          .map(({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`),
      ),
  };
}

function touch(directory: string, ...names: string[]): void {
  for (const name of names) writeFileSync(join(directory, name), '');
}

const HOST1 = [WEB1, '10.8.8.48:8080'];
const HOST2 = ['10.8.8.49:81'];
test.each<[string, readonly string[]]>([
  ['10.8.8.48:80', [WEB1]],
  ['10.8.8.48:8080', ['10.8.8.48:8080']],
  ['10.8.8.48', HOST1],
  ['10.8.8.48:81', []],
  ['web1.example.com:80', [WEB1]],
  ['web1.example.com', HOST1],
  ['web1:8080', ['10.8.8.48:8080']],
  ['web1', HOST1],
  ['WEB1', HOST1],
  ['web2.example.com', HOST2],
  ['web2:81', HOST2],
  ['web', []],
  ['web1.example', []],
  // The kernel's port of a server without one of its own, and ldirectord's name for it.
  ['10.8.8.50:80', ['10.8.8.50:0']],
  ['10.8.8.50:0', ['10.8.8.50:0']],
  ['10.8.8.50', ['10.8.8.50:0']],
  ['10.8.8.51:0', ['10.8.8.51:0']],
  ['[2001:db8::48]:80', [WEB6]],
  ['[2001:db8::48]', [WEB6]],
  ['[2001:DB8:0::48]:80', [WEB6]],
  ['2001:db8::48', [WEB6]],
  ['[2001:db8::48]:81', []],
  ['2001:db8::48:80', []],
  ['web6:80', [WEB6]],
  ['.10.8.8.48', []],
  ['10.8.8.48:80~', []],
  ['10.8.8.48.bak', []],
  ['README', []],
])('a file %s: %j', async (name, expected) => {
  const dir = scratch();
  touch(dir, name);
  const { out, asked } = await maintenanceOf(dir);
  expect(out()).toEqual(expected);
  expect(asked).toHaveLength(/^[a-z]|bak$/i.test(name) ? 5 : 0);
});

test('it says which file; what goes and comes is logged once, and not again by a reload', async () => {
  const dir = scratch();
  touch(dir, 'web1', WEB1);
  const { out, log, maintenance, changes, follow } = await maintenanceOf(dir);
  await until('both servers', () => out().length === 2);
  const config = withDirectory(dir);
  expect(reasons(maintenance, config)).toEqual([`file 10.8.8.48:80 in ${dir}`, `file web1 in ${dir}`]);
  await follow(config);
  unlinkSync(join(dir, 'web1'));
  await until('one server', () => out().join() === WEB1);
  unlinkSync(join(dir, WEB1));
  await until('none', () => out().length === 0);
  expect(log.take()).toEqual([
    `Real server 10.8.8.48:80 (10.0.0.1:80) is in maintenance: file 10.8.8.48:80 in ${dir}`,
    `Real server 10.8.8.48:8080 (10.0.0.1:80) is in maintenance: file web1 in ${dir}`,
    'Real server 10.8.8.48:8080 (10.0.0.1:80) is out of maintenance: its checks decide again',
    'Real server 10.8.8.48:80 (10.0.0.1:80) is out of maintenance: its checks decide again',
  ]);
  expect(changes()).toBe(4);
});

function reasons(maintenance: Maintenance, { virtuals }: Config): string[] {
  return virtuals.flatMap((virtual) => virtual.reals.flatMap((real) => maintenance.reasonFor(virtual, real) ?? []));
}

test('a server that several virtuals name is out in all of them', async () => {
  const dir = scratch();
  touch(dir, WEB1);
  const text = 'virtual=10.0.0.1:80\n\treal=10.8.8.48:80 gate\nvirtual=10.0.0.2:80\n\treal=10.8.8.48:80 gate\n';
  const { out, changes } = await maintenanceOf(dir, { text });
  expect(out()).toEqual([WEB1, WEB1]);
  expect(changes()).toBe(1);
});

test('by the kernel’s word alone, without looking', async () => {
  const dir = scratch();
  const { out } = await maintenanceOf(dir, { pollMs: 60_000 });
  touch(dir, WEB1);
  await until('the new file', () => out().join() === WEB1, out);
  renameSync(join(dir, WEB1), join(dir, '10.8.8.49:81'));
  await until('the renamed file', () => out().join() === '10.8.8.49:81', out);
  unlinkSync(join(dir, '10.8.8.49:81'));
  await until('the removed file', () => out().length === 0, out);
});

test('a directory made later, removed, made again', async () => {
  const dir = join(scratch(), 'maint');
  const { out, log } = await maintenanceOf(dir);
  // The loader has warned of it.
  expect(log.take()).toEqual([]);
  for (let round = 0; round < 2; round++) {
    mkdirSync(dir);
    touch(dir, WEB1);
    await until('a file in the new directory', () => out().join() === WEB1);
    rmSync(dir, { recursive: true });
    await until('nobody', () => out().length === 0);
    await until('word of it', () => log.lines.some((line) => line.includes('does not exist')));
    const lines = log.take();
    expect(lines[0]).toBe(`The maintenance directory ${dir} can be read again`);
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
      `warn: The maintenance directory ${dir} does not exist, so no server is in maintenance`,
    ]);
  }
});

test('another directory put in its place: nobody comes back for the moment between', async () => {
  const root = scratch();
  const dir = join(root, 'maint');
  const next = join(root, 'next');
  for (const each of [dir, next]) {
    mkdirSync(each);
    touch(each, WEB1);
  }
  touch(next, '10.8.8.49');
  const { out, log, changes } = await maintenanceOf(dir, { pollMs: 10, replacingMs: NOISE_MS });
  renameSync(dir, join(root, 'old'));
  setTimeout(() => renameSync(next, dir), 50);
  await until('the other directory', () => out().join() === `${WEB1},10.8.8.49:81`, out);
  expect(changes()).toBe(2);
  expect(log.take().filter((line) => line.includes('out of maintenance'))).toEqual([]);
  // It is the new one that is watched now.
  unlinkSync(join(dir, WEB1));
  await until('the file that is gone', () => out().join() === '10.8.8.49:81', out);
});

test('a symbolic link that is pointed elsewhere', async () => {
  const root = scratch();
  const dir = join(root, 'maint');
  for (const version of ['v1', 'v2']) mkdirSync(join(root, version));
  touch(join(root, 'v2'), WEB1);
  symlinkSync('v1', dir);
  const { out } = await maintenanceOf(dir);
  expect(out()).toEqual([]);
  symlinkSync('v2', `${dir}.new`);
  renameSync(`${dir}.new`, dir);
  await until('the other directory', () => out().join() === WEB1, out);
  unlinkSync(join(root, 'v2', WEB1));
  await until('the file that is gone', () => out().length === 0, out);
});

test('a directory that cannot be read: who was in maintenance stays so', async () => {
  const root = scratch();
  const dir = join(root, 'maint');
  mkdirSync(join(root, 'files'));
  touch(join(root, 'files'), WEB1);
  symlinkSync('files', dir);
  const { out, log, changes } = await maintenanceOf(dir);
  log.take();
  // Permissions do not stop root; a link to itself does.
  symlinkSync('maint', `${dir}.new`);
  renameSync(`${dir}.new`, dir);
  await until('word of it', () => log.lines.length > 0);
  expect(out()).toEqual([WEB1]);
  unlinkSync(dir);
  symlinkSync('files', dir);
  await until('word of its end', () => log.lines.some((line) => line.includes('again')));
  expect(log.take().filter((line) => !line.includes('does not exist'))).toEqual([
    `warn: The maintenance directory ${dir} cannot be read, so nobody goes into maintenance or comes out of it: ELOOP: too many symbolic links encountered, stat '${dir}'`,
    `The maintenance directory ${dir} can be read again`,
  ]);
  expect(changes()).toBe(1);
});

test('something that is no directory', async () => {
  const dir = join(scratch(), 'maint');
  writeFileSync(dir, '');
  const { out, log } = await maintenanceOf(dir);
  expect(out()).toEqual([]);
  rmSync(dir);
  mkdirSync(dir);
  touch(dir, WEB1);
  await until('a file in the directory', () => out().join() === WEB1);
  rmSync(dir, { recursive: true });
  writeFileSync(dir, '');
  await until('nobody', () => out().length === 0);
  expect(log.take().at(-2)).toBe(
    `warn: The maintenance directory ${dir} is not a directory, so no server is in maintenance`,
  );
});

test('another directory by a reload, and none', async () => {
  const [one, two] = [scratch(), scratch()];
  touch(one, WEB1);
  touch(two, '10.8.8.49');
  const { out, follow } = await maintenanceOf(one);
  expect(out()).toEqual([WEB1]);
  await follow(withDirectory(two));
  expect(out()).toEqual(['10.8.8.49:81']);
  touch(one, '10.8.8.50');
  touch(two, WEB1);
  await until('a file in the new one', () => out().length === 2, out);
  expect(out()).toEqual([WEB1, '10.8.8.49:81']);
  await follow(configOf(SERVERS));
  expect(out()).toEqual([]);
});

test('names are asked for only when a file needs them, and once for each address', async () => {
  const dir = scratch();
  touch(dir, WEB1, '[2001:db8::48]', '10.8.8.49:81', '.hidden', '..keep');
  const { out, asked } = await maintenanceOf(dir);
  expect(out()).toEqual([WEB1, '10.8.8.49:81', WEB6]);
  expect(asked).toEqual([]);
  touch(dir, 'web1');
  await until('the server', () => out().length === 4, out);
  expect([...asked].sort()).toEqual(['10.8.8.48', '10.8.8.49', '10.8.8.50', '10.8.8.51', '2001:db8::48']);
  touch(dir, 'web2');
  unlinkSync(join(dir, '10.8.8.49:81'));
  unlinkSync(join(dir, 'web1'));
  await until('the one whose name is known', () => out().join() === `${WEB1},10.8.8.49:81,${WEB6}`, out);
  expect(asked).toHaveLength(5);
});

test('a start waits for names, so that no server is in service before its name is known', async () => {
  const dir = scratch();
  touch(dir, 'web1');
  const reverse = (address: string): Promise<readonly string[]> =>
    new Promise((resolve) => setTimeout(() => resolve(NAMES[address] ?? []), 50));
  const { out } = await maintenanceOf(dir, { reverse });
  expect(out()).toEqual(HOST1);
});

test('a resolver that does not answer holds nobody up, and is told once', async () => {
  const dir = scratch();
  touch(dir, 'web1', WEB1);
  const fail = (): Promise<never> => Promise.reject(new Error('queryPtr ETIMEOUT'));
  const { out, log, asked } = await maintenanceOf(dir, { reverse: fail });
  expect(out()).toEqual([WEB1]);
  await until('all look-ups', () => asked.length === 5);
  await until('word of it', () => log.lines.length === 2);
  expect(log.take()[1]).toBe(
    'warn: The name of 10.8.8.48 cannot be looked up, so a file with its name has no effect: queryPtr ETIMEOUT',
  );
});

// Making and removing so many files takes its time on a busy machine.
test('10,000 files and 1,000 servers', { timeout: 60_000 }, async () => {
  const dir = scratch();
  touch(dir, ...Array.from({ length: 10_000 }, (_, index) => `10.9.${index >> 8}.${index & 255}:80`));
  const text = 'virtual=10.0.0.1:80\n\treal=10.9.0.0->10.9.3.231:80 gate\n\treal=10.8.8.48:80 gate\n';
  const { out } = await maintenanceOf(dir, { text });
  expect(out()).toHaveLength(1_000);
  touch(dir, WEB1);
  const [longest = 0] = await holds(() => until('one more', () => out().length === 1_001));
  expect(longest).toBeLessThan(500);
});
