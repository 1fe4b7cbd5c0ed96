// What is hidden of a text that may hold a secret, and what is not: the rest is what somebody needs to see at 3 a.m.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hideRequestSecrets, hideSecrets, hideSecretsInWords } from '../../src/config/secrets.ts';
import { runsOf, SEED } from './runs.ts';

const H = '********';

test.for([
  // An assignment, in a URL, a command, a query.
  ['/up?password=x&y=1', `/up?password=${H}`],
  ['/up?y=1&passwd=x', `/up?y=1&passwd=${H}`],
  ['/up?PWD=x', `/up?PWD=${H}`],
  ['/up?client_secret=x', `/up?client_secret=${H}`],
  ['/up?access_token=x', `/up?access_token=${H}`],
  ['/up?api_key=x', `/up?api_key=${H}`],
  ['/up?apikey=x', `/up?apikey=${H}`],
  ['/up?x-api-key = x', `/up?x-api-key =${H}`],
  ["SELECT 1 WHERE password = 'x'", `SELECT 1 WHERE password =${H}`],
  ['/bin/x --password=x -v', `/bin/x --password=${H}`],
  ['PGPASSWORD=x /bin/y', `PGPASSWORD=${H}`],
  ['password=x\nand more', `password=${H}`],
  // An option and its value.
  ['/bin/x --password x', `/bin/x --password ${H}`],
  ['/bin/x -pass x', `/bin/x -pass ${H}`],
  ['/bin/x --auth-token x', `/bin/x --auth-token ${H}`],
  // JSON and headers.
  ['{"user": "joe", "password": "x"}', `{"user": "joe", "password":${H}`],
  ['GET / HTTP/1.0\r\nAuthorization: Basic x', `GET / HTTP/1.0\r\nAuthorization: ${H}`],
  // In a URL only that.
  ['http://joe:x@10.8.8.48:80/a?b=1', `http://joe:${H}@10.8.8.48:80/a?b=1`],
  ['redis://:x@host', `redis://:${H}@host`],
  ['one http://a:x@b/ two http://c:y@d/', `one http://a:${H}@b/ two http://c:${H}@d/`],
] as const)('%s', ([text, shown]) => expect(hideSecrets(text)).toBe(shown));

test.for([
  '/lbcheck.html',
  '/passengers?x=1',
  '/compass',
  'tests passed: 5',
  'the password is wrong',
  "Access denied for user 'joe' (using password: YES)",
  'a pass for everybody',
  '/bin/x --compassion',
  'http://[2001:db8::1]:80/x@y',
  'http://10.8.8.48:80/',
  'joe:x@host',
  'AUTHENTICATE',
  'SELECT 1',
  'a secret',
  'AUTH failed',
  'pass word',
])('%s stays as it is', (text) => expect(hideSecrets(text)).toBe(text));

test.for([
  ['AUTH x', `AUTH ${H}`],
  ['/auth joe x', `/auth ${H}`],
  ['"PASS x"', `"PASS ${H}`],
  ['10.8.8.48 gate 1 "AUTH x", "y"', `10.8.8.48 gate 1 "AUTH ${H}`],
  ['token=x "AUTH y"', `token=${H}${H}`],
  ['AUTHENTICATE x', 'AUTHENTICATE x'],
  ['/a pass x', '/a pass x'],
] as const)('as a request: %s', ([text, shown]) => expect(hideRequestSecrets(text)).toBe(shown));

test.for([
  [
    ['GET', 'key'],
    ['GET', 'key'],
  ],
  [
    ['AUTH', 'x'],
    ['AUTH', H],
  ],
  [
    ['auth', 'joe', 'x'],
    ['auth', H, H],
  ],
  [
    ['/bin/x', '--password', 'y', 'z'],
    ['/bin/x', '--password', H, H],
  ],
  [
    ['/bin/x', '--password=y'],
    ['/bin/x', `--password=${H}`],
  ],
  [
    ['/bin/x', 'http://joe:y@z/'],
    ['/bin/x', `http://joe:${H}@z/`],
  ],
  [[], []],
] as const)('words %j', ([words, shown]) => expect(hideSecretsInWords(words)).toEqual(shown));

test('what is hidden stays hidden when it is hidden again', () => {
  const part = fc.constantFrom(
    'pass',
    'word',
    '=',
    ' ',
    '-',
    '--token',
    ':',
    '//',
    '@',
    '"',
    'AUTH ',
    '/',
    'x',
    '\n',
    H,
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const once = hideSecrets(parts.join(''));
      expect(hideSecrets(once)).toBe(once);
    }),
    { numRuns: runsOf(20_000, 1_000_000), ...SEED },
  );
});
