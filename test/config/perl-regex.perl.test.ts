// Compares the translation with the `perl` command: equal on every subject, or refused; what Perl rejects is refused.
// PATTERNS=100000 SEED=7 runs the property wider.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches } from '../../src/checks/match.ts';
import { translatePattern } from '../../src/config/perl-regex.ts';

/** Reads lines of hex: the subjects, then a pattern in each line. Answers 0 and 1 for each subject, or why there is no answer. */
const PERL = `
no warnings;
chomp(my $line = <STDIN>);
my @subjects = map { pack 'H*', substr $_, 1 } split / /, $line;
while (<STDIN>) {
  chomp;
  my $regex = pack 'H*', $_;
  # qr keeps an empty pattern from meaning "the last one that matched".
  my $compiled = eval { qr/$regex/ };
  my $verdict = defined $compiled ? eval { join '', map { $_ =~ $compiled ? 1 : 0 } @subjects } // 'panic' : 'error';
  print "$verdict\\n";
}
`;

const hasPerl = spawnSync('perl', ['-e', 'exit($] >= 5.034 ? 0 : 1)']).status === 0;
if (!hasPerl) console.warn('perl 5.34 or newer is missing: the translation of patterns is NOT compared with perl');

/** Perl's verdicts: `error` where it rejects the pattern, `panic` where its own bugs end the match. */
function askPerl(patterns: readonly string[], subjects: readonly Buffer[]): string[] {
  const lines = [
    subjects.map((subject) => `x${subject.toString('hex')}`).join(' '),
    ...patterns.map((pattern) => Buffer.from(pattern).toString('hex')),
  ];
  const result = spawnSync('perl', ['-e', PERL], { input: `${lines.join('\n')}\n`, maxBuffer: 2 ** 28 });
  expect({ status: result.status, stderr: result.stderr.toString() }).toEqual({ status: 0, stderr: '' });
  const answers = result.stdout.toString().split('\n').slice(0, -1);
  expect(answers).toHaveLength(patterns.length);
  return answers;
}

function askUs(pattern: string, subjects: readonly Buffer[]): string | undefined {
  const result = translatePattern(pattern);
  if ('problem' in result) return undefined;
  return subjects.map((subject) => (matches(result.pattern, subject, 5000) ? '1' : '0')).join('');
}

/** What differs, for the failure message: a pattern that both accept must agree, and we accept none that Perl rejects. */
function differences(patterns: readonly string[], subjects: readonly Buffer[]): string[] {
  const perl = askPerl(patterns, subjects);
  return patterns.flatMap((pattern, index) => {
    const ours = askUs(pattern, subjects);
    const theirs = perl[index];
    return ours === undefined || ours === theirs || theirs === 'panic'
      ? []
      : [`${JSON.stringify(pattern)} perl ${theirs} we ${ours}`];
  });
}

/** A list as a table: three spaces or a line's end between two, no backslash doubled. */
function list(table: string): string[] {
  return table.trim().split(/ {3,}|\s*\n\s*/);
}

const SUBJECTS = [
  ...[
    '',
    '\n',
    '\na',
    'a\n',
    'a\n\n',
    'a\nb',
    'ab\n',
    'aa\naa',
    '\r\n',
    'a\r\nb\r\n',
    '\r',
    '\0',
    'a\0b',
    '\xa0',
    '\x85',
  ],
  ...['\xe9', '\xc9', '\xff', '\xc3\xa9', 'a\xa0b', 'a b', ' a', '\x08', '\t', '\v', '\x018', '\x7f', '\x1b[0m'],
  ...[
    'a',
    'A',
    'b',
    'ab',
    'bb',
    'aab',
    'aaa',
    'abab',
    'abc',
    'abcabc',
    'aXa',
    '-',
    '8',
    '_',
    '0123',
    'foo',
    'FOO found',
  ],
  ...['x{', 'x{3}', '{,3}', '[]', '(a)', '\\', 'a.b', 'Qa.bE', '"x" \'y\'', 'Status: up'],
  'HTTP/1.1 200 OK\r\nServer: x\r\n\r\nfound it\n',
].map((subject) => Buffer.from(subject, 'latin1'));

