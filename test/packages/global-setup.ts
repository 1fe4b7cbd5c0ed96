// Before the tests: the Debian packages they need, both of our packages built, and a Debian in a folder to install them in. All of
// it is removed afterwards but the packages, in packaging/dist.
import { type ExecFileException, execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasAptGet, installPackages, isRoot, mustInstall, type PackageSet } from '../debian-packages.ts';

const NEEDED: PackageSet = [
  ['lintian', '/usr/bin/lintian'],
  ['debootstrap', '/usr/sbin/debootstrap'],
  // dpkg-shlibdeps and strip.
  ['dpkg-dev', '/usr/bin/dpkg-shlibdeps'],
  ['binutils', '/usr/bin/strip'],
];
const DEADLINE_MS = 300_000;

export default async function setup(): Promise<() => void> {
  const missing = installPackages([NEEDED], 'package tests');
  if (missing.length > 0 && mustInstall()) throw new Error(`installing ${missing.join(', ')} failed`);
  const canBootstrap = isRoot() && hasAptGet() && existsSync('/usr/sbin/debootstrap');
  const root = canBootstrap ? mkdtempSync(join(tmpdir(), 'tsdirectord-root-')) : undefined;
  const remove = (): void => {
    if (root !== undefined) rmSync(root, { recursive: true, force: true });
  };
  try {
    await Promise.all([run('npm', ['run', '--silent', 'package:deb']), root && bootstrap(root)]);
  } catch (error) {
    remove();
    throw error;
  }
  if (root !== undefined) {
    // As / is everywhere: not every user in there is root.
    chmodSync(root, 0o755);
    process.env.TSDIRECTORD_TEST_ROOT = root;
  }
  return () => {
    remove();
    if (root === undefined)
      console.log('NOT TESTED: installing the Debian package; that takes root, apt-get and debootstrap\n');
  };
}

/** The release and the mirror that this machine has. */
async function bootstrap(root: string): Promise<void> {
  const { VERSION_CODENAME: release = '' } = osRelease(await run('cat', ['/etc/os-release']));
  const targets = await run('apt-get', ['indextargets', '--format', '$(RELEASE) $(REPO_URI)', 'Created-By: Packages']);
  const mirror = targets
    .split('\n')
    .find((line) => line.startsWith(`${release} `))
    ?.split(' ')[1];
  if (mirror === undefined) throw new Error(`apt has no mirror of ${release}:\n${targets}`);
  await run('debootstrap', ['--variant=minbase', release, root, mirror]);
}

function osRelease(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)="?([^"\n]*)/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: ExecFileException | null, stdout: string, stderr: string): void => {
      if (error === null) resolve(stdout);
      else
        reject(
          new Error(
            `${program}: ${error.killed ? `no end within ${DEADLINE_MS} ms` : error.message}\n${stdout.slice(-2000)}${stderr}`,
          ),
        );
    };
    execFile(program, [...args], { timeout: DEADLINE_MS, maxBuffer: 2 ** 24, encoding: 'utf8' }, done);
  });
}
