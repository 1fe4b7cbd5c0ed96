// What axe-core finds, and what it cannot: the keyboard alone, a phone, a page at twice its size, no JavaScript.
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { hasChromium, type OpenOptions, openPage } from './chromium.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { shop } from './scenes.ts';
import { beginOrder, focused, giveToken, openServer, SHOWS, shows } from './status-page.ts';

const PHONE = { width: 390, height: 844 };
const DRAINED = '10.8.8.48:80';

interface Look {
  readonly look: string;
  readonly options?: OpenOptions;
  readonly isWell?: boolean;
  readonly prepare?: (page: Page) => Promise<unknown>;
}

const LOOKS: readonly Look[] = [
  { look: 'light' },
  { look: 'dark', options: { colorScheme: 'dark' } },
  { look: 'phone', options: { viewport: PHONE } },
  { look: 'dark phone', options: { viewport: PHONE, colorScheme: 'dark' } },
  { look: 'all well', isWell: true },
  { look: 'forced colours', options: { forcedColors: 'active' } },
  { look: 'a server opened', prepare: (page) => openServer(page, DRAINED) },
  { look: 'a server opened on a phone', options: { viewport: PHONE }, prepare: (page) => openServer(page, DRAINED) },
  { look: 'token dialog', prepare: (page) => page.getByRole('button', { name: 'Control…' }).click() },
  {
    look: 'order dialog',
    prepare: async (page) => {
      await giveToken(page, 'a-fake-token');
      await beginOrder(page, DRAINED, 'Drain');
    },
  },
  {
    look: 'refused order, dark',
    options: { colorScheme: 'dark' },
    prepare: async (page) => {
      await giveToken(page, 'wrong');
      await (await beginOrder(page, DRAINED, 'Drain')).getByRole('button', { name: 'Drain', exact: true }).click();
      await page.getByRole('dialog', { name: "The daemon's token" }).waitFor(SHOWS);
    },
  },
  { look: 'nothing found', prepare: (page) => page.getByLabel('Find').fill('no such thing') },
  {
    look: 'out of date',
    prepare: (page) =>
      page.evaluate(`document.documentElement.classList.add('stale');
    document.getElementById('stale').hidden = false; document.getElementById('stale-words').textContent = 'Out of date'`),
  },
];

