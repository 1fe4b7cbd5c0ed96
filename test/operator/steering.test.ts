// A daemon under the operator's orders, in this process: real checks of real listeners, the kernel's table in memory, the state in a file.
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../src/config/model.ts';
import { Daemon } from '../../src/daemon.ts';
import type { HeldDown } from '../../src/ipvs/desired.ts';
import { type Edit, editLine } from '../../src/ipvs/edit.ts';
import type { Member, Observer } from '../../src/observer.ts';
import { carryOut, type OrderRequest } from '../../src/operator/commands.ts';
import { State } from '../../src/operator/state.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { resolveHost } from '../../src/system/resolver.ts';
import { configOf } from '../config-of.ts';
import { LogLines } from '../log-lines.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { memberIn } from './members.ts';

/** Remembers what it was told. */
class NotingKernel extends MemoryKernel {
  readonly edits: string[] = [];

  override async apply(edits: readonly Edit[]): Promise<readonly string[]> {
    this.edits.push(...edits.map(editLine));
    return super.apply(edits);
  }

  /** `SERVER WEIGHT` for each. */
  get servers(): string[] {
    return [...this.table.values()].flatMap(({ destinations }) =>
      [...destinations].map(([name, { weight }]) => `${name} ${weight}`),
    );
  }
}

/** Intervals ten times as short as a configuration can say. */
function hurried(text: string): Config {
  const config = configOf(text);
  const virtuals = config.virtuals.map((each) => ({ ...each, checkIntervalMs: each.checkIntervalMs / 10 }));
  return { ...config, virtuals };
}

interface Circumstances {
  readonly kernel?: NotingKernel;
  readonly path?: string;
}

async function started(
  text: string,
  { kernel = new NotingKernel(), path = join(scratch(), 'a.state') }: Circumstances = {},
) {
  const log = new LogLines();
  const state = await State.open(path, () => log);
  /** What stands for maintenance: the reason that holds down every server. */
  const maintenance: { reason: string | undefined } = { reason: undefined };
  const heldDown: HeldDown = (virtual, real) => maintenance.reason ?? state.overrides.holdsDown(virtual, real);
  const told: string[] = [];
  const note = (word: string): void => void told.push(word);
  const observer: Observer = {
    checked: (_, { outcome }) => note(`checked ${outcome}`),
    changed: ({ message, inService }) => note(`changed ${inService}: ${message}`),
    turned: (_, turn) => note(`turned ${turn.state}`),
    held: (_, { reason }) => note(reason === undefined ? 'released' : `held ${reason}`),
  };
  const commands: string[] = [];
  const command = async (argv: readonly string[]) => {
    commands.push(argv.join(' '));
    return { code: 0, signal: null, stdout: '', stderr: '' };
  };
  const daemon = new Daemon(hurried(text), {
    ...{ kernel, log, heldDown, overrideOf: state.overrides.overrideOf, observers: [state.history, observer] },
    services: { resolve: resolveHost, command, ping: async () => ({ answered: false }) },
  });
  const end = async (): Promise<void> => {
    await daemon.stop();
    await state.close();
  };
  onTestFinished(() => end().catch(() => {}));
  await daemon.start();
  state.follow(daemon.facts(), Date.now());
  const parts = {
    ...{ config: () => daemon.config, overrides: state.overrides, heldDown, log: () => log },
    unkept: () => state.unkept(),
    holdsChanged: () => daemon.holdsChanged(),
    recheck: (members: readonly Member[]) => daemon.recheck(members),
    forgive: (member: Member) => daemon.forgive(member),
    trouble: () => daemon.trouble,
  };
  return {
    ...{ daemon, state, kernel, path, log, told, commands, end },
    order: (op: string, real = 'all', weight?: number) =>
      carryOut({ op, virtual: 'all', real, weight } as OrderRequest, parts, 'through the control socket'),
    hold: async (reason: string | undefined) => {
      maintenance.reason = reason;
      await daemon.holdsChanged();
    },
    reload: async (next: string) => {
      await daemon.reload(hurried(next), log);
      state.follow(daemon.facts(), Date.now());
    },
    reaches: (...servers: string[]) =>
      until(
        servers.join(', ') || 'no servers',
        () => kernel.servers.sort().join() === servers.sort().join(),
        () => [...kernel.servers, ...log.lines].join('\n'),
      ),
    history: (index = 0) =>
      state.history.of(memberIn(daemon.config, index)).map(({ to, reason }) => `${to} ${reason}`.trim()),
  };
}

