// `npm run test:soak` (three minutes) and `npm run soak` (half an hour): runs as it stands, and bundles what it starts.
import { runBundled } from '../../bench/bundled.mjs';

const SECONDS = 1_800;
/** For what comes before and behind: starts, rests, a machine with other work. */
const MORE_MS = 300_000;

const seconds = Number(process.env.SOAK_SECONDS ?? SECONDS);
if (!(seconds > 0)) {
  console.error(`SOAK_SECONDS is a number of seconds, not ${process.env.SOAK_SECONDS}`);
  process.exitCode = 2;
} else {
  process.env.SOAK_SECONDS = String(seconds);
  process.exitCode = await runBundled(['test/soak/main.ts', 'bench/server.ts'], seconds * 1_000 + MORE_MS);
}
