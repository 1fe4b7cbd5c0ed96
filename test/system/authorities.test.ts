// PEM files of authorities: what is taken, and what is said of what is not.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readAuthorities } from '../../src/system/authorities.ts';
import { scratch } from '../scratch.ts';

const CERTIFICATE = fileURLToPath(new URL('../checks/fixtures/server.crt', import.meta.url));

test('a certificate, told from another by its digest', async () => {
  const file = join(scratch(), 'ca.pem');
  copyFileSync(CERTIFICATE, file);
  const first = await readAuthorities(file);
  expect(first).toMatchObject({ file, pem: expect.stringContaining('BEGIN CERTIFICATE') });
  expect((await readAuthorities(file)).digest).toBe(first.digest);
  writeFileSync(file, `${first.pem}\n${first.pem}`);
  expect((await readAuthorities(file)).digest).not.toBe(first.digest);
});

test.each([
  ['nothing', undefined, 'cannot read the authorities in FILE: no such file or directory'],
  ['an empty file', '', 'FILE holds no certificate in PEM format'],
  [
    'a key',
    '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    'FILE holds no certificate in PEM format',
  ],
  [
    'garbage',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'certificate 1 of 1 in FILE cannot be read',
  ],
])('%s is refused in words', async (_, text, message) => {
  const file = join(scratch(), 'ca.pem');
  if (text !== undefined) writeFileSync(file, text);
  await expect(readAuthorities(file)).rejects.toThrow(message.replace('FILE', file));
});

test('what is no file', async () => {
  const directory = scratch();
  await expect(readAuthorities(directory)).rejects.toThrow(
    `cannot read the authorities in ${directory}: illegal operation on a directory`,
  );
});

test.runIf(existsSync('/etc/ssl/certs/ca-certificates.crt'))('the authorities of this system', async () => {
  expect(await readAuthorities(undefined)).toMatchObject({ file: '/etc/ssl/certs/ca-certificates.crt' });
});
