// How soon a daemon with tripwire or fastinterval sees what happens to real servers on loopback, while its interval is far longer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Daemon } from '../src/daemon.ts';
import { MemoryKernel } from '../src/system/memory-kernel.ts';
import { resolveHost } from '../src/system/resolver.ts';
import { Tripwire } from '../src/tripwire.ts';
import { configOf } from './config-of.ts';
import { LogLines } from './log-lines.ts';
import { NOISE_MS } from './noise.ts';
import { until } from './until.ts';
import { WebServer } from './web-server.ts';

interface WebProcess {
  readonly port: number;
  /** Resolves when so many connections have been made to it. */
  connected(times: number): Promise<unknown>;
  kill(): void;
}

/** A web server in a process of its own, which can be killed. It says its port, and a dot for each connection. */
async function webProcess(address: string): Promise<WebProcess> {
  const program = `require('node:http').createServer((_, answer) => answer.end('found'))
    .on('connection', () => process.stdout.write('.'))
    .listen(0, '${address}', function () { process.stdout.write(this.address().port + ' ') })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const port = Number(await until('its port', () => said.split(' ')[1] !== undefined && said.split(' ')[0]));
  return {
    port,
    connected: (times) => until(`${times} connections`, () => said.split(' ')[1]?.length === times),
    kill: () => child.kill('SIGKILL'),
  };
}

interface Listening {
  readonly port: number;
  /** When each connection came. */
  readonly times: readonly number[];
  /** Connections so far. */
  count(): number;
  /** Connections now. */
  open(): number;
  /** Ends all connections, and goes on listening. */
  hangUp(): void;
  /** Listens no more, and ends all connections. */
  close(): void;
}

/** Something that listens and takes connections as it likes. */
async function listening(serve: (socket: Socket) => void): Promise<Listening> {
  const times: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    times.push(performance.now());
    sockets.add(socket.on('error', () => {}).once('close', () => sockets.delete(socket)));
    serve(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const close = (): void => {
    server.close();
    hangUp();
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return { port, times, count: () => times.length, open: () => sockets.size, hangUp, close };
}

function daemonOf(text: string) {
  const kernel = new MemoryKernel(new Map());
  const log = new LogLines();
  const tripwire = new Tripwire({ log: () => log });
  const services = {
    resolve: resolveHost,
    command: () => Promise.reject(new Error('none here')),
    ping: async () => ({ answered: false }),
  };
  const daemon = new Daemon(configOf(text), { kernel, log, services, observers: [tripwire] });
  const close = async (): Promise<void> => {
    tripwire.close();
    await daemon.stop();
  };
  onTestFinished(close);
  /** Weights of the servers in the table. */
  const weights = (): number[] =>
    [...kernel.table.values()].flatMap(({ destinations }) => [...destinations.values()].map(({ weight }) => weight));
  const reach = (...wanted: number[]): Promise<unknown> =>
    until(
      `weights ${wanted}`,
      () => weights().join() === wanted.join(),
      () => [weights(), ...log.lines].join('\n'),
    );
  return {
    ...{ log, reach, weights, close },
    /** Has every check made now. */
    recheck: () =>
      daemon.recheck(daemon.config.virtuals.flatMap((each) => each.reals.map((real) => ({ virtual: each, real })))),
    async start(): Promise<void> {
      await daemon.start();
      await daemon.firstRound(5_000);
      tripwire.attend(daemon);
    },
    async reload(next: string): Promise<void> {
      await daemon.reload(configOf(next), log);
      tripwire.follow();
    },
  };
}

const timed = async (action: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await action();
  return performance.now() - began;
};
const wait = async (ms: number): Promise<void> => {
  const began = performance.now();
  await until(`${ms} ms`, () => performance.now() - began >= ms);
};
const say = (what: string, ms: number): void => void process.stdout.write(`    ${what}: ${ms.toFixed(0)} ms\n`);

const SLOW = 'quiescent = yes\nchecktimeout = 5\nnegotiatetimeout = 5\ncheckinterval = 30\n';
const virtual = (port: number, more = '\tservice = http\n'): string =>
  `virtual = 10.0.0.1:80\n${more}\treal = 127.0.0.1:${port} masq 3\n`;
const CONNECT = '\tchecktype = connect\n';

describe('tripwire', () => {
  test.each([
    ['http', '127.0.0.1', '\tservice = http\n\treceive = "found"\n'],
    ['connect', '127.0.0.1', CONNECT],
    ['http over IPv6', '::1', '\tservice = http\n\treceive = "found"\n'],
  ])(
    '%s: a killed server process is out of the table at once, whatever the interval is',
    async (what, address, check) => {
      const web = await webProcess(address);
      const text =
        address === '::1'
          ? `virtual6 = [fd00::1]:80\n${check}\treal6 = [::1]:${web.port} masq 3\n`
          : virtual(web.port, check);
      const { start, reach } = daemonOf(`tripwire = yes\n${SLOW}${text}`);
      await start();
      await reach(3);
      // The first was the check's. Nobody can see from here when our side of the other is there.
      await web.connected(2);
      await wait(200);
      const gone = await timed(async () => {
        web.kill();
        await reach(0);
      });
      say(`a killed server (${what}) is out of the table after`, gone);
      expect(gone).toBeLessThan(NOISE_MS);
    },
  );

  test('a server that closes idle connections by habit costs some connections, and no failure', async () => {
    const server = await listening((socket) => setTimeout(() => socket.end(), 100));
    const { start, reach, weights, log } = daemonOf(`tripwire = yes\n${SLOW}${virtual(server.port, CONNECT)}`);
    await start();
    await reach(3);
    await until('three connections of the tripwire, and the check of each end', () => server.times.length > 7);
    // One check at first; then connections at once, soon and after a second, and a check for the end of each; nothing for two more.
    expect((server.times[7] ?? 0) - (server.times[6] ?? 0)).toBeGreaterThan(1_500);
    expect(weights()).toEqual([3]);
    expect(log.lines.filter((line) => /fail|down/.test(line))).toEqual([]);
    expect(log.lines.filter((line) => line.startsWith('The tripwire of'))).toHaveLength(1);
  });

  test('a server whose port is closed a while after its connections, as the kernel does with many of them', async () => {
    const server = await listening(() => {});
    const { start, reach, log } = daemonOf(`tripwire = yes\n${SLOW}${virtual(server.port, CONNECT)}`);
    await start();
    await reach(3);
    await until('an idle connection', () => server.count() === 2 && server.open() === 1);
    server.hangUp();
    // Its check has found it well, and another idle connection has been opened.
    await until('another check and connection', () => server.count() === 4);
    expect(log.lines.filter((line) => line.includes('is down'))).toEqual([]);
    const gone = await timed(async () => {
      server.close();
      await reach(0);
    });
    say('a server that closes its port later is out of the table after', gone);
    expect(gone).toBeLessThan(NOISE_MS);
  });

  test('one connection for several virtuals; none is left when it is turned off or ends', async () => {
    const server = await listening(() => {});
    const both = virtual(server.port, CONNECT) + virtual(server.port, CONNECT).replace(':80', ':81');
    const { start, reach, reload, close } = daemonOf(`tripwire = yes\n${SLOW}${both}`);
    await start();
    await reach(3, 3);
    await until('one connection', () => server.count() === 2 && server.open() === 1);
    await reload(SLOW + both);
    await until('no connection', () => server.open() === 0);
    await reload(`tripwire = yes\n${SLOW}${both}`);
    await until('one connection again', () => server.open() === 1);
    await close();
    await until('no connection', () => server.open() === 0);
  });

  test('with failurecount, fastinterval says how soon the next checks are', async () => {
    const web = await webProcess('127.0.0.1');
    const { start, reach, log } = daemonOf(
      `tripwire = yes\nfailurecount = 3\nfastinterval = 0.2\n${SLOW}${virtual(web.port)}`,
    );
    await start();
    await reach(3);
    await web.connected(2);
    const gone = await timed(async () => {
      web.kill();
      await reach(0);
    });
    say('a killed server is out of the table after three checks, and', gone);
    expect(gone).toBeGreaterThan(390);
    expect(gone).toBeLessThan(400 + NOISE_MS);
    expect(log.lines.filter((line) => line.startsWith('Soft failure'))).toHaveLength(2);
  });
});

test('with failurecount alone, the end of a connection costs one failure; the others come with the interval', async () => {
  const web = await webProcess('127.0.0.1');
  const { start, reach, log, weights } = daemonOf(`tripwire = yes\nfailurecount = 2\n${SLOW}${virtual(web.port)}`);
  await start();
  await reach(3);
  await web.connected(2);
  web.kill();
  await until('a soft failure', () => log.lines.some((line) => line.startsWith('Soft failure')));
  await wait(500);
  expect(weights()).toEqual([3]);
});

describe('fastinterval', () => {
  const text = (port: number): string => `failurecount = 3\nfastinterval = 0.2\n${SLOW}${virtual(port)}`;

  test('three failures need not cost three intervals', async () => {
    const web = await WebServer.start();
    const { recheck, start, reach } = daemonOf(text(web.port));
    await start();
    await reach(3);
    web.mood = 'broken';
    const down = await timed(async () => {
      // Instead of the check that would be next in thirty seconds.
      recheck();
      await reach(0);
    });
    say('three failures take', down);
    expect(down).toBeGreaterThan(390);
    expect(down).toBeLessThan(400 + NOISE_MS);
    // A server that is down is asked no more often than ever.
    const { hits } = web;
    await wait(600);
    expect(web.hits).toBe(hits);
  });

  test('a server that recovers meanwhile is left to its rhythm again', async () => {
    const web = await WebServer.start();
    const { recheck, start, reach, log } = daemonOf(text(web.port));
    await start();
    await reach(3);
    web.mood = 'broken';
    recheck();
    await until('a soft failure', () => log.lines.some((line) => line.endsWith('failure 1/3')));
    web.mood = 'ok';
    await until('a reset', () => log.lines.some((line) => line.startsWith('Resetting soft failure count')));
    const { hits } = web;
    await wait(600);
    expect(web.hits).toBe(hits);
  });

  test('one check for two virtuals is fast while one of them counts', async () => {
    const web = await WebServer.start();
    const more = `virtual = 10.0.0.1:81\n\tservice = http\n\tfailurecount = 1\n\treal = 127.0.0.1:${web.port} masq 3\n`;
    const { recheck, start, reach } = daemonOf(text(web.port) + more);
    await start();
    await reach(3, 3);
    expect(web.hits).toBe(1);
    web.mood = 'broken';
    recheck();
    await reach(3, 0);
    await reach(0, 0);
    expect(web.hits).toBe(4);
  });
});
