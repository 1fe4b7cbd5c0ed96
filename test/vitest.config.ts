// What `npm test` runs: every test that needs nothing but this project. The folders that are left out have a configuration or a runner
// of their own.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/kernel/**', 'test/servers/**', 'test/packages/**', 'test/browser/**', 'test/faults/**'],
    // Most tests wait for deadlines, not for the processor.
    maxWorkers: 4,
    testTimeout: 30_000,
  },
});
