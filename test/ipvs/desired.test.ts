// (configuration, health) -> the table that should be in the kernel.
import { describe, expect, test } from 'vitest';
import type { State } from '../../src/health/health.ts';
import { type Desired, desiredTable, needsFallback } from '../../src/ipvs/desired.ts';
import { configOf } from '../config-of.ts';

/** One line per destination: `SERVICE > SERVER forwarding weight [x:upper y:lower] role whenMissing`. */
function lines(desired: Desired): string[] {
  return [...desired].flatMap(([key, { destinations }]) =>
    [...destinations].map(([name, { forwarding, weight, role, whenMissing, upperThreshold, lowerThreshold }]) =>
      [
        `${key} > ${name} ${forwarding} ${weight}`,
        ...(upperThreshold > 0 ? [`x:${upperThreshold} y:${lowerThreshold}`] : []),
        role,
        whenMissing,
      ].join(' '),
    ),
  );
}

function desiredOf(text: string, states: Readonly<Record<string, State>> | State): Desired {
  return desiredTable(configOf(text), (_, real) =>
    typeof states === 'string' ? states : (states[real.address] ?? 'unknown'),
  );
}

const virtual = (...options: string[]): string =>
  ['virtual = 10.0.0.1:80', ...options].join('\n\t').concat('\n\treal = 10.0.0.2:8080 masq 5 l:3 u:9\n');

describe('one real server', () => {
  const full = 'tcp:10.0.0.1:80 > 10.0.0.2:8080 masq 5 x:9 y:3 real';
  const quiesced = full.replace('masq 5', 'masq 0');
  test.each<[string, string[], State, string[]]>([
    ['quiescent=no', [], 'up', [`${full} add`]],
    ['quiescent=no', [], 'unknown', [`${quiesced} leave`]],
    ['quiescent=no', [], 'down', []],
    ['quiescent=yes', ['quiescent = yes'], 'up', [`${full} add`]],
    ['quiescent=yes', ['quiescent = yes'], 'unknown', [`${quiesced} add-once`]],
    ['quiescent=yes', ['quiescent = yes'], 'down', [`${quiesced} add-once`]],
  ])('%s %j, %s', (_, options, state, expected) => {
    expect(lines(desiredOf(virtual(...options), state))).toEqual(expected);
  });

  test.each<[State, string]>([
    ['up', `${full} add`],
    ['unknown', `${quiesced} add`],
    ['down', `${quiesced} add`],
  ])('readdquiescent=yes, %s', (state, expected) => {
    expect(lines(desiredOf(`readdquiescent = yes\n${virtual('quiescent = yes')}`, state))).toEqual([expected]);
  });
});

describe('the port that the kernel knows', () => {
  test.each([
    ['real = 10.0.0.2:8080 masq', '10.0.0.2:8080 masq'],
    ['real = 10.0.0.2 masq', '10.0.0.2:80 masq'],
    ['real = 10.0.0.2:8080 gate', '10.0.0.2:80 gate'],
    ['real = 10.0.0.2 gate', '10.0.0.2:80 gate'],
    ['real = 10.0.0.2:8080 ipip', '10.0.0.2:80 ipip'],
  ])('%s is %s', (real, expected) => {
    expect(lines(desiredOf(`virtual = 10.0.0.1:80\n\t${real}\n`, 'up'))).toEqual([
      `tcp:10.0.0.1:80 > ${expected} 1 real add`,
    ]);
  });

  test.each([
    ['real = 10.0.0.2:8080 masq', '10.0.0.2:8080 masq'],
    ['real = 10.0.0.2:80 gate', '10.0.0.2:80 gate'],
    ['real = 10.0.0.2 gate', '10.0.0.2:0 gate'],
  ])('under a mark, %s is %s', (real, expected) => {
    expect(lines(desiredOf(`virtual = 7\n\tchecktype = on\n\t${real}\n`, 'up'))).toEqual([
      `fwm:7 > ${expected} 1 real add`,
    ]);
  });
});