const at = (server: WebServer): string => `127.0.0.1:${server.port}`;
const virtual = (servers: readonly WebServer[], more = ''): string =>
  `virtual = 10.0.0.1:80\n\tservice = http\n\treceive = "found"\n${more}${servers.map((each) => `\treal = ${at(each)} masq 3\n`).join('')}`;
const FAST = 'checkinterval = 1\nnegotiatetimeout = 5\n';
const SLOW = 'checkinterval = 600\nnegotiatetimeout = 5\n';

test('enable forgives a server that flaps: one check brings it back, not the eight that would be next', async () => {
  const [web, other] = [await WebServer.start(), await WebServer.start()];
  const { order, daemon, reaches } = await started(
    `flapdamping = yes\nquiescent = yes\n${FAST}${virtual([web, other])}`,
  );
  const [member] = daemon.config.virtuals.flatMap((each) => each.reals.map((real) => ({ virtual: each, real })));
  if (member === undefined) throw new Error('no server');
  const health = () => daemon.facts().healthOf(member.virtual, member.real);
  await reaches(`${at(web)} 3`, `${at(other)} 3`);
  for (const asked of [1, 2, 4, 8]) {
    web.mood = 'broken';
    await until(`it is asked for ${asked}`, () => health().state === 'down' && health().flaps?.asked === asked);
    web.mood = 'ok';
    if (asked < 8) await until('it is up', () => health().state === 'up');
  }
  await order('enable', at(web));
  await until('it is up', () => health().state === 'up' && health().flaps?.asked === undefined);
});

describe('drain', () => {
  test.each([['yes'], ['no']])(
    'quiescent = %s: weight 0, checks go on, and enable brings it back at once',
    async (quiescent) => {
      const web = await WebServer.start();
      const { order, kernel, reaches, told, history } = await started(
        `quiescent = ${quiescent}\n${FAST}${virtual([web])}`,
      );
      await reaches(`${at(web)} 3`);
      await order('drain');
      expect(kernel.servers).toEqual([`${at(web)} 0`]);
      expect(told.filter((word) => /^(held|changed false)/.test(word))).toEqual([
        'held drained by the operator',
        `changed false: Quiescent real server: ${at(web)} (10.0.0.1:80) (Weight set to 0)`,
      ]);
      const { hits } = web;
      await until('two more checks', () => web.hits > hits + 1);
      web.mood = 'broken';
      await until('it is found', () => told.includes('turned down'));
      web.mood = 'ok';
      await until(
        'it is found',
        () => told.at(-1) === 'checked up' && told.filter((word) => word === 'turned up').length === 2,
        () => told,
      );
      expect(kernel.servers).toEqual([`${at(web)} 0`]);
      await order('enable');
      expect(kernel.servers).toEqual([`${at(web)} 3`]);
      expect(history().map((line) => line.split(' ')[0])).toEqual(['up', 'held', 'down', 'up', 'released']);
    },
  );

  test('enabled while its checks fail it stays out until they do not', async () => {
    const web = await WebServer.start();
    const { order, kernel, reaches, told } = await started(FAST + virtual([web]));
    await reaches(`${at(web)} 3`);
    await order('drain');
    web.mood = 'broken';
    await until('it is found', () => told.includes('turned down'));
    await order('enable');
    expect(kernel.servers).toEqual([]);
    web.mood = 'ok';
    await reaches(`${at(web)} 3`);
  });

  test('of all: the fallback has the traffic, and its command is told', async () => {
    const [one, two] = [await WebServer.start(), await WebServer.start()];
    const more = '\tfallback = 127.0.0.1:9 masq\n\tfallbackcommand = /bin/fallback\n';
    const { order, kernel, reaches, commands } = await started(FAST + virtual([one, two], more));
    await reaches(`${at(one)} 3`, `${at(two)} 3`);
    await order('drain', at(one));
    expect(kernel.servers).toEqual([`${at(one)} 0`, `${at(two)} 3`]);
    await order('drain');
    expect(kernel.servers).toEqual([`${at(one)} 0`, `${at(two)} 0`, '127.0.0.1:9 1']);
    await order('enable', at(two));
    expect(kernel.servers).toEqual([`${at(one)} 0`, `${at(two)} 3`]);
    await until('both words', () => commands.length === 3);
    expect(commands).toEqual(['stop', 'start', 'stop'].map((word) => `/bin/fallback ${word} 10.0.0.1:80 tcp`));
  });
});

