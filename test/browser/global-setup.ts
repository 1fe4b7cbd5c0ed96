// Before the tests in a browser: Debian's chromium.
import { installCommand, installPackages, mustInstall } from '../debian-packages.ts';
import { PACKAGES } from './chromium.ts';

export default function setup(): (() => void) | undefined {
  const missing = installPackages([PACKAGES], 'browser tests');
  if (missing.length === 0) return undefined;
  if (mustInstall()) {
    throw new Error(`installing ${missing.join(', ')} failed. By hand: apt-get update && ${installCommand(missing)}`);
  }
  return () =>
    console.log(`\nNOT TESTED: the status page, no ${missing.join(', ')}. As root: ${installCommand(missing)}\n`);
}
