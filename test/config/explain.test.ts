// What is explained, read again, is the same configuration; every value says where it comes from; no secret is in it.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/config/explain.ts';
import { formatExplained } from '../../src/config/explain-format.ts';
import type { Config } from '../../src/config/model.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';
import { names } from './lookups.ts';

function understood(text: string): Config | undefined {
  return resolve(parse(text), names).config;
}

function explained(text: string): string {
  const draft = parse(text);
  const { config } = resolve(draft, names);
  if (config === undefined) throw new Error(`not correct:\n${text}`);
  return formatExplained(explain(text, draft, config));
}

/** Without line numbers, and with every secret as it is shown. */
function comparable(config: Config | undefined): unknown {
  return JSON.parse(
    JSON.stringify(config, (key, value) => {
      // A request that was not given stands there in the end, which ldirectord's words for a monitorfile tell.
      if (key === 'line' || key === 'monitorWords') return undefined;
      return (key === 'password' || key === 'secret') && value !== '' ? '********' : value;
    }),
  );
}

function expectSame(text: string): void {
  const again = explained(text);
  expect(comparable(understood(again)), again).toEqual(comparable(understood(text)));
}

const folder = new URL('../../fixtures/good/', import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const fixtures = readdirSync(folder).filter((file) => file.endsWith('.cf'));

describe('read again it is the same configuration', () => {
  test.each(fixtures)('%s', (name) => expectSame(textOf(name)));

  test.each(fixtures)('%s, explained twice', (name) => {
    const once = explained(textOf(name));
    expectSame(once);
  });
});

/** Directives with values that may stand together; secrets are none that could be taken for one in a text. */
const word = fc.constantFrom('a', 'x y', 'a#b', 'say "yes"', "it's", 'a\\b', 'q\\"', 'é😀', '/p?q=1&r=(2)', '\t');
const string = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `"${words.join('')}"`);
const seconds = fc.integer({ min: 1, max: 99 }).map(String);
const yesNo = fc.constantFrom('yes', 'no', '"yes"');
const both: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ['checkinterval', seconds],
  ['checktimeout', seconds],
  ['negotiatetimeout', seconds],
  ['failurecount', seconds],
  ['fastinterval', fc.constantFrom('0.25', '"7"', '.5', '100')],
  ['tripwire', yesNo],
  ['flapdamping', yesNo],
  ['checkcount', seconds],
  ['quiescent', yesNo],
  ['cleanstop', yesNo],
  ['fallback', fc.constantFrom('127.0.0.1', 'localhost:http masq', '10.0.0.9:8080 ipip', '10.0.0.9:0')],
  ['fallbackcommand', fc.constantFrom('"/bin/sorry "a # b" \'c d\'"', "/bin/sorry 'a b'", '"/bin/true"')],
  ['emailalert', fc.constantFrom('root', '"a@example.com, b@example.com"')],
  ['emailalertfreq', fc.constantFrom('0', '60')],
  ['emailalertstatus', fc.constantFrom('all', 'none', 'starting, running')],
  ['smtp', fc.constantFrom('mail', '"10.0.0.1"')],
];
const globals: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ...both,
  ['fallback6', fc.constantFrom('[::1]:80', '[2001:DB8::9] masq')],
  ['readdquiescent', yesNo],
  ['autoreload', yesNo],
  ['supervised', yesNo],
  ['fork', yesNo],
  ['logfile', fc.constantFrom('"/var/log/a#b.log"', 'local0')],
  ['logformat', fc.constantFrom('classic', '"json"')],
  ['callback', fc.constantFrom('"/usr/bin/x"', '/usr/bin/x')],
  ['execute', fc.constantFrom('a.cf', '"b c.cf"')],
  ['emailalertfrom', fc.constantFrom('root', '"A B" <a@example.com>', 'odd " quote')],
  ['maintenancedir', fc.constantFrom('/etc/m', '"/etc/m"')],
];
const block: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ...both,
  [
    'service',
    fc.constantFrom('http', 'https', 'http_proxy', 'smtp', 'redis', 'simpletcp', 'sip', 'none', 'imap', 'ldap'),
  ],
  ['checktype', fc.constantFrom('negotiate', 'connect', 'ping', 'external', 'external-perl', 'on', 'off', '0', '5')],
  ['checkcommand', fc.constantFrom('/bin/x', '"/bin/x "a b" \'c"d\'"', '/bin/x "" a', "/bin/x 'a b'")],
  ['checkport', fc.constantFrom('1', '"8080"')],
  ['request', string],
  ['receive', fc.constantFrom('"a#b"', 'found', '"a\\"b"', '".*OK.*"', '"^[^#]$"')],
  ['httpmethod', fc.constantFrom('GET', 'head')],
  ['virtualhost', fc.constantFrom('"www.example.com"', 'www.example.com:81', '10.0.0.1')],
  ['login', fc.constantFrom('joe', '"a "quoted" name"')],
  ['passwd', fc.constantFrom('x', '"hunter2"')],
  ['database', fc.constantFrom('1', '"2"')],
  ['secret', fc.constantFrom('"hunter2"')],
  ['starttls', yesNo],
  ['sslverify', fc.constantFrom('yes', 'no', '"/etc/ca.pem"')],
  ['sslname', fc.constantFrom('"www.example.com"')],
  ['scheduler', fc.constantFrom('wlc', '"rr"', 'sh')],
  ['schedflags', fc.constantFrom('sh-port,sh-fallback', '"flag-1"')],
  ['persistent', seconds],
  ['netmask', fc.constantFrom('255.255.255.0')],
  ['ops', yesNo],
  ['monitorfile', fc.constantFrom('"/var/log/m"', '/var/log/m')],
  ['servicename', fc.constantFrom('Web shop', 'odd " quote', '"quoted"')],
  ['comment', fc.constantFrom('text', "it's")],
  ['load', fc.constantFrom('"1"')],
];
const linesOf = (rows: readonly (readonly [string, fc.Arbitrary<string>])[], indent: string) =>
  fc
    .subarray([...rows], { maxLength: 8 })
    .chain((chosen) => fc.tuple(...chosen.map(([name, value]) => value.map((text) => `${indent}${name} = ${text}`))));
