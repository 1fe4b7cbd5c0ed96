// Decides whether this machine can run the kernel tests, installing the Debian packages that are missing where it may.
import { hasAptGet, installCommand, installPackages, isRoot, type PackageSet } from '../../debian-packages.ts';

const NEEDED: PackageSet = [
  ['user-mode-linux', '/usr/bin/linux.uml'],
  ['ipvsadm', '/usr/sbin/ipvsadm'],
  ['kmod', '/usr/sbin/modprobe'],
  ['iproute2', '/usr/sbin/ip'],
  ['iptables', '/usr/sbin/iptables-legacy'],
  ['ldirectord', '/usr/sbin/ldirectord'],
  // Without it ldirectord dies at its first http check over IPv6.
  ['libnet-inet6glue-perl', '/usr/share/perl5/Net/INET6Glue/INET_is_INET6.pm'],
  // The database clients of its mysql and pgsql checks.
  ['libdbd-mysql-perl', '/usr/share/doc/libdbd-mysql-perl/copyright'],
  ['libdbd-pg-perl', '/usr/share/doc/libdbd-pg-perl/copyright'],
  ['keepalived', '/usr/sbin/keepalived'],
  ['fping', '/usr/bin/fping'],
  ['heartbeat', '/usr/bin/cl_status'],
  ['resource-agents', '/usr/sbin/ocf-tester'],
  // IPaddr of resource-agents calls ifconfig.
  ['net-tools', '/sbin/ifconfig'],
  ['pacemaker', '/usr/sbin/pacemakerd'],
  ['pacemaker-cli-utils', '/usr/sbin/crm_mon'],
  ['corosync', '/usr/sbin/corosync'],
  ['systemd', '/lib/systemd/systemd'],
];

/** Undefined when the tests can run here, otherwise why not, in words for the person who started them. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `they need Linux on x86-64 (user-mode-linux), this is ${process.platform} on ${process.arch}.`;
  }
  const missing = installPackages([NEEDED], 'kernel tests');
  if (missing.length === 0) return undefined;
  if (!hasAptGet()) {
    return `they need the Debian packages ${missing.join(', ')}, and there is no apt-get here to install them with.`;
  }
  const command = installCommand(missing);
  if (!isRoot()) return `these Debian packages are missing: ${missing.join(', ')}. As root: ${command}`;
  return `installing ${missing.join(', ')} failed. By hand: apt-get update && ${command}`;
}
