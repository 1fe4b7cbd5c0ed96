// Builds dist/: the program in one file, and beside it what it loads only when it needs it. Few, small files because a director's
// `start` is two processes that should be quick: loading the packages as they are installed takes twice the time.
import { build } from 'esbuild';

/** What of a package the program uses, when that is less than the package. */
const LOADED_LATER = {
  undici: "import Client from 'undici/lib/dispatcher/client.js'; export { Client };",
  pino: "export { pino } from 'pino';",
  'pino-pretty': "export { prettyFactory } from 'pino-pretty';",
};

const options = {
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
    build({ ...options, sourcemap: false, stdin: { contents, resolveDir: 'src' }, outfile: `dist/${name}.cjs` }),
  ),
]);