describe('fallback', () => {
  const two = 'virtual = 10.0.0.1:80\n\tfallback = 10.0.0.9 masq\n\treal = 10.0.0.2 gate\n\treal = 10.0.0.3 gate\n';
  const wanted = 'tcp:10.0.0.1:80 > 10.0.0.9:80 masq 1 fallback add';
  test.each<[State, State, boolean]>([
    ['down', 'down', true],
    ['up', 'down', false],
    ['unknown', 'down', false],
    ['unknown', 'unknown', false],
    ['up', 'up', false],
  ])('servers %s and %s: %s', (first, second, expected) => {
    expect(lines(desiredOf(two, { '10.0.0.2': first, '10.0.0.3': second })).includes(wanted)).toBe(expected);
  });

  test.each([
    ['no real servers at all', 'virtual = 10.0.0.1:80\n\tfallback = 10.0.0.9 masq\n', [wanted]],
    [
      'checktype = off wants neither real servers nor a fallback',
      'virtual = 10.0.0.1:80\n\tchecktype = off\n\tfallback = 10.0.0.9 masq\n\treal = 10.0.0.2 gate\n',
      [],
    ],
    [
      "one of the virtual's own beats the global one",
      'fallback = 10.0.0.8\nvirtual = 10.0.0.1:80\n\tfallback = 10.0.0.9:8080 masq\n\treal = 10.0.0.2 gate\n',
      ['tcp:10.0.0.1:80 > 10.0.0.9:8080 masq 1 fallback add'],
    ],
    [
      "a global one without a port takes each virtual's port, and gate",
      'fallback = 10.0.0.8\nvirtual = 10.0.0.1:80\n\treal = 10.0.0.2 gate\nvirtual = 10.0.0.1:443\n\treal = 10.0.0.2 gate\n',
      ['tcp:10.0.0.1:80 > 10.0.0.8:80 gate 1 fallback add', 'tcp:10.0.0.1:443 > 10.0.0.8:443 gate 1 fallback add'],
    ],
    [
      "with gate it is at the virtual's port, whatever it says",
      'virtual = 10.0.0.1:80\n\tfallback = 10.0.0.9:8080 gate\n\treal = 10.0.0.2 gate\n',
      ['tcp:10.0.0.1:80 > 10.0.0.9:80 gate 1 fallback add'],
    ],
    [
      'a quiesced server that is the fallback too serves as that',
      'quiescent = yes\nvirtual = 10.0.0.1:80\n\tfallback = 10.0.0.2 gate\n\treal = 10.0.0.2 gate 7\n',
      ['tcp:10.0.0.1:80 > 10.0.0.2:80 gate 1 fallback add'],
    ],
    [
      'IPv6',
      'fallback6 = [fd00::9]\nvirtual6 = [fd00::1]:80\n\treal6 = [fd00::2]:80 masq\n',
      ['tcp:[fd00::1]:80 > [fd00::9]:80 gate 1 fallback add'],
    ],
  ])('%s', (_, text, expected) => {
    expect(lines(desiredOf(text, 'down'))).toEqual(expected);
  });

  test('is needed only once every server is known to be down', () => {
    const [found] = configOf(two).virtuals;
    if (found === undefined) throw new Error('no virtual');
    expect(needsFallback(found, () => 'down')).toBe(true);
    expect(needsFallback(found, () => 'unknown')).toBe(false);
  });
});

describe('service options', () => {
  test.each([
    [
      'virtual = 10.0.0.1:80',
      'tcp:10.0.0.1:80',
      { scheduler: 'wrr', flags: [], persistentSeconds: 0, onePacket: false },
    ],
    ['virtual = 10.0.0.1:53', 'udp:10.0.0.1:53', { protocol: 'udp' }],
    ['virtual = 10.0.0.1:53\n\tops = yes', 'udp:10.0.0.1:53', { onePacket: true }],
    ['virtual = 10.0.0.1:80\n\tscheduler = wlc', 'tcp:10.0.0.1:80', { scheduler: 'wlc' }],
    [
      'virtual = 10.0.0.1:80\n\tscheduler = sh\n\tschedflags = sh-port,sh-fallback',
      'tcp:10.0.0.1:80',
      { flags: ['flag-1', 'flag-2'] },
    ],
    [
      'virtual = 10.0.0.1:80\n\tpersistent = 60\n\tnetmask = 255.255.255.0',
      'tcp:10.0.0.1:80',
      { persistentSeconds: 60, netmask: '255.255.255.0' },
    ],
    ['virtual6 = [fd00:0::1]:80\n\tpersistent = 60\n\tnetmask = 64', 'tcp:[fd00::1]:80', { family: 6, netmask: '64' }],
    ['virtual = 7', 'fwm:7', { protocol: 'fwm', mark: 7, family: 4 }],
    ['virtual6 = 7', 'fwm6:7', { protocol: 'fwm', mark: 7, family: 6 }],
  ])('%s', (text, key, options) => {
    expect(desiredOf(`${text}\n\tchecktype = on\n`, 'up').get(key)).toMatchObject(options);
  });

  test.each([
    'virtual = 10.0.0.1:80\n\tpersistent = 60\n\tnetmask = 255.255.255.255',
    'virtual6 = [fd00::1]:80\n\tpersistent = 60\n\tnetmask = 128',
  ])('a netmask of every bit is none: %s', (text) => {
    for (const service of desiredOf(`${text}\n`, 'up').values()) expect(service).not.toHaveProperty('netmask');
  });
});
