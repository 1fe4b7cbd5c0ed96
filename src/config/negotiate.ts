// What `checktype = negotiate` means for one real server: its service, and what the configuration says for it -> the spec of a check.
import { isIP, isIPv4 } from 'node:net';
import { addressToNumber, canonicalIPv6 } from './address.ts';
import { type Place, Problem, type Spot } from './diagnostic.ts';
import { type DirectiveName, type Given, last } from './directives.ts';
import {
  type Authorities,
  type ConstantSpec,
  formatEndpoint,
  type HttpSpec,
  type Login,
  type MailboxSpec,
  type NegotiateSpec,
  type SqlSpec,
  type Target,
  type TlsSpec,
  type Transport,
  type Virtual,
} from './model.ts';
import { type Pattern, translatePattern } from './perl-regex.ts';
import type { ServiceName } from './services.ts';
import { splitWords, wholeNumber, within } from './values.ts';

/** What a `real=` line says about its check; it wins over the virtual's request and receive. */
export interface OwnExchange {
  readonly request: Spot | undefined;
  readonly receive: Pattern | undefined;
}

/** What the negotiate check of a real server is made of. */
export interface Exchange {
  readonly virtual: Pick<Virtual, 'protocol'>;
  readonly given: Given;
  /** Where the service is named, or else the block begins: what is missing is missing there. */
  readonly place: Place;
  /** Of sslverify; anybody's certificate will do when absent. */
  readonly authorities: Authorities | undefined;
  readonly timeoutMs: number;
  /** Whom the check asks. */
  readonly target: Target;
  readonly own: OwnExchange;
}

/** Throws a Problem where the service needs something that is not there. */
export function negotiateSpec(service: ServiceName, exchange: Exchange): NegotiateSpec | ConstantSpec {
  return BUILDERS[service](exchange);
}

const BUILDERS: Readonly<Record<ServiceName, (exchange: Exchange) => NegotiateSpec | ConstantSpec>> = {
  none: () => ({ kind: 'on' }),
  http: (exchange) => http(exchange, false),
  https: (exchange) => ({ ...http(exchange, false), ...tls(exchange, 'at once') }),
  http_proxy: (exchange) => http(exchange, true),
  smtp: (exchange) => ({ kind: 'smtp', ...startTls(exchange), ...limit(exchange) }),
  submission: (exchange) => ({ kind: 'smtp', ...startTls(exchange), ...limit(exchange) }),
  pop: (exchange) => mailbox(exchange, 'pop', startTls(exchange)),
  pops: (exchange) => mailbox(exchange, 'pop', tls(exchange, 'at once')),
  imap: (exchange) => mailbox(exchange, 'imap', startTls(exchange)),
  imaps: (exchange) => mailbox(exchange, 'imap', tls(exchange, 'at once')),
  nntp: (exchange) => ({ kind: 'nntp', ...limit(exchange) }),
  ldap: (exchange) => ldap(exchange, startTls(exchange)),
  ldaps: (exchange) => ldap(exchange, tls(exchange, 'at once')),
  ftp,
  mysql: (exchange) => sql(exchange, 'mysql'),
  pgsql: (exchange) => sql(exchange, 'pgsql'),
  oracle: (exchange) => ({ ...sql(exchange, 'oracle'), database: needed(exchange, 'database', 'oracle') }),
  redis,
  dns,
  radius: (exchange) => ({
    kind: 'radius',
    login: { user: needed(exchange, 'login', 'radius'), password: value(exchange, 'passwd') ?? '' },
    secret: needed(exchange, 'secret', 'radius'),
    ...limit(exchange),
  }),
  sip(exchange) {
    const user = value(exchange, 'login');
    return { kind: 'sip', transport: transport(exchange), ...(user === undefined ? {} : { user }), ...limit(exchange) };
  },
  simpletcp: (exchange) => ({
    kind: 'simpletcp',
    transport: transport(exchange),
    request: requestOf(exchange)?.text ?? '',
    ...receive(exchange),
    ...limit(exchange),
  }),
};