describe.skipIf(!hasChromium())('the page', () => {
  test.for(LOOKS)('$look: axe-core finds nothing', async ({ options, isWell = false, prepare }) => {
    const daemon = await FakeDaemon.start(shop(isWell));
    const { page } = await openPage(daemon.url, options);
    await page.locator('.strip').nth(3).waitFor(SHOWS);
    await prepare?.(page);
    expect(await violations(page)).toEqual([]);
  });

  test('keyboard only: a service closed and opened, a server drained', async () => {
    const daemon = await FakeDaemon.start(shop(false));
    const { page } = await openPage(daemon.url);
    await shows(page, DRAINED, 'up');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the services');
    await tabTo(page, /^Control…/);
    await page.keyboard.press('Enter');
    await page.keyboard.type('a-fake-token');
    await page.keyboard.press('Enter');
    await until('the token taken', async () => (await focused(page)) === 'End control');

    await tabTo(page, /^shop \(/);
    await page.keyboard.press('Enter');
    await until(
      'closed',
      async () => (await page.getByRole('button', { name: /^shop \(/ }).getAttribute('aria-expanded')) === 'false',
    );
    await page.keyboard.press('Space');
    await tabTo(page, new RegExp(`^${DRAINED}$`));
    expect(await outline(page)).toBe('solid');
    await page.keyboard.press('Enter');
    await tabTo(page, /^Drain…/);
    // The list is drawn anew below whoever stands in it.
    daemon.change('tcp:10.8.8.45:80', DRAINED, { failures: 1 });
    await until('the change', async () =>
      (await page.locator('.server', { hasText: DRAINED }).textContent())?.includes('Failed 1 of 3'),
    );
    expect(await focused(page)).toBe('Drain…');
    await page.keyboard.press('Enter');
    await until('asked first whether it shall be', async () => (await focused(page)) === 'Cancel');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await until('sent', () => daemon.asked.includes('POST /api/v1/orders'));
    await until('back', async () => (await focused(page)) === 'Drain…');
  });

  test('focus stays on a server that moves to the top because it is down now', async () => {
    const daemon = await FakeDaemon.start(shop(true));
    const { page } = await openPage(daemon.url);
    const name = '10.8.9.13:53';
    await shows(page, name, 'up');
    await page.getByRole('button', { name, exact: true }).focus();
    daemon.change('udp:10.8.8.46:53', name, { state: 'down', reason: 'no answer' });
    await shows(page, name, 'down');
    expect(await page.locator('#problems .server .name').first().textContent()).toBe(name);
    expect(await focused(page)).toBe(name);
  });

  test('a screen reader is told what has changed, and only that', async () => {
    const daemon = await FakeDaemon.start(shop(true));
    const { page } = await openPage(daemon.url);
    await shows(page, DRAINED, 'up');
    await page.evaluate(`window.told = []; new MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target.closest ? target : target.parentElement).closest('[role=status], [role=alert]');
        if (region && !region.hidden) window.told.push(region.textContent);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })`);
    daemon.change('tcp:10.8.8.45:80', DRAINED, {
      lastCheck: { at: Date.now(), durationMs: 7, outcome: 'up', detail: 'HTTP 200 OK' },
    });
    await until('shown', async () =>
      (await page.locator('.server', { hasText: DRAINED }).textContent())?.includes('7.0 ms'),
    );
    expect(await page.evaluate('window.told')).toEqual([]);
    daemon.change('tcp:10.8.8.45:80', DRAINED, { state: 'down', reason: 'refused' });
    await shows(page, DRAINED, 'down');
    await until('told', () => page.evaluate('window.told.length > 0'));
    expect(await page.evaluate('window.told.at(-1)')).toContain(`1 of 12 servers is down: ${DRAINED} in shop`);
  });

  test.for([
    { size: 'phone', viewport: PHONE },
    { size: 'small phone', viewport: { width: 320, height: 640 } },
    { size: '200 %', viewport: { width: 640, height: 400 } },
    { size: '400 %', viewport: { width: 320, height: 256 } },
    { size: 'tablet', viewport: { width: 820, height: 1180 } },
    { size: 'just a table', viewport: { width: 1201, height: 700 } },
  ])('$size: nothing sticks out to the side, opened servers and dialogs neither', async ({ viewport }) => {
    const daemon = await FakeDaemon.start(shop(false));
    const { page } = await openPage(daemon.url, { viewport });
    await shows(page, DRAINED, 'up');
    await giveToken(page, 'a-fake-token');
    await openServer(page, DRAINED);
    expect(await sticksOut(page)).toEqual([]);
    await beginOrder(page, DRAINED, 'Change weight');
    expect(await sticksOut(page)).toEqual([]);
  });

  test.for(['reduce', 'no-preference'] as const)('prefers-reduced-motion: %s is kept', async (reducedMotion) => {
    const daemon = await FakeDaemon.start(shop(false));
    const { page } = await openPage(daemon.url, { reducedMotion });
    await shows(page, DRAINED, 'up');
    const durations = await page.evaluate(
      `[...new Set([...document.querySelectorAll('*')].map((each) => getComputedStyle(each).transitionDuration))].join()`,
    );
    expect(durations).toBe(reducedMotion === 'reduce' ? '0s' : '0s,0.4s');
  });

  test('without JavaScript it says what to do instead, and does not look as if it were about to', async () => {
    const daemon = await FakeDaemon.start(shop(false));
    const { page, complaints } = await openPage(daemon.url, { javaScriptEnabled: false });
    expect(await page.locator('body').innerText()).toMatch(/needs JavaScript[\s\S]*tsdirectord show/);
    expect(await page.locator('body').innerText()).not.toContain('Asking the daemon');
    expect(await page.locator('#tools').isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });
});

/** Of any impact; each with what it is about. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate('axe.run()')) as AxeResults;
  return found.violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html }) => `${impact} ${id}: ${html.slice(0, 200)}`),
  );
}

async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let tabs = 0; tabs < 60; tabs++) {
    await page.keyboard.press('Tab');
    if (name.test(await focused(page))) return;
  }
  throw new Error(`the keyboard does not come to ${name}`);
}

function outline(page: Page): Promise<unknown> {
  return page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
}

/** Elements that reach beyond the right edge, and the page if it can be scrolled sideways. */
function sticksOut(page: Page): Promise<unknown> {
  return page.evaluate(`[...document.querySelectorAll('body *')]
    .filter((each) => each.checkVisibility() && !each.closest('.symbols, thead, .skip'))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 || document.documentElement.scrollWidth > innerWidth)
    .map((each) => each.outerHTML.slice(0, 120))`);
}
