// The status page as tests look at it: by what a person sees and reads, not by how it is made.
import type { Locator, Page } from 'playwright-core';

/** How long anything may take to show: far more than it does, because the machine may be busy. */
export const SHOWS = { timeout: 15_000 };

export function rowOf(page: Page, server: string): Locator {
  return page.locator('.server', { has: page.getByRole('button', { name: server, exact: true }) });
}

export type Mark = 'up' | 'down' | 'held' | 'new';

/** Waits until a server shows as that. */
export function shows(page: Page, server: string, mark: Mark): Promise<void> {
  return page.locator(`.server[data-mark="${mark}"]`, { hasText: server }).waitFor(SHOWS);
}

/** Begins to wait inside the page for a server to show as that: whoever asks gets the time, milliseconds since 1970. */
export async function noteWhen(page: Page, server: string, mark: Mark): Promise<() => Promise<number>> {
  await page.evaluate(`void (window.noted = new Promise((resolve) => {
    const look = () => {
      const rows = [...document.querySelectorAll('.server[data-mark="${mark}"]')];
      if (rows.some((row) => row.querySelector('.name').textContent === '${server}')) resolve(Date.now());
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    look();
  }))`);
  return () => page.evaluate('window.noted');
}

/** Opens a server's details. */
export async function openServer(page: Page, server: string): Promise<void> {
  const name = page.getByRole('button', { name: server, exact: true });
  if ((await name.getAttribute('aria-expanded')) === 'false') await name.click();
}

export async function giveToken(page: Page, token: string): Promise<void> {
  await page.getByRole('button', { name: 'Control…' }).click();
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Use it' }).click();
}

/** Opens the dialog of an order. */
export async function beginOrder(page: Page, server: string, order: string): Promise<Locator> {
  await openServer(page, server);
  await page
    .getByRole('group', { name: `Orders for ${server}` })
    .getByRole('button', { name: `${order}…` })
    .click();
  return page.getByRole('dialog', { name: `${order}: ${server}` });
}

/** What the keyboard's focus is on, as it is called. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(
    `(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).replace(/\\s+/g, ' ').trim().slice(0, 80)`,
  );
}
