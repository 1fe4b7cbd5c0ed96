// What `npm run test:browser` runs: the status page in Debian's chromium, with the built program behind it.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/browser/global-setup.ts'],
    // A browser and a daemon each: more at once would measure each other.
    maxWorkers: 1,
    testTimeout: 45_000,
    hookTimeout: 60_000,
  },
});
