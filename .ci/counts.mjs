// Says once more what failed, so that the end of a long log tells it, and adds up what the test runs counted. Arguments: NAME=FILE, a
// JSON report of vitest's, or a log of test/kernel/run.mjs or test/soak/run.mjs, whose closing line has the counts.
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

/** What is said of each failure, in lines. */
const SAID = 12;

/** A text for each test that failed, and for each file that could not even be loaded. */
function failures(path) {
  const text = read(path);
  if (!path.endsWith('.json')) return logFailures(text.split('\n'));
  const files = text === '' ? [] : JSON.parse(text).testResults;
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((each) => each.status === 'failed');
    const texts = failed.map((each) => `${name}: ${each.fullName}\n${each.failureMessages.join('\n')}`);
    return status === 'failed' && texts.length === 0 ? [`${name}\n${message}`] : texts;
  });
}

/** Kernels run side by side: the lines of one begin with its name. A claim of the soak is a line. */
function logFailures(lines) {
  return lines.flatMap((line, index) => {
    if (line.startsWith('FAILED ')) return [line];
    const kernel = /^(\S+) +FAIL /.exec(line)?.[1];
    if (kernel === undefined) return [];
    return [
      lines
        .slice(index)
        .filter((each) => each.startsWith(`${kernel} `))
        .join('\n'),
    ];
  });
}

const runs = process.argv.slice(2).map((argument) => argument.split('='));
for (const [name, path] of runs) {
  for (const text of failures(path)) console.log(`FAILED ${name}: ${text.split('\n').slice(0, SAID).join('\n  ')}`);
}

let missing = false;
const total = [0, 0, 0];
for (const [name, path] of runs) {
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
