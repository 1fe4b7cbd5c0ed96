// What `npm run test:servers` runs: every check against the real server, from Debian's packages.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/servers/**/*.test.ts'],
    globalSetup: ['test/servers/global-setup.ts'],
    // Sockets and children are looked for by process, so that each file needs one of its own.
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
