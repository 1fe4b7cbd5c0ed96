// ipvsadm and the kernel module fail in every way while the daemon runs: it says so once, keeps checking, and soon after the end the
// table is right. Real checks of real listeners; behind ipvsadm stands a program that is ill as told.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../src/config/model.ts';
import { Daemon } from '../../src/daemon.ts';
import { type CommandOutcome, runCommand } from '../../src/system/command.ts';
import { IpvsadmKernel } from '../../src/system/ipvsadm.ts';
import { resolveHost } from '../../src/system/resolver.ts';
import { configOf } from '../config-of.ts';
import { LogLines } from '../log-lines.ts';
import { scratch } from '../scratch.ts';
import { SERVICE } from '../service.ts';
import { until } from '../until.ts';
import { WebServer } from '../web-server.ts';
import { type Fault, IllIpvsadm } from './ill-ipvsadm.ts';

const FOREIGN = ['-A -t 10.9.9.9:80 -s rr', '-a -t 10.9.9.9:80 -r 10.9.9.8:80 -g -w 7'];
/** Two of the shortest intervals that a configuration can have, and some for a machine that has other things to do. */
const SOON_MS = 2_000 + 4_000;

/** Intervals ten times as short as a configuration can say. */
function hurried(text: string): Config {
  const config = configOf(text);
  const virtuals = config.virtuals.map((each) => ({ ...each, checkIntervalMs: each.checkIntervalMs / 10 }));
  return { ...config, virtuals };
}

/** Virtuals on these ports, each with both servers: what changes for a server changes in all of them at once. */
function configText(ports: readonly number[], servers: readonly WebServer[]): string {
  const globals = 'quiescent = yes\ncheckinterval = 1\nnegotiatetimeout = 5\n';
  const reals = servers.map(({ port }) => `\treal = 127.0.0.1:${port} masq 3\n`).join('');
  return globals + ports.map((port) => `virtual = 10.0.0.1:${port}\n\tservice = http\n${reals}`).join('');
}

/** Its listing can be made to tell nothing of what ipvsadm has just done, as it tells nothing of options and thresholds. */
class LookedAtKernel extends IpvsadmKernel {
  isBlind = false;
  #isUnseen = false;

  override async apply(edits: Parameters<IpvsadmKernel['apply']>[0]): ReturnType<IpvsadmKernel['apply']> {
    const complaints = await super.apply(edits);
    this.#isUnseen = true;
    return complaints;
  }

  override async read(options: Parameters<IpvsadmKernel['read']>[0]): ReturnType<IpvsadmKernel['read']> {
    this.#isUnseen = false;
    return super.read(options);
  }

  override async list(): ReturnType<IpvsadmKernel['list']> {
    const tellsNothing = this.isBlind && this.#isUnseen;
    this.#isUnseen = false;
    return tellsNothing ? undefined : super.list();
  }
}

/** What the kernel should have in the end. */
interface Wanted {
  /** Of the first server and the second. */
  readonly weights: readonly [number, number];
  readonly ports?: readonly number[];
  readonly foreign?: readonly string[];
}

const PORTS = [80, 81];

