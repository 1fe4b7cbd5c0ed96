// What a configuration means once it is understood: every default filled in, every name resolved, every check spelled out.
import type { Pattern } from './perl-regex.ts';

/** IP version of an address, or of the traffic that carries a firewall mark. */
export type Family = 4 | 6;

/** How packets reach a real server: direct routing, masquerading (NAT) or an IP-in-IP tunnel. */
export type Forwarding = 'gate' | 'masq' | 'ipip';

/** `fwm` is a service selected by firewall mark instead of address and port. */
export type Protocol = 'tcp' | 'udp' | 'fwm';

/** The peer of a check. The address is canonical text, IPv6 without brackets. */
export interface Target {
  readonly address: string;
  readonly family: Family;
  readonly port: number;
}

/** TCP connection accepted, and closed again. */
export interface ConnectSpec {
  readonly kind: 'connect';
  readonly timeoutMs: number;
}

/** ICMP echo answered; also what `connect` means for UDP. */
export interface PingSpec {
  readonly kind: 'ping';
  /** Time allowed for each attempt. */
  readonly timeoutMs: number;
  /** Attempts before the server counts as down (checkcount). */
  readonly attempts: number;
}

/** A command whose exit status 0 means up; it gets the virtual's address or mark and port, and the real's address and port. */
export interface ExternalSpec {
  readonly kind: 'external';
  /** Program, then its own arguments, then the four of the contract. */
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/** Certificates of authorities, read from one PEM file when the configuration was. */
export class Authorities {
  /** As it was named, for messages. */
  readonly file: string;
  readonly #pem: string;
  readonly #digest: string;

  /** @param digest tells this text from any other */
  constructor(file: string, pem: string, digest: string) {
    this.file = file;
    this.#pem = pem;
    this.#digest = digest;
  }

  get pem(): string {
    return this.#pem;
  }

