// The services that `checktype = negotiate` speaks: one row each, with its port, what it reads of the configuration, and its
// documentation. README's table of services is made from it.

/** Directives that only some services read; anywhere else they have no effect, which deserves a warning. */
export const SERVICE_OPTIONS = [
  'request', 'receive', 'httpmethod', 'login', 'passwd', 'database', 'secret', 'starttls', 'sslverify', 'sslname',
] as const; // biome-ignore format: a list to read
export type ServiceOption = (typeof SERVICE_OPTIONS)[number];

/** What a service is. */
export interface Service {
  /** Its usual port; a virtual with this port that names no service has this one. */
  readonly port?: number;
  /** What it reads, besides the time limit, checkport and (where TLS is spoken) virtualhost. */
  readonly options: readonly ServiceOption[];
  /** What the check sends. */
  readonly asks: string;
  /** What counts as up. */
  readonly up: string;
  /** The library that speaks the protocol; absent where it is ours. */
  readonly library?: string;
  /** The real server that `npm run test:servers` tries it against. */
  readonly tested: string;
}

const TLS = ['sslverify', 'sslname'] as const;
const ACCOUNT = ['login', 'passwd'] as const;
const EXCHANGE = ['request', 'receive'] as const;

/** Every service of ldirectord, and redis. Ports: ldirectord(8). */
export const SERVICES = {
  dns: { port: 53, options: EXCHANGE, asks: 'a question for the A records of `request`, or the PTR record when it is an address; over UDP, or TCP with `protocol = tcp`', up: 'a record of that type; one that `receive` matches', library: 'dns-packet', tested: 'bind9' },
  ftp: { port: 21, options: [...EXCHANGE, ...ACCOUNT], asks: 'USER and PASS (anonymous without `login`), CWD /, passive RETR of `request`', up: 'logged in; the file is sent, and `receive` matches it', tested: 'proftpd' },
  http: { port: 80, options: [...EXCHANGE, 'httpmethod'], asks: 'GET or HEAD of `request`', up: '2xx after at most 7 redirects, and a body that `receive` matches', library: 'undici’s llhttp', tested: 'nginx' },
  https: { port: 443, options: [...EXCHANGE, 'httpmethod', ...TLS], asks: 'the same over TLS', up: 'the same', library: 'undici’s llhttp', tested: 'nginx' },
  http_proxy: { port: 3128, options: [...EXCHANGE, 'httpmethod'], asks: 'GET of the whole URL in `request`, asked of the server as a proxy', up: 'as http', library: 'undici’s llhttp', tested: 'squid' },
  imap: { port: 143, options: [...ACCOUNT, 'starttls', ...TLS], asks: 'LOGIN when there is a `login`', up: 'greeted with OK; logged in', tested: 'dovecot' },
  imaps: { port: 993, options: [...ACCOUNT, ...TLS], asks: 'the same over TLS', up: 'the same', tested: 'dovecot' },
  ldap: { port: 389, options: [...EXCHANGE, ...ACCOUNT, 'starttls', ...TLS], asks: 'a bind (anonymous without `login`), then the entry whose DN is `request`', up: 'exactly one entry, whose DN `receive` matches', tested: 'slapd' },
  ldaps: { port: 636, options: [...EXCHANGE, ...ACCOUNT, ...TLS], asks: 'the same over TLS', up: 'the same', tested: 'slapd' },
  mysql: { port: 3306, options: ['request', ...ACCOUNT, 'database'], asks: 'the query `request`', up: 'at least one row', library: 'mysql2', tested: 'mariadb' },
  nntp: { port: 119, options: [], asks: 'nothing', up: 'greeted with 2xx', tested: 'inn2' },
  none: { options: [], asks: 'nothing: it does not even connect', up: 'always', tested: '–' },
  oracle: { port: 1521, options: ['request', ...ACCOUNT, 'database'], asks: 'the query `request`; `database` is the SID', up: 'at least one row', library: 'oracledb (to be installed)', tested: 'no server is to be had: a listener that speaks the handshake and refuses' },
  pgsql: { port: 5432, options: ['request', ...ACCOUNT, 'database'], asks: 'the query `request`, over TLS when the server has it', up: 'at least one row', library: 'pg', tested: 'postgresql' },
  pop: { port: 110, options: [...ACCOUNT, 'starttls', ...TLS], asks: 'USER and PASS when there is a `login`', up: 'greeted with +OK; logged in', tested: 'dovecot' },
  pops: { port: 995, options: [...ACCOUNT, ...TLS], asks: 'the same over TLS', up: 'the same', tested: 'dovecot' },
  radius: { port: 1812, options: [...ACCOUNT, 'secret'], asks: 'an Access-Request (PAP) with `login`, `passwd` and `secret`', up: 'Access-Accept', tested: 'freeradius' },
  redis: { port: 6379, options: [...EXCHANGE, ...ACCOUNT, 'database'], asks: 'the command `request` (PING), after AUTH and SELECT when there are `passwd` and `database`', up: 'an answer that `receive` matches (PONG for PING, else any but an error or nil)', library: 'ioredis', tested: 'redis' },
  simpletcp: { options: EXCHANGE, asks: '`request`, in which `\\n` is a newline, then the end of the stream; over UDP with `protocol = udp`', up: 'a line of the answer that `receive` matches; any byte without it', tested: 'nginx, redis' },
  sip: { port: 5060, options: ['login'], asks: 'OPTIONS for `login` (ldirectord@ this host); over TCP, or UDP with `protocol = udp`', up: '200', tested: 'kamailio' },
  smtp: { port: 25, options: ['starttls', ...TLS], asks: 'EHLO (HELO where that is unknown)', up: 'greeted with 2xx, EHLO answered with 2xx', tested: 'postfix' },
  submission: { port: 587, options: ['starttls', ...TLS], asks: 'the same', up: 'the same', tested: 'postfix' },
} as const satisfies Record<string, Service>; // biome-ignore format: a table is read by its columns

export type ServiceName = keyof typeof SERVICES;
export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** The row of a service, with all that a row can have. */
export function serviceOf(name: ServiceName): Service {
  return SERVICES[name];
}

/** The service whose usual port this is. */
export function serviceByPort(port: number): ServiceName | undefined {
  return SERVICE_NAMES.find((name) => serviceOf(name).port === port);
}
