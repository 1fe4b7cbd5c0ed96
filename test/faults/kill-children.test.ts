// An ipvsadm that is still at work when its daemon is killed: it has whole lines only, and it changes nothing any more once the next
// start or stop is at work.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { begun, ordersFor, recover, startServers } from './kill-runs.ts';
import { KillSite } from './kill-site.ts';

/** Of a slow ipvsadm, for each line: it has a second or more to go when its daemon is killed. */
const LINE_MS = 1_500;
const TEST_MS = 60_000;

async function siteWith(quiescent: boolean): Promise<KillSite> {
  const servers = await startServers();
  const site = new KillSite({ servers, quiescent, remains: await ordersFor(servers) });
  onTestFinished(() => site.close());
  site.configure('before');
  return site;
}

/** Waits until an ipvsadm has begun with its lines. */
async function inBatch(site: KillSite, mark: number): Promise<void> {
  await site.until('the first change', () => site.changes > mark);
  site.healIpvsadm();
}

test('of a reload that is taken back: the next start ends it', { timeout: TEST_MS }, async () => {
  const site = await siteWith(true);
  const daemon = site.launch();
  await begun(site, daemon, 'before');
  const mark = site.changes;
  site.ipvsadmFault = `slow ${LINE_MS}`;
  site.configure('after');
  daemon.signal('SIGHUP');
  await inBatch(site, mark);
  await daemon.kill();
  // It, and the shell that has started it.
  expect(site.pids()).toHaveLength(2);
  site.configure('before');
  expect(await recover(site, 'before', 'by actions')).toEqual([]);
});

test('of a stop: the next start ends it', { timeout: TEST_MS }, async () => {
  const site = await siteWith(false);
  const daemon = site.launch();
  await begun(site, daemon, 'before');
  const mark = site.changes;
  site.ipvsadmFault = `slow ${LINE_MS}`;
  daemon.signal('SIGTERM');
  await inBatch(site, mark);
  await daemon.kill();
  expect(site.pids()).toHaveLength(2);
  expect(await recover(site, 'before', 'by actions')).toEqual([]);
});

test('of a start: a stop ends it, and leaves nothing', { timeout: TEST_MS }, async () => {
  const site = await siteWith(true);
  site.ipvsadmFault = `slow ${LINE_MS}`;
  const daemon = site.launch();
  await inBatch(site, 0);
  await daemon.kill();
  expect(site.pids()).toHaveLength(1);
  expect(await site.run('stop')).toMatchObject({ code: 0 });
  expect(site.isCleared).toBe(true);
  expect(site.pids()).toEqual([]);
  expect(await recover(site, 'before', 'by actions')).toEqual([]);
});

test('the shell that waits to start the next one ends by itself', { timeout: TEST_MS }, async () => {
  const site = await siteWith(true);
  const daemon = site.launch();
  await begun(site, daemon, 'before');
  await site.until('the shell', () => site.pids().length === 2);
  await daemon.kill();
  await site.until('its end', () => site.pids().length === 0);
});

test('a service that a reload was to remove is also removed by a stop', { timeout: TEST_MS }, async () => {
  const site = await siteWith(true);
  const daemon = site.launch();
  await begun(site, daemon, 'before');
  await daemon.kill();
  site.configure('after');
  const plan = await site.run('plan');
  expect(plan.stdout).toMatch(/^ipvsadm -D -t 10\.1\.0\.2:80 +# not in the configuration any more$/m);
  expect((await site.run('stop')).code).toBe(0);
  expect(site.isCleared).toBe(true);
  expect(site.left).toEqual(['pid.state']);
});

const MANY = 8_000;
/** Takes a line, and the others when it may. */
const WAITS = `#!/bin/sh
dir=$(dirname "$0")
[ "$1" = -R ] || exit 0
read -r first
echo "$first" >"$dir/told"
while [ -e "$dir/fault" ]; do sleep 0.05; done
cat >>"$dir/told"
`;

test('told of thousands of servers, it has read no half line', { timeout: TEST_MS }, async () => {
  const site = await siteWith(true);
  const addresses = Array.from({ length: MANY }, (_, index) => `10.2.${index >> 8}.${index & 255}:80`);
  const reals = addresses.map((address) => `\treal = ${address} masq 12345\n`).join('');
  writeFileSync(site.config, `virtual = 10.1.0.1:80\n\tchecktype = on\n\tscheduler = wrr\n${reals}`, { mode: 0o644 });
  writeFileSync(join(site.dir, 'ipvsadm'), WAITS);
  chmodSync(join(site.dir, 'ipvsadm'), 0o755);
  site.ipvsadmFault = 'waits';
  const daemon = site.launch();
  await site.until('an ipvsadm that is told', () => existsSync(join(site.dir, 'told')));
  await daemon.kill();
  rmSync(join(site.dir, 'fault'));
  await site.until('its end', () => site.pids().length === 0);
  const whole = new Set([
    '-A -t 10.1.0.1:80 -s wrr',
    ...addresses.map((each) => `-a -t 10.1.0.1:80 -r ${each} -m -w 12345`),
  ]);
  const told = readFileSync(join(site.dir, 'told'), 'utf8').split('\n').filter(Boolean);
  expect(told.length).toBeGreaterThan(100);
  expect(told.filter((line) => !whole.has(line))).toEqual([]);
});
