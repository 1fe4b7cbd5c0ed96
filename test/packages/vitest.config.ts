// What `npm run test:packages` runs: the npm package, the single executable and the Debian package, built, installed and used.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/packages/**/*.test.ts'],
    globalSetup: ['test/packages/global-setup.ts'],
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
