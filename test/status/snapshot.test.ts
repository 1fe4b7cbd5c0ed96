// What is told of a service and its servers, what is told of the kernel's table, and that a large one delays nobody.
import { describe, expect, test } from 'vitest';
import type { Virtual } from '../../src/config/model.ts';
import type { Health } from '../../src/health/health.ts';
import { memberKey, type Override } from '../../src/ipvs/desired.ts';
import { type Listing, parseProcListing } from '../../src/ipvs/save-format.ts';
import type { DaemonHead, Facts, VirtualSnapshot } from '../../src/status/snapshot.ts';
import { snapshotText, VirtualView } from '../../src/status/view.ts';
import { configOf } from '../config-of.ts';
import { usedMs } from '../loop-holds.ts';
import { configWith } from '../operator/members.ts';

const UP: Health = { state: 'up', failures: 0, reason: 'HTTP 200 OK', since: 5 };
const DOWN: Health = { ...UP, state: 'down', reason: 'refused' };

interface Circumstances {
  readonly health?: Health;
  readonly override?: Override;
  readonly heldDown?: string;
  readonly options?: string;
}

function factsFor(text: string, { health = UP, override, heldDown }: Circumstances = {}): Facts {
  return {
    config: configOf(text),
    healthOf: () => health,
    lastCheckOf: () => ({ at: 7, durationMs: 1.5, outcome: 'up', detail: 'HTTP 200 OK' }),
    stateOf: () => (heldDown === undefined ? health.state : 'down'),
    heldDown: () => heldDown,
    overrideOf: () => override,
  };
}

const VIRTUAL = 'virtual = 10.0.0.1:80\n\tservice = http\n\treal = 10.0.0.2:80 masq 3\n';
const FALLBACK = 'fallback = 10.0.0.9:80 masq\n';

/** As in /proc/net/ip_vs: `10.0.0.2:80 Masq 3`. */
function listed(...servers: readonly string[]): Listing {
  const hex = (endpoint: string): string => {
    const [address = '', port] = endpoint.split(':');
    const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
    return `${bytes.join('')}:${Number(port).toString(16).padStart(4, '0')}`.toUpperCase();
  };
  const lines = servers.map((server) => {
    const [endpoint = '', method, weight] = server.split(' ');
    return `  -> ${hex(endpoint)}      ${method}    ${weight}      12         34`;
  });
  return parseProcListing(['TCP  0A000001:0050 wrr', ...lines].join('\n'));
}

function virtualSnapshot(virtual: Virtual, facts: Facts, listing: Listing | undefined): VirtualSnapshot {
  return JSON.parse([...new VirtualView(virtual, facts, listing).texts()].join(''));
}

function snapshotOf(text: string, listing: Listing | undefined, more?: Circumstances): VirtualSnapshot {
  const facts = factsFor(text, more);
  const [virtual] = facts.config.virtuals;
  if (virtual === undefined) throw new Error('no virtual');
  return virtualSnapshot(virtual, facts, listing);
}

test('all that is known', () => {
  expect(snapshotOf(FALLBACK + VIRTUAL, listed('10.0.0.2:80 Masq 3'))).toEqual({
    key: 'tcp:10.0.0.1:80',
    name: '10.0.0.1:80',
    protocol: 'tcp',
    scheduler: 'wrr',
    persistentSeconds: 0,
    failureCount: 1,
    servers: [
      {
        name: '10.0.0.2:80',
        ...UP,
        weight: 3,
        forwarding: 'masq',
        lastCheck: { at: 7, durationMs: 1.5, outcome: 'up', detail: 'HTTP 200 OK' },
        kernel: { forwarding: 'masq', weight: 3, activeConnections: 12, inactiveConnections: 34 },
      },
    ],
    fallback: { name: '10.0.0.9:80', active: false },
  });
});

