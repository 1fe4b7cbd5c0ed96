// `npm run test:kernel`: the only file here that Node 20 runs as it stands. It bundles host/main.ts, for the machine it is
// started on, and hands over to it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const kernelDir = fileURLToPath(new URL('.', import.meta.url));

/** TypeScript in, one ES module per entry out: node alone runs them, here and inside the test kernel. */
function bundle(entryPoints, outdir) {
  return build({
    entryPoints,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
}

const scratch = await mkdtemp(join(tmpdir(), 'tsdirectord-host-'));
const { main } = await bundle([join(kernelDir, 'host/main.ts')], scratch)
  .then(() => import(pathToFileURL(join(scratch, 'main.mjs')).href))
  .finally(() => rm(scratch, { recursive: true, force: true }));
process.exitCode = await main(kernelDir, process.argv.slice(2), bundle);
