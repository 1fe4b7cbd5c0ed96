// The certificates of authorities that sslverify names, or that this system trusts.
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemReason } from '../errors.ts';

/** Where distributions keep the authorities that they trust, all in one file: Debian, Red Hat, SUSE, Alpine. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

export interface AuthoritiesText {
  readonly file: string;
  readonly pem: string;
  /** Tells this text from any other. */
  readonly digest: string;
}

/** Reads a PEM file, or the system's own. Throws an Error whose message says in words why it cannot be used. */
export async function readAuthorities(file: string | undefined): Promise<AuthoritiesText> {
  if (file !== undefined)
    return accepted(file, await readFile(file, 'latin1').catch((error) => unreadable(file, error)));
  for (const known of SYSTEM_FILES) {
    const pem = await readFile(known, 'latin1').catch(() => undefined);
    if (pem !== undefined) return accepted(known, pem);
  }
  throw new Error(
    `this system has no file of authorities (${SYSTEM_FILES.join(', ')}): install the package ca-certificates, or name a file`,
  );
}

function unreadable(file: string, error: unknown): never {
  throw new Error(`cannot read the authorities in ${file}: ${systemReason(error)}`, { cause: error });
}

function accepted(file: string, pem: string): AuthoritiesText {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error(`${file} holds no certificate in PEM format`);
  for (const [index, block] of blocks.entries()) {
    try {
      // OpenSSL passes over what it cannot read, and whoever is signed by it would be down without a hint.
      new X509Certificate(block);
    } catch (error) {
      throw new Error(`certificate ${index + 1} of ${blocks.length} in ${file} cannot be read`, { cause: error });
    }
  }
  return { file, pem, digest: createHash('sha256').update(pem).digest('hex') };
}
