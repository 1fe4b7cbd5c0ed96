// README's tables of directives and services, and its layout, are what the code says of itself. UPDATE_README=1 puts them there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DIRECTIVES, directive } from '../src/config/directives.ts';
import { SERVICE_NAMES, serviceOf } from '../src/config/services.ts';

const README = new URL('../README.md', import.meta.url);
const ROOT = new URL('../', import.meta.url);

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => `\`${cell(text)}\``;

function directiveTable(): string {
  const rows = Object.keys(DIRECTIVES).map((name) => {
    const row = directive(name);
    if (row === undefined) throw new Error(`${name} has no row`);
    const meaning = row.deprecated === undefined ? row.doc : `${row.doc} Deprecated: ${row.deprecated}.`;
    return `| ${[code(name), row.scope, code(row.syntax), cell(row.byDefault), cell(meaning)].join(' | ')} |\n`;
  });
  return `| Directive | Where | Value | Default | Meaning |\n|---|---|---|---|---|\n${rows.join('')}`;
}

function serviceTable(): string {
  const rows = SERVICE_NAMES.map((name) => {
    const { port, options, asks, up, library = 'ours', tested } = serviceOf(name);
    const where = port === undefined ? '' : ` (${port})`;
    const read = options.map((option) => code(option)).join(', ');
    return `| ${[code(name) + where, cell(asks), cell(up), read, library, tested].join(' | ')} |\n`;
  });
  return `| Service (port) | Asks | Up | Reads | Library | Tried against |\n|---|---|---|---|---|---|\n${rows.join('')}`;
}

/** Every source file with the first sentence of its header comment. */
function layout(): string {
  const files = readdirSync(new URL('src', ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/^.*?\/src\//, 'src/'))
    // The files of a folder stand before its folders.
    .sort((a, b) => a.split('/').length - b.split('/').length || a.localeCompare(b));
  const lines = files.map((file) => {
    const [header = ''] = readFileSync(new URL(file, ROOT), 'utf8').split(/\n(?!\/\/)/);
    const text = header.replace(/^\/\/ /gm, '').replaceAll('\n', ' ');
    const sentence = /^.*?[^.]\.(?=\s|$)/.exec(text)?.[0] ?? text;
    return `    ${file.padEnd(36)} ${sentence.replace(/\.$/, '')}`;
  });
  return `\n${lines.join('\n')}\n\n`;
}

test.each([
  ['directives', directiveTable],
  ['services', serviceTable],
  ['layout', layout],
])('README has the %s', (name, made) => {
  const between = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
  const readme = readFileSync(README, 'utf8');
  const wanted = readme.replace(between, (_, before: string, after: string) => before + made() + after);
  if (process.env.UPDATE_README === '1') writeFileSync(README, wanted);
  expect(between.exec(readme)?.[0], 'the place for it').toBeDefined();
  expect(readFileSync(README, 'utf8')).toBe(wanted);
});
