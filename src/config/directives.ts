// The configuration language: one row per directive, with its scope, parser, default and documentation. README's table is made from it.
import type { Place } from './diagnostic.ts';
import { statusListen } from './listen-value.ts';
import { fallbackOf, realOf, virtualOf } from './server-values.ts';
import { SERVICE_NAMES } from './services.ts';
import {
  absolutePath,
  alertStates,
  checkType,
  command,
  count,
  fractionOfSeconds,
  freeText,
  hostHeader,
  hostName,
  logTarget,
  mailAddresses,
  netmask,
  oneOf,
  perlRegex,
  persistence,
  port,
  quoted,
  quotedSpot,
  scheduler,
  schedulerFlags,
  seconds,
  secondsOrZero,
  sslVerify,
  syncDaemon,
  type ValueParser,
  yesNo,
} from './values.ts';

/** Where a directive may stand. `both`: the global value is the default of every virtual block. */
export type Scope = 'global' | 'virtual' | 'both';

/** What a directive is. */
export interface Directive<T> {
  readonly scope: Scope;
  /** The value as documentation shows it. */
  readonly syntax: string;
  readonly parse: ValueParser<T>;
  /** What holds without the directive, in words; empty when there is nothing to say. */
  readonly byDefault: string;
  readonly doc: string;
  /** May be given more than once; otherwise the last one counts. */
  readonly repeatable?: true;
  /** The value is never shown. */
  readonly secret?: true;
  /** A warning that using it deserves. */
  readonly deprecated?: string;
}

function row<T>(
  scope: Scope,
  syntax: string,
  parse: ValueParser<T>,
  byDefault: string,
  doc: string,
  more: Pick<Directive<T>, 'repeatable' | 'secret' | 'deprecated'> = {},
): Directive<T> {
  return { scope, syntax, parse, byDefault, doc, ...more };
}

