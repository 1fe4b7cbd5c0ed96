// node:test's words, as the kernel tests use them: on a machine that cannot run them ($LAB_SKIP) every test is a skipped one,
// and nothing is set up or torn down.
import * as nodeTest from 'node:test';

const skipAll = process.env.LAB_SKIP === '1';

type Body = () => Promise<void> | void;

/** Options of one test; the deadline is 60 s unless told. */
export interface TestOptions {
  readonly skip?: string | false;
  readonly deadlineMs?: number;
}

export const describe = nodeTest.describe;

/** One test. */
export function test(name: string, body: Body, options: TestOptions = {}): void {
  const skip = skipAll || options.skip || false;
  nodeTest.test(name, { skip, timeout: options.deadlineMs ?? 60_000 }, () => body());
}

/** Runs before the tests of its describe(), unless they are all skipped. */
export function before(body: Body): void {
  if (!skipAll) nodeTest.before(() => body());
}

/** Runs after the tests of its describe(), unless they are all skipped. */
export function after(body: Body): void {
  if (!skipAll) nodeTest.after(() => body());
}
