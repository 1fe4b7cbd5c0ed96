// What `npm test` runs: every test that needs nothing but this project. test/servers has a configuration of its own, test/kernel a runner.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/kernel/**', 'test/servers/**', 'test/packages/**'],
    // Most tests wait for deadlines, not for the processor.
    maxWorkers: 4,
    testTimeout: 15_000,
  },
});
