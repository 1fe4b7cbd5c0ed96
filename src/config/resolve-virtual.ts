// One virtual block + names -> Virtual: defaults filled in, names replaced by addresses, ranges of servers spread out.
import { addressToNumber, type HostText, numberToAddress } from './address.ts';
import { type CheckSettings, checkPlan, defaultService } from './check-plan.ts';
import { collect, type Diagnostic, errorAt, Problem, type Spot, warningAt } from './diagnostic.ts';
import { type DirectiveName, type Given, type Located, last, type ValueOf } from './directives.ts';
import {
  ALERT_STATES,
  type Authorities,
  type CheckSpec,
  type Fallback,
  type Family,
  formatEndpoint,
  formatHost,
  kernelPort,
  type Real,
  type Target,
  type Virtual,
} from './model.ts';
import { monitorWords } from './monitor-words.ts';
import type { Names } from './names.ts';
import { serverNameOf } from './negotiate.ts';
import type { DraftVirtual } from './parse.ts';
import type { FallbackText, RealText } from './server-values.ts';
import { SERVICE_NAMES, SERVICE_OPTIONS, serviceOf } from './services.ts';
import { tcpTarget } from './tcp-target.ts';
import { schedulerWarning, virtualOptions } from './virtual-options.ts';

/** A range of more servers than this is taken for a mistake. */
const MAX_RANGE = 65_536n;

/** Checks that need no port. */
const PORTLESS: readonly CheckSpec['kind'][] = ['ping', 'external', 'on', 'off'];

/** The property with its value, or nothing: optional properties are absent, never undefined. */
export function present<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}

/** One virtual block on its way to a Virtual. */
export class BlockResolver {
  readonly #globals: Given;
  readonly #block: DraftVirtual;
  readonly #names: Names;
  readonly #diagnostics: Diagnostic[];

  constructor(globals: Given, block: DraftVirtual, names: Names, diagnostics: Diagnostic[]) {
    this.#globals = globals;
    this.#block = block;
    this.#names = names;
    this.#diagnostics = diagnostics;
  }

  /** The last value in the block. */
  #own<K extends DirectiveName>(name: K): Located<ValueOf<K>> | undefined {
    return last(this.#block.given, name);
  }

