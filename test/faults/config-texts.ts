// Configurations as an attacker, a tired person or a broken disk would write them: lines of the fixtures put together anew, with
// their values exchanged, their numbers pushed to the edges, and their characters changed, cut and doubled.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { DIRECTIVES, type DirectiveName, directive } from '../../src/config/directives.ts';

const folder = (name: string): URL => new URL(`../../fixtures/${name}/`, import.meta.url);

/** A range of real servers is written in a few characters, and thousands of them are slow to compare: the largest are left out. */
const FIXTURES = ['good', 'broken'].flatMap((name) =>
  readdirSync(folder(name))
    .filter((file) => file.endsWith('.cf') && !file.startsWith('range-too-large'))
    .map((file) => readFileSync(new URL(file, folder(name)), 'utf8')),
);

/** Every value of the fixtures, by directive. */
const VALUES = new Map<string, string[]>();
for (const text of FIXTURES) {
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^\s*([\w-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || directive(name) === undefined) continue;
    const known = VALUES.get(name) ?? [];
    known.push(value);
    VALUES.set(name, known);
  }
}

const NAMES = Object.keys(DIRECTIVES) as DirectiveName[];
const inScope = (...scopes: string[]): DirectiveName[] =>
  NAMES.filter((name) => scopes.includes(DIRECTIVES[name].scope));
const GLOBAL = inScope('global', 'both').filter((name) => name !== 'virtual' && name !== 'virtual6');
const OPTIONS = inScope('virtual', 'both').filter((name) => name !== 'real' && name !== 'real6');

/** Addresses that not everything takes for one. */
const oddAddress = fc
  .tuple(
    fc.constantFrom(
      '::ffff:10.0.0.1',
      'fe80::1%eth0',
      '::',
      '::1.2.3.4',
      '2001:DB8::0:1',
      '0.0.0.0',
      '1.2.3',
      '10.0.0.1.',
    ),
    fc.constantFrom('$', '[$]', '$:80', '[$]:80', '[$]:http', 'http://[$]/', '$->$', '$ gate', '[$]:80 masq 1'),
  )
  .map(([address, form]) => form.replaceAll('$', () => address));

const anyValue = fc.constantFrom(...[...VALUES.values()].flat());
const valuesOf = (name: DirectiveName): fc.Arbitrary<string> => {
  const own = VALUES.get(name);
  const right = own === undefined ? anyValue : fc.constantFrom(...own);
  return fc.oneof({ weight: 12, arbitrary: right }, anyValue, oddAddress);
};

const lineOf = (names: readonly DirectiveName[], indent: string): fc.Arbitrary<string> =>
  fc.constantFrom(...names).chain((name) => valuesOf(name).map((value) => `${indent}${name} = ${value}`));

const blockOf = (six: string, address: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      address,
      fc.array(valuesOf(`real${six}` as DirectiveName), { maxLength: 3 }),
      fc.array(lineOf(OPTIONS, '\t'), { maxLength: 8 }),
    )
    .map(([where, reals, options]) =>
      [`virtual${six} = ${where}`, ...reals.map((value) => `\treal${six} = ${value}`), ...options].join('\n'),
    );

/** Mostly right: of the directives' own values, in the blocks where they belong. */
const composed: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(lineOf(GLOBAL, ''), { maxLength: 4 }),
    fc.array(fc.oneof(blockOf('', valuesOf('virtual')), blockOf('6', valuesOf('virtual6'))), { maxLength: 2 }),
  )
  .map(([globals, blocks]) => [...globals, ...blocks].join('\n'));

/** Right but for what a single line says. */
const spoiltLine: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...OPTIONS),
    fc.constantFrom('10.8.8.45:80', '10.8.8.45:443', '10.8.8.45:53', '10.8.8.45:6379', '10.8.8.45:3306', '7'),
    fc.constantFrom(
      '',
      '\tchecktype = external\n',
      '\tservice = redis\n',
      '\tservice = simpletcp\n',
      '\tservice = http\n',
    ),
  )
  .chain(([name, address, more]) =>
    fc
      .oneof(valuesOf(name), fc.array(fc.oneof(fragment, fc.string({ maxLength: 5 })), { maxLength: 6 }).map(joined))
      .map((value) => `virtual = ${address}\n\treal = 10.8.8.48 gate 1\n${more}\t${name} = ${value}\n`),
  );

const joined = (parts: readonly string[]): string => parts.join('');

const fragment = fc.constantFrom(
  ...[
    '"',
    "'",
    '#',
    '=',
    ':',
    '::',
    '->',
    ',',
    '\t',
    ' ',
    '\n',
    '\r\n',
    '\r',
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    '*',
    '+',
    '?',
  ],
  ...['\\', '\\\\', '\\"', '/', '//', '|', '^', '$', '%', '@', ';', '&', '`', '-', '.', '<', '>', '!'],
  ...['0', '-1', '1e9', '00080', '65535', '65536', '4294967295', '4294967296', '9'.repeat(40), '0x10', '1.5', '٣'],
  ...[
    '\0',
    '\u0007',
    '\u001b[31m',
    '\u007f',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\u202e',
    '\ufeff',
    '\ufffd',
    '\ud800',
    'é',
    '😀',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'yes',
    'no',
    'gate',
    'masq',
    'l:5',
    'u:5',
    'http',
    'http://',
    'https://u:p@h/',
  ],
  ...[
    '10.8.8.45',
    '[2001:db8::1]',
    '::ffff:10.0.0.1',
    '%eth0',
    '255.255.255.255',
    '0.0.0.0',
    'password=',
    'x'.repeat(300),
  ],
  ...NAMES,
);

interface Edit {
  readonly kind: 'put' | 'cut' | 'repeat' | 'swap' | 'shuffle';
  readonly at: number;
  readonly to: number;
  readonly length: number;
  readonly put: string;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'cut', 'repeat', 'swap', 'shuffle'),
  at: fc.nat(),
  to: fc.nat(),
  length: fc.nat({ max: 12 }),
  put: fragment,
});

function edited(text: string, { kind, at, to, length, put }: Edit): string {
  const [from, where] = [at % (text.length + 1), to % (text.length + 1)];
  const piece = text.slice(from, from + length);
  const lines = text.split('\n');
  const [one, other] = [at % lines.length, to % lines.length];
  switch (kind) {
    case 'put':
      return text.slice(0, from) + put + text.slice(from + (length % 3));
    case 'cut':
      return text.slice(0, from) + text.slice(from + length);
    case 'repeat':
      return text.slice(0, where) + piece.repeat(1 + (length % 4)) + text.slice(where);
    case 'swap':
      return lines
        .with(one, lines[other] ?? '')
        .with(other, lines[one] ?? '')
        .join('\n');
    case 'shuffle':
      return lines.toSpliced(other, 0, lines[one] ?? '').join('\n');
  }
}

const mutated = (source: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> =>
  fc.tuple(source, fc.array(edit, { maxLength: most })).map(([text, edits]) => edits.reduce(edited, text));

/** Texts from nearly right to noise. */
export const configurations: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: mutated(composed, 2) },
  { weight: 3, arbitrary: mutated(spoiltLine, 1) },
  { weight: 2, arbitrary: mutated(fc.constantFrom(...FIXTURES), 6) },
  { weight: 1, arbitrary: fc.array(fc.oneof(fragment, fc.string({ maxLength: 8 })), { maxLength: 30 }).map(joined) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
);