/** A daemon that has brought its two servers into service, beside another program's service. */
async function running(timeoutMs = 5_000) {
  const [ill, web] = [new IllIpvsadm(scratch(), FOREIGN), await Promise.all([WebServer.start(), WebServer.start()])];
  const log = new LogLines();
  const seen = { failedPasses: 0 };
  const kernel = new LookedAtKernel(ill.path, timeoutMs, { listing: ill.listing });
  const daemon = new Daemon(hurried(configText(PORTS, web)), {
    kernel,
    log,
    services: { resolve: resolveHost, command: runCommand, ping: async () => ({ answered: false }) },
    observers: [
      {
        reconciled: ({ trouble }) => {
          if (trouble !== undefined) seen.failedPasses++;
        },
      },
    ],
  });
  onTestFinished(() => daemon.stop().catch(() => {}));
  const reaches = ({ weights, ports = PORTS, foreign = FOREIGN }: Wanted) => {
    const ours = ports.flatMap((port) => [
      `-A -t 10.0.0.1:${port} -s wrr`,
      ...web.map((each, i) => `-a -t 10.0.0.1:${port} -r 127.0.0.1:${each.port} -m -w ${weights[i]}`),
    ]);
    const table = [...foreign, ...ours].sort().join('\n');
    const seen = () => [...ill.table, 'wanted:', table, 'log:', ...log.lines].join('\n');
    return until('the table is as wanted', () => ill.table.join('\n') === table, seen, SOON_MS);
  };
  /** The lines since the last call, without what differs from run to run. */
  const told = () =>
    log
      .take()
      .map((line) =>
        line
          .replaceAll(ill.path, 'ipvsadm')
          .replaceAll(`127.0.0.1:${web[0].port}`, 'FIRST')
          .replaceAll(`127.0.0.1:${web[1].port}`, 'SECOND'),
      );
  await daemon.start();
  await daemon.firstRound(5_000);
  const [first, second] = web;
  await reaches({ weights: [3, 3] });
  log.take();
  return { ill, kernel, daemon, log, seen, reaches, told, first, second };
}

interface Row {
  readonly fault: Fault;
  /** What the log says is wrong, each once. */
  readonly says: readonly string[];
  /** So many passes fail before it ends; default 3. */
  readonly tries?: number;
  readonly timeoutMs?: number;
  /** What the fault leaves of another program's services. */
  readonly foreign?: readonly string[];
}

const ROWS: Readonly<Record<string, Row>> = {
  'ipvsadm is missing': {
    fault: 'missing',
    says: ['cannot run ipvsadm: spawn ipvsadm ENOENT; install the package ipvsadm, or name it with --ipvsadm PATH'],
  },
  'ipvsadm is not executable': {
    fault: 'not executable',
    says: [
      'cannot run ipvsadm: spawn ipvsadm EACCES; it is there, but may not be run: look at its mode (chmod 755) and at how its file system is mounted (noexec)',
    ],
  },
  'ipvsadm never answers': {
    fault: 'never',
    timeoutMs: 1_000,
    tries: 2,
    says: ['"ipvsadm -R" gave no answer within 1 s', '"ipvsadm -Sn" gave no answer within 1 s'],
  },
  'ipvsadm never answers when it reads, and ends only by force': {
    fault: 'deaf -Sn',
    timeoutMs: 1_000,
    tries: 1,
    says: ['"ipvsadm -Sn" gave no answer within 1 s'],
  },
  'ipvsadm waits, as for a lock in the kernel, and goes on in time': { fault: 'waits -R', tries: 0, says: [] },
  'ipvsadm is killed': { fault: 'killed', says: ['"ipvsadm -Sn" failed: ended with SIGKILL'] },
  'ipvsadm is killed before it changes anything': {
    fault: 'killed -R',
    says: [
      `the kernel did not take 2 of 2 changes:
  -e -t 10.0.0.1:80 -r FIRST -m -w 0
  -e -t 10.0.0.1:81 -r FIRST -m -w 0
ipvsadm said:
  ipvsadm -R ended with SIGKILL`,
    ],
  },
  'ipvsadm is killed in the middle of a batch': {
    fault: 'halfway -R',
    tries: 1,
    says: [
      `the kernel did not take 1 of 2 changes:
  -e -t 10.0.0.1:81 -r FIRST -m -w 0
ipvsadm said:
  ipvsadm -R ended with SIGKILL`,
    ],
  },
  'ipvsadm is killed after it has done it all': { fault: 'afterwards -R', tries: 0, says: [] },
  'ipvsadm exits 1 for one line of a batch': {
    fault: 'refuses -R',
    says: [
      `the kernel did not take 1 of 2 changes:
  -e -t 10.0.0.1:81 -r FIRST -m -w 0
ipvsadm said:
  Memory allocation problem`,
    ],
  },
  'ipvsadm prints garbage': {
    fault: 'garbage',
    says: [`cannot read this line of "ipvsadm -Sn": \\x1b[2J\\x07\ufffd \\x00${'0'.repeat(192)}…`],
  },
  'ipvsadm prints without end': {
    fault: 'endless -Sn',
    timeoutMs: 1_000,
    tries: 2,
    says: ['"ipvsadm -Sn" gave no answer within 1 s'],
  },
  'ipvsadm prints nothing': {
    fault: 'nothing -Sn',
    says: [
      `the kernel did not take 2 of 2 changes:
  -e -t 10.0.0.1:80 -r FIRST -m -w 0
  -e -t 10.0.0.1:81 -r FIRST -m -w 0
ipvsadm said:
  it gave no reason`,
      `the kernel did not take 6 of 6 changes:
  -A -t 10.0.0.1:80 -s wrr
  -A -t 10.0.0.1:81 -s wrr
  -a -t 10.0.0.1:80 -r FIRST -m -w 0
  -a -t 10.0.0.1:80 -r SECOND -m -w 3
  -a -t 10.0.0.1:81 -r FIRST -m -w 0
  -a -t 10.0.0.1:81 -r SECOND -m -w 3
ipvsadm said:
  Service already exists (2 times)
  Destination already exists (4 times)`,
    ],
  },
  'the kernel module is gone, and the table with it': {
    fault: 'absent',
    foreign: [],
    says: [
      `"ipvsadm -Sn" failed: Can't initialize ipvs: Protocol not available
Are you sure that IP Virtual Server is built in the kernel or as module? (is the kernel module there? modprobe ip_vs)`,
    ],
  },
};

