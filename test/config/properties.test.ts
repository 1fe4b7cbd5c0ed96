// Whatever stands in a file: reading it never throws, everything told has a place in it, and no secret gets out.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDiagnostic } from '../../src/config/diagnostic.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { splitLines } from '../../src/config/lines.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';
import { names } from './lookups.ts';

function understand(text: string) {
  const draft = parse(text);
  const { config, diagnostics } = resolve(draft, names);
  const lines = splitLines(text);
  for (const { line, column, length, message } of diagnostics) {
    const source = lines[line - 1];
    expect(source, message).toBeDefined();
    expect(column, message).toBeGreaterThanOrEqual(1);
    expect(length, message).toBeGreaterThanOrEqual(1);
    expect(column + length - 1, message).toBeLessThanOrEqual((source?.length ?? 0) + 1);
  }
  expect(config === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  return diagnostics.map((found) => formatDiagnostic(found, { file: 'f', lines: draft.lines })).join('\n');
}

const folder = (name: string) => new URL(`../../fixtures/${name}/`, import.meta.url);
const fixtures = ['good', 'broken'].flatMap((name) =>
  readdirSync(folder(name))
    .filter((file) => file.endsWith('.cf') && !file.startsWith('range-too-large'))
    .map((file) => readFileSync(new URL(file, folder(name)), 'utf8')),
);
const fragment = fc.constantFrom(
  ...[
    '"',
    '#',
    '=',
    ':',
    '::',
    '->',
    ',',
    '\t',
    ' ',
    '\n',
    '[',
    ']',
    '\\',
    '0',
    '9',
    'virtual',
    'real',
    'gate',
    '\r',
    '\0',
    'é',
    '😀',
  ],
  ...Object.keys(DIRECTIVES),
);
const mutated = fc
  .record({
    text: fc.constantFrom(...fixtures),
    edits: fc.array(fc.record({ at: fc.nat(), cut: fc.nat({ max: 4 }), put: fc.oneof(fragment, fc.constant('')) }), {
      maxLength: 5,
    }),
  })
  .map(({ text, edits }) =>
    edits.reduce((now, { at, cut, put }) => {
      const start = at % (now.length + 1);
      return now.slice(0, start) + put + now.slice(start + cut);
    }, text),
  );
const line = fc
  .tuple(
    fc.constantFrom('', '\t', '  '),
    fc.constantFrom(...Object.keys(DIRECTIVES)),
    fc.constantFrom('=', ' = ', ''),
    fc.array(fc.oneof(fragment, fc.string({ maxLength: 6 })), { maxLength: 6 }),
  )
  .map(([indent, key, equals, value]) => indent + key + equals + value.join(''));

test.each([
  ['any text', fc.string({ unit: 'binary', maxLength: 200 })],
  ['lines of directives', fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'))],
  ['configurations with a few edits', mutated],
])('%s', (_, text) => {
  fc.assert(
    fc.property(text, (each) => void understand(each)),
    { numRuns: 500 },
  );
});

test('a password is never shown, however its line is spoilt', () => {
  const spoilt = fc
    .tuple(
      fc.constantFrom('', '\t', '  '),
      fc.constantFrom(
        'passwd',
        'secret',
        'Passwd',
        'password',
        'pasword',
        'passwrd',
        'secert',
        'SECRET',
        'psswd',
        'pass wd',
      ),
      fc.constantFrom(' = ', '=', ' ', ': ', ' == '),
      fc.constantFrom('', '"', "'"),
      fc.constantFrom('', '"', "'", '" x', ' x', ' # x', '#x', '\0', ';'),
    )
    .map(([indent, key, equals, open, close]) => `${indent}${key}${equals}${open}hunter2${close}`);
  fc.assert(
    fc.property(spoilt, (bad) => {
      const told = understand(
        `virtual = 10.8.8.45:80\n\treal = 10.8.8.48:80 gate\n\tpasswd = x\n\tsecret = x\n${bad}\n`,
      );
      expect(told).not.toContain('hunter2');
    }),
    { numRuns: 1000 },
  );
});
