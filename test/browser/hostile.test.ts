// What servers say of themselves reaches the page: it is text there, whatever is in it, and does not break what stands around it.
import { describe, expect, test } from 'vitest';
import { hasChromium, openPage, strangers } from './chromium.ts';
import { FakeDaemon, type Scene } from './fake-daemon.ts';
import { serverOf, statusOf, virtualOf } from './scenes.ts';
import { openServer, rowOf, SHOWS, shows } from './status-page.ts';

const SERVER = '10.8.8.48:80';

const SAID: readonly { readonly what: string; readonly text: string }[] = [
  { what: 'an image with a script', text: '<img src=x onerror="window.hit=1">' },
  { what: 'an image from elsewhere', text: '<img src="http://127.0.0.1:9/x.png">' },
  { what: 'a script', text: '</td></table><script>window.hit=1</script>' },
  { what: 'an SVG', text: '<svg onload="window.hit=1"><use href="http://127.0.0.1:9/"></svg>' },
  { what: 'the end of the style', text: '</style><style>*{display:none}' },
  { what: 'a form', text: '<form action="http://127.0.0.1:9/"><input name=token autofocus onfocus="window.hit=1">' },
  { what: 'an attribute', text: '" onmouseover="window.hit=1" x="' },
  { what: 'entities', text: '&lt;b&gt; &amp;amp; &#60;' },
  { what: 'right to left', text: '\u202Eevil \u2066\u2067 txt.exe' },
  { what: 'left open', text: 'שלום \u202B\u202B\u202B' },
  { what: 'controls', text: 'a\u0000b\u0007c\u001b[31md' },
  { what: 'half a character', text: 'x\ud83d' },
  { what: 'towers of accents', text: `Z${'\u0351'.repeat(300)}` },
  { what: '10 kB in one word', text: 'x'.repeat(10_000) },
  { what: '10 kB of words', text: 'no answer '.repeat(1_000) },
];

/** Everywhere where text of somebody else can stand. */
function sceneOf(text: string): Scene {
  const now = Date.now();
  const bad = serverOf(SERVER, {
    state: 'down',
    reason: text,
    differs: text,
    failures: 0,
    lastCheck: { at: now, durationMs: 3, outcome: 'down', detail: `${text}!` },
  });
  const held = serverOf('10.8.8.49:80', { heldDown: text });
  const virtual = virtualOf('10.8.8.45:80', [bad, held], {
    serviceName: text,
    scheduler: text,
    differs: text,
    fallback: { name: text, active: true },
  });
  const status = { ...statusOf([virtual]), trouble: text, path: text, version: text };
  const pastOf = () => ({
    transitions: [{ at: now - 60_000, to: 'down' as const, reason: text }],
    latencies: [{ at: now, durationMs: 3, outcome: 'down' as const }],
  });
  return { status, pastOf, token: 'a-fake-token' };
}

describe.skipIf(!hasChromium())('a hostile server', () => {
  test.for(SAID)('says $what: it is text', async ({ text }) => {
    const daemon = await FakeDaemon.start(sceneOf(text));
    const { page, complaints, requests } = await openPage(daemon.url, { viewport: { width: 390, height: 844 } });
    await shows(page, SERVER, 'down');
    await openServer(page, SERVER);
    await page.locator('.transitions li').first().waitFor(SHOWS);
    // What a document cannot hold is replaced, nothing else.
    const written = text.replaceAll('\r', '\n');
    expect(await rowOf(page, SERVER).locator('.reason').textContent()).toBe(written);
    expect(await page.locator('.transitions bdi').first().textContent()).toBe(written);
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(
      await page.evaluate(
        `document.querySelectorAll('img, iframe, .servers script, .servers style, .servers form').length`,
      ),
    ).toBe(0);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(complaints).toEqual([]);
    expect(strangers(requests, daemon.url)).toEqual([]);
  });

  test('much text is cut to a few lines, and whole where the server is opened', async () => {
    const daemon = await FakeDaemon.start(sceneOf('no answer '.repeat(1_000)));
    const { page } = await openPage(daemon.url);
    await shows(page, SERVER, 'down');
    const reason = rowOf(page, SERVER).locator('.reason');
    const heightOf = async () => (await reason.boundingBox())?.height ?? 0;
    expect(await heightOf()).toBeLessThan(90);
    await openServer(page, SERVER);
    expect(await heightOf()).toBeGreaterThan(1_000);
  });

  test('the policy holds: no script, style or request but its own, even from within', async () => {
    const daemon = await FakeDaemon.start(sceneOf('well'));
    const { page, requests } = await openPage(daemon.url);
    await shows(page, SERVER, 'down');
    // A script that playwright evaluates is not bound by the policy; what it puts into the page is.
    await page.evaluate(`(() => {
      const holder = document.createElement('div');
      holder.innerHTML = '<img src=x onerror="window.hit=1"><iframe src="http://127.0.0.1:9/"></iframe><b style="color:red">x</b>';
      const script = document.createElement('script');
      script.textContent = 'window.hit = 1';
      document.body.append(holder, script);
      window.bold = getComputedStyle(holder.querySelector('b')).color;
      window.refused = fetch('http://127.0.0.1:9/').then(() => 'went out', () => 'refused');
    })()`);
    expect(await page.evaluate('window.refused')).toBe('refused');
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.evaluate('window.bold')).not.toBe('rgb(255, 0, 0)');
    expect(strangers(requests, daemon.url)).toEqual([]);
  });

  test('a token that a header cannot hold is not taken', async () => {
    const daemon = await FakeDaemon.start(sceneOf('well'));
    const { page, complaints } = await openPage(daemon.url);
    await page.getByRole('button', { name: 'Control…' }).click();
    for (const wrong of ['two words', 'schlüssel', '']) {
      await page.getByLabel('Token', { exact: true }).fill(wrong);
      await page.keyboard.press('Enter');
      expect(await page.evaluate(`document.getElementById('token').validity.valid`)).toBe(false);
    }
    await page.getByLabel('Token', { exact: true }).fill('  pasted-with-spaces ');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'End control' }).waitFor(SHOWS);
    expect(complaints).toEqual([]);
  });
});