describe('how the kernel differs', () => {
  const drained: Circumstances = { override: { kind: 'drain' }, heldDown: 'drained by the operator' };
  test.each<[string, string, Listing | undefined, Circumstances, string | undefined, string | undefined]>([
    ['as it should be', VIRTUAL, listed('10.0.0.2:80 Masq 3'), {}, undefined, undefined],
    ['not to be looked at', VIRTUAL, undefined, {}, undefined, undefined],
    ['nothing there', VIRTUAL, new Map(), {}, 'it is not in the kernel', undefined],
    ['a server is missing', VIRTUAL, listed(), {}, undefined, 'it is not in the kernel'],
    ['another weight', VIRTUAL, listed('10.0.0.2:80 Masq 0'), {}, undefined, 'weight 0 in the kernel, 3 wanted'],
    ['another method', VIRTUAL, listed('10.0.0.2:80 Route 3'), {}, undefined, 'gate in the kernel, masq wanted'],
    ['a server of this machine', VIRTUAL, listed('10.0.0.2:80 Local 3'), {}, undefined, undefined],
    ['down and gone', VIRTUAL, listed(), { health: DOWN }, undefined, undefined],
    [
      'down and there',
      VIRTUAL,
      listed('10.0.0.2:80 Masq 3'),
      { health: DOWN },
      undefined,
      'it is in the kernel with weight 3, and should not be',
    ],
    [
      'down, quiescent',
      `quiescent = yes\n${VIRTUAL}`,
      listed('10.0.0.2:80 Masq 0'),
      { health: DOWN },
      undefined,
      undefined,
    ],
    ['not known yet', VIRTUAL, listed(), { health: { ...UP, state: 'unknown' } }, undefined, undefined],
    ['drained', VIRTUAL, listed('10.0.0.2:80 Masq 0'), drained, undefined, undefined],
    ['drained, and was gone', VIRTUAL, listed(), drained, undefined, undefined],
    ['drained in vain', VIRTUAL, listed('10.0.0.2:80 Masq 3'), drained, undefined, 'weight 3 in the kernel, 0 wanted'],
    [
      'another weight ordered',
      VIRTUAL,
      listed('10.0.0.2:80 Masq 3'),
      { override: { kind: 'weight', weight: 9 } },
      undefined,
      'weight 3 in the kernel, 9 wanted',
    ],
    [
      'somebody else',
      VIRTUAL,
      listed('10.0.0.2:80 Masq 3', '10.0.0.7:80 Masq 1', '10.0.0.8:80 Masq 1'),
      {},
      'the kernel also has 10.0.0.7:80, 10.0.0.8:80',
      undefined,
    ],
    [
      'very many others',
      VIRTUAL,
      listed('10.0.0.2:80 Masq 3', ...[11, 12, 13, 14, 15, 16, 17].map((last) => `10.0.0.${last}:80 Masq 1`)),
      {},
      'the kernel also has 10.0.0.11:80, 10.0.0.12:80, 10.0.0.13:80, 10.0.0.14:80, 10.0.0.15:80, and 2 more',
      undefined,
    ],
    ['the fallback serves', FALLBACK + VIRTUAL, listed('10.0.0.9:80 Masq 1'), { health: DOWN }, undefined, undefined],
    [
      'the fallback should serve',
      FALLBACK + VIRTUAL,
      listed(),
      { health: DOWN },
      'the fallback 10.0.0.9:80: it is not in the kernel',
      undefined,
    ],
    [
      'the fallback serves, and need not',
      FALLBACK + VIRTUAL,
      listed('10.0.0.2:80 Masq 3', '10.0.0.9:80 Masq 1'),
      {},
      'the fallback 10.0.0.9:80: it is in the kernel with weight 1, and should not be',
      undefined,
    ],
    [
      'the fallback is one of the servers',
      `fallback = 10.0.0.2:80 masq\n${VIRTUAL}`,
      listed('10.0.0.2:80 Masq 1'),
      { health: DOWN },
      undefined,
      undefined,
    ],
  ])('%s', (_, text, listing, more, service, server) => {
    const snapshot = snapshotOf(text, listing, more);
    expect(snapshot.differs).toBe(service);
    expect(snapshot.servers[0]?.differs).toBe(server);
  });

  test('a mark of both address families: the servers of the other are no strangers', () => {
    const four = 'virtual = 7\n\tservice = http\n\treal = 10.0.0.2:80 gate\n';
    const six = 'virtual6 = 7\n\tservice = http\n\treal6 = [fd00::2]:80 gate\n';
    const facts = factsFor(four + six);
    const listing = parseProcListing(
      'FWM  00000007 wrr\n  -> 0A000002:0050      Route    1      0         0\nFWM  00000007 wrr\n  -> [fd00:0000:0000:0000:0000:0000:0000:0002]:0050      Route    1      0         0\n',
    );
    const found = facts.config.virtuals.map((virtual) => virtualSnapshot(virtual, facts, listing));
    expect(found.map(({ key, differs, servers }) => [key, differs, servers[0]?.differs])).toEqual([
      ['fwm:7', undefined, undefined],
      ['fwm6:7', undefined, undefined],
    ]);
  });
});

