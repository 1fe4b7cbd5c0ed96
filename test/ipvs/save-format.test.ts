// What ipvsadm 1.31 and Linux 6.1 print, recorded in fixtures/ipvsadm: NAME.save.txt (-Sn), NAME.thresholds.txt
// (-Ln --thresholds), NAME.list.txt (-Ln) and NAME.proc.txt (/proc/net/ip_vs), all of the same table.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  formatList,
  type Listed,
  type Listing,
  listingKey,
  listTable,
  parseProcListing,
  parseSave,
  parseThresholds,
  shows,
} from '../../src/ipvs/save-format.ts';
import { sameOptions, serviceKey, type Table } from '../../src/ipvs/table.ts';

const FIXTURES = [
  'everything',
  'after-edits',
  'sctp-and-pe',
  'tunnel-types',
  'empty',
  'mark-max-and-v6',
  'port-zero-and-mixed',
];
const recorded = (name: string, view: string): string =>
  readFileSync(new URL(`../../fixtures/ipvsadm/${name}.${view}.txt`, import.meta.url), 'latin1');
const tableOf = (name: string): Table =>
  parseSave(recorded(name, 'save'), parseThresholds(recorded(name, 'thresholds')));

describe('whether a listing shows just what is in a table', () => {
  test.each(FIXTURES)('%s: it does', (name) => {
    expect(shows(parseProcListing(recorded(name, 'proc')), tableOf(name))).toBe(true);
  });

  const listing = (): string => recorded('after-edits', 'proc');
  const table = tableOf('after-edits');
  const lines = listing().split('\n');
  const last = lines.findLastIndex((line) => line.includes('->'));

  test.each([
    ['a server is missing', lines.toSpliced(last, 1)],
    ['a weight is another', lines.with(last, (lines[last] ?? '').replace(/(\w+) +\d+( +\d+ +\d+ *)$/, '$1 77$2'))],
    ['a server more', lines.toSpliced(last, 0, (lines[last] ?? '').replace(/:[0-9A-F]{4}/, ':0FFF'))],
    ['a service more', [...lines.filter(Boolean), 'TCP  01020304:0050 wlc ']],
    ['nothing at all', lines.slice(0, 3)],
  ])('%s: it does not', (_, changed) => {
    const text = changed.join('\n');
    expect(text).not.toBe(listing());
    expect(shows(parseProcListing(text), table)).toBe(false);
  });
});

