// Installs the Debian packages that a kind of test needs, where it may; no daemon is started by that, or enabled.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** A Debian package and one file of it whose presence says that it is installed. */
export type Package = readonly [name: string, file: string];

/** Packages that are of use only together. */
export type PackageSet = readonly Package[];

const APT_GET = '/usr/bin/apt-get';
const POLICY = '/usr/sbin/policy-rc.d';

/** The packages of a set that are not installed. */
export function missingPackages(set: PackageSet): string[] {
  return set.filter(([, file]) => !existsSync(file)).map(([name]) => name);
}

/**
 * Installs what is missing. All sets at once; when that fails, one by one, so that one impossible set costs no other.
 * Nothing that is installed is removed for it.
 * @returns the packages that are still missing
 */
export function installPackages(sets: readonly PackageSet[], whatFor: string): string[] {
  const missing = () => [...new Set(sets.flatMap(missingPackages))];
  if (missing().length > 0 && mayInstall()) {
    console.log(`${whatFor}: installing ${missing().join(' ')}`);
    install(sets);
  }
  return missing();
}

/** The installation by hand, for a message. */
export function installCommand(missing: readonly string[]): string {
  return `apt-get install --no-install-recommends ${missing.join(' ')}`;
}

export function hasAptGet(): boolean {
  return existsSync(APT_GET);
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Whether a failed installation is an error (in CI, where apt-get and root are given) and not a reason to skip. */
export function mustInstall(): boolean {
  return process.env.CI === 'true' && mayInstall();
}

function mayInstall(): boolean {
  return hasAptGet() && isRoot();
}

/** Without starting any daemon (policy-rc.d says no for the duration) and without enabling one. */
function install(sets: readonly PackageSet[]): void {
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    if (installAtOnce(sets)) return;
    aptGet('update');
    if (installAtOnce(sets) || sets.length === 1) return;
    for (const set of sets) installAtOnce([set]);
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
}

/** Returns whether all of it is there afterwards. */
function installAtOnce(sets: readonly PackageSet[]): boolean {
  const missing = new Set(sets.flatMap(missingPackages));
  if (missing.size === 0) return true;
  const before = enabledUnits();
  const done = aptGet('install', '-y', '--no-install-recommends', '--no-remove', ...missing);
  // Nobody's machine is to have other services after its next boot.
  const enabled = enabledUnits().filter((unit) => !before.includes(unit));
  if (enabled.length > 0) spawnSync('systemctl', ['--quiet', 'disable', ...enabled], { stdio: 'ignore' });
  return done;
}

/** What systemd starts at a boot; nothing where there is no systemd. */
function enabledUnits(): string[] {
  const args = ['list-unit-files', '--state=enabled', '--no-legend', '--no-pager'];
  const { stdout } = spawnSync('systemctl', args, { encoding: 'utf8' });
  return (stdout ?? '')
    .split('\n')
    .flatMap((line) => line.split(' ', 1))
    .filter(Boolean);
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const { status, stdout, stderr } = spawnSync(APT_GET, ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) console.error(`apt-get ${args[0]}: ${(stderr || stdout).trim().split('\n').slice(-3).join('\n')}`);
  return status === 0;
}
