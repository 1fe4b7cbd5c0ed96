// Names through the system's own resolver: only ones that need no name server.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readServices, resolveHost } from '../../src/system/resolver.ts';
import { scratch } from '../scratch.ts';

test.each([
  ['127.0.0.1', 0, [{ address: '127.0.0.1', family: 4 }]],
  ['::1', 0, [{ address: '::1', family: 6 }]],
  ['::1', 6, [{ address: '::1', family: 6 }]],
] as const)('%s (family %s)', async (host, family, addresses) => {
  expect(await resolveHost(host, family)).toEqual(addresses);
});

test('localhost is this machine', async () => {
  expect(await resolveHost('localhost', 4)).toContainEqual({ address: '127.0.0.1', family: 4 });
});

test('a name that is no name is told with a code', async () => {
  await expect(resolveHost('no host can be called this')).rejects.toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN|EAI_NONAME)$/) }),
  );
});

test('the services file, or nothing', async () => {
  const path = join(scratch(), 'services');
  expect(await readServices(path)).toBe('');
  writeFileSync(path, 'http 80/tcp\n');
  expect(await readServices(path)).toBe('http 80/tcp\n');
});
