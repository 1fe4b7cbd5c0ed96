// What is on top's screen: exactly, at 80 columns and 24 lines, and that nothing of any size or content is wider than it.
import { describe, expect, test } from 'vitest';
import { columnsOf } from '../../../src/status/columns.ts';
import type { Key } from '../../../src/status/top/keys.ts';
import type { View } from '../../../src/status/top/lines.ts';
import { BEGINNING, press, settle, type TopState } from '../../../src/status/top/model.ts';
import { rowsOf } from '../../../src/status/top/rows.ts';
import { listHeight, screen } from '../../../src/status/top/screen.ts';
import { ago, DAEMON, daemon, NOW, server, virtual } from '../snapshots.ts';

/** As many lines as the screen has, after these keys. The clock is the one of the machine's time zone. */
function lines(keys: readonly Key[], more: Partial<View> = {}): string[] {
  const look = { width: 80, height: 24, color: false, unicode: true };
  const view: View = { ...look, snapshot: DAEMON, seenAt: NOW, now: NOW, lost: undefined, ...more };
  const rows = (state: TopState) => rowsOf(view.snapshot?.virtuals ?? [], state);
  const seen = (state: TopState) => ({ rows: rows(state), height: listHeight(view) });
  let state = settle(BEGINNING, seen(BEGINNING));
  for (const key of keys) {
    const next = press(state, key, seen(state)).state;
    state = settle(next, seen(next));
  }
  return screen(state, rows(state), view);
}

/** The same as a picture: a frame shows the size, a clock that is always the same. */
function picture(keys: readonly Key[], more: Partial<View> = {}): string {
  const width = more.width ?? 80;
  const edge = `+${'-'.repeat(width)}+`;
  const framed = lines(keys, more).map((line) => `|${line}${' '.repeat(width - columnsOf(line))}|`);
  return ['', edge, ...framed, edge, ''].join('\n').replace(/ \d\d:\d\d:\d\d\|/, ' 12:34:56|');
}

const AWAY = { lost: 'it is stopped', now: NOW + 65_000 };

