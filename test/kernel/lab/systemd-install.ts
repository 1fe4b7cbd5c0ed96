// Puts tsdirectord onto a machine with systemd as its Debian package does: program, units, user.
import { copyFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Systemd } from './systemd.ts';

const ROOT = process.env.LAB_ROOT ?? '';

/** What of systemd/ goes where. */
const FILES: Readonly<Record<string, string>> = {
  'tsdirectord.service': '/lib/systemd/system/tsdirectord.service',
  'tsdirectord@.service': '/lib/systemd/system/tsdirectord@.service',
  'ipvs-sync-backup@.service': '/lib/systemd/system/ipvs-sync-backup@.service',
  'tsdirectord.sysusers': '/usr/lib/sysusers.d/tsdirectord.conf',
};

/** Installs it. The root of the test kernel is in memory, and common to all its machines. */
export async function install(systemd: Systemd): Promise<void> {
  for (const [name, path] of Object.entries(FILES)) {
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(ROOT, 'systemd', name), path);
  }
  // A copy: the checkout may be where only its owner can read.
  for (const part of ['bin', 'dist']) cpSync(join(ROOT, part), join('/usr/lib/tsdirectord', part), { recursive: true });
  symlinkSync('/usr/lib/tsdirectord/bin/tsdirectord', '/usr/sbin/tsdirectord');
  const nodeDir = dirname(process.execPath);
  if (!['/usr/local/bin', '/usr/bin'].includes(nodeDir)) symlinkSync(process.execPath, '/usr/local/bin/node');
  await systemd.must(['systemd-sysusers']);
  await systemd.must(['systemctl', 'daemon-reload']);
}