  /** Stands for the whole text wherever checks are compared: the same file with new certificates makes another check. */
  toJSON(): { file: string; digest: string } {
    return { file: this.file, digest: this.#digest };
  }
}

/** How a check speaks TLS. */
export interface TlsSpec {
  /** From the first byte on, or after the protocol's own STARTTLS. */
  readonly start: 'at once' | 'starttls';
  /** Whose certificates are accepted; anybody's when absent, as ldirectord does it. */
  readonly authorities?: Authorities;
  /** Sent as SNI, and the name that a verified certificate must bear. When absent: no SNI, and the target's address. */
  readonly serverName?: string;
}

/** An account to log in with. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** What carries a protocol that can be spoken over either. */
export type Transport = 'tcp' | 'udp';

/** One HTTP exchange, redirects included. */
export interface HttpSpec {
  readonly kind: 'http';
  /** Its serverName is there only when it is not the one that `virtualHost` gives. */
  readonly tls?: TlsSpec;
  /** The real server is a proxy: ask it for `request` in absolute form. */
  readonly proxy: boolean;
  readonly method: 'GET' | 'HEAD';
  /** A path with a leading slash, or an absolute URL (always so for a proxy; else it replaces the target's address and port). */
  readonly request: string;
  /** Host header and TLS server name; the target's address (or the URL's host) when absent. */
  readonly virtualHost?: string;
  /** What the body must match; any 2xx answer is enough when absent. */
  readonly receive?: Pattern;
  readonly timeoutMs: number;
}

/** SMTP greeting and EHLO (or HELO) answered with 2xx. */
export interface SmtpSpec {
  readonly kind: 'smtp';
  readonly tls?: TlsSpec;
  readonly timeoutMs: number;
}

/** POP3 or IMAP greeting, and a login that succeeds when there is one. */
export interface MailboxSpec<K extends 'pop' | 'imap'> {
  readonly kind: K;
  readonly tls?: TlsSpec;
  readonly login?: Login;
  readonly timeoutMs: number;
}

/** NNTP greeting that begins with 2. */
export interface NntpSpec {
  readonly kind: 'nntp';
  readonly timeoutMs: number;
}

/** LDAP bind, then a search of exactly one entry by its DN. */
export interface LdapSpec {
  readonly kind: 'ldap';
  readonly tls?: TlsSpec;
  /** Bind DN and password; anonymous when absent. */
  readonly login?: Login;
  /** DN of the entry to find; empty for the root DSE. */
  readonly base: string;
  /** What the found DN must match. */
  readonly receive?: Pattern;
  readonly timeoutMs: number;
}

/** FTP login, then a file fetched in passive mode when one is named. */
export interface FtpSpec {
  readonly kind: 'ftp';
  /** Anonymous when absent. */
  readonly login?: Login;
  /** Path of the file to fetch; logging in is enough when absent. */
  readonly file?: string;
  /** What the file must match. */
  readonly receive?: Pattern;
  readonly timeoutMs: number;
}

/** An SQL query that must return at least one row. */
export interface SqlSpec<K extends 'mysql' | 'pgsql' | 'oracle'> {
  readonly kind: K;
  readonly login: Login;
  /** Oracle: the SID. */
  readonly database?: string;
  readonly query: string;
  readonly timeoutMs: number;
}

/** A Redis command whose answer decides. */
export interface RedisSpec {
  readonly kind: 'redis';
  /** The command's words. */
  readonly command: readonly string[];
  /** What the answer must match; any answer but an error or nil is enough when absent. */
  readonly receive?: Pattern;
  /** ACL user; the default user when absent. */
  readonly user?: string;
  readonly password?: string;
  readonly database: number;
  readonly timeoutMs: number;
}

/** A DNS question for a name's A records or an address's PTR record. */
export interface DnsSpec {
  readonly kind: 'dns';
  readonly transport: Transport;
  readonly type: 'A' | 'PTR';
  /** The name asked for, as it goes on the wire: `www.example.com`, `9.113.0.203.in-addr.arpa`. */
  readonly name: string;
  /** What one of the answer's addresses or names must match; any record of the type is enough when absent. */
  readonly receive?: Pattern;
  readonly timeoutMs: number;
}

/** RADIUS Access-Request (PAP) answered with Access-Accept. */
export interface RadiusSpec {
  readonly kind: 'radius';
  readonly login: Login;
  /** Shared secret. */
  readonly secret: string;
  readonly timeoutMs: number;
}

/** SIP OPTIONS answered with 200. */
export interface SipSpec {
  readonly kind: 'sip';
  readonly transport: Transport;
  /** `user@host` of the addresses in the request; ldirectord@ this host when absent. */
  readonly user?: string;
  readonly timeoutMs: number;
}

/** A text sent, and an answer awaited. */
export interface SimpleTcpSpec {
  readonly kind: 'simpletcp';
  readonly transport: Transport;
  /** What is sent; may be empty. */
  readonly request: string;
  /** What a line of the answer must match; any byte is enough when absent. */
  readonly receive?: Pattern;
  readonly timeoutMs: number;
}

/** Everything that `checktype = negotiate` can mean, by its kind. */
export interface NegotiateSpecs {
  readonly dns: DnsSpec;
  readonly ftp: FtpSpec;
  readonly http: HttpSpec;
  readonly imap: MailboxSpec<'imap'>;
  readonly ldap: LdapSpec;
  readonly mysql: SqlSpec<'mysql'>;
  readonly nntp: NntpSpec;
  readonly oracle: SqlSpec<'oracle'>;
  readonly pgsql: SqlSpec<'pgsql'>;
  readonly pop: MailboxSpec<'pop'>;
  readonly radius: RadiusSpec;
  readonly redis: RedisSpec;
  readonly simpletcp: SimpleTcpSpec;
  readonly sip: SipSpec;
  readonly smtp: SmtpSpec;
}
export type NegotiateSpec = NegotiateSpecs[keyof NegotiateSpecs];

/** `connects` connect checks between one negotiate check and the next (checktype = N). */
export interface CombinedSpec {
  readonly kind: 'combined';
  readonly connects: number;
  readonly connect: ConnectSpec | PingSpec;
  readonly negotiate: NegotiateSpec | ConstantSpec;
}

/** Never asks anybody: `on` (and service none) is always up, `off` never is. */
export interface ConstantSpec {
  readonly kind: 'on' | 'off';
}

/** Every check that does something on the wire, by its kind. A kind without a check in checks/ does not compile. */
export interface CheckSpecs extends NegotiateSpecs {
  readonly connect: ConnectSpec;
  readonly ping: PingSpec;
  readonly external: ExternalSpec;
  readonly combined: CombinedSpec;
}
export type CheckKind = keyof CheckSpecs;
export type CheckSpec = CheckSpecs[CheckKind] | ConstantSpec;

/** A check and whom it is made of: two that are equal here are one check on the wire. */
export interface CheckPlan {
  readonly target: Target;
  readonly spec: CheckSpec;
}

/** A real server of one virtual service. */
export interface Real {
  /** Line of the `real=` directive it came from. */
  readonly line: number;
  readonly address: string;
  readonly family: Family;
  /** As configured; 0 when the directive names none (the kernel then uses the virtual's). */
  readonly port: number;
  readonly forwarding: Forwarding;
  readonly weight: number;
  /** Connection counts between which a server is overloaded (u:) and taken back (l:); 0 is no limit. */
  readonly lowerThreshold: number;
  readonly upperThreshold: number;
  readonly check: CheckPlan;
  /** What lines of the virtual's monitorfile say of it; absent when there is none. */
  readonly monitorWords?: string;
}

/** Where traffic goes while no real server is up. */
export interface Fallback {
  readonly address: string;
  readonly family: Family;
  readonly port: number;
  readonly forwarding: Forwarding;
}

export const ALERT_STATES = ['starting', 'running', 'stopping', 'reloading'] as const;
export type AlertState = (typeof ALERT_STATES)[number];

/** Who is told about a virtual's changes by mail, and when. */
export interface Alerts {
  readonly recipients: readonly string[];
  /** Seconds between repeats while a server is down; 0 is no repeats. */
  readonly repeatSeconds: number;
  readonly states: readonly AlertState[];
  readonly smtpServer?: string;
}

/** A virtual service and its real servers. */
export interface Virtual {
  readonly line: number;
  readonly family: Family;
  readonly protocol: Protocol;
  /** Empty for a firewall mark. */
  readonly address: string;
  /** 0 for a firewall mark. */
  readonly port: number;
  /** 0 unless protocol is `fwm`. */
  readonly mark: number;
  readonly scheduler: string;
  readonly schedulerFlags: readonly string[];
  /** Persistence timeout in seconds; 0 is not persistent. */
  readonly persistentSeconds: number;
  /** Dotted quad (IPv4) or prefix length (IPv6) that groups persistent clients. */
  readonly netmask?: string;
  readonly onePacket: boolean;
  readonly reals: readonly Real[];
  readonly fallback?: Fallback;
  readonly fallbackCommand?: readonly string[];
  readonly quiescent: boolean;
  readonly cleanStop: boolean;
  readonly failureCount: number;
  readonly checkIntervalMs: number;
  /** The interval while failures are counted that do not make a server down yet; never more than checkIntervalMs. */
  readonly fastIntervalMs: number;
  /** Whether an idle connection to each server tells of its end before the next check does. */
  readonly tripwire: boolean;
  /** Whether a server that keeps going down again must pass more and more checks in a row before it comes back. */
  readonly flapDamping: boolean;
  readonly monitorFile?: string;
  readonly serviceName?: string;
  readonly comment?: string;
  readonly alerts: Alerts;
}

/** Where log lines go. */
export type LogTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'syslog'; readonly facility: string };

/** Where log lines go when the configuration does not say. */
export const DEFAULT_LOGFILE = '/var/log/ldirectord.log';

/** The kernel's synchronisation of connections: over which network interface, and under which number (0 to 255). */
export interface SyncDaemon {
  readonly interface: string;
  readonly syncId: number;
}

/** Where the status page is served. */
export type StatusListen =
  | { readonly kind: 'tcp'; readonly address: string; readonly family: Family; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Whether only this machine can reach it. */
export function isLocal(listen: StatusListen): boolean {
  return listen.kind === 'unix' || listen.address.startsWith('127.') || listen.address === '::1';
}

/** A whole configuration. */
export interface Config {
  readonly virtuals: readonly Virtual[];
  readonly log: LogTarget;
  readonly logFormat: 'classic' | 'json';
  readonly readdQuiescent: boolean;
  readonly autoReload: boolean;
  readonly callback?: string;
  /** Other configurations to run beside this one. */
  readonly execute: readonly string[];
  readonly supervised: boolean;
  readonly alertsFrom?: string;
  readonly maintenanceDir?: string;
  readonly syncDaemon?: SyncDaemon;
  /** The status page is off when absent. */
  readonly statusListen?: StatusListen;
  /** Absolute path of the file with the token. */
  readonly statusToken?: string;
}

/** An address as people write it beside a port: brackets round IPv6. */
export function formatHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** An address and port as people write them. */
export function formatEndpoint(address: string, port: number): string {
  return `${formatHost(address)}:${port}`;
}

/** A virtual's name in logs and messages, as ldirectord writes it: `10.0.0.1:80`, `[2001:db8::1]:80`, or the bare mark. */
export function virtualName(virtual: Pick<Virtual, 'protocol' | 'address' | 'port' | 'mark'>): string {
  return virtual.protocol === 'fwm' ? String(virtual.mark) : formatEndpoint(virtual.address, virtual.port);
}

/** What tells one virtual from another: protocol with address and port, or family with mark. */
export function virtualKey(virtual: Pick<Virtual, 'protocol' | 'family' | 'address' | 'port' | 'mark'>): string {
  return virtual.protocol === 'fwm'
    ? `fwm${virtual.family === 6 ? '6' : ''}:${virtual.mark}`
    : `${virtual.protocol}:${formatEndpoint(virtual.address, virtual.port)}`;
}

/** Equal for two checks exactly when one outcome serves both: everything in a plan changes the outcome, so all of it counts. */
export function checkKey(plan: CheckPlan): string {
  return JSON.stringify([plan.target, plan.spec]);
}

/** The port under which the kernel knows a server: only masquerading, and marks, keep the server's own. */
export function kernelPort(
  server: { readonly port: number; readonly forwarding: Real['forwarding'] },
  virtual: Pick<Virtual, 'protocol' | 'port'>,
): number {
  if (virtual.protocol === 'fwm') return server.port;
  return server.forwarding === 'masq' && server.port !== 0 ? server.port : virtual.port;
}
