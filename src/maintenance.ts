// Servers that an administrator takes out of service with a file: maintenancedir. The file's name says which.
import { isIP, isIPv6 } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { canonicalIPv6 } from './config/address.ts';
import { type Config, formatHost, kernelPort, type Real, type Virtual, virtualName } from './config/model.ts';
import { messageOf } from './errors.ts';
import { type HeldDown, memberKey, serverName } from './ipvs/desired.ts';
import type { Logger } from './log.ts';
import type { Member } from './observer.ts';
import { ReverseNames } from './reverse-names.ts';
import { DirectoryWatch, type Reading } from './system/directory-watch.ts';

/** How long a start or a reload waits for the names of servers when there are files that name hosts. */
const NAMES_MS = 5_000;
/**
 * How long the files of a directory that is gone still count: somebody may be putting another one in its place, and nobody
 * wants a server that is being worked on back in service for that moment.
 */
const REPLACING_MS = 3_000;

export interface MaintenanceParts {
  /** The names of an address; none when it has none. Rejects when that cannot be found out. Asked only for files that name a host. */
  readonly reverse: (address: string) => Promise<readonly string[]>;
  readonly log: () => Logger;
  /** After servers of the configuration that is followed have gone into maintenance or come out of it. */
  readonly onChange: () => void;
  /** Default 1000. */
  readonly pollMs?: number;
  /** Default 3000. */
  readonly replacingMs?: number;
}

export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #names: ReverseNames;
  #files: Files | undefined;
  /** The configuration's servers by address. */
  #members: ReadonlyMap<string, readonly Member[]> = new Map();
  /** The last reason of each server in maintenance, by member key. */
  readonly #told = new Map<string, string>();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
    this.#names = new ReverseNames({
      reverse: parts.reverse,
      onNames: (address) => this.#judge(this.#members.get(address) ?? []),
      onTrouble: (address, error) =>
        parts
          .log()
          .warn(
            `The name of ${address} cannot be looked up, so a file with its name has no effect: ${messageOf(error)}`,
          ),
    });
  }

  /**
   * Goes over to the directory and the servers of a configuration; resolves when it is known who is in maintenance, or when that
   * could not be found out within some seconds. Until the directory has been read the one before counts.
   */
  async follow(config: Config): Promise<void> {
    const directory = config.maintenanceDir;
    if (directory !== this.#files?.directory) await this.#goOverTo(directory);
    this.#members = membersByAddress(config);
    const keys = new Set([...this.#members.values()].flat().map(({ virtual, real }) => memberKey(virtual, real)));
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
    this.#onFiles();
    // Else a server would be in service from its first check until its name is known.
    await this.#namesAreKnown();
  }

  /** Why a server is in maintenance: `file web1:80 in /etc/ha.d/maintenance`. Undefined when it is not. */
  reasonFor(virtual: Virtual, real: Real): string | undefined {
    const files = this.#files;
    if (files === undefined || files.isEmpty) return undefined;
    for (const host of [formatHost(real.address), ...hostNames(this.#names.of(real.address))]) {
      for (const name of [...portsOf(virtual, real).map((port) => `${host}:${port}`), host]) {
        const file = files.named(name);
        if (file !== undefined) return `file ${file} in ${files.directory}`;
      }
    }
    return undefined;
  }

  /** The same as a reason that stands by itself. */
  readonly holdsDown: HeldDown = (virtual, real) => {
    const reason = this.reasonFor(virtual, real);
    return reason && `maintenance: ${reason}`;
  };

  close(): void {
    this.#files?.close();
    this.#names.close();
  }

  async #goOverTo(directory: string | undefined): Promise<void> {
    const next =
      directory === undefined
        ? undefined
        : new Files(directory, this.#parts, () => this.#files === next && this.#onFiles());
    await next?.start();
    this.#files?.close();
    this.#files = next;
  }

  async #namesAreKnown(): Promise<void> {
    const known = new AbortController();
    const limit = pause(NAMES_MS, undefined, { signal: known.signal }).catch(() => {});
    await Promise.race([this.#names.settled(), limit]);
    known.abort();
  }

  #onFiles(): void {
    this.#names.want(this.#files?.nameHosts ? new Set(this.#members.keys()) : new Set());
    this.#judge([...this.#members.values()].flat());
  }

  #judge(members: readonly Member[]): void {
    let changed = false;
    for (const member of members) {
      const key = memberKey(member.virtual, member.real);
      const reason = this.reasonFor(member.virtual, member.real);
      const wasIn = this.#told.has(key);
      if (reason === undefined) this.#told.delete(key);
      else this.#told.set(key, reason);
      if (wasIn === (reason !== undefined)) continue;
      changed = true;
      const real = serverName(member.virtual, member.real);
      const virtual = virtualName(member.virtual);
      this.#parts
        .log()
        .info(
          reason === undefined
            ? `Real server ${real} (${virtual}) is out of maintenance: its checks decide again`
            : `Real server ${real} (${virtual}) is in maintenance: ${reason}`,
          { real, virtual, ...(reason === undefined ? {} : { reason }) },
        );
    }
    if (changed) this.#parts.onChange();
  }
}

/** The files of one directory, as far as it can be read. */
class Files {
  readonly directory: string;
  readonly #parts: MaintenanceParts;
  readonly #onChange: () => void;
  readonly #watch: DirectoryWatch;
  /** Names as written by what they mean. */
  #names: ReadonlyMap<string, string> = new Map();
  #trouble: string | undefined;
  #goneSince: number | undefined;
  #hasBeenRead = false;

  constructor(directory: string, parts: MaintenanceParts, onChange: () => void) {
    this.directory = directory;
    this.#parts = parts;
    this.#onChange = onChange;
    this.#watch = new DirectoryWatch({
      directory,
      onReading: (reading) => this.#onReading(reading),
      ...(parts.pollMs === undefined ? {} : { pollMs: parts.pollMs }),
    });
  }

  start(): Promise<void> {
    return this.#watch.start();
  }

  close(): void {
    this.#watch.close();
  }

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Whether any of them may be the name of a host. */
  get nameHosts(): boolean {
    return [...this.#names.keys()].some(namesHost);
  }

  /** The file with this name, as it is written; IPv6 addresses and host names may be written in any way. */
  named(name: string): string | undefined {
    return this.#names.get(name);
  }

  #onReading(reading: Reading): void {
    if ('names' in reading) {
      this.#goneSince = undefined;
      this.#tellTrouble(undefined);
      this.#become(reading.names);
    } else {
      const { code, message } = reading.error;
      if (code === 'ENOENT') this.#onGone('does not exist');
      else if (code === 'ENOTDIR') this.#onGone('is not a directory');
      else {
        // Nobody knows what is in it: who was in maintenance stays so.
        this.#goneSince = undefined;
        this.#tellTrouble(`cannot be read, so nobody goes into maintenance or comes out of it: ${message}`);
      }
    }
    this.#hasBeenRead = true;
  }

  /** As in ldirectord nobody is in maintenance then: there is no file. */
  #onGone(what: string): void {
    this.#goneSince ??= performance.now();
    if (!this.isEmpty && performance.now() - this.#goneSince < (this.#parts.replacingMs ?? REPLACING_MS)) return;
    const trouble = `${what}, so no server is in maintenance`;
    // Of one that is not there from the beginning, load.ts has warned.
    if (this.#hasBeenRead) this.#tellTrouble(trouble);
    else this.#trouble = trouble;
    this.#become([]);
  }

  #tellTrouble(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    if (trouble === undefined) this.#parts.log().info(`The maintenance directory ${this.directory} can be read again`);
    else this.#parts.log().warn(`The maintenance directory ${this.directory} ${trouble}`);
  }

  #become(names: readonly string[]): void {
    if (names.length === 0 && this.isEmpty) return;
    this.#names = new Map(names.map((name) => [meaning(name), name]));
    this.#onChange();
  }
}

