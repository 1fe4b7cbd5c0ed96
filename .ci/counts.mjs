// Adds up what the test runs counted. Arguments: NAME=FILE, a JSON report of vitest's, or a log whose closing line has the counts.
import { readFileSync } from 'node:fs';

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** [passed, failed, skipped]; undefined when the run did not come to an end. */
function counts(path) {
  const text = read(path);
  if (path.endsWith('.json')) {
    const report = text === '' ? undefined : JSON.parse(text);
    return report && [report.numPassedTests, report.numFailedTests, report.numPendingTests + report.numTodoTests];
  }
  return /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(text)?.slice(1).map(Number);
}

let missing = false;
const total = [0, 0, 0];
for (const argument of process.argv.slice(2)) {
  const [name, path] = argument.split('=');
  const found = counts(path);
  if (found === undefined) {
    missing = true;
    console.log(`${name}: no counts, its run did not come to an end`);
    continue;
  }
  for (const [index, count] of found.entries()) total[index] += count;
  console.log(`${name}: ${found[0]} passed, ${found[1]} failed, ${found[2]} skipped`);
}
console.log(`${total[0]} passed, ${total[1]} failed, ${total[2]} skipped`);
process.exit(missing || total[1] > 0 ? 1 : 0);
