// Builds dist/: the program in one file, and beside it what it loads only when it needs it. Few, small files because a director's
// `start` is two processes that should be quick: loading the packages as they are installed takes twice the time.
import { mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { bundledPackages, noticesOf } from './packaging/licences.mjs';
import { joinPage } from './src/status/page/join.mjs';

/** What of a package the program uses, when that is less than the package. */
const LOADED_LATER = {
  'dns-packet': "export { decode, encode } from 'dns-packet';",
  ioredis: "export { Redis } from 'ioredis';",
  mysql2: "export { createConnection } from 'mysql2';",
  nodemailer: "export { createTransport } from 'nodemailer';",
  pg: "export { Client, Query } from 'pg';",
  // Not imported: what a module exports is copied by its names, and this is a buffer of 54,000.
  'llhttp-wasm': "export const bytes = require('undici/lib/llhttp/llhttp-wasm.js');",
  pino: "export { pino } from 'pino';",
  'pino-pretty': "export { prettyFactory } from 'pino-pretty';",
  'prom-client': [
    "import collectDefaultMetrics from 'prom-client/lib/defaultMetrics.js';",
    "import Gauge from 'prom-client/lib/gauge.js';",
    "import Registry from 'prom-client/lib/registry.js';",
    'export { collectDefaultMetrics, Gauge, Registry };',
  ].join('\n'),
};

/** Never ours to bring: the administrator installs it where a configuration needs it. */
const NOT_INCLUDED = ['oracledb', 'pg-native'];

const options = {
  external: NOT_INCLUDED,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // ES modules take a tenth of a second more to start in the test kernel.
  format: 'cjs',
  // Makes require() of import(): a single executable has no import(), and Node need not start its loader of ES modules.
  supported: { 'dynamic-import': false },
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
};

/** Leaves `import('./actions.ts')`, `import('pino')` and the like to the files beside the program. */
const loadLater = {
  name: 'load-later',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/actions\.ts$/ }, () => ({ path: './actions.cjs', external: true }));
    onResolve({ filter: /\/web\/web\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './web.cjs', external: true } : undefined,
    );
    onResolve({ filter: /\/page\/page\.ts$/ }, () => ({ path: './page.cjs', external: true }));
    onResolve({ filter: /\/llhttp-wasm\.ts$/ }, () => ({ path: './llhttp-wasm.cjs', external: true }));
    onResolve({ filter: /^[\w-]+$/ }, ({ path }) =>
      Object.hasOwn(LOADED_LATER, path) ? { path: `./${path}.cjs`, external: true } : undefined,
    );
    // Commander loads it for subcommands that are programs of their own, which ours are not: a tenth of what a status takes.
    onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
      importer.includes('/commander/') ? { path, namespace: 'unused' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const built = await Promise.all([
  build({
    ...options,
    entryPoints: {
      tsdirectord: 'src/tsdirectord.ts',
      actions: 'src/actions.ts',
      web: 'src/status/web/web.ts',
      demo: 'src/demo.ts',
    },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    plugins: [loadLater],
  }),
  ...Object.entries(LOADED_LATER).map(([name, contents]) =>
    // A library's own words on standard error would stand between our log lines: mysql2 prints a stack for each broken answer.
    build({
      ...options,
      drop: ['console'],
      sourcemap: false,
      stdin: { contents, resolveDir: 'src' },
      outfile: `dist/${name}.cjs`,
    }),
  ),
]);

const page = await joinPage();
writeFileSync('dist/page.cjs', `exports.pageText = async () => ${JSON.stringify(page)};\n`);

// The bundles have lost the notices that the licences of what is in them ask for.
const bundled = bundledPackages(built.map(({ metafile }) => metafile));
writeFileSync('dist/LICENSES', noticesOf(bundled));
mkdirSync('packaging/dist', { recursive: true });
writeFileSync('packaging/dist/bundled.json', JSON.stringify(bundled));
