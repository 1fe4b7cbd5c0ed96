// Draft + Config -> what a configuration means and where each value comes from, in its own syntax: read again it is the same configuration,
// but for secrets, which are masked. What was given stands there as it was written; what was not, as what holds instead.
import { defaultService } from './check-plan.ts';
import { checkWords } from './check-words.ts';
import type { Place } from './diagnostic.ts';
import { DIRECTIVES, type DirectiveName, directive, type Given, last } from './directives.ts';
import { splitLines } from './lines.ts';
import {
  type Config,
  DEFAULT_LOGFILE,
  type Fallback,
  formatEndpoint,
  formatHost,
  kernelPort,
  type Real,
  type Virtual,
  virtualName,
} from './model.ts';
import type { Draft, DraftVirtual } from './parse.ts';
import { HIDDEN, hideRequestSecrets, hideSecrets } from './secrets.ts';
import type { FallbackText, RealText } from './server-values.ts';
import { type ServiceName, serviceByPort, serviceOf } from './services.ts';

/** A value that holds. */
export interface Setting {
  readonly name: DirectiveName;
  /** As it is written behind `name =`. */
  readonly value: string;
  /** Where it comes from: "line 12", "global, line 3", "default", "port 80 means http". */
  readonly from: string;
}

export interface ExplainedReal extends Setting {
  /** Its check in words. */
  readonly check: string;
}

export interface ExplainedVirtual {
  readonly virtual: Setting;
  readonly settings: readonly Setting[];
  readonly reals: readonly ExplainedReal[];
  /** Directives that were not given and have no default that could be written. */
  readonly unset: readonly DirectiveName[];
}

export interface Explained {
  readonly globals: readonly Setting[];
  readonly unset: readonly DirectiveName[];
  readonly virtuals: readonly ExplainedVirtual[];
}

/** What holds without a directive, and why. */
interface Default {
  readonly value: string;
  readonly from: string;
}
const byDefault = (value: string): Default => ({ value, from: 'default' });

/** Explains `config`, which `draft` was resolved to, which `text` was parsed to. */
export function explain(text: string, draft: Draft, config: Config): Explained {
  const source = splitLines(text);
  const names = namesOf('global').filter((name) => name !== 'virtual' && name !== 'virtual6');
  const globals = names.flatMap((name) => {
    const given = (directive(name)?.repeatable ? draft.given[name] : draft.given[name]?.slice(-1)) ?? [];
    if (given.length === 0) return GLOBAL_DEFAULTS[name] ? [{ name, ...GLOBAL_DEFAULTS[name] }] : [];
    return given.map(({ place }) => ({ name, value: written(name, place, source), from: `line ${place.line}` }));
  });
  return {
    globals,
    unset: names.filter((name) => !globals.some((setting) => setting.name === name)),
    virtuals: config.virtuals.flatMap((virtual, index) => {
      const block = draft.virtuals[index];
      return block === undefined ? [] : [new BlockExplainer(source, draft.given, block, virtual).explain()];
    }),
  };
}

function namesOf(...scopes: readonly string[]): DirectiveName[] {
  return (Object.keys(DIRECTIVES) as DirectiveName[]).filter((name) => scopes.includes(DIRECTIVES[name].scope));
}

const GLOBAL_DEFAULTS: Readonly<Partial<Record<DirectiveName, Default>>> = {
  readdquiescent: byDefault('no'),
  autoreload: byDefault('no'),
  fork: byDefault('no'),
  supervised: byDefault('no'),
  logfile: byDefault(`"${DEFAULT_LOGFILE}"`),
  logformat: byDefault('classic'),
};

/** The value as it was written, without what may be a secret. */
function written(name: DirectiveName, place: Place, source: string[]) {
  const text = source[place.line - 1]?.slice(place.column - 1, place.column - 1 + place.length) ?? '';
  if (name === 'supervised' && text === name) return 'yes';
  if (directive(name)?.secret) return `"${HIDDEN}"`;
  const hidden = name === 'request' ? hideRequestSecrets(text) : hideSecrets(text);
  if (hidden === text) return text;
  // A pattern or command cut off in the middle might not be one any more.
  if (name === 'receive') return '".*"';
  if (!hidden.endsWith(HIDDEN)) return hidden;
  // Up to a quote, which would be open from there on.
  const [lead = ''] = /^"?[^"']*/.exec(hidden) ?? [];
  return `${lead.startsWith('"') ? '' : '"'}${lead.endsWith(HIDDEN) ? lead : lead + HIDDEN}"`;
}

/** Servers are not shown with the options, and two directives are only shown when somebody gave them. */
const SHOWN_APART: readonly DirectiveName[] = ['real', 'real6', 'fallback', 'fallback6'];
const SHOWN_WHEN_GIVEN: readonly DirectiveName[] = ['checkcount', 'load'];