describe('while the daemon runs', () => {
  test.each(Object.entries(ROWS))('%s', async (_, { fault, says, tries = 3, timeoutMs, foreign = FOREIGN }) => {
    const { ill, kernel, log, seen, reaches, told, first, second } = await running(timeoutMs);
    kernel.isBlind = fault.endsWith('-Sn');
    ill.begin(fault);
    first.mood = 'broken';
    await until('it is found down', () => log.lines.filter((line) => line.includes('is down')).length === 2);
    await until(
      'it is tried again',
      () => seen.failedPasses >= tries,
      () => log.lines.join('\n'),
    );
    const { hits } = second;
    await until('the checks go on', () => second.hits > hits + 2);
    ill.end(fault);
    await reaches({ weights: [0, 3], foreign });
    const quiescent = fault === 'absent' ? [] : PORTS.map((port) => `FIRST (10.0.0.1:${port}) (Weight set to 0)`);
    const over = Math.min(says.length, 1);
    const lines: string[] = [];
    const count = (end: string): number => lines.filter((line) => line.endsWith(end)).length;
    await until(
      'what was done and that it is over are told',
      () => lines.push(...told()) && quiescent.every(count) && count('is up to date again') === over,
      () => lines.join('\n'),
    );
    expect(lines.filter((line) => line.startsWith('error: '))).toEqual(
      says.map((said) => `error: Cannot bring the kernel's table up to date: ${said}`),
    );
    expect(quiescent.map(count)).toEqual(quiescent.map(() => 1));
  });

  test('a server that comes back before the table could be read again has its weight', async () => {
    const { ill, kernel, log, seen, reaches, told, first } = await running();
    kernel.isBlind = true;
    ill.begin('garbage -Sn');
    first.mood = 'broken';
    await until('it is tried', () => seen.failedPasses > 0 && ill.table.some((line) => line.endsWith('-w 0')));
    first.mood = 'ok';
    await until('it is up', () => log.lines.filter((line) => line.includes('is up')).length === 2);
    ill.end('garbage -Sn');
    await reaches({ weights: [3, 3] });
    await until('that is told', () => log.lines.filter((line) => line.startsWith('Restored')).length === 2);
    expect(told().filter((line) => /^(Quiescent|Restored)/.test(line))).toEqual([
      'Quiescent real server: FIRST (10.0.0.1:80) (Weight set to 0)',
      'Quiescent real server: FIRST (10.0.0.1:81) (Weight set to 0)',
      'Restored real server: FIRST (10.0.0.1:80) (Weight set to 3)',
      'Restored real server: FIRST (10.0.0.1:81) (Weight set to 3)',
    ]);
  });

  test('a reload meanwhile counts when it is over', async () => {
    const { ill, daemon, log, seen, reaches, told, first, second } = await running();
    ill.begin('missing');
    await daemon.reload(hurried(configText([80, 82], [first, second])), log);
    await until('it is tried again', () => seen.failedPasses >= 3);
    ill.end('missing');
    await reaches({ weights: [3, 3], ports: [80, 82] });
    expect(told().filter((line) => /^(error|warn)/.test(line))).toEqual([
      'warn: Servers that this reload adds are taken as new, because the table cannot be read: cannot run ipvsadm: spawn ipvsadm ENOENT; install the package ipvsadm, or name it with --ipvsadm PATH',
      `error: Cannot bring the kernel's table up to date: ${ROWS['ipvsadm is missing']?.says[0]}`,
    ]);
  });
});

