// Addresses: what is one, the form it is kept in, and the arithmetic of ranges.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressToNumber, canonicalIPv6, endpoint, numberToAddress } from '../../src/config/address.ts';
import { outcome } from './spot.ts';

const shown = (text: string) =>
  outcome((value) => {
    const { host, port } = endpoint(value);
    return `${host.literal ?? 'name'} ${host.text} ${port?.text ?? '-'} at ${host.column},${port?.column ?? '-'}`;
  }, text);

test.each([
  ['10.8.8.48', '4 10.8.8.48 - at 1,-'],
  ['10.8.8.48:80', '4 10.8.8.48 80 at 1,11'],
  ['0.0.0.0:65535', '4 0.0.0.0 65535 at 1,9'],
  ['web1:http', 'name web1 http at 1,6'],
  ['web_1.example.com.:80', 'name web_1.example.com. 80 at 1,20'],
  ['3com.example:80', 'name 3com.example 80 at 1,14'],
  ['[2001:DB8::0:1]:80', '6 2001:db8::1 80 at 2,17'],
  ['[::]', '6 :: - at 2,-'],
  ['10.8.8.48:65536', '[65536] 65536 is not a port'],
  ['10.8.8.48:', '[:] the port after the colon is missing'],
  ['10.8.8.48:8o', '[8o] "8o" is neither a port number nor a service name'],
  ['10.8.8.256', '[10.8.8.256] "10.8.8.256" is not an IPv4 address'],
  ['1.2.3', '[1.2.3] "1.2.3" is not an IPv4 address'],
  ['10.8.8.1-10.8.8.9', '[10.8.8.1-10.8.8.9] "10.8.8.1-10.8.8.9" is not an address'],
  ['-web', '[-web] "-web" is neither an address nor a host name'],
  ['', '[] "" is neither an address nor a host name'],
  [':80', '[:80] the address before the port is missing'],
  ['2001:db8::1', '[2001:db8::1] an IPv6 address needs brackets'],
  ['10.8.8.48::80', '[::] two colons before the port'],
  ['a:b:c', '[a:b:c] "a:b:c" is not an address with a port'],
  ['[::1', '[[] this bracket is never closed'],
  ['[::g]', '[::g] "::g" is not an IPv6 address'],
  ['[::1%lo]:80', '[::1%lo] "::1%lo" is not an IPv6 address'],
  ['[::1]80', '[80] "80" after the address makes no sense'],
  ['"10.8.8.48"', '["10.8.8.48"] an address stands without quotes'],
])('endpoint %j', (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each([
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['2001:DB8::A:0:0', '2001:db8::a:0:0'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::ffff:10.8.8.48', '::ffff:a08:830'],
])('%s is kept as %s', (text, expected) => {
  expect(canonicalIPv6(text)).toBe(expected);
});

test.each([
  ['0.0.0.0', 0n],
  ['10.8.8.255', 168_298_751n],
  ['255.255.255.255', 0xffff_ffffn],
  ['::', 0n],
  ['::1', 1n],
  ['::1:0', 65_536n],
  ['2001:db8::ffff', 0x2001_0db8_0000_0000_0000_0000_0000_ffffn],
])('%s is the number %d', (address, number) => {
  expect(addressToNumber(address)).toBe(number);
});

test.each([
  [4, 32],
  [6, 128],
] as const)('IPv%d addresses and numbers lead to each other', (family, bits) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }), (number) => {
      const address = numberToAddress(number, family);
      expect(addressToNumber(address)).toBe(number);
      expect(numberToAddress(addressToNumber(address), family)).toBe(address);
    }),
  );
});

test('every way to write an IPv6 address leads to the same text', () => {
  fc.assert(
    fc.property(
      fc.ipV6().filter((address) => !address.includes('.')),
      (address) => {
        expect(numberToAddress(addressToNumber(address.toLowerCase()), 6)).toBe(canonicalIPv6(address));
      },
    ),
  );
});
