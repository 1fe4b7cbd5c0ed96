// SIGKILL between any two effects of a start, of a start after a crash, of a reload and of a stop, and in the middle of a batch of
// ipvsadm: no healthy server is ever taken out, nothing foreign is touched, and the next start makes the table exactly right.
import { expect, test } from 'vitest';
import { begun, inPool, ordersFor, recover, startServers } from './kill-runs.ts';
import { type Fault, KillSite, type Launched, type LayoutName, type Remains, type SiteOptions } from './kill-site.ts';

const TEST_MS = 280_000;
/** All points with both settings of quiescent, instead of one of the two by turns. */
const IS_THOROUGH = process.env.KILL_POINTS === 'all';

/** Brings a site to where it is to be killed, and on to its end where nothing kills it. */
interface Scenario {
  /** Effects count from here on. */
  readonly from?: NodeJS.Signals;
  /** A daemon of `before` has been killed. */
  readonly isAfterCrash?: boolean;
  /** What is configured in the end. */
  readonly layout: LayoutName;
  /** `arm` is to be called before ipvsadm is to go wrong. */
  readonly drive: (site: KillSite, fault: Fault, arm: () => void) => Promise<Driven>;
}

interface Driven {
  readonly daemon: Launched;
  /** What was done to healthy servers and foreign services. */
  readonly harm: readonly string[];
}

const SCENARIOS: readonly (readonly [name: string, Scenario])[] = [
  [
    'a start',
    {
      layout: 'before',
      async drive(site, fault, arm) {
        arm();
        const daemon = site.launch(fault);
        await begun(site, daemon, 'before');
        return { daemon, harm: site.harm('before', 0, { hasFailed: daemon.exitCode === 1 }) };
      },
    },
  ],
  [
    'a start with another configuration after a crash',
    {
      isAfterCrash: true,
      layout: 'after',
      async drive(site, fault, arm) {
        const mark = site.changes;
        site.configure('after');
        arm();
        const daemon = site.launch(fault);
        await begun(site, daemon, 'after');
        return { daemon, harm: site.harm('after', mark, { hasFailed: daemon.exitCode === 1 }) };
      },
    },
  ],
  [
    'a reload',
    {
      from: 'SIGHUP',
      layout: 'after',
      async drive(site, fault, arm) {
        const daemon = site.launch(fault);
        await begun(site, daemon, 'before');
        const mark = site.changes;
        site.configure('after');
        arm();
        daemon.signal('SIGHUP');
        const isDone = () => site.isRight('after') && site.said.includes('Reloaded ');
        await site.until('a reload', () => daemon.hasEnded || isDone());
        return { daemon, harm: [...site.harm('before', 0, { to: mark }), ...site.harm('after', mark)] };
      },
    },
  ],
  [
    'a stop',
    {
      from: 'SIGTERM',
      layout: 'before',
      async drive(site, fault, arm) {
        const daemon = site.launch(fault);
        await begun(site, daemon, 'before');
        const mark = site.changes;
        arm();
        daemon.signal('SIGTERM');
        await daemon.ended;
        return { daemon, harm: site.harm('before', 0, { to: mark }) };
      },
    },
  ],
];

/** What a daemon leaves that is killed when all is as it should be. */
async function crashed(options: SiteOptions): Promise<Remains> {
  const site = new KillSite(options);
  try {
    site.configure('before');
    const daemon = site.launch();
    await begun(site, daemon, 'before');
    await daemon.kill();
    return site.remains;
  } finally {
    site.close();
  }
}

interface Point {
  /** Of an effect, from 1. */
  readonly at?: number;
  readonly ipvsadm?: string;
  readonly quiescent: boolean;
  readonly name: string;
}

test.each(SCENARIOS)(
  'killed between any two effects of %s, or in a batch',
  { timeout: TEST_MS },
  async (_, scenario) => {
    const servers = await startServers();
    const orders = await ordersFor(servers);
    const { from, isAfterCrash = false, layout, drive } = scenario;
    const remains = isAfterCrash
      ? await Promise.all([true, false].map((quiescent) => crashed({ servers, quiescent, remains: orders })))
      : [orders, orders];
    /** What the program did, and how many changes the table has seen. */
    const run = async ({
      at,
      ipvsadm,
      quiescent,
    }: Point): Promise<{ wrong: string[]; effects: string[]; changes: number }> => {
      const site = new KillSite({ servers, quiescent, remains: remains[quiescent ? 0 : 1] as Remains });
      try {
        site.configure('before');
        let mark = 0;
        const fault = { ...(at === undefined ? {} : { at }), ...(from === undefined ? {} : { from }) };
        const isWhole = at === undefined && ipvsadm === undefined;
        const { daemon, harm } = await drive(site, fault, () => {
          mark = site.changes;
          if (ipvsadm !== undefined) site.ipvsadmFault = ipvsadm;
        });
        const { effects } = site;
        const changes = site.changes - mark;
        await daemon.kill();
        site.healIpvsadm();
        // An ipvsadm that was at work goes on: what it does is not the next daemon's doing (kill-children.test.ts has one that is slow).
        await site.until('the end of what was left', () => site.pids().length === 0);
        return {
          wrong: [...harm, ...(await recover(site, layout, isWhole ? 'by actions' : 'quickly'))],
          effects,
          changes,
        };
      } finally {
        site.close();
      }
    };

    const whole = await run({ quiescent: true, name: 'no fault' });
    expect(whole.wrong).toEqual([]);
    const before = whole.effects.map((effect, index) => ({ at: index + 1, name: `effect ${effect}` }));
    const batches = ['parent', 'self'].flatMap((whom) =>
      Array.from({ length: whole.changes }, (_, index) => ({
        ipvsadm: `${whom} ${index + 1}`,
        name: `ipvsadm: ${whom} ${index + 1}`,
      })),
    );
    const points = [...before, ...batches].flatMap((point, index): Point[] => {
      const both = [true, false].map((quiescent) => ({ ...point, quiescent }));
      return IS_THOROUGH ? both : [both[index % 2] as Point];
    });
    expect(points.length).toBeGreaterThan(10);
    const failures: string[] = [];
    await inPool(points, async (point) => {
      const wrong = await run(point).then(
        (done) => done.wrong,
        (error) => [(error as Error).message],
      );
      if (wrong.length > 0) failures.push(`${point.name}, quiescent = ${point.quiescent}:\n${wrong.join('\n')}`);
    });
    expect(failures.join('\n\n')).toBe('');
  },
);

test('killed in the background: who starts it is told, and the next start makes it right', {
  timeout: TEST_MS,
}, async () => {
  const servers = await startServers();
  const remains = await ordersFor(servers);
  const failures: string[] = [];
  await inPool([1, 5, 8, 10, 15, 19], async (at) => {
    const site = new KillSite({ servers, quiescent: true, remains });
    try {
      site.configure('before');
      const { code, stderr } = await site.start({ at });
      const wrong = code !== 0 && stderr.includes('ended while starting (SIGKILL)') ? [] : [`start: ${code} ${stderr}`];
      wrong.push(...site.harm('before', 0), ...(await recover(site, 'before', 'quickly')));
      if (wrong.length > 0) failures.push(`effect ${at}:\n${wrong.join('\n')}`);
    } finally {
      site.close();
    }
  });
  expect(failures.join('\n\n')).toBe('');
});