describe('another hand, while nothing changes', () => {
  const vanished = "warn: Something of ours has vanished from the kernel's table: putting it back";
  type Act = (ill: IllIpvsadm, first: WebServer) => void;
  const theirs = ['-A -t 10.9.9.7:80 -s rr', '-a -t 10.9.9.7:80 -r 10.9.9.6:80 -g -w 1'];
  test.each<[string, Act, readonly string[], readonly string[]]>([
    ['the table is flushed (ipvsadm -C)', (ill) => ill.flush(), [vanished], []],
    ['a service of ours is removed', (ill) => ill.edit('-D -t 10.0.0.1:81'), [vanished], FOREIGN],
    [
      'a server of ours is removed',
      (ill, { port }) => ill.edit(`-d -t 10.0.0.1:80 -r 127.0.0.1:${port}`),
      [vanished],
      FOREIGN,
    ],
    ["another program's services change", (ill) => ill.edit('-D -t 10.9.9.9:80', ...theirs), [], theirs],
  ])('%s', async (_, act, warnings, foreign) => {
    const { ill, reaches, told, first } = await running();
    act(ill, first);
    await reaches({ weights: [3, 3], foreign });
    first.mood = 'broken';
    await reaches({ weights: [0, 3], foreign });
    expect(told().filter((line) => /^(warn|error)/.test(line))).toEqual(warnings);
  });

  test('the kernel module is taken away: that is noticed, and the table is there when it is', async () => {
    const { ill, reaches, told } = await running();
    ill.begin('absent');
    const said: string[] = [];
    await until(
      'it is told',
      () => said.push(...told()) && said.some((line) => line.includes('modprobe')),
      () => said,
    );
    ill.end('absent');
    await reaches({ weights: [3, 3], foreign: [] });
    said.push(...told());
    expect(said.filter((line) => /^(warn|error)/.test(line))).toEqual([
      vanished,
      `error: Cannot bring the kernel's table up to date: ${ROWS['the kernel module is gone, and the table with it']?.says[0]}`,
    ]);
  });
});

test('an ipvsadm that cannot even be killed gets no company', async () => {
  let calls = 0;
  let release = (_: CommandOutcome): void => {};
  const unending = new Promise<CommandOutcome>((resolve) => {
    release = resolve;
  });
  const run: typeof runCommand = async () => {
    calls++;
    return calls === 1 ? unending : { code: 0, signal: null, stdout: '', stderr: '' };
  };
  const kernel = new IpvsadmKernel('ipvsadm', 50, { run });
  await expect(kernel.read({ thresholds: false })).rejects.toThrow('"ipvsadm -Sn" gave no answer within 0.05 s');
  for (let i = 0; i < 3; i++)
    await expect(kernel.apply([{ kind: 'delete-service', service: SERVICE }])).rejects.toThrow(
      '"ipvsadm -Sn" still waits in the kernel and cannot be ended; nothing else is tried before it is over (dmesg may say what it waits for)',
    );
  expect(calls).toBe(1);
  release({ code: null, signal: 'SIGKILL', stdout: '', stderr: '' });
  await until('it is tried again', () =>
    kernel.read({ thresholds: false }).then(
      ({ size }) => size === 0,
      () => false,
    ),
  );
});
