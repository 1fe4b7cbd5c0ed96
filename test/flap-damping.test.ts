// Flap damping in a daemon in this process: real checks of real listeners on loopback, the kernel's table in memory.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../src/config/model.ts';
import { Daemon } from '../src/daemon.ts';
import { dampingWords } from '../src/health/damping.ts';
import type { Member, Observer } from '../src/observer.ts';
import { VirtualView } from '../src/status/view.ts';
import { MemoryKernel } from '../src/system/memory-kernel.ts';
import { resolveHost } from '../src/system/resolver.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { until } from './until.ts';
import { WebServer } from './web-server.ts';

const INTERVAL_MS = 40;
const VIP = '10.0.0.1:80';

function hurried(text: string): Config {
  const config = configOf(text);
  const hurry = (ms: number): number => (ms > 1_000 ? ms : INTERVAL_MS);
  return {
    ...config,
    virtuals: config.virtuals.map((each) => ({ ...each, checkIntervalMs: hurry(each.checkIntervalMs) })),
  };
}

async function started(text: string) {
  const kernel = new MemoryKernel(new Map());
  const log = new LogLines();
  const held = new Map<string, string>();
  /** What a mail would tell. */
  const changes: string[] = [];
  const turns: string[] = [];
  /** Checks that have ended, by the server's port. */
  const checks = new Map<number, number>();
  const observer: Observer = {
    changed: ({ message }) => void changes.push(message),
    turned: ({ real }, { state }) => void turns.push(`${real.port} ${state}`),
    checked({ virtual, real: { port } }) {
      if (virtual.port === 80) checks.set(port, (checks.get(port) ?? 0) + 1);
    },
  };
  const services = {
    resolve: resolveHost,
    command: () => Promise.reject(new Error('none here')),
    ping: async () => ({ answered: false }),
  };
  const daemon = new Daemon(hurried(text), {
    ...{ kernel, log, services, observers: [observer] },
    heldDown: (_, { port }) => held.get(String(port)),
  });
  onTestFinished(() => daemon.stop());
  await daemon.start();
  await daemon.firstRound(5_000);
  const memberAt = ({ port }: WebServer): Member => {
    for (const virtual of daemon.config.virtuals)
      for (const real of virtual.reals) if (real.port === port) return { virtual, real };
    throw new Error(`no server at ${port}`);
  };
  const healthOf = (web: WebServer) => {
    const { virtual, real } = memberAt(web);
    return daemon.facts().healthOf(virtual, real);
  };
  return {
    ...{ daemon, kernel, log, held, changes, turns, memberAt, healthOf },
    /** What show, top and the page are told of it. */
    seen: (web: WebServer) => {
      const { virtual, real } = memberAt(web);
      return new VirtualView(virtual, daemon.facts(), undefined).server(real);
    },
    /** Has it checked so often, + passed and - failed, by order instead of by time; what it was after each, U up and D down. */
    async run(web: WebServer, results: string): Promise<string> {
      let states = '';
      for (const result of results) {
        web.mood = result === '+' ? 'ok' : 'broken';
        const before = web.hits;
        daemon.recheck([memberAt(web)]);
        await until('its check', () => web.hits > before && checks.get(web.port) === web.hits);
        states += healthOf(web).state === 'up' ? 'U' : 'D';
      }
      return states;
    },
    weights: () =>
      [...kernel.table.values()].flatMap(({ destinations }) => [...destinations.values()].map(({ weight }) => weight)),
    reload: (next: string) => daemon.reload(hurried(next), log),
  };
}

const damped = (servers: readonly WebServer[], more = '', check = 'receive = "found"'): string =>
  `virtual = ${VIP}\n\tservice = http\n\t${check}\n${more}${servers
    .map(({ port }) => `\treal = 127.0.0.1:${port} masq 3\n`)
    .join('')}`;
const ON = 'flapdamping = yes\nquiescent = yes\nnegotiatetimeout = 5\n';
const OFF = ON.replace('yes', 'no');
const RHYTHM = 'checkinterval = 1\n';
/** Nothing is checked but by order. */
const BY_ORDER = 'checkinterval = 600\n';
const flapLines = ({ lines }: LogLines): string[] => lines.filter((line) => line.includes('flap'));

