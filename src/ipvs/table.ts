// The kernel's table as data: services, their destinations, and when two of them are the same or equal.
import type { Family, Forwarding, Virtual } from '../config/model.ts';
import { formatEndpoint, virtualKey } from '../config/model.ts';

/** A destination of a service. The kernel calls a destination on the director itself `local`, whatever was asked for. */
export interface Destination {
  readonly address: string;
  readonly port: number;
  readonly forwarding: Forwarding | 'local';
  /** 0 takes no new connections. */
  readonly weight: number;
  /** Connection counts (ipvsadm -y and -x); 0 is no limit. */
  readonly lowerThreshold: number;
  readonly upperThreshold: number;
}

/** What identifies a service. */
export type ServiceId = Pick<Virtual, 'protocol' | 'family' | 'address' | 'port' | 'mark'>;

/** A service without its destinations. */
export interface ServiceOptions {
  readonly scheduler: string;
  /** Kernel names (flag-1…flag-3), sorted. */
  readonly flags: readonly string[];
  /** Seconds; 0 is not persistent. */
  readonly persistentSeconds: number;
  /** Dotted quad or prefix length; absent when each client stands for itself. */
  readonly netmask?: string;
  readonly onePacket: boolean;
  /** Persistence engine (ipvsadm --pe); we never set one, and never touch services that have one unless they are ours. */
  readonly persistenceEngine?: string;
}

export interface Service extends ServiceId, ServiceOptions {
  readonly destinations: ReadonlyMap<string, Destination>;
}

/** Services by `serviceKey`. */
export type Table = ReadonlyMap<string, Service>;

export const EMPTY_TABLE: Table = new Map();

/** Identity of a service. */
export function serviceKey(id: ServiceId): string {
  return virtualKey(id);
}

/** Identity of a destination within its service. */
export function destinationKey(destination: Pick<Destination, 'address' | 'port'>): string {
  return formatEndpoint(destination.address, destination.port);
}

/** Whether two services have the same options; destinations do not count. */
export function sameOptions(a: ServiceOptions, b: ServiceOptions): boolean {
  return (
    a.scheduler === b.scheduler &&
    listedFlags(a).join() === listedFlags(b).join() &&
    a.persistentSeconds === b.persistentSeconds &&
    // Without persistence the kernel keeps no netmask worth comparing.
    (a.persistentSeconds === 0 || a.netmask === b.netmask) &&
    a.onePacket === b.onePacket
  );
}

/** Whether two destinations of one identity are equal. */
export function sameDestination(a: Destination, b: Destination): boolean {
  return (
    (a.forwarding === b.forwarding || a.forwarding === 'local' || b.forwarding === 'local') &&
    a.weight === b.weight &&
    a.lowerThreshold === b.lowerThreshold &&
    a.upperThreshold === b.upperThreshold
  );
}

/** Flags 1 and 2 have names of their own under two schedulers; the kernel knows only numbers. */
export function kernelFlags(flags: readonly string[]): string[] {
  const numbered = flags.map((flag) => flag.replace(/^[sm]h-fallback$/, 'flag-1').replace(/^[sm]h-port$/, 'flag-2'));
  return [...new Set(numbered)].sort();
}

/** The flags as listings name them; flag 3 means nothing to sh and mh, and is never shown. */
export function listedFlags({ scheduler, flags }: Pick<ServiceOptions, 'scheduler' | 'flags'>): string[] {
  if (!/^[sm]h$/.test(scheduler)) return [...flags];
  const names: Readonly<Record<string, string>> = { 'flag-1': `${scheduler}-fallback`, 'flag-2': `${scheduler}-port` };
  return flags.flatMap((flag) => names[flag] ?? []);
}

/** The netmask that says nothing: every bit counts. */
export function isFullMask(netmask: string, family: Family): boolean {
  return netmask === (family === 4 ? '255.255.255.255' : '128');
}
