// The configurations of the bench: the same servers in each program's words, and ours without a complaint.
import { expect, test } from 'vitest';
import { directorConfig, keepalivedConfig, numbered, type Site } from '../../bench/sites.ts';
import { configOf } from '../config-of.ts';

const site = (check: Site['check']): Site => ({
  virtuals: numbered(
    3,
    2,
    (virtual) => `10.8.7.${1 + virtual}:80`,
    (virtual, server) => `10.9.${virtual}.${1 + server}`,
  ),
  ...{ port: 80, intervalS: 2, timeoutS: 3, check },
});

test.for([
  ['http', { kind: 'http', timeoutMs: 3_000 }],
  ['connect', { kind: 'connect', timeoutMs: 3_000 }],
] as const)('%s, for a director', ([check, spec]) => {
  const { virtuals } = configOf(directorConfig(site(check), ['fork = yes']));
  expect(virtuals.map(({ reals }) => reals.map(({ address }) => address))).toEqual([
    ['10.9.0.1', '10.9.0.2'],
    ['10.9.1.1', '10.9.1.2'],
    ['10.9.2.1', '10.9.2.2'],
  ]);
  for (const { checkIntervalMs, quiescent, reals } of virtuals) {
    expect({ checkIntervalMs, quiescent }).toEqual({ checkIntervalMs: 2_000, quiescent: true });
    for (const real of reals) expect(real.check.spec).toMatchObject(spec);
  }
});

test('for keepalived', () => {
  const text = keepalivedConfig(site('http'));
  expect(text.match(/virtual_server 10\.8\.7\.\d 80 \{/g)).toHaveLength(3);
  expect(
    text.match(/real_server 10\.9\.\d\.\d 80 \{\n {4}weight 1\n {4}inhibit_on_failure\n {4}HTTP_GET/g),
  ).toHaveLength(6);
  expect(text.match(/retry 0/g)).toHaveLength(6);
  expect(keepalivedConfig(site('connect')).match(/TCP_CHECK \{\n {6}connect_timeout 3/g)).toHaveLength(6);
  expect([...text].filter((letter) => letter === '{')).toHaveLength(
    [...text].filter((letter) => letter === '}').length,
  );
});