function http(exchange: Exchange, proxy: boolean): HttpSpec {
  const virtualHost = value(exchange, 'virtualhost');
  return {
    kind: 'http',
    proxy,
    method: value(exchange, 'httpmethod') ?? 'GET',
    request: requestUrl(exchange, proxy),
    ...(virtualHost === undefined ? {} : { virtualHost }),
    ...receive(exchange),
    ...limit(exchange),
  };
}

/** Absolute URLs are for proxies and for a real server's own request; elsewhere everything is a path. */
function requestUrl(exchange: Exchange, proxy: boolean): string {
  const { target, own } = exchange;
  const spot = requestOf(exchange);
  const bare = (spot?.text ?? '/').replace(/^\/+/, '');
  if (/^https?:\/\//i.test(bare) && (proxy || own.request !== undefined)) {
    if (spot === undefined || URL.canParse(bare)) return bare;
    throw new Problem(spot, 'this is not a URL', 'expected http://host[:port]/path');
  }
  return proxy ? `http://${formatEndpoint(target.address, target.port)}/${bare}` : `/${bare}`;
}

function mailbox<K extends 'pop' | 'imap'>(exchange: Exchange, kind: K, tlsPart: { tls?: TlsSpec }): MailboxSpec<K> {
  return { kind, ...tlsPart, ...login(exchange), ...limit(exchange) };
}

function ldap(exchange: Exchange, tlsPart: { tls?: TlsSpec }): NegotiateSpec {
  const base = bareRequest(exchange)?.text ?? '';
  return { kind: 'ldap', ...tlsPart, ...login(exchange), base, ...receive(exchange), ...limit(exchange) };
}

