// What an installation of the package runs and brings along: nothing. All that the program needs is bundled (build.mjs).
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
const { scripts, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = read('package.json');

test('no script runs', () => {
  const run = /^(pre|post)?(install|prepare)$|^prepublish$/;
  expect(Object.keys(scripts).filter((name) => run.test(name))).toEqual([]);
});

test('no other package comes with it, unless somebody wants Oracle', () => {
  expect([dependencies, optionalDependencies]).toEqual([undefined, undefined]);
  expect(Object.keys(peerDependencies)).toEqual(['oracledb']);
  expect(peerDependenciesMeta).toEqual({ oracledb: { optional: true } });
});
