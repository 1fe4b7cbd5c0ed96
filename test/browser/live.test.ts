// The page with the real program behind it: its real data, what happens while nobody reloads, and a daemon that goes and comes back.
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { hasChromium, type Opened, openPage, strangers } from './chromium.ts';
import { RealDaemon } from './real-daemon.ts';
import { Relay } from './relay.ts';
import { focused, noteWhen, rowOf, SHOWS, shows } from './status-page.ts';

describe.skipIf(!hasChromium())('the real program', () => {
  test('shows what the daemon knows, asks nobody else, and complains of nothing', async () => {
    const daemon = await RealDaemon.start(3);
    const opened = await openPage(daemon.url);
    const { page } = opened;
    for (const server of [0, 1, 2]) await shows(page, daemon.name(server), 'up');
    expect(await page.locator('#headline').textContent()).toBe('All 3 servers of 1 service are up');
    expect(await page.title()).toBe('all up – tsdirectord');
    const { reason } = await daemon.snapshot(0);
    expect(await rowOf(page, daemon.name(0)).locator('.reason').textContent()).toBe(reason);
    await page.locator('.strip').nth(2).waitFor(SHOWS);
    expect(await page.locator('.strip').first().getAttribute('aria-label')).toMatch(/^Last 10 min: up .* %, not known/);
    expect(await page.locator('.plot').first().getAttribute('aria-label')).toMatch(
      /^Last .*checks?: half took up to .* ms/,
    );
    await until('head of the configuration', async () =>
      (await page.locator('#about').textContent())?.startsWith(`${daemon.site.config} on 127.0.0.1:`),
    );
    expect(await page.locator('#colophon').textContent()).toContain(`pid ${daemon.site.pid}, started`);
    clean(opened, daemon.url);
  });

  test('a server that fails, and is well again, shows without a reload within a second of the daemon noticing', async () => {
    const daemon = await RealDaemon.start(3);
    const opened = await openPage(daemon.url);
    const { page } = opened;
    const name = daemon.name(1);
    await shows(page, name, 'up');
    await page.evaluate('window.isTheSame = true');
    for (const [mood, mark] of [
      ['broken', 'down'],
      ['ok', 'up'],
    ] as const) {
      const shownAt = await noteWhen(page, name, mark);
      (daemon.webs[1] ?? never()).mood = mood;
      const lagMs = (await shownAt()) - (await daemon.snapshot(1)).since;
      console.log(`${mark}: shown ${lagMs} ms after the daemon noticed`);
      expect(lagMs).toBeGreaterThan(-50);
      // A second is what it shall take; the rest is for the machine.
      expect(lagMs).toBeLessThan(3_000);
      await until('the summary', async () => (await page.title()).startsWith(mark === 'down' ? '1 down' : 'all up'));
    }
    await page.getByRole('button', { name, exact: true }).click();
    const history = page.locator('.transitions li');
    await until('both transitions in its history', async () => (await history.count()) >= 3);
    expect((await history.first().textContent()) ?? '').toMatch(/Up/);
    expect((await history.nth(1).textContent()) ?? '').toMatch(/Down: .*500/);
    expect(await page.evaluate('window.isTheSame')).toBe(true);
    expect(opened.requests.filter((url) => url === daemon.url)).toHaveLength(1);
    clean(opened, daemon.url);
  });

  test('a daemon that dies: the page says that it is out of date, and since when; it comes back by itself', async () => {
    const daemon = await RealDaemon.start(2);
    const { page, requests } = await openPage(daemon.url);
    await shows(page, daemon.name(0), 'up');
    await page.evaluate('window.isTheSame = true');
    await daemon.kill();
    await stale(page);
    expect(await page.locator('#stale').textContent()).toMatch(
      /Out of date: nothing has come from the daemon since \d\d:\d\d:\d\d \(the daemon cannot be reached\)/,
    );
    expect(await page.title()).toMatch(/^Out of date/);
    // What was known still stands there.
    await shows(page, daemon.name(0), 'up');
    const before = await page.locator('#colophon').textContent();
    (daemon.webs[0] ?? never()).mood = 'broken';
    await daemon.run();
    await fresh(page);
    await shows(page, daemon.name(0), 'down');
    await until('title', async () => (await page.title()).startsWith('1 down'));
    expect(await page.locator('#colophon').textContent()).not.toBe(before);
    expect(await page.evaluate('window.isTheSame')).toBe(true);
    expect(strangers(requests, daemon.url)).toEqual([]);
  });

  const CUTS: readonly { how: string; cut: Cut; mend: Cut }[] = [
    { how: 'silent network', cut: ({ relay }) => relay.hold(), mend: ({ relay }) => relay.resume() },
    { how: 'no network', cut: ({ relay }) => relay.cut(), mend: ({ relay }) => relay.resume() },
    {
      how: 'blocked fetch',
      cut: async ({ page, relay }) => {
        await page.evaluate(`window.rightFetch = fetch; fetch = () => Promise.reject(new TypeError('blocked'))`);
        relay.cut();
        relay.resume();
      },
      mend: ({ page }) => page.evaluate('fetch = window.rightFetch; undefined'),
    },
  ];

  test.for(CUTS)(
    '$how after the page has loaded: it is out of date, and fresh again by itself',
    async ({ cut, mend }) => {
      const daemon = await RealDaemon.start(2);
      const relay = await Relay.start(Number(new URL(daemon.url).port));
      const { page } = await openPage(relay.url);
      await shows(page, daemon.name(0), 'up');
      await page.evaluate('window.isTheSame = true');
      await cut({ page, relay });
      (daemon.webs[0] ?? never()).mood = 'broken';
      await stale(page);
      await shows(page, daemon.name(0), 'up');
      await mend({ page, relay });
      await fresh(page);
      await shows(page, daemon.name(0), 'down');
      expect(await page.evaluate('window.isTheSame')).toBe(true);
    },
  );

  test('a reload of the configuration shows, and leaves open what was open', async () => {
    const daemon = await RealDaemon.start(2, NEW_SERVICE.replace('NAME', 'old'));
    const opened = await openPage(daemon.url);
    const { page } = opened;
    const name = page.getByRole('button', { name: daemon.name(1), exact: true });
    await name.focus();
    await page.keyboard.press('Enter');
    daemon.configure(NEW_SERVICE.replace('NAME', 'new'));
    expect((await daemon.site.run('reload', '--wait')).code).toBe(0);
    await page.getByRole('button', { name: /^new / }).waitFor(SHOWS);
    await page.getByRole('button', { name: /^old / }).waitFor({ ...SHOWS, state: 'detached' });
    expect(await name.getAttribute('aria-expanded')).toBe('true');
    expect(await focused(page)).toBe(daemon.name(1));
    clean(opened, daemon.url);
  });
});

const NEW_SERVICE = 'virtual = 10.8.8.46:80\n\tservicename = NAME\n\tchecktype = on\n\treal = 10.8.9.1:80 masq\n';

type Cut = (parts: { readonly page: Page; readonly relay: Relay }) => unknown;

/** Back-off, and a daemon that starts. */
const COMES_BACK = { timeout: 35_000 };

function clean({ complaints, requests }: Opened, url: string): void {
  expect(complaints).toEqual([]);
  expect(strangers(requests, url)).toEqual([]);
}

async function stale(page: Page): Promise<void> {
  await page.locator('#stale').waitFor({ timeout: 20_000 });
}

async function fresh(page: Page): Promise<void> {
  await page.locator('#stale').waitFor({ ...COMES_BACK, state: 'hidden' });
}

function never(): never {
  throw new Error('there is no such server');
}
