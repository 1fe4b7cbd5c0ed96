// The soak: what it is given, what it prints. run.mjs bundles and starts it.
import { availableParallelism, loadavg } from 'node:os';
import { Chances } from './chances.ts';
import { type Claim, claimsOf } from './claims.ts';
import { SoakSite } from './site.ts';
import { Soak } from './soak.ts';

const MOST_LOG = 40;
const seconds = Number(process.env.SOAK_SECONDS);
const seed = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 32));

function print({ name, holds, said }: Claim): void {
  const lines = said.split('\n');
  if (holds || lines.length === 1) console.log(`${holds ? 'ok    ' : 'FAILED'} ${name}: ${said}`);
  else console.log(`FAILED ${name}:\n${lines.map((line) => `         ${line}`).join('\n')}`);
}

console.log(`${seconds} s; the same again: SOAK_SEED=${seed} SOAK_SECONDS=${seconds} npm run soak`);
const chances = new Chances(seed);
const site = await SoakSite.start(chances);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void site.close().finally(() => process.exit(1)));
let failed = 1;
let passed = 0;
try {
  const findings = await new Soak(site, chances, seconds).run((line) => console.log(line));
  const claims = claimsOf(findings);
  console.log('');
  for (const claim of claims) print(claim);
  failed = claims.filter(({ holds }) => !holds).length;
  passed = claims.length - failed;
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
}
if (failed > 0) {
  const lines = site.daemon.log().split('\n');
  const unusual = lines.filter((line) => !/ (?:Restored|Added|Purged|Quiescent) |is up: /.test(line));
  console.log(`\nThe daemon's log, without what was done to the table:\n${unusual.slice(-MOST_LOG).join('\n')}`);
  console.log(
    `Others' work on this machine: load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}, ${availableParallelism()} processors`,
  );
}
await site.close();
console.log(`\n${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed > 0 ? 1 : 0;
