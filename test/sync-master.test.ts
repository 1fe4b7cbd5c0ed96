// The synchronisation of connections over the life of a director: followed through reloads, tried again, told once, ended.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SyncDaemon } from '../src/config/model.ts';
import { IpvsError } from '../src/errors.ts';
import { SyncMaster } from '../src/sync-master.ts';
import type { ConnectionSync } from '../src/system/connection-sync.ts';
import { LogLines } from './log-lines.ts';

const ONE: SyncDaemon = { interface: 'eth0', syncId: 1 };
const OTHER: SyncDaemon = { interface: 'eth9', syncId: 2 };
const RETRY_MS = 10_000;

/** A kernel's master, which starts over no interface that is away, takes as long as it is told to, and may refuse to stop. */
class Kernel implements ConnectionSync {
  running: SyncDaemon | undefined;
  readonly away = new Set<string>();
  refusesStop = false;
  gate: Promise<unknown> = Promise.resolve();
  readonly done: string[] = [];
  active = 0;
  most = 0;

  async start(settings: SyncDaemon): Promise<void> {
    await this.#visit(`start ${settings.interface} ${settings.syncId}`);
    // As IpvsadmSync: the old one is stopped before it is seen that the new one cannot be started.
    this.running = undefined;
    if (this.away.has(settings.interface)) throw new IpvsError(`${settings.interface}: No such device`);
    this.running = settings;
  }

  async stop(): Promise<void> {
    await this.#visit('stop');
    if (this.refusesStop) throw new IpvsError('Operation not permitted');
    this.running = undefined;
  }

  async #visit(what: string): Promise<void> {
    this.done.push(what);
    this.active++;
    this.most = Math.max(this.most, this.active);
    await this.gate;
    this.active--;
  }
}

function setUp() {
  const kernel = new Kernel();
  const log = new LogLines();
  return { kernel, log, master: new SyncMaster({ sync: kernel, log: () => log }) };
}

const STARTED = 'Connections are synchronised over eth0, syncid 1';
const ENDED = 'Connections are not synchronised any more';
const WRONG = 'error: Connections are not synchronised as they should be (syncdaemon):';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('follow', () => {
  test('starts, keeps through reloads that change nothing, exchanges, stops', async () => {
    const { kernel, log, master } = setUp();
    await master.follow(ONE);
    expect(kernel.running).toEqual(ONE);
    await master.follow({ ...ONE });
    await master.follow({ ...ONE, syncId: 5 });
    await master.follow(OTHER);
    await master.follow(undefined);
    await master.follow(ONE);
    await master.stop();
    expect(kernel.done).toEqual(['start eth0 1', 'start eth0 5', 'start eth9 2', 'stop', 'start eth0 1', 'stop']);
    expect(log.take()).toEqual([
      STARTED,
      'Connections are synchronised over eth0, syncid 5',
      'Connections are synchronised over eth9, syncid 2',
      ENDED,
      STARTED,
      ENDED,
    ]);
  });

  test('without syncdaemon nothing is asked, said or left: a master that the administrator runs is left alone', async () => {
    const { kernel, log, master } = setUp();
    await master.follow(undefined);
    await master.follow(undefined);
    await master.stop();
    expect([kernel.done, log.lines, vi.getTimerCount()]).toEqual([[], [], 0]);
  });

  test('one thing at a time, and what was wanted in between is left out', async () => {
    const { kernel, master } = setUp();
    let open = (): void => {};
    kernel.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const all = [master.follow(ONE), master.follow(OTHER), master.follow(undefined), master.follow(OTHER)];
    open();
    await Promise.all(all);
    expect(kernel.most).toBe(1);
    expect(kernel.running).toEqual(OTHER);
    expect(kernel.done.at(-1)).toBe('start eth9 2');
    expect(kernel.done).not.toContain('stop');
  });
});

describe('trouble', () => {
  test('an interface that comes up later: told once, tried again every ten seconds, its end told', async () => {
    const { kernel, log, master } = setUp();
    kernel.away.add('eth0');
    await master.follow(ONE);
    expect(log.take()).toEqual([`${WRONG} eth0: No such device`]);
    await vi.advanceTimersByTimeAsync(RETRY_MS - 1);
    expect(kernel.done).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3 * RETRY_MS);
    expect(kernel.done).toHaveLength(4);
    expect(log.take()).toEqual([]);
    kernel.away.clear();
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(kernel.running).toEqual(ONE);
    expect(log.take()).toEqual([STARTED]);
    expect(vi.getTimerCount()).toBe(0);
    // The next time it is news again.
    kernel.away.add('eth9');
    await master.follow(OTHER);
    expect(log.take()).toEqual([`${WRONG} eth9: No such device`]);
  });

  test('other words are told', async () => {
    const { kernel, log, master } = setUp();
    kernel.away.add('eth0').add('eth9');
    await master.follow(ONE);
    await master.follow(OTHER);
    expect(log.take()).toEqual([`${WRONG} eth0: No such device`, `${WRONG} eth9: No such device`]);
    expect(vi.getTimerCount()).toBe(1);
  });

  test('a reload goes back to what ran before an exchange that failed', async () => {
    const { kernel, log, master } = setUp();
    await master.follow(ONE);
    kernel.away.add('eth9');
    await master.follow(OTHER);
    expect(kernel.running).toBeUndefined();
    log.take();
    await master.follow(ONE);
    expect(kernel.running).toEqual(ONE);
    expect(log.take()).toEqual([STARTED]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a stop that is refused is told, and not tried again by itself', async () => {
    const { kernel, log, master } = setUp();
    await master.follow(ONE);
    kernel.refusesStop = true;
    log.take();
    await master.stop();
    expect(log.take()).toEqual([`${WRONG} Operation not permitted`]);
    expect(vi.getTimerCount()).toBe(0);
    kernel.refusesStop = false;
    await master.stop();
    expect(kernel.running).toBeUndefined();
    expect(log.take()).toEqual([ENDED]);
  });

  test('a stop after a start that failed leaves no master, whatever that start has done', async () => {
    const { kernel, master } = setUp();
    kernel.start = async (settings) => {
      kernel.running = settings;
      throw new IpvsError('no answer within 10 s');
    };
    await master.follow(ONE);
    await master.stop();
    expect(kernel.running).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a stop during a try that fails ends the tries', async () => {
    const { kernel, master } = setUp();
    let open = (): void => {};
    kernel.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    kernel.away.add('eth0');
    const following = master.follow(ONE);
    await vi.advanceTimersByTimeAsync(0);
    const stopped = master.stop();
    open();
    await Promise.all([following, stopped]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
