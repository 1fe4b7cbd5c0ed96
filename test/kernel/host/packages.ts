// Decides whether this machine can run the kernel tests, installing the Debian packages that are missing where it may.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';

/** A Debian package and one file of it whose presence says that it is installed. */
const PACKAGES: ReadonlyArray<readonly [name: string, file: string]> = [
  ['user-mode-linux', '/usr/bin/linux.uml'],
  ['ipvsadm', '/usr/sbin/ipvsadm'],
  ['kmod', '/usr/sbin/modprobe'],
  ['iproute2', '/usr/sbin/ip'],
  ['iptables', '/usr/sbin/iptables-legacy'],
  ['ldirectord', '/usr/sbin/ldirectord'],
  // Without it ldirectord dies at its first http check over IPv6.
  ['libnet-inet6glue-perl', '/usr/share/perl5/Net/INET6Glue/INET_is_INET6.pm'],
  ['keepalived', '/usr/sbin/keepalived'],
  ['fping', '/usr/bin/fping'],
];

/** Never enabled by us: a developer's machine must not come up as a director after its next boot. */
const DAEMONS = ['ldirectord', 'keepalived', 'ipvsadm'];

const POLICY = '/usr/sbin/policy-rc.d';

/** Undefined when the tests can run here, otherwise why not, in words for the person who started them. */
export async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `they need Linux on x86-64 (user-mode-linux), this is ${process.platform} on ${process.arch}.`;
  }
  let missing = missingPackages();
  if (missing.length === 0) return undefined;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    return `they need the Debian packages ${missing.join(', ')}, and there is no apt-get here to install them with.`;
  }
  if (process.getuid?.() !== 0) {
    return `these Debian packages are missing: ${missing.join(', ')}. As root: ${command}`;
  }
  console.log(`kernel tests: installing ${missing.join(' ')}`);
  await install(missing);
  missing = missingPackages();
  if (missing.length === 0) return undefined;
  return `installing ${missing.join(', ')} failed. By hand: apt-get update && ${command}`;
}

/** Whether a failed installation is an error (in CI, where apt-get and root are given) and not a reason to skip. */
export function mustRun(): boolean {
  return process.env.CI === 'true' && existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
}

function missingPackages(): string[] {
  return PACKAGES.filter(([, file]) => !existsSync(file)).map(([name]) => name);
}

/** Installs without starting any daemon (policy-rc.d says no for the duration) and without enabling one. */
async function install(missing: readonly string[]): Promise<void> {
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    if (!aptGet('install', '-y', '--no-install-recommends', ...missing)) {
      aptGet('update');
      aptGet('install', '-y', '--no-install-recommends', ...missing);
    }
    const daemons = DAEMONS.filter((name) => missing.includes(name));
    if (daemons.length > 0 && existsSync('/usr/bin/systemctl')) {
      spawnSync('systemctl', ['--quiet', 'disable', ...daemons], { stdio: 'ignore' });
    }
  } finally {
    if (ownPolicy) await rm(POLICY, { force: true });
  }
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const { status, stdout, stderr } = spawnSync('apt-get', ['-q', ...args], { env, encoding: 'utf8' });
  if (status !== 0) console.error(`apt-get ${args[0]}: ${(stderr || stdout).trim().split('\n').slice(-3).join('\n')}`);
  return status === 0;
}
