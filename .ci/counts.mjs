// Adds up what the test runs counted: vitest's JSON report, and the closing line of the kernel tests.
import { readFileSync } from 'node:fs';

const [unitReport, kernelLog] = process.argv.slice(2);
const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const report = read(unitReport);
const unit = report === undefined ? undefined : JSON.parse(report);
const kernel = read(kernelLog)?.match(/^(\d+) passed, (\d+) failed, (\d+) skipped$/m);
const rows = {
  unit: unit && [unit.numPassedTests, unit.numFailedTests, unit.numPendingTests + unit.numTodoTests],
  kernel: kernel?.slice(1).map(Number),
};

let missing = false;
const total = [0, 0, 0];
for (const [name, counts] of Object.entries(rows)) {
  if (!counts) {
    missing = true;
    console.log(`${name}: no counts, its run did not come to an end`);
    continue;
  }
  for (const [index, count] of counts.entries()) total[index] += count;
  console.log(`${name}: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped`);
}
console.log(`${total[0]} passed, ${total[1]} failed, ${total[2]} skipped`);
process.exit(missing || total[1] > 0 ? 1 : 0);
