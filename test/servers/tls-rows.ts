// What TLS makes of any service that verifies certificates: the same rows for each server.
import type { Row } from './scenario.ts';
import type { Certificates } from './site.ts';

/** Directives with which the site's certificate is verified, and is good. */
export function verified({ authority }: Certificates): string {
  return `sslverify = "${authority}"\nsslname = "server.test"`;
}

/** @param up what the check finds with these directives */
export function tlsRows(tls: Certificates, directives: string, up: string | RegExp): Row[] {
  return [
    ['any certificate', directives, 'up', up],
    ['a verified certificate', `${directives}\n${verified(tls)}`, 'up', up],
    [
      "a stranger's authority",
      `${directives}\nsslverify = "${tls.stranger}"\nsslname = "server.test"`,
      'down',
      'certificate is signed by an authority that sslverify does not name',
    ],
    [
      'a certificate for another name',
      `${directives}\nsslverify = "${tls.authority}"`,
      'down',
      /^certificate is not for (127\.0\.0\.1|::1) \(it names DNS:server\.test\)$/,
    ],
  ];
}
