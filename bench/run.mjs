// `npm run bench`: the programs side by side in the IPVS kernel, then tsdirectord by itself on this machine. `npm run bench kernel`
// and `npm run bench host` are one of the two. Runs as it stands; what it starts is bundled first.
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, runBundled } from './bundled.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const KERNEL_DEADLINE_MS = 800_000;

function kernel() {
  return run([join(root, 'test/kernel/run.mjs'), 'side-by-side'], {
    LAB_DEADLINE_MS: String(KERNEL_DEADLINE_MS),
    LAB_METER: '1',
  });
}

function host() {
  return runBundled(['bench/host.ts', 'bench/server.ts']);
}

const parts = { kernel, host };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
const unknown = names.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`npm run bench knows the parts ${Object.keys(parts).join(' and ')}, not ${unknown.join(', ')}`);
  process.exitCode = 2;
} else {
  const [load = 0] = loadavg();
  if (load > availableParallelism() / 2)
    console.error(`Others are at work on this machine (load ${load.toFixed(1)}): what is measured now says little.`);
  for (const name of names) process.exitCode = (await parts[name]()) || process.exitCode;
}