class BlockExplainer {
  readonly #source: string[];
  readonly #globals: Given;
  readonly #block: DraftVirtual;
  readonly #virtual: Virtual;

  constructor(source: string[], globals: Given, block: DraftVirtual, virtual: Virtual) {
    this.#source = source;
    this.#globals = globals;
    this.#block = block;
    this.#virtual = virtual;
  }

  explain(): ExplainedVirtual {
    const names = namesOf('both', 'virtual').filter((name) => !SHOWN_APART.includes(name));
    const settings = [...names.flatMap((name) => this.#setting(name) ?? []), ...this.#fallback()];
    const fallback = this.#virtual.family === 6 ? 'fallback6' : 'fallback';
    return {
      virtual: this.#service(),
      settings,
      reals: this.#reals(),
      unset: [...names.filter((name) => !SHOWN_WHEN_GIVEN.includes(name)), fallback as DirectiveName].filter(
        (name) => !settings.some((setting) => setting.name === name),
      ),
    };
  }

  /** Where the value that counts was given; the block wins over the globals. */
  #given(name: DirectiveName): { place: Place; from: string } | undefined {
    const own = last(this.#block.given, name);
    if (own !== undefined) return { place: own.place, from: `line ${own.place.line}` };
    const global = DIRECTIVES[name].scope === 'both' ? last(this.#globals, name) : undefined;
    return global && { place: global.place, from: `global, line ${global.place.line}` };
  }

  #setting(name: DirectiveName): Setting | undefined {
    if (name === 'checktimeout' || name === 'negotiatetimeout') return this.#timeout(name);
    const given = this.#given(name);
    if (given === undefined) {
      const found = this.#default(name);
      return found && { name, ...found };
    }
    const value = written(name, given.place, this.#source);
    if (directive(name)?.secret) return { name, value, from: `${given.from}, not shown` };
    if (name === 'ops' && value.includes('yes') && !this.#virtual.onePacket)
      return { name, value: 'no', from: `${given.from} says yes, which is for udp only` };
    return { name, value, from: value.includes(HIDDEN) ? `${given.from}, not shown whole` : given.from };
  }

  /** The two time limits stand in for each other: the block's, then the globals'. */
  #timeout(name: 'checktimeout' | 'negotiatetimeout'): Setting {
    const other = name === 'checktimeout' ? 'negotiatetimeout' : 'checktimeout';
    for (const [given, where] of [
      [this.#block.given, ''],
      [this.#globals, 'global '],
    ] as const) {
      const own = last(given, name);
      if (own !== undefined) {
        const from = `${where === '' ? '' : 'global, '}line ${own.place.line}`;
        return { name, value: String(own.value), from };
      }
      const instead = last(given, other);
      if (instead !== undefined)
        return { name, value: String(instead.value), from: `as ${where}${other}, line ${instead.place.line}` };
    }
    return { name, ...byDefault(name === 'checktimeout' ? '5' : '30') };
  }

  #default(name: DirectiveName): Default | undefined {
    const { protocol, port, alerts } = this.#virtual;
    switch (name) {
      case 'checkinterval':
        return byDefault('10');
      case 'fastinterval':
        return { value: String(this.#virtual.fastIntervalMs / 1000), from: 'as checkinterval' };
      case 'failurecount':
        return byDefault('1');
      case 'tripwire':
      case 'flapdamping':
      case 'quiescent':
      case 'ops':
        return byDefault('no');
      case 'cleanstop':
        return byDefault('yes');
      case 'checktype':
        return byDefault('negotiate');
      case 'scheduler':
        return byDefault('wrr');
      case 'protocol':
        if (protocol === 'fwm') return { value: protocol, from: 'a firewall mark' };
        return protocol === 'udp' ? { value: protocol, from: 'port 53 means udp' } : byDefault(protocol);
      case 'service':
        if (protocol === 'fwm') return { value: 'none', from: 'default: a firewall mark names no service' };
        return serviceByPort(port) === undefined
          ? { value: 'none', from: `default: port ${port} is no service's usual one` }
          : { value: this.#serviceName(), from: `port ${port} means ${this.#serviceName()}` };
      case 'checkcommand':
        return /^external/.test(this.#checkType()) ? byDefault('"/bin/true"') : undefined;
      case 'emailalertfreq':
        return alerts.recipients.length > 0 ? byDefault('0') : undefined;
      case 'emailalertstatus':
        return alerts.recipients.length > 0 ? byDefault('all') : undefined;
      default:
        return this.#exchangeDefault(name);
    }
  }

  /** What a negotiate check asks when it is not told, where that can be written down for all servers of the block. */
  #exchangeDefault(name: DirectiveName): Default | undefined {
    const service = this.#serviceName();
    const reads: readonly string[] = serviceOf(service).options;
    if (!/^(negotiate|\d+)$/.test(this.#checkType()) || !reads.includes(name)) return undefined;
    const isHttp = service.startsWith('http');
    const isRedis = service === 'redis';
    if (name === 'request' && (isHttp || isRedis)) return byDefault(isHttp ? '"/"' : '"PING"');
    if (name === 'database' && isRedis) return byDefault('0');
    if (name === 'httpmethod') return byDefault('GET');
    return name === 'starttls' || name === 'sslverify' ? byDefault('no') : undefined;
  }

  #serviceName(): ServiceName {
    return last(this.#block.given, 'service')?.value ?? defaultService(this.#virtual);
  }

  #checkType(): string {
    return String(last(this.#block.given, 'checktype')?.value ?? 'negotiate');
  }

  #service(): Setting {
    const { address, place } = this.#block;
    const name = this.#virtual.family === 6 ? 'virtual6' : 'virtual';
    const notes = address.kind === 'mark' ? ['a firewall mark'] : nameNotes(address, this.#virtual.port);
    return { name, value: virtualName(this.#virtual), from: [`line ${place.line}`, ...notes].join(', ') };
  }

  #fallback(): Setting[] {
    const name = this.#virtual.family === 6 ? 'fallback6' : 'fallback';
    const given = this.#given(name);
    const { fallback } = this.#virtual;
    if (fallback === undefined || given === undefined) return [];
    const text: FallbackText | undefined = (last(this.#block.given, name) ?? last(this.#globals, name))?.value;
    const notes = text === undefined ? [] : nameNotes(text, fallback.port);
    if (text?.port === undefined && fallback.port !== 0) notes.push("the virtual's port");
    return [{ name, value: fallbackValue(fallback, this.#virtual), from: [given.from, ...notes].join(', ') }];
  }

  #reals(): ExplainedReal[] {
    const name = this.#virtual.family === 6 ? 'real6' : 'real';
    const texts = new Map(this.#block.given[name]?.map(({ value }): [number, RealText] => [value.spot.line, value]));
    return this.#virtual.reals.flatMap((real) => {
      const text = texts.get(real.line);
      if (text === undefined) return [];
      const from = [`line ${real.line}`, ...realNotes(real, text, this.#virtual)].join(', ');
      return [{ name, value: realValue(real, text), from, check: checkWords(real.check) }];
    });
  }
}

function fallbackValue({ address, port, forwarding }: Fallback, virtual: Virtual): string {
  const server = port === 0 && virtual.port === 0 ? formatHost(address) : formatEndpoint(address, port);
  return `${server} ${forwarding}`;
}

function realValue(
  { address, port, forwarding, weight, lowerThreshold, upperThreshold }: Real,
  text: RealText,
): string {
  const server = port === 0 ? formatHost(address) : formatEndpoint(address, port);
  const strings =
    text.request === undefined && text.receive === undefined
      ? []
      : [`"${hideRequestSecrets(text.request?.text ?? '')}","${hiddenPattern(text.receive?.text ?? '')}"`];
  const limits = upperThreshold > 0 ? [`l:${lowerThreshold}`, `u:${upperThreshold}`] : [];
  return [server, forwarding, weight, ...strings, ...limits].join(' ');
}

function hiddenPattern(text: string): string {
  return hideSecrets(text) === text ? text : '.*';
}

function realNotes(real: Real, text: RealText, virtual: Virtual): string[] {
  const notes = text.to === undefined ? nameNotes({ host: text.from, port: text.port }, real.port) : rangeNotes(text);
  if (real.port === 0) notes.push(virtual.port === 0 ? 'any port' : `port ${virtual.port} of the virtual`);
  const port = kernelPort(real, virtual);
  if (real.port !== 0 && port !== real.port)
    notes.push(`in the kernel port ${port}: ${real.forwarding} cannot change it`);
  if (!/^\S+\s+\S+\s+\d/.test(text.spot.text)) notes.push('default weight');
  return notes;
}

function rangeNotes({ from, to, port }: RealText): string[] {
  return [`of ${formatHost(from.text)}->${formatHost(to?.text ?? '')}${port === undefined ? '' : `:${port.text}`}`];
}

/** What was looked up: host and service names. */
function nameNotes({ host, port }: Pick<FallbackText, 'host' | 'port'>, number: number): string[] {
  return [
    ...(host.literal === undefined ? [`${host.text} looked up`] : []),
    ...(port === undefined || /^\d+$/.test(port.text) ? [] : [`${port.text} is port ${number}`]),
  ];
}