describe('a recorded table', () => {
  const everything = tableOf('everything');

  test.each([
    ['tcp:10.8.8.45:80', { scheduler: 'wlc', flags: [], persistentSeconds: 0, onePacket: false }],
    ['udp:10.8.8.45:54', { scheduler: 'rr', onePacket: true }],
    ['fwm:7', { family: 4, mark: 7, address: '' }],
    ['fwm6:8', { family: 6, mark: 8 }],
    ['fwm:9', { onePacket: true }],
    ['fwm6:10', { persistentSeconds: 300, netmask: '64' }],
    ['tcp:10.8.8.46:443', { persistentSeconds: 600 }],
    ['tcp:10.8.8.46:444', { persistentSeconds: 600, netmask: '255.255.255.0' }],
    ['tcp:[2001:db8::1]:443', { family: 6, persistentSeconds: 300, netmask: '64' }],
    ['tcp:10.8.8.47:80', { scheduler: 'sh', flags: ['flag-1', 'flag-2'] }],
    ['tcp:10.8.8.47:82', { scheduler: 'mh', flags: ['flag-2'] }],
    ['tcp:10.8.8.47:83', { scheduler: 'wrr', flags: ['flag-1', 'flag-3'] }],
    // `-b ` with nothing behind it: sh has no name for flag 3.
    ['tcp:10.8.8.47:84', { scheduler: 'sh', flags: [] }],
    ['tcp:10.8.8.47:85', { scheduler: 'sh', flags: ['flag-1'], persistentSeconds: 60, netmask: '255.255.0.0' }],
  ])('%s has its options', (key, options) => {
    expect(everything.get(key)).toMatchObject(options);
  });

  test('a netmask that says nothing is not one', () => {
    expect(everything.get('tcp:10.8.8.46:443')).not.toHaveProperty('netmask');
  });

  test.each([
    ['tcp:10.8.8.45:80', '10.8.8.48:80', { forwarding: 'gate', weight: 1, lowerThreshold: 0, upperThreshold: 0 }],
    ['tcp:10.8.8.45:80', '10.8.8.49:80', { forwarding: 'gate', weight: 0, lowerThreshold: 50, upperThreshold: 100 }],
    ['tcp:10.8.8.45:80', '10.8.8.50:80', { forwarding: 'ipip', weight: 5 }],
    [
      'tcp:10.8.8.45:80',
      '10.8.8.51:8080',
      { forwarding: 'masq', weight: 65_535, lowerThreshold: 0, upperThreshold: 10 },
    ],
    // An address of the director itself: this kernel shows it as it was asked for.
    ['tcp:10.8.8.45:80', '10.8.8.99:80', { forwarding: 'gate', weight: 1 }],
    ['tcp:10.8.8.45:80', '127.0.0.1:80', { forwarding: 'gate', weight: 1 }],
    [
      'tcp:[2001:db8::1]:80',
      '[2001:db8::49]:80',
      { forwarding: 'masq', weight: 0, lowerThreshold: 10, upperThreshold: 20 },
    ],
    ['fwm:7', '10.8.8.48:0', { forwarding: 'gate', port: 0 }],
    ['fwm:7', '10.8.8.50:80', { forwarding: 'masq', port: 80 }],
    ['fwm6:8', '[2001:db8::49]:80', { forwarding: 'masq', lowerThreshold: 3, upperThreshold: 7 }],
  ])('%s has %s', (service, server, destination) => {
    expect(everything.get(service)?.destinations.get(server)).toMatchObject(destination);
  });

  test.each(FIXTURES)(
    '%s: /proc/net/ip_vs shows the same services and servers, weights and forwarding methods',
    (name) => {
      const server = ([at, { weight, forwarding }]: [string, Listed]) => `${at} ${weight} ${forwarding}`;
      const asLists = (listing: Listing) =>
        [...listing].map(([key, servers]) => `${key}: ${[...servers].map(server).sort().join(', ')}`).sort();
      expect(asLists(parseProcListing(recorded(name, 'proc')))).toEqual(asLists(listTable(tableOf(name))));
    },
  );

  test('/proc/net/ip_vs counts connections', () => {
    const proc = 'TCP  0A08082D:0050 wlc persistent 12C\n  -> 0A080830:1F90      Masq    5      12         340\n';
    const six =
      'TCP  [fd00:0008:0000:0000:0000:0000:0000:0001]:0050 rr\n  -> [fd00:0008:0000:0000:0000:0000:0000:0099]:0050      Route   0      1          0\n';
    expect(parseProcListing(proc + six).get('tcp:10.8.8.45:80')).toEqual(
      new Map([['10.8.8.48:8080', { forwarding: 'masq', weight: 5, activeConnections: 12, inactiveConnections: 340 }]]),
    );
    expect(parseProcListing(proc + six).get('tcp:[fd00:8::1]:80')).toEqual(
      new Map([['[fd00:8::99]:80', { forwarding: 'gate', weight: 0, activeConnections: 1, inactiveConnections: 0 }]]),
    );
  });

  test.each(['everything', 'after-edits', 'tunnel-types', 'empty', 'port-zero-and-mixed'])(
    '%s: formatList writes what ipvsadm -Ln writes',
    (name) => {
      const words = (text: string) => text.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
      const [, ...wanted] = words(recorded(name, 'list'));
      // The one thing that the saved table cannot tell: that there is a flag which has no name.
      expect(words(formatList(tableOf(name)))).toEqual(wanted.map((line) => line.replace(/ \(\)$/, '')));
    },
  );

  test('the largest mark, which ipvsadm prints as -1', () => {
    expect([...tableOf('mark-max-and-v6').keys()]).toContain('fwm:4294967295');
    expect([...parseThresholds(recorded('mark-max-and-v6', 'thresholds')).keys()]).toContain('fwm:4294967295');
  });

  test('a persistence engine is read, an SCTP service is left out', () => {
    const table = tableOf('sctp-and-pe');
    expect([...table.keys()]).toEqual(['udp:10.8.8.45:5060']);
    expect(table.get('udp:10.8.8.45:5060')).toMatchObject({ persistenceEngine: 'sip', persistentSeconds: 60 });
  });

  test('every kind of tunnel is a tunnel', () => {
    const servers = [...(tableOf('tunnel-types').get('tcp:10.8.8.45:80')?.destinations.values() ?? [])];
    expect(servers.map(({ forwarding }) => forwarding)).toEqual(['ipip', 'ipip', 'ipip']);
  });
});