function membersByAddress({ virtuals }: Config): Map<string, Member[]> {
  const found = new Map<string, Member[]>();
  for (const virtual of virtuals) {
    for (const real of virtual.reals) {
      const others = found.get(real.address);
      if (others === undefined) found.set(real.address, [{ virtual, real }]);
      else others.push({ virtual, real });
    }
  }
  return found;
}

/** What is compared: lower case, and an IPv6 address as it is usually written, in brackets. */
function meaning(name: string): string {
  const lower = name.toLowerCase();
  if (!lower.includes(':')) return lower;
  const [, bracketed, rest = ''] = /^\[([^\]%]+)\](.*)$/.exec(lower) ?? [];
  const address = bracketed ?? lower;
  return isIPv6(address) && !address.includes('%') ? `${formatHost(canonicalIPv6(address))}${rest}` : lower;
}

/** Whether what a file's name means is a host's name, with or without a port; one with a dot before it is none. */
function namesHost(name: string): boolean {
  return /^[a-z0-9_][a-z0-9_.-]*(:\d+)?$/.test(name) && isIP(name.replace(/:.*/, '')) === 0;
}

/** Each name, and what of it comes before its first dot. What looks like an address is not taken for a name. */
function hostNames(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const short = name.split('.', 1)[0] ?? '';
    return isIP(name) !== 0 ? [] : short === '' || short === name ? [name] : [name, short];
  });
}

/** The port as configured; where none is, the one that the kernel knows will do as well. */
function portsOf(virtual: Virtual, real: Real): number[] {
  return real.port === 0 ? [0, kernelPort(real, virtual)] : [real.port];
}
