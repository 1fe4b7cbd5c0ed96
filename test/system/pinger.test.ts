// Many pings, few processes: who gets which answer and when, and what becomes of programs that are ill, missing or without rights.
import { spawnSync } from 'node:child_process';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Pinger, type PingerOptions } from '../../src/system/pinger.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';
import { FakePrograms, type Illness, type Program } from './fake-fping.ts';

const never = (): AbortSignal => new AbortController().signal;

/** A pinger that finds only the programs given, and what there is to say to it. */
function setUp(programs: readonly Program[] = ['fping', 'ping'], options: PingerOptions = {}) {
  const fakes = new FakePrograms(scratch(), programs);
  const pinger = new Pinger({ env: fakes.env, graceMs: 3_000, ...options });
  onTestFinished(() => pinger.close());
  const ping = (address: string, { timeoutMs = 1000, signal = never() } = {}) =>
    pinger.ping({ address, family: address.includes(':') ? 6 : 4 }, { timeoutMs, signal });
  return { fakes, pinger, ping };
}

const addresses = (net: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.0.${net}.${index + 1}`);

/** Calls of fping; the time that it waits is what was left of the limit, so only the next whole second above it is shown. */
function fpingCalls(fakes: FakePrograms): string[] {
  return fakes
    .calls('fping')
    .map((call) => call.replace(/-t (\d+)/, (_, ms) => `-t <${Math.ceil(Number(ms) / 1000)}000`));
}

describe('fping', () => {
  test('one process for many servers, each with its own answer', async () => {
    const { fakes, ping } = setUp();
    const asked = ['10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.3.1', ...addresses(0, 100)];
    const answers = await Promise.all(asked.map((address) => ping(address)));
    expect(answers.slice(0, 4)).toEqual([
      { answered: true },
      { answered: false },
      { answered: false, said: 'Host Unreachable from 10.0.0.254' },
      { answered: false, said: 'it could not be sent: Network is unreachable' },
    ]);
    expect(answers.slice(4).every(({ answered }) => answered)).toBe(true);
    // The address that was asked for twice is in it once.
    const all = ['10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.3.1', ...addresses(0, 100).slice(1)];
    expect(fpingCalls(fakes)).toEqual([`-4 -r 0 -i 1 -t <1000 ${all.join(' ')}`]);
  });

  test('families and timeouts have a process each', async () => {
    const { fakes, ping } = setUp();
    await Promise.all([ping('10.0.0.1'), ping('10.0.0.1', { timeoutMs: 2000 }), ping('2001:db8::1')]);
    expect(fpingCalls(fakes).sort()).toEqual([
      '-4 -r 0 -i 1 -t <1000 10.0.0.1',
      '-4 -r 0 -i 1 -t <2000 10.0.0.1',
      '-6 -r 0 -i 1 -t <1000 2001:db8::1',
    ]);
  });

  test('no more than 256 addresses in a process', async () => {
    const { fakes, ping } = setUp();
    const asked = [...addresses(0, 250), ...addresses(1, 50)];
    await Promise.all(asked.map((address) => ping(address)));
    expect(fakes.calls('fping').map((call) => call.split(' ').length - 7)).toEqual([256, 44]);
  });

  test('pings that come one after the other share a process, too', async () => {
    const { fakes, ping } = setUp();
    await ping('10.0.0.1');
    const began = performance.now();
    const rest: Promise<unknown>[] = [];
    for (const address of addresses(0, 10)) {
      rest.push(ping(address));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(rest);
    // Two where nothing else keeps the machine busy, and one more for each tenth of a second.
    expect(fakes.calls('fping').length).toBeLessThan(4 + (performance.now() - began) / 100);
  });

  test('an answer is told before the process ends', async () => {
    const { fakes, ping } = setUp();
    fakes.sicken('fping', 'slow');
    const silent = ping('10.0.1.1').catch(String);
    expect(await ping('10.0.0.1')).toEqual({ answered: true });
    expect(fakes.alive).toHaveLength(1);
    expect(await silent).toBe('CannotCheck: cannot ping: no word from fping or ping within 4.002 s');
    await until('it is killed', () => fakes.alive.length === 0);
  });

  test('no room for a packet says nothing about its server', async () => {
    const { ping } = setUp();
    const other = ping('10.0.1.1');
    await expect(ping('10.0.4.1')).rejects.toMatchObject({
      code: 'CANNOT_CHECK',
      message: 'cannot ping: fping ended with exit 1: 10.0.4.1: error while sending ping: No buffer space available',
    });
    expect(await other).toEqual({ answered: false });
  });

  test.each<[Illness, RegExp]>([
    ['usage', /^cannot ping: fping ended with exit 3: fping: unknown option$/],
    ['killed', /^cannot ping: fping ended with SIGKILL$/],
    ['garbage', /^cannot ping: fping ended with exit 1: /],
    ['stuck', /^cannot ping: no word from fping or ping within 4\.002 s$/],
    ['deaf', /^cannot ping: no word from fping or ping within 4\.002 s$/],
  ])('%s: nobody is told that a server is down', async (illness, message) => {
    const { fakes, ping } = setUp();
    fakes.sicken('fping', illness);
    const answers = await Promise.all(['10.0.0.1', '10.0.1.1'].map((address) => ping(address).catch((error) => error)));
    for (const answer of answers) expect(answer).toMatchObject({ code: 'CANNOT_CHECK' });
    expect(answers[0].message).toMatch(message);
    expect(answers[0].message.length).toBeLessThan(300);
    await until('no process is left', () => fakes.alive.length === 0);
    fakes.sicken('fping', '');
    expect(await ping('10.0.0.1')).toEqual({ answered: true });
  });
});

describe('whoever gives up', () => {
  test('does not disturb the others, not even at the same address', async () => {
    const { fakes, ping } = setUp();
    fakes.sicken('fping', 'late');
    const controller = new AbortController();
    const given = ping('10.0.1.1', { signal: controller.signal });
    const same = ping('10.0.1.1');
    const other = ping('10.0.1.2');
    await until('it runs', () => fakes.alive.length === 1);
    controller.abort(new Error('no longer wanted'));
    await expect(given).rejects.toThrow('no longer wanted');
    expect(await Promise.all([same, other])).toEqual([{ answered: false }, { answered: false }]);
  });

  test('ends the process when nobody else waits for it', async () => {
    const { fakes, ping } = setUp();
    fakes.sicken('fping', 'stuck');
    const controller = new AbortController();
    const all = ['10.0.1.1', '10.0.1.2'].map((address) => ping(address, { signal: controller.signal }).catch(() => {}));
    await until('it runs', () => fakes.alive.length === 1);
    controller.abort();
    await Promise.all(all);
    await until('it is gone', () => fakes.alive.length === 0);
  });

  test('before it began starts no process', async () => {
    const { fakes, ping } = setUp();
    const controller = new AbortController();
    const given = ping('10.0.1.1', { signal: controller.signal });
    controller.abort();
    await expect(given).rejects.toMatchObject({ name: 'AbortError' });
    await expect(ping('10.0.1.1', { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    await ping('10.0.0.1');
    expect(fpingCalls(fakes)).toEqual(['-4 -r 0 -i 1 -t <1000 10.0.0.1']);
  });
});

describe('without fping', () => {
  test('each server has a ping of its own, in both families', async () => {
    const { fakes, ping } = setUp(['ping']);
    const asked = ['10.0.0.1', '2001:db8::1', '10.0.1.1', '10.0.2.1', '10.0.3.1'];
    expect(await Promise.all(asked.map((address) => ping(address, { timeoutMs: 1500 })))).toEqual([
      { answered: true },
      { answered: true },
      { answered: false },
      { answered: false, said: 'Destination Host Unreachable from 10.0.0.254' },
      { answered: false, said: 'it could not be sent: Network is unreachable' },
    ]);
    expect(fakes.calls('ping').sort()).toEqual([
      '-6 -n -c 1 -W 2 2001:db8::1',
      '-n -c 1 -W 2 10.0.0.1',
      '-n -c 1 -W 2 10.0.1.1',
      '-n -c 1 -W 2 10.0.2.1',
      '-n -c 1 -W 2 10.0.3.1',
    ]);
    await expect(ping('10.0.4.1')).rejects.toMatchObject({
      code: 'CANNOT_CHECK',
      message: 'cannot ping: ping ended with exit 1: ping: sendmsg: No buffer space available',
    });
  });

  test('many pings at once are no leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const { ping } = setUp(['ping']);
    await Promise.all(addresses(0, 30).map((address) => ping(address)));
    expect(warnings).toEqual([]);
  });

  test('it is used once it is installed', async () => {
    const { fakes, ping } = setUp(['ping'], { retryMs: 600_000 });
    await ping('10.0.0.1');
    fakes.install('fping');
    await ping('10.0.0.2');
    expect(fpingCalls(fakes)).toEqual([]);
    const now = performance.now.bind(performance);
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 600_000);
    onTestFinished(() => later.mockRestore());
    await ping('10.0.0.3');
    expect(fakes.calls('fping')).toHaveLength(1);
  });

  test.each<[string, (fakes: FakePrograms) => void]>([
    ['may not be executed', (fakes) => fakes.forbid('fping')],
    ['has no right to a raw socket', (fakes) => fakes.sicken('fping', 'nosocket')],
  ])('nor when it %s', async (_name, hinder) => {
    const { fakes, ping } = setUp();
    hinder(fakes);
    expect(await Promise.all([ping('10.0.0.1'), ping('10.0.1.1')])).toEqual([{ answered: true }, { answered: false }]);
    expect(fakes.calls('ping')).toHaveLength(2);
  });

  const RAW = 'fping may not open a raw socket: run as root, or "setcap cap_net_raw+ep /usr/bin/fping"';
  const SOCKET =
    'ping may not open a socket: run as root, "setcap cap_net_raw+ep /usr/bin/ping", or "sysctl net.ipv4.ping_group_range=\'0 2147483647\'"';
  test.each<[string, Program[], (fakes: FakePrograms) => void, string]>([
    ['neither', [], () => {}, 'cannot ping: fping is not installed; ping is not installed'],
    [
      'fping without rights',
      ['fping'],
      (fakes) => fakes.sicken('fping', 'nosocket'),
      `cannot ping: ${RAW}; ping is not installed`,
    ],
    [
      'fping that may not be executed',
      ['fping'],
      (fakes) => fakes.forbid('fping'),
      'cannot ping: fping may not be executed (EACCES); ping is not installed',
    ],
    [
      'ping without rights',
      ['ping'],
      (fakes) => fakes.sicken('ping', 'notpermitted'),
      `cannot ping: fping is not installed; ${SOCKET}`,
    ],
    [
      'busybox without rights',
      ['ping'],
      (fakes) => fakes.sicken('ping', 'busybox'),
      `cannot ping: fping is not installed; ${SOCKET}`,
    ],
    [
      'ping that is killed',
      ['ping'],
      (fakes) => fakes.sicken('ping', 'killed'),
      'cannot ping: ping ended with SIGKILL',
    ],
    [
      'ping that hangs',
      ['ping'],
      (fakes) => fakes.sicken('ping', 'stuck'),
      'cannot ping: no word from fping or ping within 4.001 s',
    ],
  ])('%s: our own fault, and what to do', async (_name, programs, hinder, message) => {
    const { fakes, ping } = setUp(programs);
    hinder(fakes);
    await expect(ping('10.0.0.1')).rejects.toMatchObject({ code: 'CANNOT_CHECK', message });
    await until('no process is left', () => fakes.alive.length === 0);
  });
});

describe('close', () => {
  test.each<[string, Program[], Illness]>([
    ['fping', ['fping'], 'stuck'],
    ['fping that ignores TERM', ['fping'], 'deaf'],
    ['ping', ['ping'], 'stuck'],
  ])('ends %s and everything that waits', async (_name, [program = 'fping'], illness) => {
    const { fakes, pinger, ping } = setUp([program]);
    fakes.sicken(program, illness);
    const running = ping('10.0.0.1');
    await until('it runs', () => fakes.alive.length === 1);
    const gathering = ping('10.0.0.2', { timeoutMs: 3000 });
    const failed = Promise.all([
      expect(running).rejects.toThrow('about to end'),
      expect(gathering).rejects.toThrow('about to end'),
    ]);
    await pinger.close();
    expect(fakes.alive).toEqual([]);
    await failed;
    await expect(ping('10.0.0.1')).rejects.toThrow('about to end');
    expect(fakes.calls(program)).toHaveLength(1);
  });

  test('one whose answers are all told, but which does not end', async () => {
    const { fakes, pinger, ping } = setUp();
    fakes.sicken('fping', 'slow');
    await ping('10.0.0.1');
    expect(fakes.alive).toHaveLength(1);
    await pinger.close();
    expect(fakes.alive).toEqual([]);
  });

  test('leaves nothing alive in this process', async () => {
    const { pinger, ping } = setUp();
    const busy = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Process|Pipe/.test(name)).length;
    const before = busy();
    await Promise.all([ping('10.0.0.1'), ping('10.0.1.1')]);
    await pinger.close();
    await until('nothing is left', () => busy() <= before, busy);
  });
});

test('a bound on what waits', async () => {
  const { pinger, ping } = setUp([]);
  const many = Array.from({ length: 16_384 }, () => ping('10.0.0.1').catch(() => {}));
  await expect(ping('10.0.0.1')).rejects.toThrow('cannot ping: 16384 pings are under way already');
  await pinger.close();
  await Promise.all(many);
});

describe('the installed fping', () => {
  const usable = (family: 4 | 6, address: string): boolean => {
    const { status, error, stderr } = spawnSync('fping', [`-${family}`, '-r', '0', '-t', '1000', address], {
      encoding: 'utf8',
    });
    if (status !== 0) console.warn(`NOT TESTED: fping of ${address} does not work here: ${error?.message ?? stderr}`);
    return status === 0;
  };
  test.runIf(usable(4, '127.0.0.1'))(
    'IPv4 loopback: answers at once, none from a network without machines',
    async () => {
      const pinger = new Pinger();
      onTestFinished(() => pinger.close());
      const startedAt = performance.now();
      const ask = (address: string) => pinger.ping({ address, family: 4 }, { timeoutMs: 1500, signal: never() });
      const refused = ask('255.255.255.255');
      expect(await Promise.all([ask('127.0.0.1'), ask('127.0.0.2')])).toEqual([{ answered: true }, { answered: true }]);
      expect(performance.now() - startedAt).toBeLessThan(1000);
      expect(await refused).toEqual({ answered: false, said: 'it could not be sent: Permission denied' });
    },
  );

  test.runIf(usable(6, '::1'))('IPv6 loopback', async () => {
    const pinger = new Pinger();
    onTestFinished(() => pinger.close());
    expect(await pinger.ping({ address: '::1', family: 6 }, { timeoutMs: 1500, signal: never() })).toEqual({
      answered: true,
    });
  });
});
