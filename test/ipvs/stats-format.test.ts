// What ipvsadm 1.31 and Linux 6.1 print of traffic that went through, recorded in fixtures/ipvsadm: NAME.stats.txt
// (-Ln --stats --exact), beside NAME.save.txt (-Sn) of the same table.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSave } from '../../src/ipvs/save-format.ts';
import { parseStatistics } from '../../src/ipvs/stats-format.ts';

const recorded = (name: string, view: string): string =>
  readFileSync(new URL(`../../fixtures/ipvsadm/${name}.${view}.txt`, import.meta.url), 'latin1');
const statisticsOf = (name: string) => [...parseStatistics(recorded(name, 'stats'))];

describe('recorded statistics', () => {
  test.each(['traffic', 'sctp-and-pe', 'port-zero-and-mixed', 'empty'])('%s: name the servers of its table', (name) => {
    const saved = [...parseSave(recorded(name, 'save'))].flatMap(([service, { destinations }]) =>
      [...destinations.keys()].map((server) => `${service} ${server}`),
    );
    expect(
      statisticsOf(name)
        .map(({ service, server }) => `${service} ${server}`)
        .sort(),
    ).toEqual(saved.sort());
  });

  test('of traffic over IPv4 and IPv6', () => {
    expect(statisticsOf('traffic')).toEqual(
      expect.arrayContaining([
        {
          ...{ service: 'tcp:10.8.8.45:80', server: '10.8.8.48:80', connections: 6 },
          ...{ inPackets: 102, outPackets: 113, inBytes: 23_388, outBytes: 1_205_924 },
        },
        {
          ...{ service: 'tcp:[2001:db8::1]:80', server: '[2001:db8::48]:80', connections: 3 },
          ...{ inPackets: 9, outPackets: 0, inBytes: 720, outBytes: 0 },
        },
      ]),
    );
  });

  test('of marks, the largest too, which ipvsadm prints as -1', () => {
    const marks = statisticsOf('traffic').filter(({ service }) => service.startsWith('fwm'));
    expect(marks.map(({ service }) => service)).toEqual(['fwm:4294967295', 'fwm:7', 'fwm6:8']);
  });
});

test('numbers that need more room than their column has', () => {
  const text = `TCP  10.8.8.45:80               4294967296 18446744073709551615 123456789        5 99999999999999
  -> 10.8.8.48:80               4294967296 9007199254740991 123456789        5 99999999999999\n`;
  expect([...parseStatistics(text)]).toMatchObject([
    {
      connections: 4_294_967_296,
      inPackets: Number.MAX_SAFE_INTEGER,
      outPackets: 123_456_789,
      outBytes: 99_999_999_999_999,
    },
  ]);
});

test.each(['Segmentation fault', 'TCP  10.8.8.45:80 wlc', '  -> 10.8.8.48:80  1 2 3', 'TCP  10.8.8.45:80 12K 0 0 0 0'])(
  'names a line it does not know: %s',
  (line) => {
    expect(() => [...parseStatistics(`${line}\n`)]).toThrow(
      `cannot read this line of "ipvsadm -Ln --stats --exact": ${line}`,
    );
    expect(() => [...parseStatistics(`${line}\n`)]).toThrow(expect.objectContaining({ code: 'IPVS' }));
  },
);
