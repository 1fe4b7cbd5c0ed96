// What show prints: exactly, at 80 columns, on a wide terminal, into a file; and whatever is in it, within the width.
import { describe, expect, test } from 'vitest';
import { columnsOf, type Look } from '../../src/status/columns.ts';
import { showText } from '../../src/status/show-text.ts';
import { ago, DAEMON, daemon, NOW, server, virtual, WEB } from './snapshots.ts';

const look = (more: Partial<Look> = {}): Look => ({ width: 80, color: false, unicode: true, ...more });
const lines = (width: number): string[] => showText(DAEMON, NOW, look({ width })).split('\n');

test('80 columns', () => {
  expect(`\n${lines(80).join('\n')}\n`).toBe(`
tsdirectord 0.1.0, started 2 h 5 min ago, configuration read 3 min ago
3 of 8 real servers of 3 virtual services are up, 2 down, 1 not checked yet, 2
held out of service

Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn Health
TCP  10.8.8.45:80 wlc persistent 600  "shop"                          2/5 up
  -> 10.8.8.48:80                 Masq    5      120        31        up
       for 2 h 4 min, checked 2 s ago in 12 ms: HTTP 200 OK
  -> 10.8.8.149:80                Masq    1      0          0         up 2/3
       2 of 3 failures in a row
       for 1 min, checked 1 s ago in 3 s: fails: no answer within 3 s
  -> 10.8.8.50:80                 Masq    -      -          -         DOWN
       for 3 s, checked 3 s ago in 4 ms: HTTP 404 Not Found
  -> 10.8.8.51:80                 Masq    -      -          -         new
       for 1 s; not checked yet
  -> 10.8.8.53:80                 Masq    0      3          1         draining
       for 30 s: drained by the operator
       its checks: up for 1 min, checked 2 s ago in 12 ms: HTTP 200 OK
  -> 127.0.0.1:80                 -       -      -          -         fallback
       not needed
FWM  7 rr                                                             1/2 up
       ! the kernel also has 10.8.8.99:0
  -> 10.8.8.60:0                  Route   1      0          0         maint
       maintenance: file 10.8.8.60
       its checks: up for 1 min, checked 2 s ago in 12 ms: HTTP 200 OK
  -> 10.8.8.61:0                  Route   2      0          0         up
       ! weight 2 in the kernel, 9 wanted
       weight 9 ordered, 2 configured
       for 1 min, checked 2 s ago in 12 ms: HTTP 200 OK
UDP  [2001:db8::45]:53 rr                                             NONE up
  -> [2001:db8:0:1::1234:5678]:53 Masq    -      -          -         DOWN
       for 1 d 1 h; no answer within 10 s
  -> [2001:db8::99]:53            Local   1      0          7         FALLBACK
       has the traffic, because no real server is up
`);
});

test('a wide terminal: a line for a server', () => {
  expect(`\n${lines(160).join('\n')}\n`).toBe(`
tsdirectord 0.1.0, started 2 h 5 min ago, configuration read 3 min ago
3 of 8 real servers of 3 virtual services are up, 2 down, 1 not checked yet, 2 held out of service

Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn Health    Since       Checked         Took    Why
TCP  10.8.8.45:80 wlc persistent 600  "shop"                          2/5 up
  -> 10.8.8.48:80                 Masq    5      120        31        up        2 h 4 min   2 s ago         12 ms   HTTP 200 OK
  -> 10.8.8.149:80                Masq    1      0          0         up 2/3    1 min       1 s ago         3 s     2 of 3 failures in a row; fails: no answer
                                                                                                                    within 3 s
  -> 10.8.8.50:80                 Masq    -      -          -         DOWN      3 s         3 s ago         4 ms    HTTP 404 Not Found
  -> 10.8.8.51:80                 Masq    -      -          -         new       1 s         -               -       not checked yet
  -> 10.8.8.53:80                 Masq    0      3          1         draining  30 s        2 s ago         12 ms   drained by the operator; its checks say up:
                                                                                                                    HTTP 200 OK
  -> 127.0.0.1:80                 -       -      -          -         fallback                                      not needed
FWM  7 rr                                                             1/2 up
       ! the kernel also has 10.8.8.99:0
  -> 10.8.8.60:0                  Route   1      0          0         maint     -           2 s ago         12 ms   maintenance: file 10.8.8.60; its checks say
                                                                                                                    up: HTTP 200 OK
  -> 10.8.8.61:0                  Route   2      0          0         up        1 min       2 s ago         12 ms   ! weight 2 in the kernel, 9 wanted; weight 9
                                                                                                                    ordered, 2 configured; HTTP 200 OK
UDP  [2001:db8::45]:53 rr                                             NONE up
  -> [2001:db8:0:1::1234:5678]:53 Masq    -      -          -         DOWN      1 d 1 h     -               -       no answer within 10 s
  -> [2001:db8::99]:53            Local   1      0          7         FALLBACK                                      has the traffic, because no real server is
                                                                                                                    up
`);
});

test('a file has no width: no line is broken', () => {
  const text = lines(Number.POSITIVE_INFINITY);
  expect(text).toHaveLength(5 + 7 + 4 + 3);
  expect(text.find((line) => line.includes('10.8.8.53:80'))).toMatch(
    / draining {2}30 s +2 s ago +12 ms {3}drained by the operator; its checks say up: HTTP 200 OK$/,
  );
});

test.each([80, 100, 149, 150, 160, 200])('no line is wider than %i columns', (width) => {
  const long = 'x'.repeat(290);
  const wide = '日本語 🚀 '.repeat(40);
  const hostile = '\x1b[2J\x1b]0;title\x07\u202e\r\n'.repeat(10);
  const servers = [long, wide, hostile].map((detail, index) =>
    server(`[2001:db8:0:1:aaaa:bbbb:cccc:${index}]:8080`, {
      ...{ state: 'down', reason: detail, differs: detail, heldDown: detail, since: ago(86_400 * 200) },
      lastCheck: { at: ago(86_400 * 100), durationMs: 10_000, outcome: 'down', detail },
    }),
  );
  const snapshot = daemon([virtual('tcp:10.0.0.1:80', servers, { differs: hostile })], { trouble: hostile });
  const text = showText(snapshot, NOW, look({ width }));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  expect(Math.max(...text.split('\n').map(columnsOf))).toBeLessThanOrEqual(width);
});

test('without UTF-8 nothing but ASCII', () => {
  const snapshot = daemon([{ ...WEB, serviceName: 'größe 日本', differs: 'x'.repeat(400) }]);
  expect(showText(snapshot, NOW, look({ unicode: false }))).toMatch(/^[\x20-\x7e\n]*$/);
});

describe('colours', () => {
  test('none of the text depends on them', () => {
    const text = showText(DAEMON, NOW, look({ color: true }));
    expect(text).toContain('\x1b[31mDOWN\x1b[0m');
    expect(text).toContain('\x1b[32mup\x1b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours.
    expect(text.replace(/\x1b\[\d+m/g, '')).toBe(lines(80).join('\n'));
  });
});

test('what is wrong with all of it comes first', () => {
  const text = showText(daemon([], { trouble: 'ipvsadm is missing', state: 'reloading' }), NOW, look());
  expect(text.split('\n').slice(1, 3)).toEqual([
    '0 of 0 real servers of 0 virtual services are up; reloading',
    "! the kernel's table is not as it should be: ipvsadm is missing",
  ]);
});
