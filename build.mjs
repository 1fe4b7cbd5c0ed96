// Builds dist/: the program in one file, and beside it what it loads only when it needs it. Few, small files because a director's
// `start` is two processes that should be quick: loading the packages as they are installed takes twice the time.
import { build } from 'esbuild';

/** What of a package the program uses, when that is less than the package. */
const LOADED_LATER = {
  'dns-packet': "export { decode, encode } from 'dns-packet';",
  ioredis: "export { Redis } from 'ioredis';",
  mysql2: "export { createConnection } from 'mysql2';",
  nodemailer: "export { createTransport } from 'nodemailer';",
  pg: "export { Client, Query } from 'pg';",
  undici: "import Client from 'undici/lib/dispatcher/client.js'; export { Client };",
  pino: "export { pino } from 'pino';",
  'pino-pretty': "export { prettyFactory } from 'pino-pretty';",
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
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
  sourcemap: 'linked',
  sourcesContent: false,
};

/** Leaves `import('undici')` and the like to the files beside the program. */
const loadLater = {
  name: 'load-later',
  setup({ onResolve }) {
    onResolve({ filter: /^[\w-]+$/ }, ({ path }) =>
      Object.hasOwn(LOADED_LATER, path) ? { path: `./${path}.cjs`, external: true } : undefined,
    );
  },
};

await Promise.all([
  build({
    ...options,
    entryPoints: ['src/tsdirectord.ts', 'src/demo.ts'],
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
