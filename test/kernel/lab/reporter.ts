// The node:test reporter used inside the test kernel: one line per test as it ends, what failed in full, and at the end the
// counts, printed and written to $LAB_DIR/results.json for the host.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How many tests (not suites) ended in which way. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly skip?: string | boolean;
    readonly message?: string;
    readonly details?: { readonly type?: string; readonly duration_ms?: number; readonly error?: unknown };
  };
}

/** The reporter, as node:test wants it: events in, text out. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const isSuite = data.details?.type === 'suite';
    const skipped = data.skip !== undefined && data.skip !== false;
    const seconds = ((data.details?.duration_ms ?? 0) / 1000).toFixed(1);
    const indent = '  '.repeat(data.nesting ?? 0);
    if (isSuite) {
      if (type === 'test:fail' && !isChildFailure(data.details?.error)) {
        counts.failed += 1;
        yield `${indent}FAIL ${data.name} (suite)\n${describe(data.details?.error, indent)}`;
      }
      continue;
    }
    if (skipped) counts.skipped += 1;
    else if (type === 'test:pass') counts.passed += 1;
    else counts.failed += 1;
    const mark = skipped ? 'skip' : type === 'test:pass' ? 'ok  ' : 'FAIL';
    yield `${indent}${mark} ${data.name} (${seconds} s)\n`;
    if (type === 'test:fail') yield describe(data.details?.error, indent);
  }
  yield `in this kernel: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
  if (process.env.LAB_DIR !== undefined) {
    writeFileSync(join(process.env.LAB_DIR, 'results.json'), JSON.stringify(counts));
  }
}

function isChildFailure(error: unknown): boolean {
  return (error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
}

function describe(error: unknown, indent: string): string {
  const cause = (error as { cause?: unknown } | undefined)?.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return `${text.replace(/^/gm, `${indent}     `)}\n`;
}
