// Orders through the page, with the real program behind it: confirmed, carried out and shown; a wrong token told; the token kept nowhere.
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { hasChromium, openPage, strangers } from './chromium.ts';
import { RealDaemon, TOKEN } from './real-daemon.ts';
import { beginOrder, focused, giveToken, openServer, rowOf, SHOWS, shows } from './status-page.ts';

describe.skipIf(!hasChromium())('orders', () => {
  test('drain, then enable: asked for, done, shown, and the keyboard where it was', async () => {
    const daemon = await RealDaemon.start(2);
    const { page, complaints, requests } = await openPage(daemon.url);
    const name = daemon.name(0);
    await shows(page, name, 'up');
    await openServer(page, name);
    expect(await page.locator('.orders').count()).toBe(0);
    await giveToken(page, TOKEN);
    const drain = await beginOrder(page, name, 'Drain');
    expect(await drain.textContent()).toContain('It gets no new connections');
    // Nothing happens without a yes.
    await page.keyboard.press('Escape');
    await drain.waitFor({ state: 'hidden' });
    expect(await daemon.snapshot(0)).not.toHaveProperty('override');
    expect(await focused(page)).toBe('Drain…');

    await (await beginOrder(page, name, 'Drain')).getByRole('button', { name: 'Drain', exact: true }).click();
    await shows(page, name, 'held');
    expect(await daemon.snapshot(0)).toMatchObject({ override: { kind: 'drain' }, kernel: { weight: 0 } });
    expect(await rowOf(page, name).locator('.state').textContent()).toBe('Drained');
    await until('told', async () => (await page.locator('#said').textContent())?.includes(`${name} (10.8.8.45:80)`));
    await until('focus', async () => (await focused(page)) === name);
    await until('the history', async () =>
      (await page.locator('.transitions li').first().textContent())?.includes('Out of service'),
    );

    await (await beginOrder(page, name, 'Enable')).getByRole('button', { name: 'Enable', exact: true }).click();
    await shows(page, name, 'up');
    expect(await daemon.snapshot(0)).not.toHaveProperty('override');
    expect(complaints).toEqual([]);
    expect(strangers(requests, daemon.url)).toEqual([]);
  });

  test('a weight', async () => {
    const daemon = await RealDaemon.start(2);
    const { page, complaints } = await openPage(daemon.url);
    const name = daemon.name(1);
    await shows(page, name, 'up');
    await giveToken(page, TOKEN);
    const dialog = await beginOrder(page, name, 'Change weight');
    const field = dialog.getByLabel('New weight');
    expect(await field.inputValue()).toBe('1');
    await field.fill('70000');
    await page.keyboard.press('Enter');
    // The browser says what is wrong with it, and nothing is sent.
    expect(await page.evaluate(`document.getElementById('weight').validity.rangeOverflow`)).toBe(true);
    await field.fill('7');
    await page.keyboard.press('Enter');
    await until('the weight', async () =>
      (await rowOf(page, name).locator('.col-weight').textContent())?.startsWith('7'),
    );
    expect(await daemon.snapshot(1)).toMatchObject({ override: { kind: 'weight', weight: 7 }, kernel: { weight: 7 } });
    expect(await rowOf(page, name).textContent()).toContain('Weight 7 ordered by the operator');
    expect(complaints).toEqual([]);
  });

  test('the last server that is up: the dialog warns', async () => {
    const daemon = await RealDaemon.start(1);
    const { page } = await openPage(daemon.url);
    await shows(page, daemon.name(0), 'up');
    await giveToken(page, TOKEN);
    const dialog = await beginOrder(page, daemon.name(0), 'Disable');
    expect(await dialog.textContent()).toContain('nobody would serve this service');
    await dialog.getByRole('button', { name: 'Disable', exact: true }).click();
    await shows(page, daemon.name(0), 'held');
    await until('told', async () => (await page.locator('#headline').textContent())?.includes('is not served'));
  });

  test('a wrong token is told, nothing is done, and the right one can be given at once', async () => {
    const daemon = await RealDaemon.start(2);
    const { page } = await openPage(daemon.url);
    const name = daemon.name(0);
    await shows(page, name, 'up');
    await giveToken(page, 'not-the-token-at-all');
    const dialog = await beginOrder(page, name, 'Drain');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    const asked = page.getByRole('dialog', { name: "The daemon's token" });
    await asked.waitFor(SHOWS);
    expect(await asked.textContent()).toContain('does not accept this token');
    expect(await dialog.locator('#order-error').textContent()).toMatch(/^The daemon says: this is not the token/);
    expect(await daemon.snapshot(0)).not.toHaveProperty('override');
    expect(daemon.site.log).not.toContain('not-the-token-at-all');
    await asked.getByLabel('Token', { exact: true }).fill(TOKEN);
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await shows(page, name, 'held');
  });

  test('the token is in the memory of the page and nowhere else, and goes with it', async () => {
    const daemon = await RealDaemon.start(2);
    const { page, context, requests } = await openPage(daemon.url);
    await shows(page, daemon.name(0), 'up');
    await giveToken(page, TOKEN);
    await beginOrder(page, daemon.name(0), 'Drain');
    await page.keyboard.press('Escape');
    expect(await page.evaluate('document.documentElement.outerHTML')).not.toContain(TOKEN);
    expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])')).toBe('[{},{},""]');
    expect(await context.cookies()).toEqual([]);
    expect(requests.filter((url) => url.includes(TOKEN))).toEqual([]);
    await page.reload();
    await page.getByRole('button', { name: 'Control…' }).waitFor(SHOWS);
    await openServer(page, daemon.name(0));
    expect(await page.locator('.orders').count()).toBe(0);
  });
});
