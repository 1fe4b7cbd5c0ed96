// What runs of a KillSite have in common: their real servers and orders, and what has to be true once a kill is over.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { DaemonSnapshot } from '../../src/status/snapshot.ts';
import { WebServer } from '../web-server.ts';
import {
  KillSite,
  type Launched,
  type LayoutName,
  ORDERED_WEIGHT,
  type Remains,
  SERVERS,
  type Servers,
} from './kill-site.ts';

const AT_ONCE = 4;

/** Waits until the daemon has started and its table is right, or until it has ended. */
export async function begun(site: KillSite, daemon: Launched, layout: LayoutName): Promise<void> {
  const isDone = () => site.isRight(layout) && site.said.includes('Started; checking');
  await site.until(`a start with what is configured ${layout}`, () => daemon.hasEnded || isDone());
}

/** Starts the program after a kill, asks it, and stops it, the latter two by its own actions or quicker; returns what is wrong then. */
export async function recover(site: KillSite, layout: LayoutName, how: 'by actions' | 'quickly'): Promise<string[]> {
  const byActions = how === 'by actions';
  const wrong: string[] = [];
  const mark = site.changes;
  site.said = '';
  const daemon = site.launch();
  await begun(site, daemon, layout);
  if (daemon.hasEnded) return ['the start after it failed', site.said];
  const shown = byActions ? await statusOf(site) : await site.ask();
  wrong.push(...troublesIn(site, shown));
  if (site.left.join() !== 'pid,pid.sock,pid.state') wrong.push(`left while it runs: ${site.left}`);
  if (!site.isRight(layout)) wrong.push(`not right any more\n${site.table.join('\n')}`);
  wrong.push(...site.harm(layout, mark));
  if (byActions) expect((await site.run('stop')).code).toBe(0);
  else daemon.signal('SIGTERM');
  await daemon.ended;
  if (daemon.exitCode !== 0) wrong.push(`the daemon ended with ${daemon.exitCode}`);
  if (!site.isCleared) wrong.push(`after the stop there is still\n${site.table.join('\n')}`);
  if (site.left.join() !== 'pid.state') wrong.push(`left after the stop: ${site.left}`);
  if (site.pids().length > 0) wrong.push(`processes: ${site.pids()}`);
  return wrong;
}

async function statusOf(site: KillSite): Promise<DaemonSnapshot> {
  const { code, stdout } = await site.run('status', '--json');
  expect(code).toBe(0);
  return JSON.parse(stdout) as DaemonSnapshot;
}

function troublesIn(site: KillSite, shown: DaemonSnapshot): string[] {
  const isFine = shown.pid === site.pid && shown.state === 'running' && shown.trouble === undefined;
  const servers = shown.virtuals.flatMap((virtual) => virtual.servers);
  const differing = servers.flatMap(({ name, differs }) => (differs === undefined ? [] : [`${name}: ${differs}`]));
  return isFine ? differing : [`it shows ${JSON.stringify(shown)}`];
}

/** As their names say; gone with the test. */
export async function startServers(): Promise<Servers> {
  const started = await Promise.all(SERVERS.map(async (name) => [name, await WebServer.start()] as const));
  const servers = Object.fromEntries(started) as Servers;
  servers.broken.mood = 'broken';
  return servers;
}

/** The state file after the operator's orders. */
export async function ordersFor(servers: Servers): Promise<Remains> {
  const site = new KillSite({ servers, quiescent: true });
  try {
    site.configure('before');
    const daemon = site.launch();
    await site.until('a daemon to be ordered', () => site.said.includes('Started; checking'));
    const drained = await site.run('drain', ...site.named('drained'));
    const weighted = await site.run('weight', ...site.named('weighted'), `${ORDERED_WEIGHT}`);
    expect([drained.code, weighted.code]).toEqual([0, 0]);
    expect((await site.run('stop')).code).toBe(0);
    await daemon.ended;
    return [['pid.state', readFileSync(join(site.dir, 'pid.state'), 'utf8')]];
  } finally {
    site.close();
  }
}

/** Does a job for each of them, some at once. */
export async function inPool<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) await job(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