/** Answers well so many times, then fails once, and so on; the count of its answers is in `hits`. */
async function failingAfter(count: number): Promise<WebServer> {
  const web = await WebServer.start();
  const moodAt = (hits: number): WebServer['mood'] => (hits % (count + 1) === count ? 'broken' : 'ok');
  let hits = 0;
  Object.defineProperty(web, 'hits', {
    get: () => hits,
    set: (value: number) => {
      web.mood = moodAt(hits);
      hits = value;
    },
  });
  return web;
}

describe('at its own rhythm', () => {
  test('a server that alternates every check is out, and told of once', async () => {
    const [web, steady] = [await failingAfter(1), await WebServer.start()];
    const { log, turns, changes, weights, seen } = await started(ON + RHYTHM + damped([web, steady]));
    await until('twenty checks', () => web.hits >= 20);
    expect(turns.filter((turn) => turn.startsWith(`${web.port}`)).map((turn) => turn.split(' ')[1])).toEqual([
      ...['up', 'down', 'up', 'down'],
    ]);
    // What is mailed.
    expect(changes.filter((message) => message.includes(`:${web.port} `))).toHaveLength(4);
    expect(weights()).toEqual([0, 3]);
    expect(flapLines(log)).toHaveLength(1);
    expect(flapLines(log)[0]).toMatch(
      new RegExp(
        `^Real server 127.0.0.1:${web.port} \\(10.0.0.1:80\\) flaps: went down 2 times in \\d+ s; comes back after 2 successes in a row$`,
      ),
    );
    expect(seen(web)).toMatchObject({ state: 'down', damping: { downs: 2, successesNeeded: 2 } });
    expect(seen(steady)).not.toHaveProperty('damping');
  });

  test('one that fails after every sixth check comes up four times, then no more', async () => {
    const [web, steady] = [await failingAfter(6), await WebServer.start()];
    const { turns, log } = await started(ON + RHYTHM + damped([web, steady]));
    await until('sixty checks', () => web.hits >= 60);
    expect(turns.filter((turn) => turn === `${web.port} up`)).toHaveLength(4);
    expect(flapLines(log).map((line) => line.split('after ')[1])).toEqual([
      ...['2 successes in a row', '4 successes in a row', '8 successes in a row'],
    ]);
  });

  test.for([OFF, OFF.replace('flapdamping = no\n', '')])('off (%j) it goes up and down as ever', async (off) => {
    const [web, steady] = [await failingAfter(1), await WebServer.start()];
    const { turns, log, healthOf } = await started(off + RHYTHM + damped([web, steady]));
    await until('twenty checks', () => web.hits >= 20);
    expect(turns.filter((turn) => turn.startsWith(`${web.port}`)).length).toBeGreaterThanOrEqual(19);
    expect(flapLines(log)).toEqual([]);
    expect(healthOf(web)).not.toHaveProperty('flaps');
  });
});

describe('where nobody else serves', () => {
  test('a lone server is asked for two in a row, never for more', async () => {
    const web = await WebServer.start();
    const { run, weights, log } = await started(ON + BY_ORDER + damped([web]));
    expect(await run(web, '-+-+-+')).toBe('DUDDDD');
    expect(await run(web, '+-++-++-++')).toBe('UDDUDDUDDU');
    await until('its weight', () => weights()[0] === 3);
    expect(new Set(flapLines(log).map((line) => line.split('after ')[1]))).toEqual(new Set(['2 successes in a row']));
  });

  test('the last one to go down eases the others, in the log, too', async () => {
    const [web, other] = [await WebServer.start(), await WebServer.start()];
    const { run, log } = await started(ON + BY_ORDER + damped([web, other]));
    expect(await run(web, '-+-++-++')).toBe('DUDDUDDD');
    expect(await run(other, '-')).toBe('D');
    expect(flapLines(log).at(-1)).toBe(
      'No server of 10.0.0.1:80 is up: 1 that flaps comes back after 2 successes in a row',
    );
    // It has passed two already.
    expect(await run(web, '+')).toBe('U');
  });

  test.for(['held', 'gone'])('so does one that is %s', async (how) => {
    const [web, other] = [await WebServer.start(), await WebServer.start()];
    const { daemon, run, held, reload, log } = await started(ON + BY_ORDER + damped([web, other]));
    await run(web, '-+-++-');
    if (how === 'held') {
      held.set(String(other.port), 'maintenance: file');
      await daemon.holdsChanged();
    } else await reload(ON + BY_ORDER + damped([web]));
    expect(flapLines(log).at(-1)).toContain('1 that flaps comes back after 2');
    expect(await run(web, '++')).toBe('DU');
  });
});

