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

/** One HTTP exchange, redirects included. */
export interface HttpSpec {
  readonly kind: 'http';
  readonly tls: boolean;
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

/** `connects` connect checks between one negotiate check and the next (checktype = N). */
export interface CombinedSpec {
  readonly kind: 'combined';
  readonly connects: number;
  readonly connect: ConnectSpec | PingSpec;
  readonly negotiate: HttpSpec | ConnectSpec | PingSpec | ConstantSpec;
}

/** Never asks anybody: `on` (and service none) is always up, `off` never is. */
export interface ConstantSpec {
  readonly kind: 'on' | 'off';
}

/** Every check that does something on the wire, by its kind. A kind without a check in checks/ does not compile. */
export interface CheckSpecs {
  readonly connect: ConnectSpec;
  readonly ping: PingSpec;
  readonly external: ExternalSpec;
  readonly http: HttpSpec;
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