describe('as text', () => {
  const HEAD: DaemonHead = {
    ...{ version: '1', pid: 1, path: '/a.cf', state: 'running', startedAt: 1, configuredAt: 2 },
    trouble: 'a "quoted" trouble',
  };

  async function textOf(facts: Facts, listing: Listing | undefined): Promise<string> {
    const pieces: string[] = [];
    const viewOf = (virtual: Virtual) => new VirtualView(virtual, facts, listing);
    for await (const piece of snapshotText(HEAD, facts.config.virtuals, viewOf)) pieces.push(piece);
    return pieces.join('');
  }

  test.each([[[]], [[0]], [[1]], [[2, 0, 3]]])('%j servers: the pieces are the JSON of the whole', async (counts) => {
    const facts: Facts = {
      ...factsFor(VIRTUAL, { health: { ...UP, reason: 'ü " \n \u2028' } }),
      config: configWith(...counts),
    };
    const virtuals = facts.config.virtuals.map((virtual) => virtualSnapshot(virtual, facts, new Map()));
    expect(virtuals.map(({ servers }) => servers.length)).toEqual(counts);
    expect(await textOf(facts, new Map())).toBe(JSON.stringify({ ...HEAD, virtuals }));
  });

  test.each([
    ['a thousand services with ten servers', Array.from({ length: 1_000 }, () => 10)],
    ['one service with ten thousand servers', [10_000]],
  ])('%s: others get their turn every few milliseconds', async (_, counts) => {
    const facts: Facts = { ...factsFor(VIRTUAL), config: configWith(...counts) };
    const viewOf = (virtual: Virtual) => new VirtualView(virtual, facts, new Map());
    const held: number[] = [];
    let bytes = 0;
    let last = usedMs();
    for await (const piece of snapshotText(HEAD, facts.config.virtuals, viewOf)) {
      bytes += piece.length;
      held.push(usedMs() - last);
      last = usedMs();
    }
    expect(bytes).toBeGreaterThan(1_500_000);
    expect(held.length).toBeGreaterThan(3);
    // Single ones are longer by what the compiler and the collector take.
    expect(held.sort((a, b) => a - b)[held.length >> 1]).toBeLessThan(12);
  });

  test('what is asked of each server is asked for each look anew', () => {
    const config = configWith(2);
    const [virtual] = config.virtuals;
    if (virtual === undefined) throw new Error('no virtual');
    const states = new Map([[memberKey(virtual, virtual.reals[0] as never), DOWN]]);
    const facts: Facts = {
      ...{ ...factsFor(VIRTUAL), config },
      healthOf: (each, real) => states.get(memberKey(each, real)) ?? UP,
    };
    const look = (): string[] => virtualSnapshot(virtual, facts, undefined).servers.map(({ state }) => state);
    expect(look()).toEqual(['down', 'up']);
    states.clear();
    expect(look()).toEqual(['up', 'up']);
  });
});
