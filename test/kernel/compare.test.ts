// The same configurations under Debian's ldirectord and under tsdirectord, in one kernel, with the same real servers: after
// every step each table (`ipvsadm -Sn`) is the one recorded of ldirectord in configs/*.table, but for the rows of DIFFERENCES.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CASES, type Case, DIFFERENCES, type Step } from './compare-cases.ts';
import type { Agent } from './lab/agent-client.ts';
import { Director, type Program } from './lab/director.ts';
import { Network } from './lab/network.ts';
import { HOSTS, REALS, serveReals } from './lab/reals.ts';
import { outline, parseSaved } from './lab/table.ts';
import { after, before, describe, test } from './lab/test.ts';

const AT_ONCE = 3;
/** Longer than the interval of the configurations: a table that is right only for a moment is noticed. */
const HOLD_MS = 2_000;
const RECORD_HOLD_MS = 6_000;
/** On a busy machine ldirectord rests for longer than that in the middle of a reload, and then goes on, to and fro. */
const ATTEMPTS: Readonly<Record<Program, number>> = { ldirectord: 4, tsdirectord: 1 };

const CONFIGS = join(process.env.LAB_ROOT ?? '', 'test/kernel/configs');

/** LAB_RECORD=1: nothing is compared; the tables that ldirectord makes become the new configs/*.table. */
const recording = process.env.LAB_RECORD === '1';

const PROGRAMS: readonly Program[] =
  recording || process.env.LAB_DIRECTOR === 'ldirectord' ? ['ldirectord'] : ['ldirectord', 'tsdirectord'];

describe('the same configuration under ldirectord and tsdirectord', { concurrency: AT_ONCE }, () => {
  let network: Network;
  let reals: Agent;
  let count = 0;

  before(async () => {
    writeFileSync('/etc/hosts', HOSTS);
    // There is no name server, and nobody shall wait for one.
    writeFileSync('/etc/resolv.conf', '');
    network = await Network.create();
    reals = await (await network.machine(REALS)).agent();
    await serveReals(reals);
  });
  after(() => network.close());

  for (const one of selected()) {
    test(one.name, () => runCase(one), { deadlineMs: 300_000 });
  }

  async function runCase(one: Case): Promise<void> {
    const directors = await Promise.all(PROGRAMS.map((program) => makeDirector(one, program)));
    const record: string[] = [];
    try {
      await Promise.all(directors.map((director) => director.must('start')));
      const steps: readonly Step[] = [{ name: 'start' }, ...(one.steps ?? [])];
      for (const { name, each, reals: behaviours } of steps) {
        for (const [at, behaviour] of Object.entries(behaviours ?? {})) await reals.behave(at, behaviour);
        if (each !== undefined) await Promise.all(directors.map(each));
        if (recording) record.push(`== ${name}`, ...(await recorded(one, directors[0] as Director)));
        else await Promise.all(directors.map((director) => compare(one, name, director)));
      }
      if (recording) writeFileSync(join(process.env.LAB_DIR ?? '', `${one.name}.table`), `${record.join('\n')}\n`);
      else compareLogs(one, directors);
    } finally {
      for (const { machine } of directors) machine.close();
    }
  }

  async function makeDirector(one: Case, program: Program): Promise<Director> {
    count += 1;
    const address = 100 + count;
    const machine = await network.machine({
      name: `director${count}`,
      addresses: [`10.8.8.${address}/24`, `fd00:8:8::${address}/64`],
    });
    if (one.before !== undefined) await machine.must(['ipvsadm', '-R'], { stdin: `${one.before.join('\n')}\n` });
    for (const [path, text] of Object.entries(one.files ?? {})) machine.write(path, text, 0o755);
    const config = readFileSync(join(CONFIGS, `${one.name}.cf`), 'utf8');
    return new Director(machine, program, config);
  }
});

/** The cases of this boot: $LAB_CASES is a regular expression on their names, `compare:1/2` in $LAB_SUITES every second one. */
function selected(): Case[] {
  const pattern = new RegExp(process.env.LAB_CASES ?? '');
  const parts = [...(process.env.LAB_SUITES ?? '').matchAll(/compare:(\d+)\/(\d+)/g)].map(([, n, of]) => [
    Number(n),
    Number(of),
  ]) as [number, number][];
  const inPart = (index: number): boolean => parts.length === 0 || parts.some(([n, of]) => index % of === n - 1);
  return CASES.filter(({ name }, index) => pattern.test(name) && inPart(index));
}

/** Waits until the table is as recorded and stays so, then compares it exactly. */
async function compare(one: Case, step: string, director: Director): Promise<void> {
  const wanted = expected(one, step, director.program);
  const rough = outline(parseSaved(wanted.join('\n'))).join('\n');
  const what = `${director.program}, ${one.name}, ${step}:\n${wanted.join('\n')}`;
  for (let attempt = 1; ; attempt++) {
    await director.settled(what, HOLD_MS, (table) => table === rough);
    const seen = await snapshot(one, director);
    if (attempt < ATTEMPTS[director.program] && !isDeepStrictEqual(seen, wanted)) continue;
    assert.deepEqual(seen, wanted, what);
    return;
  }
}

/** `ipvsadm -Sn`, sorted, and what else the case looks at. */
async function snapshot(one: Case, director: Director): Promise<string[]> {
  const also = (await one.also?.(director)) ?? [];
  return [...(await director.machine.saved()), ...also.map((line) => `+ ${line}`)];
}

async function recorded(one: Case, director: Director): Promise<string[]> {
  await director.settled(`a table of ${one.name} that settles`, RECORD_HOLD_MS, () => true);
  return snapshot(one, director);
}

/** What was recorded of ldirectord, with the rows of DIFFERENCES put in for tsdirectord. */
function expected(one: Case, step: string, program: Program): string[] {
  const file = join(CONFIGS, `${one.name}.table`);
  if (!existsSync(file)) throw new Error(`${file} is missing: LAB_RECORD=1 makes it`);
  const text = readFileSync(file, 'utf8');
  const section = `\n${text}`.split(/\n== /).find((part) => part.startsWith(`${step}\n`));
  if (section === undefined) throw new Error(`${file} has no step '${step}'`);
  let wanted = section.split('\n').slice(1).filter(Boolean);
  if (program === 'ldirectord') return wanted;
  for (const row of DIFFERENCES.filter((row) => row.case === one.name && row.step === step)) {
    for (const line of row.ldirectord) assert(wanted.includes(line), `not in ldirectord's table: ${line}`);
    wanted = [...wanted.filter((line) => !row.ldirectord.includes(line)), ...row.tsdirectord];
  }
  const rank = (line: string): number => (line.startsWith('+') ? 1 : 0);
  return wanted.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

/** Information only: how far the two log the same; LAB_LOGS=1 lists what they do not. */
function compareLogs(one: Case, directors: readonly Director[]): void {
  const [reference, ours] = directors.map((director) => new Set(director.log()));
  if (reference === undefined || ours === undefined) return;
  const onlyReference = [...reference].filter((line) => !ours.has(line));
  const onlyOurs = [...ours].filter((line) => !reference.has(line));
  const same = reference.size - onlyReference.length;
  console.log(
    `     log: ${one.name}: ${same} messages the same, ${onlyReference.length} and ${onlyOurs.length} others`,
  );
  if (process.env.LAB_LOGS !== '1') return;
  for (const line of onlyReference) console.log(`       only ldirectord: ${line}`);
  for (const line of onlyOurs) console.log(`       only tsdirectord: ${line}`);
}
