// Whether an answer holds a match, decided without ever holding the event loop: what could backtrack runs under a limit.
import vm from 'node:vm';
import type { Pattern } from '../config/perl-regex.ts';
import { CheckFailure } from '../errors.ts';
import { printable } from './text.ts';

/** A pattern needed more time than its limit: this says nothing about the answer, the pattern is to be made simpler. */
export class PatternTimeout extends Error {
  readonly code = 'PATTERN_TIMEOUT';
  override name = 'PatternTimeout';
}

/** As `matches`; a pattern that is too much work for this answer fails the check with its name. */
export function received(pattern: Pattern, answer: Buffer): boolean {
  try {
    return matches(pattern, answer);
  } catch (error) {
    if (!(error instanceof PatternTimeout)) throw error;
    throw new CheckFailure(`receive /${printable(pattern.text)}/: ${error.message}`, { cause: error });
  }
}

/** `safe` patterns are safe for an answer up to this size. */
const SAFE_BYTES = 2 ** 20;
const LIMIT_MS = 20;
/**
 * The limit is wall-clock time, so that a busy machine stops harmless patterns, too (seen: one call in 6,000 with two
 * processes for each processor). So the first overrun tells nothing; from the second on the pattern is to blame when this
 * process itself has worked in it.
 */
const MOST_ATTEMPTS = 10;

// A cache and nothing else: a pattern is compiled once, and forgotten together with its configuration.
const compiled = new WeakMap<Pattern, RegExp>();
const testLimited = createLimitedTest();

/**
 * True when the body holds a match of the pattern.
 * Throws PatternTimeout when that takes longer than `limitMs` (default 20), or more memory than V8 gives a regex.
 */
export function matches(pattern: Pattern, body: Buffer, limitMs = LIMIT_MS): boolean {
  const direct = pattern.safe && body.length <= SAFE_BYTES;
  if (direct && pattern.literal !== undefined) return body.indexOf(pattern.literal, 0, 'latin1') >= 0;
  const regex = compile(pattern);
  const text = body.toString('latin1');
  if (direct) return regex.test(text);
  for (let attempt = 1; ; attempt++) {
    const start = process.cpuUsage();
    try {
      return testLimited(regex, text, limitMs);
    } catch (error) {
      if (!isOverrun(error)) throw error;
      if (isTimeout(error) && (attempt === 1 || (attempt < MOST_ATTEMPTS && cpuMsSince(start) < limitMs / 2))) continue;
      throw new PatternTimeout(
        `the pattern is too much work for an answer of ${body.length} bytes (limit ${limitMs} ms): use fewer *, + and {n,} in it`,
        { cause: error },
      );
    }
  }
}

function compile(pattern: Pattern): RegExp {
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern.source, pattern.flags);
    compiled.set(pattern, regex);
  }
  return regex;
}

/** V8 stops a running regex only when it was started from a script with a timeout. */
function createLimitedTest(): (regex: RegExp, text: string, limitMs: number) => boolean {
  const script = new vm.Script('job()');
  const sandbox = { job: (): boolean => false };
  let context: vm.Context | undefined;
  return (regex, text, limitMs) => {
    // Most configurations never need the context.
    context ??= vm.createContext(sandbox);
    sandbox.job = () => regex.test(text);
    try {
      return script.runInContext(context, { timeout: limitMs });
    } finally {
      sandbox.job = () => false;
    }
  };
}

/** What all threads of this process have worked since then. */
function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** A regex that fills its backtracking stack ends in a RangeError. */
function isOverrun(error: unknown): boolean {
  return error instanceof RangeError || isTimeout(error);
}

function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
