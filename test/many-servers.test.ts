// A daemon with thousands of servers: the table is brought up to date in few passes, and checks go on meanwhile.
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Daemon } from '../src/daemon.ts';
import type { Edit } from '../src/ipvs/edit.ts';
import { MemoryKernel } from '../src/system/memory-kernel.ts';
import { resolveHost } from '../src/system/resolver.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { until } from './until.ts';

class CountingKernel extends MemoryKernel {
  batches = 0;

  override async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    this.batches++;
    return super.apply(edits);
  }
}

const services = {
  resolve: resolveHost,
  command: () => Promise.reject(new Error('none here')),
  ping: async () => ({ answered: false }),
};

/** Something that accepts connections on every address of 127.0.0.0/8; how many it has had. */
async function listener(): Promise<{ port: number; count: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => {}).destroy();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '0.0.0.0', resolve);
  });
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, count: () => count };
}

async function daemonOf(text: string) {
  const kernel = new CountingKernel(new Map());
  const daemon = new Daemon(configOf(text), { kernel, log: new LogLines(), services });
  onTestFinished(() => daemon.stop());
  await daemon.start();
  kernel.batches = 0;
  const weights = (): number[] =>
    [...kernel.table.values()].flatMap(({ destinations }) => [...destinations.values()].map(({ weight }) => weight));
  return { daemon, kernel, weights };
}

const virtual = (index: number, reals: readonly string[], intervalS: number): string =>
  `virtual = 10.8.${index >> 8}.${index & 255}:80\n\tchecktype = connect\n\tcheckinterval = ${intervalS}\n${reals.map((real) => `\treal = ${real} masq\n`).join('')}`;

test('three thousand servers come up, in far fewer batches than servers', { timeout: 60_000 }, async () => {
  const { port } = await listener();
  const text = Array.from({ length: 300 }, (_, index) =>
    virtual(
      index,
      Array.from(
        { length: 10 },
        (__, real) => `127.2.${index % 250}.${Math.floor(index / 250) * 10 + real + 1}:${port}`,
      ),
      60,
    ),
  ).join('');
  const { kernel, weights } = await daemonOf(text);
  await until('all up', () => weights().filter((weight) => weight > 0).length === 3_000, undefined, 45_000);
  expect(kernel.batches).toBeLessThan(300);
});

test('servers behind many virtual services are checked once for all of them', { timeout: 30_000 }, async () => {
  const { port, count } = await listener();
  const reals = Array.from({ length: 10 }, (_, index) => `127.3.0.${index + 1}:${port}`);
  const text = Array.from({ length: 500 }, (_, index) => virtual(index, reals, 30)).join('');
  const { weights } = await daemonOf(text);
  await until('all up', () => weights().filter((weight) => weight > 0).length === 5_000, undefined, 20_000);
  await until('a connection to each', () => count() >= 10);
  expect(count()).toBe(10);
});