test('the list', () => {
  expect(picture([])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |▶ 10.8.8.48:80         up         2h04m      5     120      31     2s HTTP 200 …|
    |  10.8.8.149:80        up 2/3        1m      1       0       0     1s fails: no…|
    |  10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  10.8.8.51:80         new           1s      -       -       -      - not check…|
    |  10.8.8.53:80         draining     30s      0       3       1     2s drained b…|
    |  127.0.0.1:80         fallback  not needed                                     |
    |  FWM 7 rr             1/2 up  ! the kernel also has 10.8.8.99:0                |
    |  10.8.8.60:0          maint          -      1       0       0     2s maintenan…|
    |  10.8.8.61:0          up            1m      2       0       0     2s ! weight …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |  [2001:db8::99]:53    FALLBACK  has the traffic                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.48:80 (10.8.8.45:80) masq, weight 5, checked 2 s ago in 12 ms            |
    |HTTP 200 OK                                                                     |
    |                                                                                |
    |                                                                                |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('a filter is typed', () => {
  expect(picture(['/', 'd', 'o', 'w', 'n'])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |▶ 10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.50:80 (10.8.8.45:80) masq, weight 1, checked 3 s ago in 4 ms             |
    |HTTP 404 Not Found                                                              |
    |                                                                                |
    |Filter: down_  enter keeps it, esc not                                          |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('one service, trouble first', () => {
  expect(picture(['s', 'enter', 'down', 'down'])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER        HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON           |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |  10.8.8.50:80  DOWN          3s      -       -       -     3s HTTP 404 Not Fou…|
    |  10.8.8.149:80 up 2/3        1m      1       0       0     1s fails: no answer…|
    |  10.8.8.51:80  new           1s      -       -       -      - not checked yet  |
    |  10.8.8.53:80  draining     30s      0       3       1     2s drained by the o…|
    |  10.8.8.48:80  up         2h04m      5     120      31     2s HTTP 200 OK      |
    |▶ 127.0.0.1:80  fallback  not needed                                            |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |TCP 10.8.8.45:80: wlc, persistent 600 s, failurecount 3                         |
    |fallback 127.0.0.1:80 is not needed                                             |
    |                                                                                |
    |only 10.8.8.45:80: esc shows all, trouble first                                 |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('a confirmation', () => {
  expect(picture(['down', 'x'])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |  10.8.8.48:80         up         2h04m      5     120      31     2s HTTP 200 …|
    |▶ 10.8.8.149:80        up 2/3        1m      1       0       0     1s fails: no…|
    |  10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  10.8.8.51:80         new           1s      -       -       -      - not check…|
    |  10.8.8.53:80         draining     30s      0       3       1     2s drained b…|
    |  127.0.0.1:80         fallback  not needed                                     |
    |  FWM 7 rr             1/2 up  ! the kernel also has 10.8.8.99:0                |
    |  10.8.8.60:0          maint          -      1       0       0     2s maintenan…|
    |  10.8.8.61:0          up            1m      2       0       0     2s ! weight …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |  [2001:db8::99]:53    FALLBACK  has the traffic                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.149:80 (10.8.8.45:80) masq, weight 1, checked 1 s ago in 3 s             |
    |2 of 3 failures in a row; fails: no answer within 3 s                           |
    |                                                                                |
    |Disable 10.8.8.149:80 (10.8.8.45:80)? It is taken out of service. y/n           |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('a weight', () => {
  expect(picture(['w', '4', '2'])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |▶ 10.8.8.48:80         up         2h04m      5     120      31     2s HTTP 200 …|
    |  10.8.8.149:80        up 2/3        1m      1       0       0     1s fails: no…|
    |  10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  10.8.8.51:80         new           1s      -       -       -      - not check…|
    |  10.8.8.53:80         draining     30s      0       3       1     2s drained b…|
    |  127.0.0.1:80         fallback  not needed                                     |
    |  FWM 7 rr             1/2 up  ! the kernel also has 10.8.8.99:0                |
    |  10.8.8.60:0          maint          -      1       0       0     2s maintenan…|
    |  10.8.8.61:0          up            1m      2       0       0     2s ! weight …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |  [2001:db8::99]:53    FALLBACK  has the traffic                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.48:80 (10.8.8.45:80) masq, weight 5, checked 2 s ago in 12 ms            |
    |HTTP 200 OK                                                                     |
    |                                                                                |
    |Weight of 10.8.8.48:80 (10.8.8.45:80) (configured: 5): 42_                      |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('paused', () => {
  expect(picture([' '])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |▶ 10.8.8.48:80         up         2h04m      5     120      31     2s HTTP 200 …|
    |  10.8.8.149:80        up 2/3        1m      1       0       0     1s fails: no…|
    |  10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  10.8.8.51:80         new           1s      -       -       -      - not check…|
    |  10.8.8.53:80         draining     30s      0       3       1     2s drained b…|
    |  127.0.0.1:80         fallback  not needed                                     |
    |  FWM 7 rr             1/2 up  ! the kernel also has 10.8.8.99:0                |
    |  10.8.8.60:0          maint          -      1       0       0     2s maintenan…|
    |  10.8.8.61:0          up            1m      2       0       0     2s ! weight …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |  [2001:db8::99]:53    FALLBACK  has the traffic                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.48:80 (10.8.8.45:80) masq, weight 5, checked 2 s ago in 12 ms            |
    |HTTP 200 OK                                                                     |
    |                                                                                |
    |PAUSED: space goes on                                                           |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('help', () => {
  expect(picture(['?'])).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord top: every virtual service and its servers, as they are now         |
    |                                                                                |
    |Moving      up, down or k, j; page up, page down or ctrl-b, ctrl-f; home, end   |
    |One service enter: only the selected one; esc: all again                        |
    |Filter      /: part of a name, of a health word or of a reason; esc ends it     |
    |Sort        s: as the file has it, trouble first, most connections, by name     |
    |Pause       space: the screen stands still; space again goes on                 |
    |                                                                                |
    |Orders for the selected server. Each asks first: y does it, any other key not.  |
    |  d drain    no new connections, those it has go on    } they last until e,     |
    |  x disable  out of service, as if its check failed    } across reloads         |
    |  w weight   another weight than the configuration has } and restarts, too      |
    |  e enable   undoes the three above: its checks decide again                    |
    |  r recheck  checks it now; on the line of a service, all its servers           |
    |                                                                                |
    |Health      up; up 1/3: 1 of the 3 failures that take it down; DOWN; DOWN 2/4:  |
    |            2 of the 4 successes that bring it back; new: not checked yet;      |
    |            draining: has connections; drained: has none; disabled;             |
    |            maint: by a file in maintenancedir                                  |
    |!           how the kernel differs from what it should be                       |
    |                                                                                |
    |q quits, ctrl-z suspends, ctrl-l draws anew. Any other key closes this.         |
    |                                                                                |
    |                                                                                |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('the daemon has gone', () => {
  expect(picture([], AWAY)).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, not answering: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |! No answer for 1 min, trying again: it is stopped                              |
    |  SERVER               HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON    |
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up                                           |
    |▶ 10.8.8.48:80         up         2h04m      5     120      31     2s HTTP 200 …|
    |  10.8.8.149:80        up 2/3        1m      1       0       0     1s fails: no…|
    |  10.8.8.50:80         DOWN          3s      -       -       -     3s HTTP 404 …|
    |  10.8.8.51:80         new           1s      -       -       -      - not check…|
    |  10.8.8.53:80         draining     30s      0       3       1     2s drained b…|
    |  127.0.0.1:80         fallback  not needed                                     |
    |  FWM 7 rr             1/2 up  ! the kernel also has 10.8.8.99:0                |
    |  10.8.8.60:0          maint          -      1       0       0     2s maintenan…|
    |  10.8.8.61:0          up            1m      2       0       0     2s ! weight …|
    |  UDP [2001:db8::45]:53 rr  NONE up                                             |
    |  …:0:1::1234:5678]:53 DOWN       1d01h      -       -       -      - no answer…|
    |  [2001:db8::99]:53    FALLBACK  has the traffic                                |
    |                                                                                |
    |                                                                                |
    |10.8.8.48:80 (10.8.8.45:80) masq, weight 5, checked 2 s ago in 12 ms            |
    |HTTP 200 OK                                                                     |
    |                                                                                |
    |                                                                                |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('before the first answer', () => {
  expect(picture([], { snapshot: undefined, height: 8 })).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord                                                                     |
    |  SERVER       HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON            |
    |Asking the daemon...                                                            |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('no daemon from the beginning', () => {
  expect(picture([], { ...AWAY, snapshot: undefined, height: 8 })).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord                                                                     |
    |  SERVER       HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON            |
    |! The daemon does not answer: it is stopped                                     |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('nothing matches', () => {
  expect(picture(['/', 'z', 'enter'], { height: 12 })).toMatchInlineSnapshot(`
    "
    +--------------------------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha.d/ldirectord.cf      12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out                          |
    |  SERVER       HEALTH     SINCE WEIGHT  ACTIVE   INACT  CHECK REASON            |
    |Nothing matches the filter: esc ends it                                         |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |                                                                                |
    |filter "z": esc ends it                                                         |
    |d drain x disable e enable w weight r recheck / filter s sort ? help q quit     |
    +--------------------------------------------------------------------------------+
    "
  `);
});

test('40 columns', () => {
  expect(picture(['down'], { width: 40 })).toMatchInlineSnapshot(`
    "
    +----------------------------------------+
    |tsdirectord 0.1.0, pid 812, ru… 12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 …|
    |  SERVER       HEALTH     SINCE  ACTIVE…|
    |  TCP 10.8.8.45:80 wlc "shop"  2/5 up   |
    |  10.8.8.48:80 up         2h04m     120 |
    |▶ ….8.8.149:80 up 2/3        1m       0 |
    |  10.8.8.50:80 DOWN          3s       - |
    |  10.8.8.51:80 new           1s       - |
    |  10.8.8.53:80 draining     30s       3 |
    |  127.0.0.1:80 fallback  not needed     |
    |  FWM 7 rr     1/2 up  ! the kernel als…|
    |  10.8.8.60:0  maint          -       0 |
    |  10.8.8.61:0  up            1m       0 |
    |  UDP [2001:db8::45]:53 rr  NONE up     |
    |  …34:5678]:53 DOWN       1d01h       - |
    |  …db8::99]:53 FALLBACK  has the traffic|
    |                                        |
    |                                        |
    |                                        |
    |10.8.8.149:80 (10.8.8.45:80) masq, weig…|
    |2 of 3 failures in a row; fails: no     |
    |answer within 3 s                       |
    |                                        |
    |d drain x disable e enable w weight r r…|
    +----------------------------------------+
    "
  `);
});

test('a small screen', () => {
  expect(picture(['end'], { height: 8, width: 60, unicode: false })).toMatchInlineSnapshot(`
    "
    +------------------------------------------------------------+
    |tsdirectord 0.1.0, pid 812, running 2h05m: /etc/ha~ 12:34:56|
    |3 services, 8 servers: 3 up, 2 DOWN, 1 new, 2 held out      |
    |  SERVER                 HEALTH     SINCE  ACTIVE REASON    |
    |  UDP [2001:db8::45]:53 rr  NONE up                         |
    |  ~b8:0:1::1234:5678]:53 DOWN       1d01h       - no answer~|
    |> [2001:db8::99]:53      FALLBACK  has the traffic          |
    |line 13 of 13                                               |
    |d drain x disable e enable w weight r recheck / filter s so~|
    +------------------------------------------------------------+
    "
  `);
});

describe('sizes and contents', () => {
  const HOSTILE = '\x1b[2J\x1b]0;title\x07\u202e\r\n\t\x9b';
  const WIDE = '日本語 🚀 e\u0301 ';
  const servers = [HOSTILE.repeat(9), WIDE.repeat(30), 'x'.repeat(999)].map((detail, index) =>
    server(`[2001:db8:0:1:aaaa:bbbb:cccc:${index}]:8080`, {
      ...{ state: 'down', reason: detail, differs: detail, heldDown: detail, failures: 7, since: ago(86_400 * 200) },
      lastCheck: { at: ago(86_400 * 100), durationMs: 10_000, outcome: 'down', detail },
      kernel: { forwarding: 'masq', weight: 65_535, activeConnections: 123_456_789, inactiveConnections: 987_654_321 },
    }),
  );
  const snapshot = daemon(
    [
      virtual('tcp:[2001:db8:0:1:aaaa:bbbb:cccc:dddd]:8080', servers, { serviceName: HOSTILE, differs: HOSTILE }),
      virtual('udp:10.0.0.1:53', servers, { serviceName: WIDE.repeat(9), failureCount: 100_000 }),
    ],
    { path: `/etc/${HOSTILE}${WIDE}`, trouble: WIDE.repeat(30) },
  );
  const KEYS: readonly (readonly Key[])[] = [
    [],
    ['up'],
    ['end'],
    ['?'],
    [' '],
    ['d'],
    ['w', '1'],
    ['/', { pasted: `${WIDE.repeat(9)}` }],
    ['/', { pasted: 'x'.repeat(60) }],
    ['enter', '/', { pasted: `${HOSTILE}[` }, 'enter'],
  ];

  test.for(
    [1, 2, 7, 20, 40, 69, 70, 79, 80, 81, 132, 250].flatMap((width) =>
      [1, 3, 5, 8, 12, 24, 50].map((height) => [width, height]),
    ),
  )('%i columns, %i lines: as many lines, none wider, nothing that a terminal obeys', ([width = 0, height = 0]) => {
    for (const unicode of [true, false])
      for (const lost of [undefined, HOSTILE])
        for (const keys of KEYS) {
          const shown = lines(keys, { width, height, unicode, lost, snapshot });
          expect(shown).toHaveLength(height);
          expect(Math.max(...shown.map(columnsOf))).toBeLessThanOrEqual(width);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
          expect(shown.join('')).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
        }
  });

  test('without UTF-8 nothing but ASCII, beside what is typed', () => {
    for (const keys of KEYS.slice(0, 7))
      expect(lines(keys, { snapshot, unicode: false }).join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  test('help fits', () => {
    expect(lines(['?'], { width: 200 }).filter((line) => line.length > 80)).toEqual([]);
    expect(lines(['?'], { height: 24 }).join('\n')).toContain('Any other key closes this');
  });

  test('the end of what is typed is seen', () => {
    expect(lines(['/', { pasted: `${'x'.repeat(50)}end` }], { width: 40 }).join('\n')).toContain('end_');
    expect(lines(['d'], { width: 40 }).join('\n')).toMatch(/ y\/n$/m);
  });
});

test('no colours where they are not wanted, and no other text where they are', () => {
  for (const keys of [[], ['d'], ['?'], [' '], ['/', 'x']]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours.
    const bare = lines(keys, { color: true }).map((line) => line.replace(/\x1b\[\d+m/g, ''));
    expect(bare).toEqual(lines(keys));
    expect(lines(keys).join('')).not.toContain('\x1b');
  }
  expect(lines([], { color: true }).join('')).toContain('\x1b[31m DOWN      \x1b[0m');
});

test('of ten thousand servers only those that are seen are written', () => {
  const read = { names: 0 };
  const many = Array.from({ length: 10_000 }, (_, index) => {
    const one = server(`10.0.${index >> 8}.${index & 255}:80`);
    return Object.defineProperty(one, 'reason', {
      get() {
        read.names++;
        return 'x';
      },
    });
  });
  const bare = many.map((one) => Object.defineProperty(one, 'lastCheck', { value: undefined }));
  expect(lines(['page-down'], { snapshot: daemon([virtual('tcp:10.0.0.1:80', bare)]) })).toHaveLength(24);
  expect(read.names).toBeGreaterThan(0);
  expect(read.names).toBeLessThan(50);
});
