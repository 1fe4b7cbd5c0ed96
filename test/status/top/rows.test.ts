// Which services and servers are listed, and in which order.
import { expect, test } from 'vitest';
import { type Choice, rowsOf } from '../../../src/status/top/rows.ts';
import { DAEMON, daemon, server, virtual, without } from '../snapshots.ts';

const CHOICE: Choice = { sort: 'file', filter: '', only: undefined };
const ids = (choice: Partial<Choice>, { virtuals } = DAEMON): string[] =>
  rowsOf(virtuals, { ...CHOICE, ...choice }).map(({ id }) => id.replace(/^\S+ /, ' '));

const WEB_IDS = [
  ...['tcp:10.8.8.45:80', ' 10.8.8.48:80', ' 10.8.8.149:80', ' 10.8.8.50:80', ' 10.8.8.51:80', ' 10.8.8.53:80'],
  ' fallback',
];
const MARK_IDS = ['fwm:7', ' 10.8.8.60:0', ' 10.8.8.61:0'];
const DNS_IDS = ['udp:[2001:db8::45]:53', ' [2001:db8:0:1::1234:5678]:53', ' fallback'];

test.for<[Partial<Choice>, string[]]>([
  [{}, [...WEB_IDS, ...MARK_IDS, ...DNS_IDS]],
  [{ only: 'fwm:7' }, MARK_IDS],
  [{ only: 'tcp:10.9.9.9:80' }, []],
  // A service's name, or its servicename: all of it.
  [{ filter: '10.8.8.45' }, WEB_IDS],
  [{ filter: 'shop' }, WEB_IDS],
  [{ filter: 'SHOP' }, WEB_IDS],
  [{ filter: 'udp' }, DNS_IDS],
  // A server's name, its health word, its reason, the operator's will, how it differs.
  [{ filter: '10.8.8.50' }, ['tcp:10.8.8.45:80', ' 10.8.8.50:80']],
  [{ filter: 'down' }, ['tcp:10.8.8.45:80', ' 10.8.8.50:80', 'udp:[2001:db8::45]:53', ' [2001:db8:0:1::1234:5678]:53']],
  [{ filter: '404' }, ['tcp:10.8.8.45:80', ' 10.8.8.50:80']],
  [{ filter: 'draining' }, ['tcp:10.8.8.45:80', ' 10.8.8.53:80']],
  [{ filter: 'maint' }, ['fwm:7', ' 10.8.8.60:0']],
  [{ filter: '9 wanted' }, ['fwm:7', ' 10.8.8.61:0']],
  [{ filter: 'down', only: 'tcp:10.8.8.45:80' }, ['tcp:10.8.8.45:80', ' 10.8.8.50:80']],
  [{ filter: 'nothing like it' }, []],
])('%j', ([choice, expected]) => {
  expect(ids(choice)).toEqual(expected);
});

const loaded = (name: string, activeConnections: number, inactiveConnections = 0) =>
  server(name, { kernel: { forwarding: 'masq', weight: 1, activeConnections, inactiveConnections } });

const SITE = daemon([
  virtual('tcp:10.0.0.10:80', [loaded('10.0.0.10:80', 1), loaded('10.0.0.9:80', 5), loaded('10.0.0.100:80', 1, 9)]),
  virtual('tcp:10.0.0.9:80', [
    server('10.0.1.1:80', { heldDown: 'maintenance: file x' }),
    server('10.0.1.2:80', { failures: 1 }),
    server('10.0.1.3:80', { state: 'down' }),
    server('10.0.1.4:80'),
    server('10.0.1.6:80', {
      damping: { downs: 3, firstDownAt: 0, lastDownAt: 40_000, successesNeeded: 32, successes: 1 },
    }),
    server('10.0.1.5:80', { differs: 'it is not in the kernel' }),
  ]),
  virtual('tcp:10.0.0.8:80', [without(server('10.0.2.1:80', { state: 'down' }), 'kernel')]),
  virtual('tcp:10.0.0.7:80', [loaded('10.0.3.1:80', 100)]),
]);

test.for<[Choice['sort'], string[]]>([
  [
    'trouble',
    [
      // Nobody serves it; then what is worst in each; and what is as bad as another, as the file has it.
      ...['tcp:10.0.0.8:80', ' 10.0.2.1:80'],
      ...['tcp:10.0.0.9:80', ' 10.0.1.5:80', ' 10.0.1.3:80', ' 10.0.1.2:80', ' 10.0.1.6:80'],
      ...[' 10.0.1.1:80', ' 10.0.1.4:80'],
      ...['tcp:10.0.0.10:80', ' 10.0.0.10:80', ' 10.0.0.9:80', ' 10.0.0.100:80'],
      ...['tcp:10.0.0.7:80', ' 10.0.3.1:80'],
    ],
  ],
  [
    'connections',
    [
      ...['tcp:10.0.0.7:80', ' 10.0.3.1:80'],
      ...['tcp:10.0.0.10:80', ' 10.0.0.9:80', ' 10.0.0.100:80', ' 10.0.0.10:80'],
      ...['tcp:10.0.0.9:80', ' 10.0.1.1:80', ' 10.0.1.2:80', ' 10.0.1.3:80', ' 10.0.1.4:80', ' 10.0.1.6:80'],
      ' 10.0.1.5:80',
      ...['tcp:10.0.0.8:80', ' 10.0.2.1:80'],
    ],
  ],
  [
    'name',
    [
      ...['tcp:10.0.0.7:80', ' 10.0.3.1:80'],
      ...['tcp:10.0.0.8:80', ' 10.0.2.1:80'],
      ...['tcp:10.0.0.9:80', ' 10.0.1.1:80', ' 10.0.1.2:80', ' 10.0.1.3:80', ' 10.0.1.4:80', ' 10.0.1.5:80'],
      ' 10.0.1.6:80',
      ...['tcp:10.0.0.10:80', ' 10.0.0.9:80', ' 10.0.0.10:80', ' 10.0.0.100:80'],
    ],
  ],
])('sorted: %s', ([sort, expected]) => {
  expect(ids({ sort }, SITE)).toEqual(expected);
});

test('every line has an id of its own', () => {
  const all = rowsOf(DAEMON.virtuals, CHOICE).map(({ id }) => id);
  expect(new Set(all).size).toBe(all.length);
});