const POSIX = list(
  'alpha   digit   alnum   upper   lower   punct   print   graph   cntrl   space   blank   word   xdigit   ascii',
);

/** Accepted, and equal to Perl on every subject. */
const EXACT = [
  // What people write.
  ...list(String.raw`
    found   OK|found   ^OK   Status: (up|ok)   [Ff]ound   200 OK   ^HTTP/1\.[01] 200   .*found.*   found\s*$   \bOK\b
    (?i)found   ^\s*$   ^$   .   .*   .+   a+b   \d+   a|b|c   (foo|FOO) found   HTTP/\d\.\d\s+2\d\d   OK.*found
    (?s)OK.*found   (?i)FOUND IT   Server: .*\r\n   é   é+   [é]   [^é]   |   a|   ()   (|a)   (?:)   @foo   $x   a$b   \$   \@
  `),
  // Places.
  ...list(String.raw`
    ^a   a$   a\Z   a\z   \Aa   \Ga   a\G   ^a$   $^   a$\n   \n$   \n\z   \n\Z   (?m)^a   (?m)a$   (?m)^$   (?m)^   (?m)\n^
    (?m)$\n   (?m)^b   (?m)a\Z   (?m)\Ab   a\b   \Ba   \b   \B   \b\xe9   a\Kb   (?-m)^a   (?m:^b)
    (?m:a$)b   a^   .*^b   (?m).*^b
  `),
  // Sets of bytes.
  ...list(String.raw`
    \s   \S   ^\s$   ^\S$   \w   \W   ^\W$   \d   ^\D$   \h   ^\H$   \v   ^\V$   \R   ^\R$   a\R   \R\n   \R{2}   \r\R   \N   ^\N$
    \N{2}   \N{1,}   \N{,2}x   ^.$   (?s)^.$   (?s).\z   (?s:.)b   (?s)\N\z   [\s]   [^\s]   [\h\v]   [\w-]   [-\w]   [\w-a]
    [a-\d]   [a-c]   [^a-c]   []a]   [^]a]   [a\]b]   [\^a]   [a^]   [-a]   [a-]   [a-c-e]   [--a]   [\-a]   [.]   [$]   [{}]
    [\b]   [\n\r]   [\0]   [\1]   [\8]   [\18]   [\x00-\x1f]   [\x80-\xff]   ^[^\x00-\xff]   [^\n]   [\cH]   [\e]   [\R]   [\A]
    [[]   [[a]   [a[]   [:alpha:]   [\c]]   [+--]   [\w\W]   ^[^\w\W]
    [[:alpha:]-z]   [a-[:digit:]]   [\d--a]   [\d---a]   [a-\d--z]   [[:upper:][:digit:]_]
  `),
  ...POSIX.flatMap((name) => [`^[[:${name}:]]`, `^[[:^${name}:]]`, `^[^[:${name}:]]`]),
  ...POSIX.flatMap((name) => [`(?i)^[[:${name}:]]`, `(?i)^[[:^${name}:]]`]),
  // Characters.
  ...list(String.raw`
    \x41   \x{41}   \x{ 41 }   \x{4_1}   \x4   \x   \xg   \o{101}   \101   \0   \00   \0123   \08   \18   \10   \cH   \ch   \c[   \c?
    \e\[   \a   \f   \t   \.   \\   \/   \-   \_   \y   \i   \<   \é   \xe9   \xff   \377   \x{e9}   a\.b
  `),
  // Flags and comments.
  ...list(String.raw`
    (?i)a   (?i)\xe9   (?i)é   (?i)[^a]   (?i)[a-c]   (?i)\x41   (?i)[Z-a]   a(?i)b   (a(?i)b|c)   (?:a(?i)b|C)c   (?i:a)b
    (?i)a(?-i)b   (?i)a(?-i:b)   (?^i:a)   (?i)(?^:a)   (?^)a   (?)a   (?-)a   (?i-i)a   (?ii)a   (?d)a   (?is)A.   (?x) a b
    (?x) a\ b   (?x)a #x   (?x)[a b]   (?xx)[a b]   (?xx)[ a - c ]   (?xx)[^ a ]   (?x: a )b   (?x)a *   (?x)a* +b   (?x)a* ?b
    (?x)(?-x) a   ((?x) a ) b   a|(?x) b   (?x)a {2}   (?x){3}   (?x)\d {x   (?#c)a   a(?#c)*b   a(?#c)(?#d)+b   a*(?#c)+b
    (?n)(a)b   (?n)(?<x>a)\k<x>
  `),
  // Groups and references.
  ...list(String.raw`
    (a)\1   (a)\g1   (a)\g{1}   (a)\g{-1}   (a)\g-1   (a)\g{ 1 }   (.)\1   ^(.*)\1$   (?<n>a)\k<n>   (?'n'a)\k'n'   (?<n>a)\k{n}
    (?<n>a)\k{ n }   (?<n>a)\g{n}   (?P<n>a)(?P=n)   (["']).*?\1   (?:(a)\1|b)+   (a)(b)\2   (a)\10   (abc)\1
    (?=(a+))\1b   (?=(a|ab))\1c   (a)|b   (?<n>a)(?<n>b)\k<n>   (a)(b)?\1   (a|b)\1   (?:(a|b)\1)+   (a){1}\1   (?>(a))\1
    (.)(?=\1)   (.)(?!\1)   (.)(?<=a)\1   (.*)(b)\1
  `),
  // Looking around.
  ...list(String.raw`
    a(?=b)   a(?!b)   (?<=a)b   (?<!a)b   (?<=a|bc)a   (?<=\n)a   (?<!^)a   (?<=a{1,3})b   (?<=\R)a   (?<=a(?=b))b
    (?<=^|\n)a   (?!)   (?=)   (?<=(a))b   (?!(a))b   (?<![a-c])\w   (?<=(?i)A)b   (?=.*b)a
  `),
  // Atomic and possessive.
  ...list(String.raw`
    a++b   a++a   a*+a   a*+b   a?+a   a?+b   a{1,2}+a   a{2}+   (?>a|ab)c   (?>ab|a)c   (?>a*)b   (?>a+)a   (?:a|b)++b   (?>(?>a+)b)
    \w++\s   [^\n]*+\n   (?:(?>a+)b)+   .*+b   (a++)b\1   (?>a)(b)\1?c
  `),
  // Repetitions and braces.
  ...list(String.raw`
    a*   a+   a?   a*?b   a+?b   a??b   a{2}   a{2,}   a{1,2}b   a{,2}b   a{ 1, 2 }b   a{0}b   a{0,0}   ^a{,1}$   a{2}?   a{1,}?b
    (?:ab){2}   (ab)+   (a*)*   (a*)+b   (?:a?)*b   (?:){3}   (|a){2}b   {   x{   x{3   x{,}   x{a}   {3}   {,3}   ^{   |{3}   ({3})
    x\{   x\{3}   }   ]   a]   x{3}   .{   [x]{   \x78{   .*(a|b).*   a*b*c*   (.*a.*)   a*|b*
  `),
  ...['', '(?x)a #x(\nb', '(?x)\\x{41}\n+', ' a', '(?x)a\\\nb'],
];

