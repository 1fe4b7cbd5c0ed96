// What `npm test` runs: every test that needs no other kernel. test/kernel has a configuration of its own.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/kernel/**'],
    testTimeout: 15_000,
  },
});