function ftp(exchange: Exchange): NegotiateSpec {
  const request = requestOf(exchange);
  const wanted = receive(exchange);
  if (request === undefined && wanted.receive !== undefined) {
    throw new Problem(
      last(exchange.given, 'receive')?.place ?? exchange.place,
      'there is no file that this could match',
      'add request = "/file", which is fetched, or leave receive out: logging in is enough then',
    );
  }
  const file = request?.text.replace(/^\/*/, '/');
  return {
    kind: 'ftp',
    ...login(exchange),
    ...(file === undefined ? {} : { file }),
    ...wanted,
    ...limit(exchange),
  };
}

function sql<K extends 'mysql' | 'pgsql' | 'oracle'>(exchange: Exchange, kind: K): SqlSpec<K> {
  const user = needed(exchange, 'login', kind);
  const query = bareRequest(exchange)?.text;
  if (query === undefined || query === '') throw missing(exchange, 'request', kind, 'request = "SELECT …"');
  const database = value(exchange, 'database');
  return {
    kind,
    login: { user, password: value(exchange, 'passwd') ?? '' },
    ...(database === undefined ? {} : { database }),
    query,
    ...limit(exchange),
  };
}

function redis(exchange: Exchange): NegotiateSpec {
  const request = bareRequest(exchange);
  const command = request === undefined ? ['PING'] : splitWords(request);
  if (request !== undefined && command.length === 0) {
    throw new Problem(request, 'the command is missing', 'expected a Redis command such as PING or GET key');
  }
  const ping = command.length === 1 && command[0]?.toUpperCase() === 'PING';
  const user = value(exchange, 'login');
  const password = value(exchange, 'passwd');
  if (user !== undefined && password === undefined)
    throw missing(exchange, 'passwd', 'redis', 'passwd = "…" beside login');
  return {
    kind: 'redis',
    command,
    ...(ping ? { receive: PONG } : {}),
    ...receive(exchange),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    database: redisDatabase(exchange),
    ...limit(exchange),
  };
}

function redisDatabase({ given }: Exchange): number {
  const found = last(given, 'database');
  if (found === undefined) return 0;
  return wholeNumber(0, 65_535, '', 'the number of a Redis database')({ ...found.place, text: found.value });
}

function dns(exchange: Exchange): NegotiateSpec {
  const request = bareRequest(exchange);
  if (request === undefined || request.text === '') {
    throw missing(exchange, 'request', 'dns', 'request = "www.example.com", or an address for its PTR record');
  }
  const { text } = request;
  const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})';
  // A zone (fe80::1%eth0) is this machine's own matter.
  const isAddress = isIP(text) !== 0 && !text.includes('%');
  if (!isAddress && (text.length > 253 || !new RegExp(`^${label}(?:\\.${label})*\\.?$`).test(text))) {
    throw new Problem(request, `"${text}" is neither a name nor an address`, 'expected www.example.com or 192.0.2.1');
  }
  return {
    kind: 'dns',
    transport: exchange.virtual.protocol === 'tcp' ? 'tcp' : 'udp',
    type: isAddress ? 'PTR' : 'A',
    name: isAddress ? reverseName(text) : text.replace(/\.$/, ''),
    ...receive(exchange),
    ...limit(exchange),
  };
}

/** The name under which an address's PTR record is kept (RFC 1035 3.5, RFC 3596 2.5). */
function reverseName(address: string): string {
  if (isIPv4(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const nibbles = addressToNumber(canonicalIPv6(address)).toString(16).padStart(32, '0');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}

const PONG = patternOf('PONG');

function patternOf(text: string): Pattern {
  const translated = translatePattern(text);
  if ('pattern' in translated) return translated.pattern;
  throw new Error(`"${text}" is no pattern: ${translated.problem.message}`);
}

/** As ldirectord: everything but UDP is TCP, a firewall mark too. */
function transport({ virtual }: Exchange): Transport {
  return virtual.protocol === 'udp' ? 'udp' : 'tcp';
}

function startTls(exchange: Exchange): { tls?: TlsSpec } {
  return value(exchange, 'starttls') === true ? tls(exchange, 'starttls') : {};
}

function tls({ given, authorities }: Exchange, start: TlsSpec['start']): { tls: TlsSpec } {
  const serverName = serverNameOf(given);
  return {
    tls: {
      start,
      ...(authorities === undefined ? {} : { authorities }),
      ...(serverName === undefined ? {} : { serverName }),
    },
  };
}

/** sslname, else the name in virtualhost: not an address, without its port. */
export function serverNameOf(given: Given): string | undefined {
  const named = last(given, 'sslname')?.value;
  if (named !== undefined) return named;
  const name = last(given, 'virtualhost')?.value.replace(/:\d+$/, '');
  return name === undefined || name.startsWith('[') || isIP(name) !== 0 ? undefined : name;
}

function login(exchange: Exchange): { login?: Login } {
  const user = value(exchange, 'login');
  return user === undefined ? {} : { login: { user, password: value(exchange, 'passwd') ?? '' } };
}

function receive({ own, given }: Exchange): { receive?: Pattern } {
  const found = own.receive ?? last(given, 'receive')?.value;
  return found === undefined ? {} : { receive: found };
}

function limit({ timeoutMs }: Exchange): { timeoutMs: number } {
  return { timeoutMs };
}

function requestOf({ own, given }: Exchange): Spot | undefined {
  return own.request ?? last(given, 'request')?.value;
}

/** Without a slash before it: people write one because ldirectord adds it to everything. */
function bareRequest(exchange: Exchange): Spot | undefined {
  const spot = requestOf(exchange);
  if (spot === undefined || !spot.text.startsWith('/')) return spot;
  return within(spot, 1);
}

function value<K extends 'virtualhost' | 'httpmethod' | 'login' | 'passwd' | 'database' | 'starttls'>(
  { given }: Exchange,
  name: K,
) {
  return last(given, name)?.value;
}

function needed(exchange: Exchange, name: 'login' | 'database' | 'secret', service: ServiceName): string {
  const found = last(exchange.given, name)?.value;
  if (found === undefined) throw missing(exchange, name, service, `${name} = "…"`);
  return found;
}

function missing({ place }: Exchange, name: DirectiveName, service: ServiceName, example: string): Problem {
  return new Problem(
    place,
    `the ${service} check needs ${name}, which is missing`,
    `add ${example}, or use another checktype`,
  );
}