/** Refused, though Perl takes them: not exact in JavaScript, or surely not what was meant. */
const REFUSED = list(String.raw`
  \Qa.b\E   \Ua   [\Q]   \p{L}   \PL   [\p{L}]   \X   \N{U+41}   \N{SPACE}   \b{wb}   \x{100}   [\x{100}]   \400   \x{zz}   \x{}
  (?|a|b)   (a)(?1)   (?<n>a)(?&n)   (a)?(?(1)b|c)   (*FAIL)   (*pla:a)   a(*SKIP)b   (a)|b\1   (a)?\1   (?:(a)|b)+\1
  \1(a)   (a\1)   (?:(?<n>a)|(?<n>b))\k<n>   (?i)(a)\1   (?>(?:|a)*)b   (?<=(?>a|ab))c   (?<=(?>ab))c   (?u)a   (?a)a   (?l)a   (?<=(a)(?=\1))b
  a{3,2}   (?:(a)b?)*\1   ^*a   \b+a   $*   \A{2}a   \R?a   (?:\R)+   (?=a)*b   (?<!){2}a   [[:^:]]   [[:]   [[:a]   [[:alpha]   [[:alpha:foo]   [[::]]
  (?=-?).   (?=(a*))\1b   (?<=a|)b
`);

/** Perl rejects them, so do we. */
const BROKEN = list(String.raw`
  (   )   a)b   [   []   [^]   [a   [\   *a   +   ?   |*   (*a)   (+a)   a**   a*?+   a{2}{3}   a{2}++   a???   (?   (?i   (?z)   (?<   (?<n
  (?<1>a)   (?<n-x>a)   (?P   (?=a   (?#a   (?#)*   (?i)*a   \   a\   [z-a]   [a-[]   [[:foo:]]   [[=a=]]   [[.a.]]   [[:alpha:]   \1   (a)\2
  \8   \80   \g   \g0   \g{0}   \g10   \k   \k<x>   \k{   (a)\g{-2}   \o   \o{}   \o8   \c   \cé   \c{   [\c]   \C   [\N]   \b{   \B{   \b{foo}
  a\b{1}   \d{   \d{x}   \n{x   \A{   \K*   (?=\K)   (?<=a*)b   (?<!a+)   (?<=a{256})   (a)(?<=\1)   a{65535}   (?^-i)a   (?^d:a)   (?--i)a
  (?-d)a   (?x)( ?:a)   (?n)(a)\1   \x{41   \N{}   (?P>x)   (?&x)   (*foo)   (?*a)   (?< a>x)   (?$a)   (?{1})   (??{1})   (?1)
`);

