// A thousand services with ten servers each: the page is there in under a second, and never stands still.
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { hasChromium, openPage, strangers } from './chromium.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { RealDaemon } from './real-daemon.ts';
import { many, serverOf, statusOf, virtualOf } from './scenes.ts';
import { shows } from './status-page.ts';

/** A second is what it shall take; the figure is printed, and the rest is for a busy machine. */
const MOST_MS = 5_000;

describe.skipIf(!hasChromium())('1,000 services × 10 servers', () => {
  test('made up: loaded, searched, and changed', async () => {
    const daemon = await FakeDaemon.start(many(1_000));
    const { page, complaints } = await openPage(daemon.url);
    const loaded = await timesOf(page);
    console.log(`made up: ${words(loaded)}`);
    expect(loaded.known).toBeLessThan(MOST_MS);
    expect(loaded.listed).toBeLessThan(MOST_MS);
    expect(await page.locator('#headline').textContent()).toMatch(/^8 of 10.000 servers are down, in service-99,/);

    const found = await elapsed(
      page,
      `document.getElementById('filter').value = '10.20.77.13:80';
      document.getElementById('filter').dispatchEvent(new Event('input'))`,
      `document.querySelectorAll('.service:not([hidden])').length === 1`,
    );
    expect(await page.locator('.service:visible').getAttribute('data-key')).toBe('tcp:10.8.0.77:80');
    await page.locator('#filter').fill('');

    const before = Date.now();
    daemon.change('tcp:10.8.3.200:80', '10.23.200.12:80', { state: 'down', reason: 'refused', since: before });
    await page.locator('#problems [data-key="tcp:10.8.3.200:80"]').waitFor({ timeout: MOST_MS });
    console.log(
      `made up: found after ${Math.round(found)} ms, a change shown after ${Date.now() - before} ms, longest standstill ${Math.round(await standstill(page))} ms`,
    );
    expect(found).toBeLessThan(MOST_MS);
    expect(await standstill(page)).toBeLessThan(MOST_MS / 2);
    expect(complaints).toEqual([]);
  });

  test('the real program', async () => {
    const services = Array.from({ length: 999 }, (_, index) => {
      const reals = Array.from(
        { length: 10 },
        (__, real) => `\treal = 10.${20 + (index >> 8)}.${index & 255}.${10 + real}:80 masq`,
      );
      return [`virtual = 10.9.${index >> 8}.${index & 255}:80`, '\tchecktype = on', ...reals].join('\n');
    });
    const daemon = await RealDaemon.start(10, `${services.join('\n')}\n`);
    const { page, complaints, requests } = await openPage(daemon.url);
    const loaded = await timesOf(page);
    console.log(`the real program: ${words(loaded)}, longest standstill ${Math.round(await standstill(page))} ms`);
    expect(loaded.known).toBeLessThan(MOST_MS);
    expect(loaded.listed).toBeLessThan(MOST_MS);
    expect(await page.locator('#headline').textContent()).toMatch(/^All 10.000 servers of 1.000 services are up$/);
    expect(complaints).toEqual([]);
    expect(strangers(requests, daemon.url)).toEqual([]);
  });
});

describe.skipIf(!hasChromium())('one service with 3,000 servers', () => {
  test('shows a hundred, those that are down first, and more on request', async () => {
    const servers = Array.from({ length: 3_000 }, (_, index) =>
      serverOf(
        `10.${40 + (index >> 8)}.${index & 255}.1:80`,
        index > 2_990 ? { state: 'down', reason: 'refused' } : {},
      ),
    );
    const status = statusOf([virtualOf('10.8.8.45:80', servers, { serviceName: 'large' })]);
    const daemon = await FakeDaemon.start({ status, pastOf: () => ({ transitions: [], latencies: [] }) });
    const { page, complaints } = await openPage(daemon.url);
    console.log(`one service: ${words(await timesOf(page, 1))}`);
    await shows(page, '10.51.175.1:80', 'down');
    expect(await page.locator('.server').count()).toBe(100);
    expect(await page.locator('.server .name').first().textContent()).toBe('10.51.175.1:80');
    await page.getByRole('button', { name: /^Show 100 more of 2.900$/ }).click();
    expect(await page.locator('.server').count()).toBe(200);
    expect(await page.evaluate('document.activeElement.className')).toBe('name');
    console.log(`one service: longest standstill ${Math.round(await standstill(page))} ms`);
    expect(await standstill(page)).toBeLessThan(MOST_MS / 2);
    expect(complaints).toEqual([]);
  });
});

interface Times {
  /** The page's own text is there, and it has begun. */
  readonly begun: number;
  /** The sentence at the top says how everything is. */
  readonly known: number;
  /** All services stand in the list. */
  readonly listed: number;
}

type Page = Awaited<ReturnType<typeof openPage>>['page'];

/** Milliseconds since the browser began to ask for the page. It is loaded once more, to be looked at from its beginning. */
async function timesOf(page: Page, services = 1_000): Promise<Times> {
  await page.addInitScript(`
    window.longest = 0;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: 'longtask', buffered: true });
    addEventListener('DOMContentLoaded', () => {
      window.begun = performance.now();
      const look = () => {
        if (!/Asking/.test(document.getElementById('headline').textContent)) window.known ??= performance.now();
        if (document.querySelectorAll('.service').length === ${services}) window.listed ??= performance.now();
      };
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    });`);
  await page.reload();
  await until(
    'all listed',
    () => page.evaluate('window.listed !== undefined && window.known !== undefined'),
    undefined,
    20_000,
  );
  return (await page.evaluate('({ begun, known, listed })')) as Times;
}

function words({ begun, known, listed }: Times): string {
  return `begun after ${Math.round(begun)} ms, known after ${Math.round(known)} ms, all listed after ${Math.round(listed)} ms`;
}

/** The longest time for which the page did not react since timesOf(), milliseconds; 0 when that was never more than 50. */
async function standstill(page: Page): Promise<number> {
  return Number(await page.evaluate('window.longest'));
}

/** How long until something has come of an action, milliseconds. */
async function elapsed(page: Page, action: string, condition: string): Promise<number> {
  await page.evaluate(`window.from = performance.now(); ${action}; undefined`);
  await until('the result', () => page.evaluate(condition));
  return Number(await page.evaluate('performance.now() - window.from'));
}
