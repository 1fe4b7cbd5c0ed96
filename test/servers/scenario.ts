// What is tried with every server: a table of configurations and what each finds, and a server's life from up to hung and back.
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import type { CheckResult, RunnableCheck } from '../../src/checks/check.ts';
import { prepareCheck } from '../../src/checks/run.ts';
import type { CheckPlan } from '../../src/config/model.ts';
import { services } from '../checks/listeners.ts';
import { configOf } from '../config-of.ts';
import { isRoot, missingPackages } from '../debian-packages.ts';
import { until } from '../until.ts';
import type { Daemon } from './daemon.ts';
import { SERVERS, type ServerName } from './packages.ts';
import { hasIPv6, ownSockets } from './processes.ts';
import { Site } from './site.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** How long the check of a server that hung took, in milliseconds, and its time limit. */
    hung?: { tookMs: number; limitMs: number };
  }
}

/**
 * Directives of a virtual service beside `virtual` and `real`, one on each line; what its check finds; the detail, whole or by
 * a pattern.
 */
export type Row = readonly [name: string, directives: string, outcome: 'up' | 'down', detail: string | RegExp];

/** Undefined when a server's tests can run here, otherwise why not. */
function whyNot(name: ServerName, { root = false }: Needs): string | undefined {
  const missing = missingPackages(SERVERS[name]);
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  return root && !isRoot() ? 'this server runs only as root' : undefined;
}

/** What a server cannot do without. */
interface Needs {
  readonly root?: boolean;
}

/** The tests of one server. Its daemons run while they do. */
export function describeServer(name: ServerName, define: (site: Site) => void, needs: Needs = {}): void {
  const site = new Site(name);
  const reason = whyNot(name, needs);
  if (reason !== undefined) console.warn(`NOT TESTED: ${name}: ${reason}`);
  describe.skipIf(reason !== undefined)(name, () => {
    beforeAll(() => site.open());
    afterAll(() => site.close());
    define(site);
  });
}

const LOOPBACKS = ['127.0.0.1', '::1'];

/** One test for each row and IP version. @param port of 127.0.0.1 and ::1 */
export function checks(
  daemon: Daemon,
  port: number,
  rows: readonly Row[],
  addresses: readonly string[] = LOOPBACKS,
): void {
  for (const address of addresses) {
    test.skipIf(address === '::1' && !hasIPv6()).for(rows)(
      `%s (${address})`,
      async ([_name, directives, outcome, detail]) => {
        const { check, close } = prepare(daemon, address, port, directives);
        const result = await check().finally(close);
        expect(result).toMatchObject({ outcome, detail: whole(detail) });
      },
    );
  }
}

export interface Life {
  /** What the check finds while the server is up. */
  readonly up: string | RegExp;
  /** What it finds when nobody listens. */
  readonly stopped?: string | RegExp;
}

/** One check all along, as the daemon makes it: up, stopped, started, hung, and woken. The directives have no time limit. */
export function life(
  daemon: Daemon,
  port: number,
  directives: string,
  { up, stopped = 'connection refused' }: Life,
): void {
  const service = /^service = (.*)$/m.exec(directives)?.[1];
  const protocol = /^protocol = (.*)$/m.exec(directives)?.[1] ?? 'tcp';
  test(`${service} over ${protocol}: up, stopped, started, hung, woken`, async ({ task }) => {
    const { check, close } = prepare(daemon, '127.0.0.1', port, `${directives}\nnegotiatetimeout = 1`);
    try {
      expect(await check()).toMatchObject({ outcome: 'up', detail: whole(up) });
      await daemon.stop();
      expect(await check()).toMatchObject({ outcome: 'down', detail: whole(stopped) });
      await daemon.start();
      expect(await check()).toMatchObject({ outcome: 'up', detail: whole(up) });
      await daemon.pause();
      const hung = await check();
      daemon.resume();
      expect(hung).toMatchObject({ outcome: 'down', detail: expect.stringMatching(/^no answer within 1 s/) });
      expect(hung.durationMs).toBeGreaterThanOrEqual(980);
      expect(hung.durationMs).toBeLessThanOrEqual(1500);
      task.meta.hung = { tookMs: hung.durationMs, limitMs: 1000 };
      // It may have the unanswered requests of a second to answer first.
      await until('the server that was woken is up', async () => (await check()).outcome === 'up');
    } finally {
      close();
      await daemon.start();
    }
  });
}

interface Prepared {
  /** Runs the check, and sees to it that no socket is left and no secret told. */
  readonly check: () => Promise<CheckResult>;
  readonly close: () => void;
}

function prepare(daemon: Daemon, address: string, port: number, directives: string): Prepared {
  const told: string[] = [];
  const secrets = [...directives.matchAll(/^(?:passwd|secret) = "(.{4,})"$/gm)].map(([, secret = '']) => secret);
  const world = services({}, { trace: (line) => told.push(line) });
  const runnable: RunnableCheck = prepareCheck(planOf(address, port, directives), world);
  onTestFailed(() => console.error([...told, `--- ${address}:${port} printed:`, daemon.takeOutput()].join('\n')));
  return {
    async check() {
      const result = await runnable.run();
      told.push(`= ${result.outcome}: ${result.detail}`);
      for (const secret of secrets) expect(told.join('\n')).not.toContain(secret);
      await until('the check has closed its sockets', () => ownSockets().length === 0, ownSockets, 1_000);
      return result;
    },
    close: () => runnable.close(),
  };
}

/** What the configuration of one virtual service with one real server makes of these directives. */
export function planOf(address: string, port: number, directives: string): CheckPlan {
  const block =
    address === '::1'
      ? [`virtual6 = [2001:db8::1]:${port}`, `real6 = [::1]:${port} masq`]
      : [`virtual = 192.0.2.1:${port}`, `real = ${address}:${port} masq`];
  const text = [...block, 'checktype = negotiate', ...directives.split('\n')].join('\n\t');
  const plan = configOf(`${text}\n`).virtuals[0]?.reals[0]?.check;
  if (plan === undefined) throw new Error(`no real server in\n${text}`);
  return plan;
}

function whole(detail: string | RegExp): unknown {
  return typeof detail === 'string' ? detail : expect.stringMatching(detail);
}