test.skipIf(!hasPerl)('means what it means in perl', () => {
  expect(EXACT.filter((pattern) => 'problem' in translatePattern(pattern))).toEqual([]);
  expect(differences(EXACT, SUBJECTS)).toEqual([]);
});

test.skipIf(!hasPerl)('refuses what perl rejects', () => {
  const answers = askPerl(BROKEN, []);
  expect(BROKEN.filter((_, index) => answers[index] !== 'error')).toEqual([]);
  expect(BROKEN.filter((pattern) => 'pattern' in translatePattern(pattern))).toEqual([]);
});

test.skipIf(!hasPerl)('refuses what cannot be exact', () => {
  expect(askPerl(REFUSED, [])).not.toContain('error');
  expect(REFUSED.filter((pattern) => 'pattern' in translatePattern(pattern))).toEqual([]);
});

/** One of a list, each as likely as the others. */
function oneOf(table: string, ...more: string[]): fc.Arbitrary<string> {
  return fc.constantFrom(...list(table), ...more);
}

/** Patterns by a grammar: mostly valid, and full of what differs between Perl and JavaScript. */
function grammar(): fc.Arbitrary<string> {
  const text = oneOf('a   b   ab   A   é   0   x{   {   {,}   -   #   "', ' ', '\n');
  const escaped = oneOf(String.raw`
    \d   \w   \s   \S   \h   \H   \v   \V   \R   \N   \n   \r   \0   \x41   \x{e9}   \101   \18   \12   \xff   \x   \.   \i   \cA   \o{141}   \e
    \N{2}   \"
  `);
  const where = oneOf(String.raw`^   $   \A   \Z   \z   \G`);
  const classItem = oneOf(
    String.raw`
      a   b   A-Z   a-c   \n   \d   \s   \W   \h   [:alpha:]   [:^upper:]   [:space:]   -   ^   ]   \]   [   é   \xe9   \x80-\xff
      \0   \b   \-   .   \12   :   \v   !--
    `,
    ' ',
  );
  const items = fc.array(classItem, { minLength: 1, maxLength: 4 });
  const set = fc.tuple(oneOf('[   [   [^'), items).map(([open, all]) => `${open}${all.join('')}]`);
  const reference = oneOf(String.raw`\1   \2   \g{-1}   \g{1}   \k<n>   \10   (?P=n)`);
  const quantifier = oneOf(
    '*   +   ?   {2}   {1,2}   {,2}   {2,}   {0}   {1}   {1, 2 }   *?   +?   ??   {1,2}?   *+   ++   ?+   {1,2}+',
    ...Array.from({ length: 15 }, () => ''),
  );
  const opening = oneOf(
    '(   (   (   (?:   (?:   (?i:   (?s:   (?m:   (?x:   (?^:   (?=   (?!   (?<=   (?<!   (?>   (?<n>   (?-i:   (?xx:   (?n:',
  );
  const flags = oneOf('(?i)   (?s)   (?m)   (?x)   (?-i)   (?^)   (?xx)   (?n)   (?im-s)   \\K   \\b   \\B   (?#c)');
  const joined = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
    fc.tuple(...parts).map((all) => all.join(''));
  const { choice } = fc.letrec<{ choice: string; sequence: string; piece: string; group: string }>((tie) => ({
    choice: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((all) => all.join('|')),
    sequence: fc.array(tie('piece'), { maxLength: 3 }).map((all) => all.join('')),
    piece: fc.oneof(
      { maxDepth: 3 },
      { weight: 6, arbitrary: joined(text, quantifier) },
      { weight: 3, arbitrary: joined(escaped, quantifier) },
      { weight: 2, arbitrary: joined(where, quantifier) },
      { weight: 3, arbitrary: joined(set, quantifier) },
      { weight: 1, arbitrary: joined(reference, quantifier) },
      { weight: 1, arbitrary: flags },
      { weight: 6, arbitrary: tie('group') },
    ),
    group: joined(opening, tie('choice'), fc.constant(')'), quantifier),
  }));
  return choice;
}

