// The checks, one line each. A kind of CheckSpecs that has no line here does not compile.
import type { CheckKind } from '../config/model.ts';
import type { Check } from './check.ts';
import { combined } from './combined.ts';
import { connect } from './connect.ts';
import { dns } from './dns.ts';
import { external } from './external.ts';
import { ftp } from './ftp.ts';
import { http } from './http.ts';
import { imap } from './imap.ts';
import { ldap } from './ldap.ts';
import { mysql } from './mysql.ts';
import { nntp } from './nntp.ts';
import { oracle } from './oracle.ts';
import { pgsql } from './pgsql.ts';
import { ping } from './ping.ts';
import { pop } from './pop.ts';
import { radius } from './radius.ts';
import { redis } from './redis.ts';
import { simpletcp } from './simpletcp.ts';
import { sip } from './sip.ts';
import { smtp } from './smtp.ts';

export const CHECKS: { readonly [K in CheckKind]: Check<K> } = {
  combined,
  connect,
  dns,
  external,
  ftp,
  http,
  imap,
  ldap,
  mysql,
  nntp,
  oracle,
  pgsql,
  ping,
  pop,
  radius,
  redis,
  simpletcp,
  sip,
  smtp,
};
