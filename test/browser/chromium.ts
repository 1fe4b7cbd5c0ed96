// Debian's chromium, as a person would use it: a profile of its own, nothing from the network but what the test serves.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import type { PackageSet } from '../debian-packages.ts';

export const CHROMIUM = '/usr/bin/chromium';
export const PACKAGES: PackageSet = [['chromium', CHROMIUM]];

export const hasChromium = (): boolean => existsSync(CHROMIUM);

const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
];

export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Every error and warning of its console, and what its script did not catch. */
  readonly complaints: string[];
  /** Every request that any page of it has made. */
  readonly requests: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** The name by which the address bar has the server, in place of its address and port: `director:9180`. */
  readonly name?: string;
}

/** A browser with one page, light, 1280×800, unless `options` say otherwise; it goes with the test. */
export async function openPage(url: string, { name, ...options }: OpenOptions = {}): Promise<Opened> {
  const profile = mkdtempSync(join(tmpdir(), 'tsdirectord-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    ...{ executablePath: CHROMIUM, headless: true, args: [...QUIET, ...named(url, name)] },
    ...{ viewport: { width: 1280, height: 800 }, colorScheme: 'light', locale: 'en-GB', timezoneId: 'UTC' },
    ...options,
  });
  onTestFinished(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  context.setDefaultTimeout(12_000);
  const page = context.pages()[0] ?? (await context.newPage());
  const [complaints, requests]: [string[], string[]] = [[], []];
  context.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  await page.goto(name === undefined ? url : `http://${name}/`);
  return { page, context, complaints, requests };
}

function named(url: string, name: string | undefined): string[] {
  return name === undefined ? [] : [`--host-resolver-rules=MAP ${name} ${new URL(url).host}`];
}

/** Whatever was asked for elsewhere than there; what stands in the page itself is no request. */
export function strangers(requests: readonly string[], url: string): string[] {
  return requests.filter((each) => !each.startsWith(url) && !each.startsWith('data:'));
}
