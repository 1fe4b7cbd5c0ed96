// Which Debian packages each server's tests need. A new server is a line here and a file NAME.test.ts.
import type { Package, PackageSet } from '../debian-packages.ts';

const OPENSSL: Package = ['openssl', '/usr/bin/openssl'];
const NGINX: Package = ['nginx', '/usr/sbin/nginx'];
const POSTFIX: Package = ['postfix', '/usr/sbin/postfix'];

/** By the server's name; the first package is the one whose version is shown. */
export const SERVERS = {
  bind9: [['bind9', '/usr/sbin/named']],
  dovecot: [['dovecot-imapd', '/usr/lib/dovecot/imap'], ['dovecot-pop3d', '/usr/lib/dovecot/pop3'], OPENSSL],
  freeradius: [['freeradius', '/usr/sbin/freeradius']],
  // It wants a mail server: this one, not one that keeps postfix from being installed.
  inn2: [['inn2', '/usr/lib/news/bin/nnrpd'], POSTFIX],
  kamailio: [['kamailio', '/usr/sbin/kamailio']],
  mariadb: [['mariadb-server', '/usr/sbin/mariadbd']],
  nginx: [NGINX, OPENSSL],
  postfix: [POSTFIX, OPENSSL],
  postgresql: [['postgresql', '/usr/share/doc/postgresql'], OPENSSL],
  proftpd: [['proftpd-core', '/usr/sbin/proftpd']],
  redis: [['redis-server', '/usr/bin/redis-server']],
  slapd: [['slapd', '/usr/sbin/slapd'], OPENSSL],
  squid: [['squid', '/usr/sbin/squid'], NGINX],
} as const satisfies Record<string, PackageSet>;

export type ServerName = keyof typeof SERVERS;