describe('services of a protocol that is not ours', () => {
  const thresholds = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn
  -> RemoteAddress:Port
TCP  10.8.8.45:80 rr
  -> 10.8.8.48:80                 9          4          0          0
SCTP 10.8.8.45:80 rr
  -> 10.8.8.48:80                 7          3          0          0
`;
  test('do not lend their thresholds to the service above them', () => {
    const limits = parseThresholds(thresholds);
    expect([...limits.keys()]).toEqual(['tcp:10.8.8.45:80']);
    expect(limits.get('tcp:10.8.8.45:80')?.get('10.8.8.48:80')).toEqual({ lowerThreshold: 4, upperThreshold: 9 });
  });

  test('do not lend their servers to the service above them', () => {
    const proc =
      'TCP  0A08082D:0050 rr  \n  -> 0A080830:0050      Masq    1 0 0\nSCTP  0A08082D:0051 rr  \n  -> 0A080831:0050      Masq    1 0 0\n';
    const listed = new Map(
      [...parseProcListing(proc)].map(([key, servers]) => [key, new Set(servers.keys())] as const),
    );
    expect(listed).toEqual(new Map([['tcp:10.8.8.45:80', new Set(['10.8.8.48:80'])]]));
  });
});

describe('parseSave', () => {
  test.each([
    'garbage',
    '-A',
    '-A -t',
    '-A -t 10.8.8.45 -s rr',
    '-A -x 10.8.8.45:80 -s rr',
    '-A -t 10.8.8.45:80 -s',
    '-A -t 10.8.8.45:80 -s rr --new-thing',
    '-D -t 10.8.8.45:80',
    '-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 1',
    '-a -t 10.8.8.45:80 -r host:80 -g -w 1',
  ])('names a line it does not know: %s', (line) => {
    expect(() => parseSave(`${line}\n`)).toThrow(`cannot read this line of "ipvsadm -Sn": ${line}`);
    expect(() => parseSave(`${line}\n`)).toThrow(expect.objectContaining({ code: 'IPVS' }));
  });

  test('reads what older ipvsadm printed: --ops, pe, -l', () => {
    const table = parseSave(
      '-A -u 10.8.8.45:53 -s rr -p 60 pe sip --ops\n-a -u 10.8.8.45:53 -r 10.8.8.99:53 -l -w 1\n',
    );
    expect(table.get('udp:10.8.8.45:53')).toMatchObject({ onePacket: true, persistenceEngine: 'sip' });
    expect(table.get('udp:10.8.8.45:53')?.destinations.get('10.8.8.99:53')).toMatchObject({ forwarding: 'local' });
  });
});

test('marks of both families share a place in a listing, not in a table', () => {
  const mark = { protocol: 'fwm', address: '', port: 0, mark: 3 } as const;
  expect(serviceKey({ ...mark, family: 6 })).not.toBe(serviceKey({ ...mark, family: 4 }));
  expect(listingKey({ ...mark, family: 6 })).toBe(listingKey({ ...mark, family: 4 }));
});

test.each([
  ['sh', ['flag-1', 'flag-3'], ['flag-1'], true],
  ['sh', ['flag-1'], ['flag-2'], false],
  ['wrr', ['flag-1', 'flag-3'], ['flag-1'], false],
])('%s: %j and %j count as equal: %s', (scheduler, ours, theirs, same) => {
  const options = { scheduler, persistentSeconds: 0, onePacket: false };
  expect(sameOptions({ ...options, flags: ours }, { ...options, flags: theirs })).toBe(same);
});