const real = fc
  .record({
    server: fc.constantFrom('10.0.0.2', '10.0.0.3:81', '10.0.0.4->10.0.0.6:82', 'web1.example.com:http', '10.0.0.7:0'),
    forwarding: fc.constantFrom('gate', 'masq', 'ipip'),
    weight: fc.constantFrom('', ' 0', ' 5'),
    exchange: fc.constantFrom('', ' "/a#b","c#d"', ' "","own"', ' "own.html",""', ' "say "yes"", "a\\"b"'),
    limits: fc.constantFrom('', ' u:9', ' l:3 u:9', ' u:9 l:0'),
  })
  .map(
    ({ server, forwarding, weight, exchange, limits }) =>
      `\treal = ${server} ${forwarding}${weight}${exchange}${limits}`,
  );
const virtual = fc
  .record({
    address: fc.constantFrom(
      '10.8.8.45:80',
      'vip.example.com:https',
      '10.8.8.45:53',
      '10.8.8.45:domain',
      '7',
      '10.8.8.45:1003',
    ),
    options: linesOf(block, '\t'),
    reals: fc.array(real, { maxLength: 4 }),
  })
  .map(({ address, options, reals }) => [`virtual = ${address}`, ...options, ...reals].join('\n'));
const configuration = fc
  .tuple(linesOf(globals, ''), fc.array(virtual, { maxLength: 3 }))
  .map(([lines, virtuals]) => [...lines, ...virtuals].join('\n'));

test('generated configurations, read again, are the same', () => {
  let correct = 0;
  fc.assert(
    fc.property(configuration, (text) => {
      if (understood(text) === undefined) return;
      correct++;
      expectSame(text);
    }),
    { numRuns: 2000 },
  );
  expect(correct).toBeGreaterThan(200);
});

