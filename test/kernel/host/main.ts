// The kernel tests, seen from the machine that runs them: can they run here, build, bundle, boot, add up.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mustInstall } from '../../debian-packages.ts';
import type { Counts } from '../lab/reporter.ts';
import { boot, killAll, processors } from './kernel.ts';
import { whyNot } from './packages.ts';

type Plan = ReadonlyArray<readonly string[]>;

/** Each entry is one boot; they run side by side. Names are those of the test files, `name:1/2` half of its cases. */
const PLAN: Plan = [
  ['article', 'scale', 'traffic', 'status'],
  ['services:ldirectord'],
  ['services:tsdirectord'],
  ['clients:tsdirectord'],
  ['clients:ldirectord'],
  ['crash'],
  ['heartbeat:stop'],
  ['heartbeat:cut'],
  ['heartbeat:connections'],
  ['pacemaker'],
  ['keepalived'],
  ['systemd'],
  ...[1, 2, 3, 4].map((part) => [`compare:${part}/4`]),
];
const DEADLINE_MS = Number(process.env.LAB_DEADLINE_MS ?? 600_000);
/** So many kernels at once, each with a processor of its own. */
const AT_ONCE = 4;

/** Runs the suites named in args (all by default) and returns the exit code. */
export async function main(
  kernelDir: string,
  args: readonly string[],
  bundle: (entryPoints: string[], outdir: string) => Promise<unknown>,
): Promise<number> {
  const began = Date.now();
  const root = resolve(kernelDir, '../..');
  const bundles = mkdtempSync(join(tmpdir(), 'tsdirectord-tests-'));
  const cleanUp = (): void => {
    killAll();
    rmSync(bundles, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      cleanUp();
      process.kill(process.pid, signal);
    });
  }
  try {
    const entries = ['inside.ts', 'agent.ts', 'services-agent.ts', 'reporter.ts'].map((name) =>
      join(kernelDir, 'lab', name),
    );
    await bundle(entries, bundles);
    await bundle([join(root, 'bench/server.ts')], bundles);
    copyFileSync(join(kernelDir, 'host/init.sh'), join(bundles, 'init.sh'));

    const plan = args.length > 0 ? args.map((arg) => [arg]) : PLAN;
    const reason = whyNot();
    if (reason !== undefined) return skipAll(reason, plan, bundles, root);
    const broken = build(root);
    if (broken !== undefined) return finish({ passed: 0, failed: 1, skipped: 0 }, broken);

    const total: Counts = { passed: 0, failed: 0, skipped: 0 };
    const waiting = plan.map((suites) => ({ suites, name: suites.join('+') }));
    const worker = async (cpu: number): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { suites, name } = next;
        const prefix = plan.length > 1 ? `${name.padEnd(14)} ` : '';
        const print = (line: string): void => console.log(prefix + line);
        const began = performance.now();
        const collect = (dir: string): void => keepRecords(dir, kernelDir);
        const outcome = await boot({
          name,
          bundles,
          env: settings(root, suites),
          deadlineMs: DEADLINE_MS,
          cpu,
          print,
          collect,
        });
        print(`took ${((performance.now() - began) / 1000).toFixed(0)} s`);
        if (outcome.counts !== undefined) {
          total.passed += outcome.counts.passed;
          total.failed += outcome.counts.failed;
          total.skipped += outcome.counts.skipped;
        } else {
          total.failed += 1;
          console.error(`FAIL ${name}: ${outcome.error}`);
        }
      }
    };
    await Promise.all(processors().slice(0, AT_ONCE).map(worker));
    return finish(total, `kernel tests took ${((Date.now() - began) / 1000).toFixed(0)} s`);
  } finally {
    cleanUp();
  }
}

/** What the tests inside find in their environment: LAB_* of ours is passed on. */
function settings(root: string, suites: readonly string[]): Record<string, string> {
  const own = Object.entries(process.env).filter(([key]) => key.startsWith('LAB_')) as [string, string][];
  return { ...Object.fromEntries(own), LAB_ROOT: root, LAB_SUITES: suites.join(' ') };
}

/** The tables that compare.test.ts recorded, if it did, become those that are kept with the configurations. */
function keepRecords(dir: string, kernelDir: string): void {
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.table')) copyFileSync(join(dir, name), join(kernelDir, 'configs', name));
  }
}

/** What is tested is dist/: it is built when it is not there or older than a source; undefined when all is well. */
function build(root: string): string | undefined {
  if (process.env.LAB_DIRECTOR === 'ldirectord') return undefined;
  const program = join(root, 'dist/tsdirectord.cjs');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(root, 'src', name),
  );
  const built = existsSync(program) ? statSync(program).mtimeMs : 0;
  if (sources.every((file) => statSync(file).mtimeMs <= built)) return undefined;
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? undefined : `npm run build failed:\n${stdout}${stderr}`;
}

/** Counts every test as skipped (the bundles know how many there are) and says why, loudly. */
function skipAll(reason: string, plan: Plan, bundles: string, root: string): number {
  const error = mustInstall();
  const suites = plan.flat();
  const env = { ...process.env, ...settings(root, suites), LAB_SKIP: '1', LAB_DIR: bundles };
  const args = [`--test-reporter=${join(bundles, 'reporter.mjs')}`, '--test-reporter-destination=stdout'];
  const { stdout } = spawnSync(process.execPath, [...args, join(bundles, 'inside.mjs')], { env, encoding: 'utf8' });
  const skipped = Number(/(\d+) skipped\n$/.exec(stdout)?.[1] ?? 1);
  const text = `KERNEL TESTS ${error ? 'FAILED' : 'SKIPPED'}: ${reason}
They run tsdirectord against a real IPVS in a kernel of its own (user-mode-linux); nothing else tests that.`;
  if (error) return finish({ passed: 0, failed: 1, skipped }, text);
  return finish({ passed: 0, failed: 0, skipped }, text);
}

/** The last line stands alone and is read by .ci/run. */
function finish(counts: Counts, remark: string): number {
  console.log(`\n${remark}\n`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed > 0 || counts.passed + counts.skipped === 0 ? 1 : 0;
}
