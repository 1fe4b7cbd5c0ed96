// What systemd.test.ts lets directors watch: two web servers, and every kind of check.

export const VIP = '10.8.8.45';
export const A = '10.8.8.48';
export const B = '10.8.8.49';
/** There is no machine. */
const NOBODY = '10.8.8.99';

/** Where tsdirectord.service has its configuration. */
export const CONFIG = '/etc/ha.d/ldirectord.cf';

/** The logfile is one that only root can write: under systemd it does not count. */
export const GLOBALS = `checkinterval = 1
checktimeout = 3
negotiatetimeout = 3
logfile = "/var/log/ldirectord.log"
quiescent = yes
`;

const HTTP = ['service = http', 'request = "lbcheck.html"', 'receive = "found"'];

/** A virtual service on this port of the VIP; its servers are asked for a page unless told. */
export function virtual(port: number, reals: readonly string[], directives: readonly string[] = HTTP): string {
  const lines = [...reals.map((real) => `real = ${real}:80 gate 1`), ...directives];
  return [`virtual = ${VIP}:${port}`, ...lines.map((line) => `\t${line}`), ''].join('\n');
}

export const WEB = `${GLOBALS}syncdaemon = eth0\n${virtual(80, [A, B])}`;

/** The last one is down. The first has a scheduler whose module is not loaded. */
export const ALL_CHECKS = [
  GLOBALS,
  'maintenancedir = /etc/ha.d/maintenance\n',
  virtual(1001, [A], ['checktype = ping', 'scheduler = nq']),
  virtual(1002, [A], ['checktype = external', 'checkcommand = /usr/local/bin/lab-check']),
  virtual(1003, [A], ['checktype = external-perl', 'checkcommand = /usr/local/bin/lab-check.pl']),
  virtual(1004, [A], ['checktype = connect']),
  virtual(1005, [A], [...HTTP, 'monitorfile = /var/log/tsdirectord/checks.log']),
  virtual(1006, [NOBODY], ['checktype = ping']),
].join('');

/** By path; they are given VIP VPORT RIP RPORT. */
export const CHECK_SCRIPTS: Readonly<Record<string, string>> = {
  '/usr/local/bin/lab-check': '#!/bin/bash\nid -un >/tmp/ran && exec 3<>"/dev/tcp/$3/$4"\n',
  '/usr/local/bin/lab-check.pl': `#!/usr/bin/perl
use IO::Socket;
exit(IO::Socket::INET->new(PeerAddr => $ARGV[2], PeerPort => $ARGV[3]) ? 0 : 1);
`,
};