/** Anything at all, mostly broken. */
function soup(): fc.Arbitrary<string> {
  const token = oneOf(
    String.raw`
      a   b   1   0   8   x   n   é   (   )   [   ]   {   }   |   *   +   ?   \   ^   $   .   -   :   <   >   =   !   #   ,   i   k   g   c   o   N   R
      Q   P   '   (?   (?:   [:   :]   [^   {1   ,2}   (?i)   (?x)   (?xx)   \g{   \x{   \k<   alpha   (?<n>   &   _   /   @   %   (?#
    `,
    ...[' ', '\n', '\t', '\r', '\f', '\v'],
  );
  return fc.array(token, { maxLength: 9 }).map((tokens) => tokens.join(''));
}

const PATTERNS = Number(process.env.PATTERNS ?? 400);
const SEED = Number(process.env.SEED ?? 20_240_501);

test.skipIf(!hasPerl)('means what it means in perl, whatever the pattern', { timeout: 600_000 }, () => {
  const few = SUBJECTS.slice(0, 40);
  const regular = fc.sample(grammar(), { seed: SEED, numRuns: PATTERNS });
  expect(differences([...regular, ...fc.sample(soup(), { seed: SEED, numRuns: PATTERNS })], few)).toEqual([]);
  // Refusing everything would pass as well.
  const accepted = regular.filter((pattern) => 'pattern' in translatePattern(pattern));
  expect(accepted.length / regular.length).toBeGreaterThan(0.4);
});