  /** The block's value, else the global one. */
  #value<K extends DirectiveName>(name: K): ValueOf<K> | undefined {
    return this.#own(name)?.value ?? last(this.#globals, name)?.value;
  }

  #warn(place: Spot | Located<unknown>['place'], message: string, hint: string): void {
    this.#diagnostics.push(warningAt(place, message, hint));
  }

  /** Undefined when its own line is wrong; the rest of the block is looked through all the same. */
  virtual(): Virtual | undefined {
    const { given, place } = this.#block;
    const known = collect(this.#diagnostics, () => this.#service());
    const service = known ?? this.#standIn();
    const settings = this.#checkSettings(service);
    const reals = this.#reals(service, settings);
    const fallback = collect(this.#diagnostics, () => this.#fallback(service));
    const options = collect(this.#diagnostics, () => virtualOptions(given, service));
    const unknown = schedulerWarning(given);
    if (unknown !== undefined) this.#diagnostics.push(unknown);
    for (const warning of options?.warnings ?? []) this.#diagnostics.push(warning);
    // Among errors it is likely a line that could not be read, or was misspelt.
    const failed = this.#diagnostics.some(({ severity }) => severity === 'error');
    if (reals.length === 0 && !failed) {
      this.#warn(
        place,
        'this virtual service has no real servers',
        `add lines real${service.family === 6 ? '6' : ''} = address:port gate|masq|ipip`,
      );
    }
    if (known === undefined) return undefined;
    return {
      line: place.line,
      ...service,
      scheduler: this.#own('scheduler')?.value ?? 'wrr',
      schedulerFlags: this.#own('schedflags')?.value ?? [],
      persistentSeconds: this.#own('persistent')?.value ?? 0,
      ...present('netmask', options?.netmask),
      onePacket: options?.onePacket ?? false,
      reals,
      ...present('fallback', fallback),
      ...present('fallbackCommand', this.#value('fallbackcommand')),
      quiescent: this.#value('quiescent') ?? false,
      cleanStop: this.#value('cleanstop') ?? true,
      failureCount: this.#value('failurecount') ?? 1,
      ...this.#intervals(),
      tripwire: this.#tripwire(reals, service.protocol),
      flapDamping: this.#flapDamping(reals),
      ...present('monitorFile', this.#own('monitorfile')?.value),
      ...present('serviceName', this.#own('servicename')?.value),
      ...present('comment', this.#own('comment')?.value),
      alerts: {
        recipients: this.#value('emailalert') ?? [],
        repeatSeconds: this.#value('emailalertfreq') ?? 0,
        states: this.#value('emailalertstatus') ?? ALERT_STATES,
        ...present('smtpServer', this.#value('smtp')),
      },
    };
  }

  #service(): Pick<Virtual, 'protocol' | 'family' | 'address' | 'port' | 'mark'> {
    const { address } = this.#block;
    const { family } = address;
    const protocol = this.#own('protocol');
    if (address.kind === 'mark') {
      if (protocol !== undefined && protocol.value !== 'fwm') {
        throw new Problem(
          protocol.place,
          `protocol ${protocol.value} with a firewall mark`,
          'write protocol = fwm, or leave it out',
        );
      }
      return { protocol: 'fwm', family, address: '', port: 0, mark: address.mark };
    }
    if (protocol?.value === 'fwm') {
      throw new Problem(
        protocol.place,
        'protocol fwm with an address and port',
        'write tcp or udp; a firewall mark is virtual = number',
      );
    }
    const chosen = protocol?.value ?? (/^(0*53|domain)$/.test(address.port.text) ? 'udp' : 'tcp');
    const ip = this.#address(address.host, family, 'the virtual service');
    return { protocol: chosen, family, address: ip, port: this.#port(address.port, chosen), mark: 0 };
  }

  /** For finding the other errors of a block whose own line is wrong. */
  #standIn(): Pick<Virtual, 'protocol' | 'family' | 'address' | 'port' | 'mark'> {
    const { family } = this.#block.address;
    return { protocol: this.#own('protocol')?.value ?? 'tcp', family, address: '', port: 1, mark: 0 };
  }

  #address(host: HostText, family: Family, of: string): string {
    if (host.literal !== undefined) return host.text;
    const found = this.#names.address({ host: host.text, family });
    if (found === undefined) {
      throw new Problem(
        host,
        `the name "${host.text}" of ${of} has no IPv${family} address`,
        'check its spelling, /etc/hosts and the name server, or write the address',
        true,
      );
    }
    return found;
  }

  #port(port: Spot, protocol: 'tcp' | 'udp'): number {
    const found = this.#portOf(port, protocol);
    if (found !== undefined) return found;
    throw new Problem(
      port,
      `the service "${port.text}" has no ${protocol} port in /etc/services`,
      'check its spelling, or write the number of the port',
    );
  }

  /** The other protocol's port will do where a server is named, as in ldirectord: http is often listed for tcp alone. */
  #serverPort(port: Spot, protocol: Virtual['protocol']): number {
    const [own, other] = protocol === 'udp' ? (['udp', 'tcp'] as const) : (['tcp', 'udp'] as const);
    return this.#portOf(port, own) ?? this.#portOf(port, other) ?? this.#port(port, own);
  }

  #portOf(port: Spot, protocol: 'tcp' | 'udp'): number | undefined {
    return /^\d+$/.test(port.text) ? Number(port.text) : this.#names.port(port.text, protocol);
  }

  #checkSettings(virtual: CheckSettings['virtual']): CheckSettings {
    const own = (name: 'checktimeout' | 'negotiatetimeout') => this.#own(name)?.value;
    const global = (name: 'checktimeout' | 'negotiatetimeout') => last(this.#globals, name)?.value;
    const check =
      own('checktimeout') ?? own('negotiatetimeout') ?? global('checktimeout') ?? global('negotiatetimeout') ?? 5;
    const negotiate =
      own('negotiatetimeout') ?? own('checktimeout') ?? global('negotiatetimeout') ?? global('checktimeout') ?? 30;
    const service = this.#own('service');
    const checkType = this.#own('checktype')?.value ?? 'negotiate';
    const settings: CheckSettings = {
      virtual,
      given: this.#block.given,
      checkType,
      service: service?.value ?? defaultService(virtual),
      place: service?.place ?? this.#block.place,
      authorities: collect(this.#diagnostics, () => this.#authorities()),
      checkTimeoutMs: check * 1000,
      negotiateTimeoutMs: negotiate * 1000,
      attempts: this.#value('checkcount') ?? 1,
    };
    const method = this.#own('httpmethod');
    const receive = this.#own('receive');
    if (method?.value === 'HEAD' && receive !== undefined) {
      this.#warn(receive.place, 'an answer to HEAD has no body that this could match', 'leave receive out, or use GET');
    }
    if (checkType === 'negotiate' || typeof checkType === 'number') this.#warnOfOptions(settings);
    return settings;
  }

  #intervals(): Pick<Virtual, 'checkIntervalMs' | 'fastIntervalMs'> {
    const checkInterval = this.#value('checkinterval') ?? 10;
    const fastInterval = this.#value('fastinterval') ?? checkInterval;
    const own = this.#own('fastinterval');
    const given = own ?? last(this.#globals, 'fastinterval');
    if (given !== undefined && fastInterval > checkInterval) {
      const place = (own ?? this.#own('checkinterval') ?? given).place;
      this.#warn(
        place,
        `fastinterval (${fastInterval} s) has no effect, because it is longer than checkinterval (${checkInterval} s)`,
        'make it shorter than checkinterval, or remove it',
      );
    }
    if (own !== undefined && (this.#value('failurecount') ?? 1) === 1) {
      this.#warn(
        own.place,
        'fastinterval has no effect with failurecount = 1: the first failed check takes a server out',
        'add failurecount = 2 or more, or remove it',
      );
    }
    // A number of milliseconds, whatever binary fractions make of it.
    const fastIntervalMs = Math.round(Math.min(fastInterval, checkInterval) * 1000);
    return { checkIntervalMs: checkInterval * 1000, fastIntervalMs };
  }

  #tripwire(reals: readonly Real[], protocol: Virtual['protocol']): boolean {
    const wanted = this.#value('tripwire') ?? false;
    const own = this.#own('tripwire');
    if (
      wanted &&
      own !== undefined &&
      reals.length > 0 &&
      reals.every(({ check }) => tcpTarget(protocol, check) === undefined)
    ) {
      this.#warn(
        own.place,
        'tripwire has no effect here, because no server of this virtual service is checked at a TCP port',
        'remove it, or check a TCP port (checkport)',
      );
    }
    return wanted;
  }

  #flapDamping(reals: readonly Real[]): boolean {
    const wanted = this.#value('flapdamping') ?? false;
    const own = this.#own('flapdamping');
    const isNeverChecked = reals.every(({ check: { spec } }) => spec.kind === 'on' || spec.kind === 'off');
    if (wanted && own !== undefined && reals.length > 0 && isNeverChecked) {
      this.#warn(
        own.place,
        'flapdamping has no effect here, because no server of this virtual service is ever checked',
        'remove it, or choose another checktype',
      );
    }
    return wanted;
  }

  #authorities(): Authorities | undefined {
    const verify = this.#own('sslverify')?.value ?? 'no';
    if (verify === 'no') return undefined;
    const found = this.#names.authorities(verify === 'yes' ? undefined : verify.text);
    if (typeof found !== 'string') return found;
    throw new Problem(
      verify === 'yes' ? (this.#own('sslverify')?.place ?? this.#block.place) : verify,
      found,
      'expected the certificates of the authorities in PEM format, readable for this program',
    );
  }

  /** Options that the service does not read, and what only makes sense together. */
  #warnOfOptions({ service, given, authorities }: CheckSettings): void {
    for (const name of SERVICE_OPTIONS) {
      const place = this.#own(name)?.place;
      if (place === undefined || serviceOf(service).options.includes(name)) continue;
      const readers = SERVICE_NAMES.filter((each) => serviceOf(each).options.includes(name));
      this.#warn(place, `${name} has no effect on the ${service} check`, `it counts for ${readers.join(', ')}`);
    }
    const verify = this.#own('sslverify');
    if (verify !== undefined && authorities !== undefined && serverNameOf(given) === undefined) {
      this.#warn(
        verify.place,
        "each server's certificate must bear the server's address, because no name is given",
        'add sslname = "www.example.com" (or virtualhost) if it bears a name',
      );
    }
  }

  #reals(virtual: Pick<Virtual, 'protocol' | 'family' | 'port'>, settings: CheckSettings): Real[] {
    const wrong = virtual.family === 6 ? this.#block.given.real : this.#block.given.real6;
    for (const { place } of wrong ?? []) {
      const [here, there, block, other] =
        virtual.family === 6 ? ['real6', 'real', 'virtual6', 'virtual'] : ['real', 'real6', 'virtual', 'virtual6'];
      this.#diagnostics.push(
        errorAt(place, `${there}= in a ${block}= block`, `write ${here}= here, or move it into a ${other}= block`),
      );
    }
    const lines = (virtual.family === 6 ? this.#block.given.real6 : this.#block.given.real) ?? [];
    const seen = new Map<string, Real>();
    for (const { value } of lines) {
      const found = collect(this.#diagnostics, () => this.#expand(value, virtual, settings)) ?? [];
      for (const real of found) {
        const key = formatEndpoint(real.address, kernelPort(real, virtual));
        const before = seen.get(key);
        if (before === undefined) seen.set(key, real);
        else {
          this.#warn(
            value.spot,
            `the kernel would know this server as ${key}, which line ${before.line} has already`,
            'the first one counts; remove one of them',
          );
          break;
        }
      }
    }
    return [...seen.values()];
  }

  /** One real server, or each of a range. */
  #expand(text: RealText, virtual: Pick<Virtual, 'protocol' | 'port'>, settings: CheckSettings): Real[] {
    const port = text.port === undefined ? 0 : this.#serverPort(text.port, virtual.protocol);
    const from = this.#address(text.from, text.family, 'the real server');
    const to = text.to === undefined ? from : this.#address(text.to, text.family, 'the last server of the range');
    const first = addressToNumber(from);
    const size = addressToNumber(to) - first + 1n;
    if (size < 1n)
      throw new Problem(
        text.spot,
        `this range runs backwards: ${from} comes after ${to}`,
        `write ${formatHost(to)}->${formatHost(from)}`,
      );
    if (size > MAX_RANGE)
      throw new Problem(text.spot, `this range has ${size} servers`, `at most ${MAX_RANGE} are possible`);
    const hasMonitor = this.#own('monitorfile') !== undefined;
    return Array.from({ length: Number(size) }, (_, index): Real => {
      const target: Target = {
        address: numberToAddress(first + BigInt(index), text.family),
        family: text.family,
        port,
      };
      const check = checkPlan(settings, target, text);
      if (check.target.port === 0 && !PORTLESS.includes(check.spec.kind)) {
        throw new Problem(
          text.spot,
          'nothing says which port to check',
          'give the real server a port, or the virtual a checkport',
        );
      }
      return {
        ...target,
        line: text.spot.line,
        forwarding: text.forwarding,
        weight: text.weight,
        lowerThreshold: text.lowerThreshold,
        upperThreshold: text.upperThreshold,
        check,
        ...(hasMonitor
          ? {
              monitorWords: monitorWords(
                settings,
                { ...target, weight: text.weight, forwarding: text.forwarding },
                text,
              ),
            }
          : {}),
      };
    });
  }

  #fallback(virtual: Pick<Virtual, 'protocol' | 'family' | 'port'>): Fallback | undefined {
    const [name, other, block, there] = (
      virtual.family === 6
        ? ['fallback6', 'fallback', 'virtual6', 'virtual']
        : ['fallback', 'fallback6', 'virtual', 'virtual6']
    ) as ['fallback' | 'fallback6', 'fallback' | 'fallback6', string, string];
    const wrong = this.#own(other);
    if (wrong !== undefined) {
      throw new Problem(
        wrong.place,
        `${other}= in a ${block}= block`,
        `write ${name}= here, or move it into a ${there}= block`,
      );
    }
    const text: FallbackText | undefined = this.#value(name);
    if (text === undefined) return undefined;
    const address = this.#address(text.host, text.family, 'the fallback server');
    const port = text.port === undefined ? virtual.port : this.#serverPort(text.port, virtual.protocol);
    return { address, family: text.family, port, forwarding: text.forwarding };
  }
}
