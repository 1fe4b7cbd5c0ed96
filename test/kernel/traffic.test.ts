// What goes through the director: masquerading to another port, direct routing over IPv6, and a firewall mark.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Behaviour } from './lab/agent.ts';
import type { Agent } from './lab/agent-client.ts';
import { Director, programUnderTest } from './lab/director.ts';
import { Network } from './lab/network.ts';
import { eventually, NotYet } from './lab/run.ts';
import { after, before, describe, test } from './lab/test.ts';

/** The client's address in a network that the real servers reach through the director only, as masquerading wants it. */
const OUTSIDE = '10.8.7.60';

const BOTH = ['real48', 'real49'];

describe(`traffic through ${programUnderTest}`, () => {
  let network: Network;
  let director: Director;
  let client: Agent;
  let servers: Agent[];

  before(async () => {
    network = await Network.create();
    const real = (last: number) => ({
      name: `real${last}`,
      addresses: [`10.8.8.${last}/24`, `fd00:8:8::${last}/64`],
      ip: ['route add 10.8.7.0/24 via 10.8.8.47'],
      setUp: ['ip6tables-legacy -t nat -A PREROUTING -p tcp -d fd00:8:8::45 --dport 80 -j REDIRECT'],
    });
    const [load, real48, real49, web] = await network.machines(
      {
        name: 'director',
        addresses: ['10.8.8.47/24', '10.8.8.45/24', '10.8.8.46/24', 'fd00:8:8::47/64', 'fd00:8:8::45/64'],
        ip: ['route add 10.8.7.0/24 dev eth0'],
        setUp: [
          'echo 1 >/proc/sys/net/ipv4/ip_forward',
          'iptables-legacy -t mangle -A PREROUTING -p tcp -d 10.8.8.46 -j MARK --set-mark 5',
        ],
      },
      real(48),
      real(49),
      { name: 'client', addresses: ['10.8.8.60/24', `${OUTSIDE}/24`, 'fd00:8:8::60/64'] },
    );
    assert(load && real48 && real49 && web);
    [client, ...servers] = await Promise.all([web.agent(), real48.agent(), real49.agent()]);
    await Promise.all(servers.map((agent, index) => agent.serve(...everywhere(BOTH[index] ?? ''))));
    const config = readFileSync(join(process.env.LAB_ROOT ?? '', 'test/kernel/configs/traffic.cf'), 'utf8');
    director = new Director(load, programUnderTest, config);
    await director.must('start');
    await live(6);
  });
  after(() => network.close());

  /** Waits until so many servers, of all services together, have weight. */
  async function live(count: number): Promise<void> {
    await eventually(`${count} servers live`, 20_000, () => {
      const now = director.machine.table().flatMap(({ reals }) => reals.filter(({ weight }) => weight > 0));
      return now.length === count ? undefined : new NotYet(() => [`${now.length} live`, ...director.log()].join('\n'));
    });
  }

  const behave48 = (behaviour: Behaviour): Promise<unknown> =>
    Promise.all(['0.0.0.0:80', '[::]:80'].map((at) => servers[0]?.behave(at, behaviour)));

  for (const [what, url, from] of [
    ['masqueraded to another port', 'http://10.8.8.45:8080/', OUTSIDE],
    ['direct over IPv6', 'http://[fd00:8:8::45]/', undefined],
    ['by firewall mark', 'http://10.8.8.46/', OUTSIDE],
  ] as const) {
    test(`${what}: requests reach both servers, and only the one that is left when the other fails`, async () => {
      assert.deepEqual(Object.keys(await client.get(url, 8, from)).sort(), BOTH);
      await behave48('error');
      await live(3);
      assert.deepEqual(await client.get(url, 6, from), { real49: 6 });
      await behave48('ok');
      await live(6);
    });
  }
});

function everywhere(name: string) {
  return [
    { name, address: '0.0.0.0', port: 80 },
    { name, address: '::', port: 80 },
  ];
}
