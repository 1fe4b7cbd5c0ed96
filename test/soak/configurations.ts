// The configurations that the daemon is reloaded with: each a little different from the one before it, some of them broken.
import { directorConfig, numbered, type Site, type SiteVirtual } from '../../bench/sites.ts';
import type { Chances } from './chances.ts';

const VIRTUALS = 200;
const SERVERS_EACH = 10;
/** Every so many-th is broken. */
const BROKEN_EVERY = 4;
/** Every so many-th visitor fails from its first check on. */
const FAILING_EVERY = 3;
const MOST_WEIGHT = 9;

/** What makes a good configuration one that must be refused. */
export const BREAKS: readonly ((text: string) => string)[] = [
  (text) => text.slice(0, text.lastIndexOf('.')),
  (text) => text.replace(/checkinterval = \d+/, 'checkinterval = soon'),
  (text) => text.replaceAll(/^virtual = .*$/gm, 'virtual = nowhere'),
  (text) => `${text}\tscheduler\n`,
  (text) => Buffer.from(text).reverse().toString('latin1'),
];

export interface ConfigurationsOptions {
  readonly chances: Chances;
  /** Of the servers. */
  readonly port: number;
  readonly intervalS: number;
  readonly timeoutS: number;
  /** Lines before the virtual services. */
  readonly further: readonly string[];
}

export interface Configuration {
  readonly text: string;
  readonly isBroken: boolean;
  /** A server that is there from this one to the next good one only; and whether it fails. */
  readonly visitor?: { readonly address: string; readonly fails: boolean };
}

export class Configurations {
  readonly #options: ConfigurationsOptions;
  readonly #resident: Site;
  readonly #weights = new Map<string, number>();
  #site: Site;
  #reloads = 0;
  #visitors = 0;
  /** By address: the servers that there are or have been, as log lines name them. */
  readonly names = new Map<string, string>();

  constructor(options: ConfigurationsOptions) {
    const { port, intervalS, timeoutS } = options;
    this.#options = options;
    const virtuals = numbered(
      VIRTUALS,
      SERVERS_EACH,
      (virtual) => `10.9.0.${1 + virtual}:${port}`,
      (virtual, server) => `127.1.${virtual}.${1 + server}`,
    );
    this.#resident = { virtuals, port, intervalS, timeoutS, check: 'http', weights: this.#weights };
    this.#site = this.#resident;
    for (const { name, servers } of virtuals) for (const address of servers) this.#name(address, name);
  }

  /** Addresses of the servers that are in all of them. */
  get residents(): string[] {
    return this.#resident.virtuals.flatMap(({ servers }) => [...servers]);
  }

  /** The last good one. */
  get site(): Site {
    return this.#site;
  }

  get text(): string {
    return directorConfig(this.#site, this.#options.further);
  }

  /** `withVisitor`: not only a weight changes, but a server comes, and the one that came last is gone. */
  next(withVisitor = true): Configuration {
    const { chances } = this.#options;
    this.#reloads++;
    if (this.#reloads % BROKEN_EVERY === 0) return { text: chances.pick(BREAKS)(this.text), isBroken: true };
    this.#weights.set(chances.pick(this.residents), chances.between(1, MOST_WEIGHT));
    if (!withVisitor) return { text: this.text, isBroken: false };
    const address = `127.2.${this.#visitors >> 8}.${this.#visitors & 255}`;
    const host = chances.pick(this.#resident.virtuals);
    this.#name(address, host.name);
    this.#site = {
      ...this.#resident,
      virtuals: this.#resident.virtuals.map((each) => withServer(each, host, address)),
    };
    return { text: this.text, isBroken: false, visitor: { address, fails: ++this.#visitors % FAILING_EVERY === 0 } };
  }

  #name(address: string, virtual: string): void {
    this.names.set(address, `${address}:${this.#options.port} (${virtual})`);
  }
}

function withServer(virtual: SiteVirtual, host: SiteVirtual, address: string): SiteVirtual {
  return virtual === host ? { ...virtual, servers: [...virtual.servers, address] } : virtual;
}
