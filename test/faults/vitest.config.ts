// What `npm run test:faults` runs: what breaks around the program, and who attacks it. `npm run test:faults:long` makes up a hundred
// thousand hostile replies for each protocol and a million configurations, where the other makes up thousands.
import { defineConfig } from 'vitest/config';

/** What promises that nobody waits for long is measured with nothing beside it. */
const MEASURED = ['test/faults/hostile-costs.test.ts', 'test/faults/hostile-patterns.test.ts'];

const root = new URL('../..', import.meta.url).pathname;
const common = { root, testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'measured', include: MEASURED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      {
        test: {
          ...common,
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          exclude: MEASURED,
          maxWorkers: 3,
          // A hundred thousand short-lived connections: a tenth of the time goes to clearing up after them, and not a third.
          execArgv: ['--max-semi-space-size=64'],
        },
      },
    ],
  },
});
