// The packages that the tests are about, as global-setup.ts has built them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const VERSION: string = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).version;
export const SINGLE = `${ROOT}packaging/dist/tsdirectord`;

/** Only where there is dpkg. */
export function debianPackage(): string {
  const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  return `${ROOT}packaging/dist/tsdirectord_${VERSION}_${architecture}.deb`;
}
