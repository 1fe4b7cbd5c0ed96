// The pictures of the status page that README.md shows. UPDATE_SCREENSHOTS=1 makes them anew in docs/screenshots; a test run only
// makes sure that it can be done.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { hasChromium, openPage } from './chromium.ts';
import { FakeDaemon, type Scene } from './fake-daemon.ts';
import { many, shop } from './scenes.ts';

interface Picture {
  readonly name: string;
  readonly scene: () => Scene;
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
  /** Histories that are in sight. */
  readonly strips: number;
}

const WIDE = { width: 1280, height: 960 };
const PICTURES: readonly Picture[] = [
  { name: 'problems', scene: () => shop(false), colorScheme: 'light', strips: 8, ...WIDE },
  { name: 'problems-dark', scene: () => shop(false), colorScheme: 'dark', strips: 8, ...WIDE },
  { name: 'all-well', scene: () => shop(true), colorScheme: 'light', strips: 12, ...WIDE },
  { name: 'phone', scene: () => shop(false), colorScheme: 'dark', strips: 4, width: 390, height: 844 },
  { name: 'thousand', scene: () => many(1_000), colorScheme: 'light', strips: 10, ...WIDE },
];

const FOLDER = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));

test.skipIf(!hasChromium()).for(PICTURES)('$name', async ({ name, scene, colorScheme, width, height, strips }) => {
  const folder = process.env.UPDATE_SCREENSHOTS === '1' ? FOLDER : scratch();
  await mkdir(folder, { recursive: true });
  const daemon = await FakeDaemon.start(scene());
  const options = {
    colorScheme,
    viewport: { width, height },
    deviceScaleFactor: width < 500 ? 2 : 1,
    name: 'director:9180',
  };
  const { page, complaints } = await openPage(daemon.url, options);
  await page
    .locator('.strip')
    .nth(strips - 1)
    .waitFor();
  await page.screenshot({ path: join(folder, `${name}.png`) });
  expect(complaints).toEqual([]);
});
