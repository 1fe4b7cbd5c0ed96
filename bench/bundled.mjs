// Runs TypeScript programs with any node: each is bundled into one file, and the first one is run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs node with these arguments; its exit code. */
export function run(args, env = {}, limitMs = undefined) {
  const options = { stdio: 'inherit', env: { ...process.env, ...env }, timeout: limitMs };
  return spawnSync(process.execPath, args, options).status ?? 1;
}

/** `programs`: paths from the root of the project; the others are what the first one starts. Ended after limitMs. */
export async function runBundled(programs, limitMs = undefined) {
  const dir = mkdtempSync(join(tmpdir(), 'tsdirectord-bench-'));
  try {
    await build({
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'warning' },
      entryPoints: programs.map((path) => ({ in: join(root, path), out: basename(path, '.ts') })),
      ...{ outdir: dir, outExtension: { '.js': '.mjs' } },
    });
    const [first] = programs.map((path) => join(dir, `${basename(path, '.ts')}.mjs`));
    return run([first], { LAB_BUNDLES: dir, BENCH_ROOT: root }, limitMs);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