describe('who is not damped', () => {
  const flapping = async (more = '') => {
    const [web, other] = [await WebServer.start(), await WebServer.start()];
    const text = ON + BY_ORDER + damped([web, other], more);
    const site = await started(text);
    await site.run(web, '-+-++-');
    expect(site.seen(web).damping).toMatchObject({ successesNeeded: 4, successes: 0 });
    return { ...site, web, other, text };
  };

  test('a server that is held out of service, and its past is forgotten by that', async () => {
    const { daemon, run, held, web, seen } = await flapping();
    held.set(String(web.port), 'maintenance: file');
    await daemon.holdsChanged();
    expect(seen(web)).not.toHaveProperty('damping');
    expect(await run(web, '+-+-+-+')).toBe('UDUDUDU');
    held.clear();
    await daemon.holdsChanged();
    expect(await run(web, '+-+')).toBe('UDU');
  });

  test('one whom the operator forgives', async () => {
    const { daemon, run, web, memberAt } = await flapping();
    expect(daemon.forgive(memberAt(web))).toBe(true);
    expect(daemon.forgive(memberAt(web))).toBe(false);
    expect(await run(web, '+')).toBe('U');
  });

  test('nor is one that is up again by then', async () => {
    const { daemon, run, web, memberAt } = await flapping();
    await run(web, '++++');
    expect(daemon.forgive(memberAt(web))).toBe(true);
    expect(await run(web, '-+')).toBe('DU');
  });

  test.for<[string, (text: string) => string, string]>([
    ['changes nothing keeps what is known', (text) => text, 'DDDU'],
    ['changes the interval keeps it', (text) => text.replace('600', '599'), 'DDDU'],
    ['changes the weight keeps it', (text) => text.replaceAll('masq 3', 'masq 5'), 'DDDU'],
    ['asks something else forgets it', (text) => text.replace('receive', 'request = "/x"\n\treceive'), 'UUUU'],
    ['turns damping off forgets it', (text) => text.replace('flapdamping = yes', 'flapdamping = no'), 'UUUU'],
  ])('a reload that %s', async ([, change, states]) => {
    const { run, web, reload, text } = await flapping();
    web.mood = 'broken';
    await reload(change(text));
    await run(web, '-');
    expect(await run(web, '++++')).toBe(states);
  });

  test('damping is of one server in one service: another that a reload adds begins anew', async () => {
    const { run, web, reload, text, daemon } = await flapping();
    await reload(
      `${text}virtual = 10.0.0.1:81\n\tservice = http\n\treceive = "found"\n\treal = 127.0.0.1:${web.port} masq 3\n`,
    );
    expect(await run(web, '+')).toBe('D');
    const [, virtual] = daemon.config.virtuals;
    const real = virtual?.reals[0];
    expect(virtual && real && daemon.facts().healthOf(virtual, real)).toMatchObject({ state: 'up' });
  });
});

test('a damped server is not hurried by fastinterval', async () => {
  const [web, other] = [await WebServer.start(), await WebServer.start()];
  const more = '\tfailurecount = 2\n\tfastinterval = 0.05\n';
  const { run, seen } = await started(ON + BY_ORDER + damped([web, other], more));
  await run(web, '-');
  await until('it is down', () => seen(web).state === 'down');
  web.mood = 'ok';
  await run(web, '+-');
  await until('it is damped', () => seen(web).damping?.successesNeeded === 2);
  await run(web, '+');
  const { hits } = web;
  const began = performance.now();
  await until('four fast intervals', () => performance.now() - began > 200);
  expect(web.hits).toBe(hits);
  const { state, damping } = seen(web);
  expect(damping && dampingWords(state, damping)).toMatch(/comes back after 2 successes in a row \(1 so far\)$/);
});
