// dist/ as it is built: what the program loads only when it needs it is there, and holds what the program takes from it.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const NEVER_BUNDLED = ['oracledb'];

/** `const { A, B: C } = await import('x')`, and `await import('x')` whose members are used: package and names. */
function loadedLater(): [file: string, name: string, exports: string[]][] {
  return (readdirSync(new URL('src', ROOT), { recursive: true }) as string[])
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => {
      const text = readFileSync(new URL(`src/${path}`, ROOT), 'utf8');
      return [...text.matchAll(/const (\{[^}]*\}|\w+) = await import\('([\w-]+)'\)/g)].map(
        ([, taken = '', name = '']): [string, string, string[]] => {
          const names = taken.startsWith('{')
            ? [...taken.matchAll(/(\w+)(?:: \w+)?[,\s}]/g)].map(([, each = '']) => each)
            : [...text.matchAll(new RegExp(`\\b${taken}\\.(\\w+)`, 'g'))].map(([, each = '']) => each);
          return [path, name, [...new Set(names)]];
        },
      );
    })
    .filter(([, name]) => !NEVER_BUNDLED.includes(name));
}

test.each(loadedLater())('%s finds %s with %j', (_path, name, exports) => {
  const found = createRequire(import.meta.url)(new URL(`dist/${name}.cjs`, ROOT).pathname);
  expect(exports.length).toBeGreaterThan(0);
  expect(exports.filter((each) => found[each] === undefined)).toEqual([]);
});

test('all packages that are loaded later are known to the test above', () => {
  const sources = (readdirSync(new URL('src', ROOT), { recursive: true }) as string[]).filter((path) =>
    path.endsWith('.ts'),
  );
  const texts = sources.map((path) => readFileSync(new URL(`src/${path}`, ROOT), 'utf8'));
  const named = texts.flatMap((text) => [...text.matchAll(/\bimport\('([\w-]+)'\)/g)].map(([, name = '']) => name));
  const found = new Set([...loadedLater().map(([, name]) => name), ...NEVER_BUNDLED]);
  // The terminal's log takes two at once, so that the pattern above does not see them.
  expect(named.filter((name) => !found.has(name) && name !== 'pino-pretty')).toEqual([]);
});

test('an installation needs no other package: all are in dist/', () => {
  expect(JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).dependencies).toBeUndefined();
});
