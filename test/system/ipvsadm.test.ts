// The kernel's table through ipvsadm: what is read, what is sent, and every way in which the program can fail.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Edit, editLine } from '../../src/ipvs/edit.ts';
import type { Destination } from '../../src/ipvs/table.ts';
import { IpvsadmKernel } from '../../src/system/ipvsadm.ts';
import { scratch } from '../scratch.ts';
import { SERVICE } from '../service.ts';
import { FakeIpvsadm, type Illness } from './fake-ipvsadm.ts';

const server = (address: string): Destination => ({
  address,
  port: 80,
  forwarding: 'gate',
  weight: 1,
  lowerThreshold: 2,
  upperThreshold: 4,
});
const addService: Edit = { kind: 'add-service', service: SERVICE };
const add = (address: string): Edit => ({
  kind: 'add-destination',
  service: SERVICE,
  destination: server(address),
  role: 'real',
});
const EDITS = [addService, add('10.0.0.2'), add('10.0.0.13'), add('10.0.0.4')];
const line = (address: string): string => `-a -t 10.0.0.1:80 -r ${address}:80 -g -w 1`;

function kernelWith(illness: Illness | '' = '', timeoutMs?: number): { fake: FakeIpvsadm; kernel: IpvsadmKernel } {
  const fake = new FakeIpvsadm(scratch());
  fake.illness = illness;
  return { fake, kernel: new IpvsadmKernel(fake.path, timeoutMs) };
}

test('a batch of edits is one process, and reads back as what was asked for', async () => {
  const { fake, kernel } = kernelWith();
  expect(await kernel.apply(EDITS)).toEqual([]);
  expect(fake.calls).toEqual(['-R']);
  expect(fake.input[1]).toBe('-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1 -x 4 -y 2');
  const table = await kernel.read({ thresholds: true });
  expect(table.get('tcp:10.0.0.1:80')?.destinations.get('10.0.0.4:80')).toEqual(server('10.0.0.4'));
  expect(fake.calls.slice(1).sort()).toEqual(['-Ln --thresholds', '-Sn']);
});

test('a long batch is several processes, one after the other, of 64 KiB at most', async () => {
  const inputs: string[] = [];
  const kernel = new IpvsadmKernel('ipvsadm', undefined, {
    run: async (_, { input = '' }) => {
      inputs.push(input);
      return { code: 0, signal: null, stdout: '', stderr: `complaint ${inputs.length}` };
    },
  });
  const edits = Array.from({ length: 3_000 }, (_, index) => add(`10.0.${index >> 8}.${index & 255}`));
  expect(await kernel.apply(edits)).toEqual(['complaint 1', 'complaint 2', 'complaint 3']);
  expect(inputs.join('')).toBe(edits.map((edit) => `${editLine(edit)}\n`).join(''));
  for (const input of inputs) {
    expect(input.length).toBeLessThanOrEqual(65_536);
    expect(input.endsWith('\n')).toBe(true);
  }
});

test('thresholds are only asked for when they are wanted', async () => {
  const { fake, kernel } = kernelWith();
  await kernel.apply(EDITS);
  const table = await kernel.read({ thresholds: false });
  expect(fake.calls).toEqual(['-R', '-Sn']);
  expect(table.get('tcp:10.0.0.1:80')?.destinations.get('10.0.0.4:80')).toMatchObject({ upperThreshold: 0 });
});

test('statistics are one process, and understood a server at a time', async () => {
  const { fake, kernel } = kernelWith();
  await kernel.apply(EDITS);
  const [first] = await kernel.statistics();
  expect(fake.calls).toEqual(['-R', '-Ln --stats --exact']);
  const counts = { connections: 5, inPackets: 4, outPackets: 3, inBytes: 2, outBytes: 1 };
  expect(first).toEqual({ service: 'tcp:10.0.0.1:80', server: '10.0.0.2:80', ...counts });
});

test.each([
  ['nothing', 'empty.proc.txt', []],
  ['services', 'after-edits.proc.txt', ['-Sn']],
  ['its table not at all', 'none', ['-Sn']],
  ['something else', 'empty.save.txt', ['-Sn']],
])('a kernel that shows %s', async (_, listing, calls) => {
  const fake = new FakeIpvsadm(scratch());
  const path = fileURLToPath(new URL(`../../fixtures/ipvsadm/${listing}`, import.meta.url));
  const kernel = new IpvsadmKernel(fake.path, undefined, { listing: path });
  expect(await kernel.read({ thresholds: false })).toEqual(new Map());
  expect(fake.calls).toEqual(calls);
});

test('no edits are no process', async () => {
  const { fake, kernel } = kernelWith();
  expect(await kernel.apply([])).toEqual([]);
  expect(fake.calls).toEqual([]);
});

describe('a batch', () => {
  test.each<[string, Illness, string[], string[]]>([
    [
      'goes on after a line that is refused, and says so with exit status 0',
      'refuse',
      ['Memory allocation problem'],
      ['-A -t 10.0.0.1:80 -s wrr', line('10.0.0.2'), line('10.0.0.4')],
    ],
    [
      'ends at a line that is not understood, with exit status 2',
      'die',
      ['illegal virtual server address[:port] specified'],
      ['-A -t 10.0.0.1:80 -s wrr', line('10.0.0.2')],
    ],
    ['may have no effect and say nothing', 'deaf', [], []],
    ['may fail as a whole', 'broken', ["Can't initialize ipvs: Protocol not available"], []],
  ])('%s', async (_, illness, complaints, table) => {
    const { fake, kernel } = kernelWith(illness);
    expect(await kernel.apply(EDITS)).toEqual(complaints);
    fake.illness = '';
    expect(fake.table).toEqual(table);
  });
});

describe('reading', () => {
  test.each<[string, Illness, RegExp]>([
    [
      'a failure is told with what ipvsadm said, and a hint',
      'broken',
      /ipvsadm -Sn" failed: Can't initialize ipvs.*modprobe ip_vs/s,
    ],
    [
      'garbage is not taken for an empty table',
      'garbage',
      /cannot read this line of "ipvsadm -Sn": Segmentation fault/,
    ],
  ])('%s', async (_, illness, message) => {
    const { kernel } = kernelWith(illness);
    const failure = expect(kernel.read({ thresholds: false })).rejects;
    await failure.toThrow(message);
    await failure.toThrow(expect.objectContaining({ code: 'IPVS' }));
  });

  test('a stuck ipvsadm is given up, for reading and for writing', async () => {
    const { kernel } = kernelWith('stuck', 150);
    await expect(kernel.read({ thresholds: true })).rejects.toThrow(
      /ipvsadm (-Sn|-Ln --thresholds)" gave no answer within 0.15 s/,
    );
    await expect(kernel.apply(EDITS)).rejects.toThrow(/ipvsadm -R" gave no answer within 0.15 s/);
    await expect(kernel.statistics()).rejects.toThrow(/--stats --exact" gave no answer within 0.15 s/);
  });

  test.each([
    [
      'a missing program',
      'nothing-here',
      /cannot run .*nothing-here: .*ENOENT; install the package ipvsadm, or name it/,
    ],
    ['a directory', '.', /cannot run .*: .*EACCES/],
  ])('%s', async (_, name, message) => {
    const kernel = new IpvsadmKernel(join(scratch(), name));
    await expect(kernel.read({ thresholds: false })).rejects.toThrow(message);
    await expect(kernel.apply(EDITS)).rejects.toThrow(message);
  });
});
