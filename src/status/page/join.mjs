// Joins the page's files into the one HTML text that the daemon serves: everything inline, one <style>, one <script>.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The text. Rejects when a file is missing or does not compile. */
export async function joinPage() {
  const [html, style, script] = await Promise.all([readFile(file('index.html'), 'utf8'), styleText(), scriptText()]);
  return insert(insert(html, 'style', style), 'script', script);
}

/** Puts `text` into the element of this name. Throws when `html` has not exactly one, or the text would end it. */
export function insert(html, element, text) {
  const [before, after, ...more] = html.split(`<${element}></${element}>`);
  if (after === undefined || more.length > 0) throw new Error(`the page has not exactly one empty <${element}>`);
  if (new RegExp(`</${element}|<!--`, 'i').test(text)) throw new Error(`what goes into <${element}> would end it`);
  return `${before}<${element}>${text}</${element}>${after}`;
}

async function styleText() {
  const { code } = await bundled({ entryPoints: [file('style.css')], loader: { '.css': 'css' } });
  return code;
}

async function scriptText() {
  const { code } = await bundled({ entryPoints: [file('client/main.ts')], format: 'iife' });
  return code;
}

async function bundled(options) {
  const { outputFiles } = await build({
    bundle: true,
    write: false,
    target: ['chrome111', 'firefox113', 'safari16.4'],
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
    ...options,
  });
  return { code: outputFiles[0].text.trim() };
}