/** The lines of a block or of the globals, blanks made one. */
function linesOfText(text: string): string[] {
  return explained(text)
    .split('\n')
    .map((each) => each.trim().replace(/\s+/g, ' '));
}

describe('where values come from', () => {
  const text = [
    'checkinterval = 5',
    'negotiatetimeout = 7',
    'fallback = localhost:http',
    'virtual = vip.example.com:http',
    '\treal = web1.example.com->10.8.8.49:81 gate',
    '\treal = 10.8.8.60 masq 3 l:1 u:2',
    '\tscheduler = wlc',
    '\tops = yes',
    'virtual = 10.8.8.46:53',
    '\treal = 10.8.8.48 gate',
    '\tchecktype = connect',
    'virtual = 7',
    '\treal = 10.8.8.48 gate 1',
    '\tchecktype = external',
    'virtual = 10.8.8.46:1003',
    '\tcomment = an odd " quote',
  ].join('\n');
  const lines = linesOfText(text);

  test.each([
    'logfile = "/var/log/ldirectord.log" # default',
    'virtual = 10.8.8.45:80 # line 4, vip.example.com looked up, http is port 80',
    'checkinterval = 5 # global, line 1',
    'checktimeout = 7 # as global negotiatetimeout, line 2',
    'negotiatetimeout = 7 # global, line 2',
    'scheduler = wlc # line 7',
    'ops = no # line 8 says yes, which is for udp only',
    'service = http # port 80 means http',
    'fallback = 127.0.0.1:80 gate # global, line 3, localhost looked up, http is port 80',
    'real = 10.8.8.49:81 gate 1 # line 5, of web1.example.com->10.8.8.49:81, in the kernel port 80: gate cannot change it, default weight',
    'real = 10.8.8.60 masq 3 l:1 u:2 # line 6, port 80 of the virtual',
    '# its check: GET http://10.8.8.60:80/; up when 2xx, within 7 s',
    'protocol = udp # port 53 means udp',
    '# its check: ping of 10.8.8.48, once, 7 s each',
    'protocol = fwm # a firewall mark',
    'service = none # default: a firewall mark names no service',
    'checkcommand = "/bin/true" # default',
    'real = 10.8.8.48 gate 1 # line 13, any port',
    '# its check: runs /bin/true 7 0 10.8.8.48 0; up when it exits with 0, within 7 s',
    "service = none # default: port 1003 is no service's usual one",
  ])('%s', (wanted) => expect(lines).toContain(wanted));

  test('a comment that would become part of the value stands before it', () => {
    const at = lines.indexOf('comment = an odd " quote');
    expect(lines[at - 1]).toBe('# line 16');
  });
});

test('no secret is shown, and what hides it can be read', () => {
  const text = [
    'fallbackcommand = "/bin/sorry --password=hunter2"',
    'virtual = 10.8.8.45:80',
    '\trequest = "/up?password=hunter2&x=1"',
    '\treceive = "(secret=hunter2|b)"',
    '\tpasswd = "hunter2"',
    '\tsecret = hunter2',
    '\tmonitorfile = "/var/log/password=hunter2"',
    '\treal = 10.8.8.48 gate 1 "/own?pass=hunter2", "(passwd=hunter2)"',
    'virtual = 10.8.8.45:1',
    '\tchecktype = external',
    '\tcheckcommand = /bin/x \'--password=hunter2 x\' "a"',
    '\treal = 10.8.8.48 gate 1',
    'virtual = 10.8.8.45:3306',
    '\tlogin = joe',
    '\tpasswd = "hunter2"',
    '\trequest = "SELECT 1 WHERE password=hunter2"',
    '\treal = 10.8.8.48 gate 1',
  ].join('\n');
  const shown = explained(text);
  expect(shown).not.toContain('hunter2');
  const { config, diagnostics } = resolve(parse(shown), names);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(config?.virtuals.length).toBe(3);
  expect(shown).toContain('request = "/up?password=********"');
});
