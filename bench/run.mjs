// `npm run bench`: the programs side by side in the IPVS kernel, then tsdirectord by itself on this machine. `npm run bench kernel`
// and `npm run bench host` are one of the two. Runs as it stands; what it starts is bundled first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const KERNEL_DEADLINE_MS = 800_000;

function kernel() {
  return run([join(root, 'test/kernel/run.mjs'), 'side-by-side'], { LAB_DEADLINE_MS: String(KERNEL_DEADLINE_MS) });
}

async function host() {
  const dir = mkdtempSync(join(tmpdir(), 'tsdirectord-bench-'));
  try {
    const entryPoints = ['host.ts', 'server.ts'].map((name) => join(root, 'bench', name));
    const options = { bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'warning' };
    await build({ ...options, entryPoints, outdir: dir, outExtension: { '.js': '.mjs' } });
    return run([join(dir, 'host.mjs')], { LAB_BUNDLES: dir, BENCH_ROOT: root });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function run(args, env = {}) {
  return spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
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
