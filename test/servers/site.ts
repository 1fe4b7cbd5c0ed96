// Where the servers of one test file live: a directory, ports, certificates. Named when tests are collected, made when they run.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isRoot } from '../debian-packages.ts';
import { Daemon, type DaemonOptions } from './daemon.ts';
import { Guardian } from './guardian.ts';
import { portsInUse } from './processes.ts';

/** PEM files. The certificate is for the name server.test and no other. */
export interface Certificates {
  /** Has signed the certificate. */
  readonly authority: string;
  /** Has signed nothing. */
  readonly stranger: string;
  readonly certificate: string;
  readonly key: string;
}

/** Who may read a file, or write in a directory, when the tests run as root. */
interface Access {
  readonly user?: string;
}

export class Site {
  /** Anybody may go into it. Its name begins with nothing that a configuration would need to quote. */
  readonly dir: string;
  readonly daemons: Daemon[] = [];
  readonly #guardian: Guardian;
  readonly #toMake: (() => void | Promise<void>)[] = [];

  constructor(name: string) {
    this.dir = join(tmpdir(), `tsdirectord-${name}-${randomBytes(6).toString('hex')}`);
    this.#guardian = new Guardian(this.dir);
  }

  /** A port on which nobody listens, TCP or UDP, IPv4 or IPv6. */
  port(): number {
    return freePort();
  }

  /** The path of a file with this text. */
  file(name: string, text: string, { user }: Access = {}): string {
    const path = join(this.dir, name);
    this.prepare(() => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: 0o644 });
      if (user !== undefined) chown(path, user);
    });
    return path;
  }

  /** The path of an empty directory. */
  directory(name: string, { user }: Access = {}): string {
    const path = join(this.dir, name);
    this.prepare(() => {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      if (user !== undefined) chown(path, user);
    });
    return path;
  }

  certificates({ user }: Access = {}): Certificates {
    const [authority, stranger, certificate, key] = ['ca.pem', 'stranger.pem', 'server.pem', 'server.key'].map((name) =>
      join(this.dir, 'tls', name),
    ) as [string, string, string, string];
    this.prepare(() => {
      makeCertificates(join(this.dir, 'tls'));
      if (user !== undefined) chown(key, user);
    });
    return { authority, stranger, certificate, key };
  }

  /** Done once before the daemons start, in the order of the calls. */
  prepare(action: () => void | Promise<void>): void {
    this.#toMake.push(action);
  }

  /** A server that runs during the tests of this file. They start in the order of the calls. */
  daemon(options: DaemonOptions): Daemon {
    const daemon = new Daemon(options, this.#guardian);
    this.daemons.push(daemon);
    return daemon;
  }

  async open(): Promise<void> {
    mkdirSync(this.dir, { mode: 0o755 });
    chmodSync(this.dir, 0o755);
    this.#guardian.start();
    for (const make of this.#toMake) await make();
    for (const daemon of this.daemons) await daemon.start();
  }

  /** Leaves nothing. */
  async close(): Promise<void> {
    for (const daemon of this.daemons.toReversed()) await daemon.stop();
    rmSync(this.dir, { recursive: true, force: true });
    this.#guardian.release();
  }
}

export interface RunOptions {
  /** System user, when the tests run as root. */
  readonly user?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end and returns what it printed; throws with that when it fails. */
export function run([program = '', ...args]: readonly string[], { user, input, env }: RunOptions = {}): string {
  const argv = user !== undefined && isRoot() ? ['runuser', '-u', user, '--', program, ...args] : [program, ...args];
  const { status, error, stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), {
    encoding: 'utf8',
    cwd: '/',
    timeout: 60_000,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...env },
    ...(input === undefined ? {} : { input }),
  });
  if (status === 0) return stdout;
  throw new Error(`${argv.join(' ')}: ${error?.message ?? `exit status ${status}`}\n${stdout}${stderr}`);
}

/** Below the ports that clients are given by Linux, so that nobody takes one while its server is stopped. */
const FIRST_PORT = 20_000;
const PORTS_PER_WORKER = 1_000;
const WORKERS = 12;
const given = new Set<number>();

/** Workers that run at the same time look in ranges of their own. */
function freePort(): number {
  const first = FIRST_PORT + PORTS_PER_WORKER * (Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS);
  const used = portsInUse();
  const offset = Math.floor(Math.random() * PORTS_PER_WORKER);
  for (let step = 0; step < PORTS_PER_WORKER; step += 1) {
    const port = first + ((offset + step) % PORTS_PER_WORKER);
    if (used.has(port) || given.has(port)) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no port is free between ${first} and ${first + PORTS_PER_WORKER}`);
}

function chown(path: string, user: string): void {
  if (isRoot()) run(['chown', '-R', user, path]);
}

function makeCertificates(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const openssl = (...args: string[]) => run(['openssl', ...args]);
  const key = (name: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(dir, name),
  ];
  for (const name of ['ca', 'stranger']) {
    openssl(
      'req',
      '-x509',
      ...key(`${name}.key`),
      '-out',
      join(dir, `${name}.pem`),
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  }
  openssl('req', ...key('server.key'), '-out', join(dir, 'server.csr'), '-subj', '/CN=server.test');
  writeFileSync(join(dir, 'server.ext'), 'subjectAltName=DNS:server.test\n');
  const signed = ['-CA', join(dir, 'ca.pem'), '-CAkey', join(dir, 'ca.key'), '-CAcreateserial', '-days', '2'];
  const request = ['-in', join(dir, 'server.csr'), '-extfile', join(dir, 'server.ext')];
  openssl('x509', '-req', ...request, ...signed, '-out', join(dir, 'server.pem'));
}