test.each([
  ['yes', (name: string) => [`${name} 0`]],
  ['no', () => []],
])('disable, quiescent = %s: out as after a failed check', async (quiescent, out) => {
  const web = await WebServer.start();
  const { order, kernel, reaches } = await started(`quiescent = ${quiescent}\n${FAST}${virtual([web])}`);
  await reaches(`${at(web)} 3`);
  await order('disable');
  expect(kernel.servers).toEqual(out(at(web)));
  await order('enable');
  expect(kernel.servers).toEqual([`${at(web)} 3`]);
});

test('weight: while it is up, and after it was down', async () => {
  const web = await WebServer.start();
  const { order, kernel, reaches, told } = await started(`quiescent = yes\n${FAST}${virtual([web])}`);
  await reaches(`${at(web)} 3`);
  await order('weight', 'all', 50);
  expect(kernel.servers).toEqual([`${at(web)} 50`]);
  web.mood = 'broken';
  await reaches(`${at(web)} 0`);
  web.mood = 'ok';
  await reaches(`${at(web)} 50`);
  await order('enable');
  expect(kernel.servers).toEqual([`${at(web)} 3`]);
  expect(told.filter((word) => /held|released/.test(word))).toEqual([]);
});

describe('orders last', () => {
  test('over a reload', async () => {
    const web = await WebServer.start();
    const text = FAST + virtual([web]);
    const { order, kernel, reaches, reload } = await started(text);
    await reaches(`${at(web)} 3`);
    await order('drain');
    await reload(`${text}\tscheduler = rr\n`);
    expect(kernel.servers).toEqual([`${at(web)} 0`]);
    await order('weight', 'all', 7);
    await reload(text);
    expect(kernel.servers).toEqual([`${at(web)} 7`]);
  });

  test('while its server is not configured', async () => {
    const [one, two] = [await WebServer.start(), await WebServer.start()];
    const both = FAST + virtual([one, two]);
    const { order, kernel, reaches, reload } = await started(both);
    await reaches(`${at(one)} 3`, `${at(two)} 3`);
    await order('disable', at(two));
    await reload(FAST + virtual([one]));
    await reload(both);
    const { hits } = two;
    await until('it is checked', () => two.hits > hits + 1);
    expect(kernel.servers).toEqual([`${at(one)} 3`]);
  });

  test.each([
    ['a restart', (kernel: NotingKernel) => kernel],
    ['a boot', () => new NotingKernel()],
  ])('over %s, in which who is drained never has traffic, and the history goes on', async (_, kernelAfter) => {
    const [drained, other] = [await WebServer.start(), await WebServer.start()];
    const text = `quiescent = yes\n${FAST}${virtual([drained, other])}`;
    const first = await started(text);
    await first.reaches(`${at(drained)} 3`, `${at(other)} 3`);
    await first.order('drain', at(drained));
    await first.order('weight', at(other), 9);
    await first.end();
    const before = first.history();
    const kernel = kernelAfter(first.kernel);
    kernel.edits.length = 0;
    const { hits } = drained;
    const second = await started(text, { kernel, path: first.path });
    await until('two checks', () => drained.hits > hits + 1);
    await second.reaches(`${at(drained)} 0`, `${at(other)} 9`);
    expect(kernel.edits.filter((line) => line.includes(at(drained)) && !line.endsWith('-w 0'))).toEqual([]);
    expect(second.history()).toEqual(before);
    expect(before.map((line) => line.split(' ')[0])).toEqual(['up', 'held']);
    await second.order('enable', at(drained));
    expect(kernel.servers.sort()).toEqual([`${at(drained)} 3`, `${at(other)} 9`].sort());
  });

  test('a maintenance that ended while nobody looked is told of', async () => {
    const web = await WebServer.start();
    const first = await started(FAST + virtual([web]));
    await first.reaches(`${at(web)} 3`);
    await first.hold('maintenance: file x');
    await first.end();
    const second = await started(FAST + virtual([web]), { kernel: first.kernel, path: first.path });
    await second.reaches(`${at(web)} 3`);
    expect(second.history().map((line) => line.split(' ')[0])).toEqual(['up', 'held', 'released']);
  });
});

