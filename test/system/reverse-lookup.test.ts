// Names of addresses from a hosts file, and that DNS is asked only for what is not in it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { namesInHosts, reverseLookup } from '../../src/system/reverse-lookup.ts';
import { scratch } from '../scratch.ts';

const HOSTS = `# a comment
127.0.0.1 localhost
10.8.8.48\tweb1.example.com web1 # www
 10.8.8.49   Web2
2001:DB8:0::48 web6.example.com
10.8.8.48 other

#10.8.8.50 nobody
nonsense web3
::g web4
`;

test.each<[string, readonly string[]]>([
  ['127.0.0.1', ['localhost']],
  ['10.8.8.48', ['web1.example.com', 'web1', 'other']],
  ['10.8.8.49', ['Web2']],
  ['2001:db8::48', ['web6.example.com']],
  ['10.8.8.4', []],
  ['10.8.8.50', []],
])('%s in a hosts file: %j', (address, expected) => {
  expect(namesInHosts(HOSTS, address)).toEqual(expected);
});

test('what the hosts file names is not asked for', async () => {
  const path = join(scratch(), 'hosts');
  writeFileSync(path, HOSTS);
  expect(await reverseLookup('10.8.8.48', path)).toEqual(['web1.example.com', 'web1', 'other']);
});
