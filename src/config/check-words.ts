// A check in words: what is asked of whom, what counts as up, and within which time. Never a password.
import {
  type CheckPlan,
  type CheckSpec,
  formatEndpoint,
  formatHost,
  type HttpSpec,
  type LdapSpec,
  type Login,
  type SimpleTcpSpec,
  type SqlSpec,
  type Target,
  type TlsSpec,
} from './model.ts';
import type { Pattern } from './perl-regex.ts';
import { hideRequestSecrets, hideSecrets } from './secrets.ts';

type SpecOf<K extends CheckSpec['kind']> = Extract<CheckSpec, { kind: K }>;
type Words = { readonly [K in CheckSpec['kind']]: (spec: SpecOf<K>, target: Target) => string };

/** What a check does, in one line. */
export function checkWords({ target, spec }: CheckPlan): string {
  return wordsOf(spec, target);
}

function wordsOf<K extends CheckSpec['kind']>(spec: SpecOf<K>, target: Target): string {
  return (WORDS[spec.kind] as (spec: SpecOf<K>, target: Target) => string)(spec, target);
}

const WORDS: Words = {
  on: () => 'never asked, always up',
  off: () => 'never asked, never in service',
  connect: (spec, target) => `a TCP connection to ${at(target)}${within(spec)}`,
  ping: ({ timeoutMs, attempts }, { address }) =>
    `ping of ${address}, ${attempts === 1 ? 'once' : `at most ${attempts} times`}, ${timeoutMs / 1000} s each`,
  external: (spec) => `runs ${hideSecrets(spec.argv.join(' '))}; up when it exits with 0${within(spec)}`,
  combined: ({ connects, connect, negotiate }, target) =>
    `${wordsOf(negotiate, target)}; after each, ${connects} times instead: ${wordsOf(connect, target)}`,
  http,
  smtp: (spec, target) => `SMTP greeting and EHLO of ${at(target)}${tls(spec.tls)}${within(spec)}`,
  pop: (spec, target) => `POP3 greeting${login(spec.login)} of ${at(target)}${tls(spec.tls)}${within(spec)}`,
  imap: (spec, target) => `IMAP greeting${login(spec.login)} of ${at(target)}${tls(spec.tls)}${within(spec)}`,
  nntp: (spec, target) => `NNTP greeting of ${at(target)}${within(spec)}`,
  ldap,
  ftp: (spec, target) =>
    `FTP${login(spec.login ?? { user: 'anonymous', password: '' })} of ${at(target)}` +
    `${spec.file === undefined ? '' : `, RETR ${hideSecrets(spec.file)}`}${answer(spec.receive)}${within(spec)}`,
  mysql: (spec, target) => sql('MySQL', spec, target),
  pgsql: (spec, target) => sql('PostgreSQL', spec, target),
  oracle: (spec, target) => sql('Oracle', spec, target),
  redis: (spec, target) =>
    `Redis command ${hideRequestSecrets(spec.command.join(' '))} to ${at(target)}, database ${spec.database}` +
    `${spec.user === undefined ? '' : `, as ${spec.user}`}${spec.password === undefined ? '' : ', with a password'}` +
    `${answer(spec.receive)}${within(spec)}`,
  dns: (spec, target) =>
    `DNS question for the ${spec.type} records of ${spec.name} to ${at(target)} over ${spec.transport.toUpperCase()}` +
    `${answer(spec.receive)}${within(spec)}`,
  radius: (spec, target) => `RADIUS request for ${spec.login.user} to ${at(target)}${within(spec)}`,
  sip: (spec, target) =>
    `SIP OPTIONS for ${spec.user ?? 'ldirectord@ this host'} to ${at(target)} over ${spec.transport.toUpperCase()}${within(spec)}`,
  simpletcp,
};

function http(spec: HttpSpec, target: Target): string {
  const scheme = spec.tls === undefined ? 'http' : 'https';
  const absolute = !spec.request.startsWith('/');
  const url = absolute ? spec.request : `${scheme}://${at(target)}${spec.request}`;
  return (
    `${spec.method} ${hideSecrets(url)}${spec.proxy ? ` through the proxy ${at(target)}` : ''}` +
    `${spec.virtualHost === undefined ? '' : `, Host ${spec.virtualHost}`}${tls(spec.tls)}` +
    `; up when 2xx${spec.receive === undefined ? '' : ` with a body that matches ${pattern(spec.receive)}`}${within(spec)}`
  );
}

function ldap(spec: LdapSpec, target: Target): string {
  const entry = spec.base === '' ? 'the root entry' : `the entry ${hideSecrets(spec.base)}`;
  return (
    `LDAP ${spec.login === undefined ? 'anonymous bind' : `bind as ${spec.login.user}`} to ${at(target)}` +
    `${tls(spec.tls)}, ${entry}${answer(spec.receive)}${within(spec)}`
  );
}

function simpletcp(spec: SimpleTcpSpec, target: Target): string {
  const sent = spec.request === '' ? 'nothing' : JSON.stringify(hideRequestSecrets(spec.request));
  return `sends ${sent} to ${at(target)} over ${spec.transport.toUpperCase()}${answer(spec.receive)}${within(spec)}`;
}

function sql(what: string, spec: SqlSpec<'mysql' | 'pgsql' | 'oracle'>, target: Target): string {
  const database = spec.database === undefined ? '' : `, database ${spec.database}`;
  return (
    `${what} query ${hideSecrets(spec.query)} to ${at(target)}${database}, as ${spec.login.user}` +
    `; up when a row comes${within(spec)}`
  );
}

/** A ping has no port, and an answer from port 0 none that would be worth naming. */
function at({ address, port }: Target): string {
  return port === 0 ? formatHost(address) : formatEndpoint(address, port);
}

function within({ timeoutMs }: { timeoutMs: number }): string {
  return `, within ${timeoutMs / 1000} s`;
}

function login(account: Login | undefined): string {
  return account === undefined ? '' : ` and login as ${account.user}`;
}

function answer(wanted: Pattern | undefined): string {
  return wanted === undefined ? '' : `; the answer must match ${pattern(wanted)}`;
}

function pattern({ text }: Pattern): string {
  const hidden = hideSecrets(text);
  return hidden === '' ? 'anything' : `/${hidden}/`;
}

function tls(spec: TlsSpec | undefined): string {
  if (spec === undefined) return '';
  const certificate = spec.authorities === undefined ? 'any certificate' : `a certificate by ${spec.authorities.file}`;
  const name = spec.serverName === undefined ? '' : ` for ${spec.serverName}`;
  return `, ${spec.start === 'starttls' ? 'STARTTLS' : 'TLS'} with ${certificate}${name}`;
}