/** Every directive of ldirectord.cf(5) and ours. The manual page of ldirectord is the source of each row without another. */
// biome-ignore format: a table is read by its columns
export const DIRECTIVES = {
  virtual: row('global', 'address:port | host:port | mark', virtualOf(4), '', 'Opens the block of a virtual service: IPv4 address or host and port, or a firewall mark.', { repeatable: true }),
  virtual6: row('global', '[address]:port | host:port | mark', virtualOf(6), '', 'The same for IPv6.', { repeatable: true }),

  checkinterval: row('both', 'seconds', seconds, '10', 'Time from the start of one check of a server to the start of the next.'),
  fastinterval: row('both', 'seconds', fractionOfSeconds, 'checkinterval', 'As checkinterval, but while failures are counted: after the first one, until a check succeeds or failurecount is reached. Fractions allowed: 0.5. (Ours.)'),
  checktimeout: row('both', 'seconds', seconds, 'negotiatetimeout, else 5', 'Time limit of a connect, ping or external check.'),
  negotiatetimeout: row('both', 'seconds', seconds, 'checktimeout, else 30', 'Time limit of a negotiate check, from its first packet to its last.'),
  failurecount: row('both', 'n', count, '1', 'Failed checks in a row before a server counts as down.'),
  checkcount: row('both', 'n', count, '1', 'Attempts of a ping check before it fails.', { deprecated: 'failurecount does the same for every kind of check' }),
  tripwire: row('both', 'yes | no', yesNo, 'no', 'yes: keep an idle TCP connection to each real server that is up, and check the server at once when it closes or resets it. (Ours.)'),
  flapdamping: row('both', 'yes | no', yesNo, 'no', 'yes: a server that goes down again before it has passed 32 checks in a row since it came up must pass twice as many in a row as the last time to come back: 2, 4, … 32, and no more than 2 while no server of its virtual is up. (Ours.)'),
  quiescent: row('both', 'yes | no', yesNo, 'no', 'yes: a server that is down stays in the table with weight 0, so its connections end by themselves. no: it is removed.'),
  cleanstop: row('both', 'yes | no', yesNo, 'yes', 'yes: stop removes our virtual services from the kernel. no: it leaves the table as it is.'),
  fallback: row('both', 'host[:port] [gate|masq|ipip]', fallbackOf(4), 'none; gate, the port of the virtual', 'Gets the traffic of a virtual while none of its real servers is up.'),
  fallback6: row('both', '[host][:port] [gate|masq|ipip]', fallbackOf(6), 'none; gate, the port of the virtual', 'The same for IPv6.'),
  fallbackcommand: row('both', '"program [arguments]"', command, 'none', 'Run with `start|stop VIP:PORT tcp|udp` when the last real server of a virtual goes down, and when the first comes up.'),
  emailalert: row('both', 'address[, address…]', mailAddresses, 'none', 'Who gets mail about changes.'),
  emailalertfreq: row('both', 'seconds', secondsOrZero, '0', 'Time between repeated mails while a server is down; 0 sends none.'),
  emailalertstatus: row('both', 'all | none | starting, running, stopping, reloading', alertStates, 'all', 'States of the daemon in which mail is sent.'),
  smtp: row('both', 'host[:port]', quoted('a host name or address'), 'sendmail', 'Mail server for alerts.'),

  readdquiescent: row('global', 'yes | no', yesNo, 'no', 'yes: a server that is down and was removed by hand is put back with weight 0.'),
  autoreload: row('global', 'yes | no', yesNo, 'no', 'Reload when the file has changed and come to rest.'),
  callback: row('global', '"program"', absolutePath, 'none', 'Run with the path of the configuration after it has changed, and been reloaded if it is.'),
  execute: row('global', 'configuration', quoted('the name of a configuration'), 'none', 'Another configuration, started, reloaded and stopped with this one.', { repeatable: true }),
  fork: row('global', 'yes | no', yesNo, 'no', 'Accepted: virtual services are always checked independently of each other.'),
  supervised: row('global', 'yes | no', yesNo, 'no', 'Stay in the foreground and log to standard output.'),
  logfile: row('global', '"/path" | facility', logTarget, '/var/log/ldirectord.log', 'Where log lines go: a file, or a facility of syslog.'),
  logformat: row('global', 'classic | json', oneOf('classic', 'json'), 'classic', "classic: ldirectord's lines. json: one object a line. (Ours.)"),
  emailalertfrom: row('global', 'address', freeText, 'user@host of the daemon', 'Sender of alert mail.'),
  maintenancedir: row('global', '/path', absolutePath, 'none', 'A file in it named like a server (address:port, address or host name) takes the server out of service.'),
  syncdaemon: row('global', 'interface [syncid]', syncDaemon, 'none; syncid 0', "While the director runs, the kernel tells its connections to backup directors over this interface (ipvsadm --start-daemon master). (Ours.)"),
  statuslisten: row('global', 'address:port | /path', statusListen, 'none', 'Where the status page, its interface and the metrics are served: an address of this machine, or a unix socket. Whoever comes from elsewhere than this machine needs the token of statustoken. (Ours.)'),
  statustoken: row('global', '/path', absolutePath, 'none', 'A file with a secret of 16 characters or more: whoever has it may drain and disable servers through statuslisten. (Ours.)'),

  real: row('virtual', 'host[->host][:port] gate|masq|ipip [weight] ["request","receive"] [l:N] [u:N]', realOf(4), 'weight 1, the port of the virtual', 'A real server, or a range of them.', { repeatable: true }),
  real6: row('virtual', '[host][->[host]][:port] gate|masq|ipip [weight] ["request","receive"] [l:N] [u:N]', realOf(6), 'weight 1, the port of the virtual', 'The same for IPv6.', { repeatable: true }),
  checktype: row('virtual', 'negotiate | connect | ping | external | external-perl | on | off | N', checkType, 'negotiate', 'What a check does; N: that many connect checks between two negotiate checks.'),
  service: row('virtual', SERVICE_NAMES.join(' | '), oneOf(...SERVICE_NAMES), 'by the port of the virtual, else none', 'What a negotiate check speaks; none is always up.'),
  checkcommand: row('virtual', '"program [arguments]"', command, '/bin/true', "The program of an external check; it gets the virtual's address (or mark) and port, and the real's address and port."),
  checkport: row('virtual', '1..65535', port, 'the port of the real server', 'Port to check when it is not the one that serves.'),
  request: row('virtual', '"text"', (value) => quotedSpot(value, 'a request in double quotes'), '/', 'What to ask for: a path (a leading / is added), an absolute URL, a name, a query.'),
  receive: row('virtual', '"regex"', perlRegex, 'any answer', 'Perl regular expression that the answer must match.'),
  httpmethod: row('virtual', 'GET | HEAD', (value) => oneOf('GET', 'HEAD')({ ...value, text: value.text.toUpperCase() }), 'GET', 'Method of an HTTP check.'),
  virtualhost: row('virtual', '"host"', hostHeader, 'the address of the real server', 'Host header of an HTTP check, and the name that TLS asks for.'),
  login: row('virtual', '"user"', quoted('a user name'), 'none; ftp: anonymous', 'User name for services that log in.'),
  passwd: row('virtual', '"password"', quoted('a password'), 'none', 'Password for services that log in.', {
    secret: true,
  }),
  database: row('virtual', '"name"', quoted('the name of a database'), 'none', 'Database of an SQL check, SID for oracle, number for redis.'),
  secret: row('virtual', '"secret"', quoted('a RADIUS secret'), 'none', 'Shared secret of a RADIUS check.', {
    secret: true,
  }),
  starttls: row('virtual', 'yes | no', yesNo, 'no', 'Go over to TLS with STARTTLS before anything else: imap, pop, smtp, submission and ldap. (Ours.)'),
  sslverify: row('virtual', 'no | yes | "/ca.pem"', sslVerify, 'no', "Whose certificates are accepted: anybody's, those of the system's authorities, or those of the authorities in a file. (Ours.)"),
  sslname: row('virtual', '"host"', hostName, 'the name in virtualhost', 'Name that TLS asks for (SNI), and that a verified certificate must bear. (Ours.)'),
  scheduler: row('virtual', 'name', scheduler, 'wrr', 'How the kernel chooses a server (ipvsadm -s).'),
  schedflags: row('virtual', 'flag[,flag…]', schedulerFlags, 'none', 'Flags of the scheduler (ipvsadm -b).'),
  persistent: row('virtual', 'seconds', persistence, 'off', 'Send a client to the same server for this long.'),
  netmask: row('virtual', 'w.x.y.z | prefix length', netmask, 'each client for itself', 'Group clients for persistence: a dotted quad for IPv4, 1..128 for IPv6.'),
  protocol: row('virtual', 'tcp | udp | fwm', oneOf('tcp', 'udp', 'fwm'), 'tcp; udp on port 53; fwm for a mark', 'What is balanced.'),
  ops: row('virtual', 'yes | no', yesNo, 'no', 'One-packet scheduling, for UDP.'),
  monitorfile: row('virtual', '"/path"', absolutePath, 'none', 'A line for every check of a real server goes to this file.'),
  servicename: row('virtual', 'text', freeText, 'none', 'Name of the service in alert mail.'),
  comment: row('virtual', 'text', freeText, 'none', 'Note that goes into alert mail.'),
  load: row('virtual', '"text"', quoted('text'), 'none', 'Accepted for old files; ldirectord does nothing with it either.'),
} as const satisfies Record<string, Directive<unknown>>;

export type DirectiveName = keyof typeof DIRECTIVES;
export type ValueOf<K extends DirectiveName> = ReturnType<(typeof DIRECTIVES)[K]['parse']>;

/** A parsed value and where its line says it. */
export interface Located<T> {
  readonly value: T;
  readonly place: Place;
}

/** What a scope was given, in the order of the file. */
export type Given = { readonly [K in DirectiveName]?: Located<ValueOf<K>>[] };

/** The value that counts: the last one given for a name, with its place. */
export function last<K extends DirectiveName>(given: Given, name: K): Located<ValueOf<K>> | undefined {
  return given[name]?.at(-1) as Located<ValueOf<K>> | undefined;
}

/** Refused, with what took their place. */
export const REPLACED: Readonly<Record<string, string>> = {
  timeout: 'use checktimeout (connect, ping and external checks) and negotiatetimeout (negotiate checks)',
  connecttimeout: 'use negotiatetimeout',
};

/** The row of a name, whatever its value type. */
export function directive(name: string): Directive<unknown> | undefined {
  return Object.hasOwn(DIRECTIVES, name) ? (DIRECTIVES[name as DirectiveName] as Directive<unknown>) : undefined;
}