test('maintenance and an order at once: each ends by itself', async () => {
  const web = await WebServer.start();
  const { order, hold, kernel, reaches, history } = await started(`quiescent = yes\n${FAST}${virtual([web])}`);
  await reaches(`${at(web)} 3`);
  await order('drain');
  await hold('maintenance: file x');
  await order('enable');
  expect(kernel.servers).toEqual([`${at(web)} 0`]);
  await order('drain');
  await hold(undefined);
  expect(kernel.servers).toEqual([`${at(web)} 0`]);
  await order('enable');
  expect(kernel.servers).toEqual([`${at(web)} 3`]);
  expect(history().slice(1)).toEqual([
    'held drained by the operator',
    'held maintenance: file x',
    'held drained by the operator',
    'released',
  ]);
});

describe('recheck', () => {
  test('checks at once, whatever the interval', async () => {
    const web = await WebServer.start();
    const { order, kernel, reaches, daemon } = await started(SLOW + virtual([web]));
    await reaches(`${at(web)} 3`);
    web.mood = 'broken';
    await order('recheck');
    await reaches();
    web.mood = 'ok';
    await order('recheck');
    await reaches(`${at(web)} 3`);
    expect(web.hits).toBe(3);
    expect(kernel.edits).toHaveLength(4);
    expect(daemon.stuck()).toBeUndefined();
  });

  test('only whom it names', async () => {
    const [one, two] = [await WebServer.start(), await WebServer.start()];
    const { order, reaches } = await started(SLOW + virtual([one, two]));
    await reaches(`${at(one)} 3`, `${at(two)} 3`);
    await order('recheck', at(two));
    await until('it is checked', () => two.hits === 2);
    expect(one.hits).toBe(1);
  });
});

test('observers: each check once, then what it made of the server, then what became of the table; every turn is one', async () => {
  const web = await WebServer.start();
  const { told, order, reaches } = await started(`quiescent = yes\n${FAST}${virtual([web], '\tfailurecount = 2\n')}`);
  for (let round = 0; round < 3; round++) {
    web.mood = 'ok';
    await reaches(`${at(web)} 3`);
    await order('drain');
    await order('drain');
    await order('enable');
    web.mood = 'broken';
    await reaches(`${at(web)} 0`);
  }
  for (const [index, word] of told.entries()) {
    if (word.startsWith('turned')) expect(told[index - 1]).toBe(word.replace('turned', 'checked'));
  }
  const only = (pattern: RegExp): string[] => told.filter((word) => pattern.test(word));
  expect(only(/^turned/)).toEqual(
    Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? 'turned up' : 'turned down')),
  );
  expect(only(/^(held|released)/)).toEqual(
    Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? 'held drained by the operator' : 'released')),
  );
  await until('a result of each check', () => only(/^checked/).length === web.hits);
});
