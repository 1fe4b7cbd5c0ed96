// Every service and every check type in one configuration, under Debian's ldirectord and under tsdirectord: all servers up, all
// gone, up again, all answering but not well, up again; each table (`ipvsadm -Sn`) is as it should be, but for the rows of
// LDIRECTORD. Then tsdirectord alone, with redis and all of it over IPv6 as well, and with servers that say nothing.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Director, type Program, QUICK_PERL } from './lab/director.ts';
import { figure } from './lab/figures.ts';
import { Network } from './lab/network.ts';
import { HOSTS } from './lab/reals.ts';
import type { Behaviour } from './lab/servers/switched.ts';
import { Services } from './lab/services-client.ts';
import { outline, parseSaved } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';
import { CHECK, CHECK_PERL, LDIRECTORD, UNDECIDED, UP } from './services-cases.ts';

/** Longer than the interval of the configuration: a table that is right only for a moment is noticed. */
const HOLD_MS = 2_500;
const DEADLINE_MS = 120_000;
/** What the system trusts: for ldirectord's checks over TLS. */
const TRUST = `SSL_CERT_FILE=${join(process.env.LAB_ROOT ?? '', 'test/kernel/lab/tls/lab.crt')}`;
const REALS = ['10.8.8.81', '10.8.8.82', 'fd00:8:8::81', 'fd00:8:8::82'];

describe('every service', () => {
  let network: Network;
  let services: Services;
  let count = 0;

  before(async () => {
    writeFileSync('/etc/hosts', HOSTS);
    // There is no name server, and nobody shall wait for one.
    writeFileSync('/etc/resolv.conf', '');
    network = await Network.create();
    const addresses = REALS.map((address) => `${address}/${address.includes(':') ? 64 : 24}`);
    services = await Services.at(REALS, await network.machine({ name: 'reals', addresses }));
  });
  after(() => network.close());

  // One after the other: each has the processor for itself, and what it takes can be compared.
  if (inThisBoot('ldirectord')) follow('ldirectord', 'every-service', ['up', 'refused', 'up', 'wrong']);
  if (inThisBoot('tsdirectord'))
    follow('tsdirectord', 'every-service', ['up', 'refused', 'up', 'wrong', 'up', 'silent', 'up']);
  if (inThisBoot('tsdirectord'))
    follow('tsdirectord', 'every-service-ours', ['up', 'refused', 'up', 'wrong', 'up', 'silent']);

  function follow(program: Program, configName: string, behaviours: readonly Behaviour[]): void {
    describe(`${program}, ${configName}.cf`, () => {
      let director: Director;

      before(async () => {
        count += 1;
        const addresses = [`10.8.8.${100 + count}/24`, `fd00:8:8::${100 + count}/64`];
        const machine = await network.machine({ name: `director${count}`, addresses });
        machine.write('/run/check', CHECK, 0o755);
        machine.write('/run/check.pl', CHECK_PERL, 0o755);
        const config = readFileSync(join(process.env.LAB_ROOT ?? '', `test/kernel/configs/${configName}.cf`), 'utf8');
        director = new Director(machine, program, config, { env: [QUICK_PERL, TRUST] });
      });
      after(() => director.machine.close());

      for (const [index, behaviour] of behaviours.entries()) {
        test(`all ${behaviour}`, () => step(behaviour, index === 0), { deadlineMs: DEADLINE_MS });
      }

      /** Waits until the table is right and stays so; then compares it exactly. */
      async function step(behaviour: Behaviour, first: boolean): Promise<void> {
        const wanted = expected(director, behaviour);
        const seen = (table: string): string => decided(table, program, behaviour);
        const rough = outline(parseSaved(wanted.join('\n'))).join('\n');
        const began = performance.now();
        await services.become(behaviour);
        if (first) await director.must('start');
        const since = await director.settled(wanted.join('\n'), HOLD_MS, (table) => seen(table) === rough);
        figure(`${program}'s table is right after`, since - began);
        assert.equal(seen((await director.machine.saved()).join('\n')), wanted.join('\n'));
      }
    });
  }
});

/** `services:ldirectord` in $LAB_SUITES is one of them alone. */
function inThisBoot(program: Program): boolean {
  const parts = [...(process.env.LAB_SUITES ?? '').matchAll(/services:(\w+)/g)].map(([, part]) => part);
  return parts.length === 0 || parts.includes(program);
}

/** `ipvsadm -Sn`, sorted, as it must be while all servers do this. */
function expected({ machine, configName, program }: Director, behaviour: Behaviour): string[] {
  const blocks = machine
    .read(`/etc/ha.d/${configName}`)
    .split(/^(?=virtual)/m)
    .slice(1);
  const lines = blocks.flatMap((block) => {
    const protocol = /^\tprotocol = udp$/m.test(block) ? 'udp' : 'tcp';
    const address = /^virtual6? = (\S+)$/m.exec(block)?.[1] ?? '';
    const name = `${protocol} ${address.replace(/.*:/, '')}`;
    const differs = program === 'ldirectord' && LDIRECTORD.some((row) => row.all === behaviour && row.virtual === name);
    const weight = UP[behaviour](name) === differs ? 0 : 1;
    const service = `-${protocol[0]} ${address}`;
    const reals = [...block.matchAll(/^\treal6? = (\S+) masq 1$/gm)].map(([, real]) => real);
    return [`-A ${service} -s wrr`, ...reals.map((real) => `-a ${service} -r ${real} -m -w ${weight}`)];
  });
  return lines.sort();
}

/** A table in which ldirectord's undecided servers are down. */
function decided(table: string, program: Program, behaviour: Behaviour): string {
  const undecided = program === 'ldirectord' ? (UNDECIDED[behaviour] ?? []) : [];
  return undecided.reduce(
    (text, virtual) => text.replace(new RegExp(`^(.* ${virtual.replaceAll('.', '\\.')} .*) 1$`, 'gm'), '$1 0'),
    table,
  );
}
