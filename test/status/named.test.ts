// Which services a name stands for.
import { expect, test } from 'vitest';
import { virtualsNamed } from '../../src/status/named.ts';
import { virtual } from './snapshots.ts';

const VIRTUALS = [
  virtual('tcp:10.8.8.45:80', [], { serviceName: 'shop' }),
  virtual('tcp:10.8.8.45:53', []),
  virtual('udp:10.8.8.45:53', []),
  virtual('tcp:[2001:db8::45]:80', [], { serviceName: 'shop' }),
  virtual('fwm:6', []),
  virtual('fwm6:6', []),
  virtual('fwm6:7', []),
];

test.for<[string, number[]]>([
  ['all', [0, 1, 2, 3, 4, 5, 6]],
  ['10.8.8.45:80', [0]],
  ['tcp:10.8.8.45:80', [0]],
  ['10.8.8.45:53', [1, 2]],
  ['udp:10.8.8.45:53', [2]],
  ['10.8.8.45', [0, 1, 2]],
  ['shop', [0, 3]],
  ['[2001:db8::45]:80', [3]],
  ['[2001:db8::45]', [3]],
  ['2001:db8::45', [3]],
  ['6', [4, 5]],
  ['fwm:6', [4]],
  ['fwm6:6', [5]],
  ['fwm:7', [6]],
  ['10.8.8.4', []],
  ['', []],
  ['80', []],
])('%s', ([wanted, indexes]) => {
  expect(virtualsNamed(VIRTUALS, wanted)).toEqual(indexes.map((index) => VIRTUALS[index]));
});
