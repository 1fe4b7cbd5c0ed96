// How long `status` takes, which Heartbeat and Pacemaker ask for all the time: tsdirectord beside ldirectord, in one boot of the
// IPVS kernel, asked in turn while each has its daemon running.
import assert from 'node:assert/strict';
import { Director, type Program } from '../test/kernel/lab/director.ts';
import { type Machine, Network } from '../test/kernel/lab/network.ts';
import { after, before, describe, test } from '../test/kernel/lab/test.ts';

const ROUNDS = 15;
/** A third is promised, and printed; a machine on which others work may be that much off. */
const MOST_OF_THEIRS = 1 / 2;
const PROGRAMS: readonly Program[] = ['tsdirectord', 'ldirectord'];

const CONFIG = `quiescent = yes
logfile = "/var/log/ldirectord.log"
virtual = 10.8.8.45:80
	real = 10.8.8.48:80 gate 1
	service = http
	checktype = on
	scheduler = wlc
`;

describe('status', () => {
  let network: Network;
  const directors = new Map<Program, Director>();

  before(async () => {
    network = await Network.create();
    for (const [index, program] of PROGRAMS.entries()) {
      const machine: Machine = await network.machine({ name: program, addresses: [`10.8.8.${11 + index}/24`] });
      // As a cluster manager calls it, which does not set PERLIO.
      const director = new Director(machine, program, CONFIG, { env: [] });
      await director.must('start');
      directors.set(program, director);
    }
  });
  after(() => network.close());

  test(
    'takes a fraction of ldirectord’s time',
    async () => {
      const taken = new Map<Program, number[]>(PROGRAMS.map((program) => [program, []]));
      for (let round = 0; round < ROUNDS; round++) {
        for (const program of PROGRAMS) {
          const ran = await directors.get(program)?.call('status');
          assert.equal(ran?.code, 0, `${ran?.stdout}${ran?.stderr}`);
          taken.get(program)?.push(ran.ms);
        }
      }
      const [ours, theirs] = PROGRAMS.map((program) => median(taken.get(program) ?? []));
      assert(ours !== undefined && theirs !== undefined);
      console.log('     | status while running | median of 15 | of ldirectord |');
      console.log('     |---|---|---|');
      console.log(`     | ldirectord | ${theirs.toFixed(0)} ms | |`);
      console.log(`     | tsdirectord | ${ours.toFixed(0)} ms | ${((100 * ours) / theirs).toFixed(0)} % |`);
      assert(ours < theirs * MOST_OF_THEIRS, 'more than half');
    },
    { deadlineMs: 120_000 },
  );
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
