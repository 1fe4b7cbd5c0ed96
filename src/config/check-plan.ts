// What a virtual's check directives mean for one of its real servers: whom to ask, what, and for how long.
import type { Place } from './diagnostic.ts';
import { type Given, last, type ValueOf } from './directives.ts';
import {
  type Authorities,
  type CheckPlan,
  type CheckSpec,
  type ConnectSpec,
  formatHost,
  type PingSpec,
  type Target,
  type Virtual,
} from './model.ts';
import { type Exchange, negotiateSpec, type OwnExchange } from './negotiate.ts';
import { type ServiceName, serviceByPort, serviceOf } from './services.ts';

/** The service of a virtual that names none. A mark has none. */
export function defaultService({ protocol, port }: Pick<Virtual, 'protocol' | 'port'>): ServiceName {
  return (protocol !== 'fwm' && serviceByPort(port)) || 'none';
}

/** What all real servers of a virtual share. */
export interface CheckSettings {
  readonly virtual: Pick<Virtual, 'protocol' | 'address' | 'port' | 'mark'>;
  readonly given: Given;
  readonly checkType: ValueOf<'checktype'>;
  readonly service: ServiceName;
  /** Where the service is named, or else the block begins. */
  readonly place: Place;
  /** Of sslverify. */
  readonly authorities: Authorities | undefined;
  readonly checkTimeoutMs: number;
  readonly negotiateTimeoutMs: number;
  /** Of a ping. */
  readonly attempts: number;
}

/** The check of one real server, whose address and port are as configured. */
export function checkPlan(settings: CheckSettings, real: Target, own: OwnExchange): CheckPlan {
  const { checkType, given, virtual } = settings;
  const checkPort = last(given, 'checkport')?.value;
  // ldirectord asks at the service's own port when the real names none. Traffic goes to the virtual's, so that is what is asked here.
  const port = checkPort ?? (real.port || virtual.port || (serviceOf(settings.service).port ?? 0));
  const target = { ...real, port };
  const connect = connectSpec(settings);
  const exchange = (): Exchange => ({ ...settings, timeoutMs: settings.negotiateTimeoutMs, target, own });
  switch (checkType) {
    case 'on':
    case 'off':
      return { target, spec: { kind: checkType } };
    case 'ping':
      // The port makes no difference to a ping, so it must not make two checks of one.
      return { target: { ...real, port: 0 }, spec: pingSpec(settings) };
    case 'connect':
      return { target: connect.kind === 'ping' ? { ...real, port: 0 } : target, spec: connect };
    case 'external':
    case 'external-perl':
      return { target, spec: externalSpec(settings, real, checkType === 'external-perl') };
    case 'negotiate':
    case 0:
      return { target, spec: negotiateSpec(settings.service, exchange()) };
    default:
      return {
        target,
        spec: {
          kind: 'combined',
          connects: checkType,
          connect,
          negotiate: negotiateSpec(settings.service, exchange()),
        },
      };
  }
}

function connectSpec(settings: CheckSettings): ConnectSpec | PingSpec {
  // A UDP port says nothing about being open: ldirectord pings the host instead.
  if (settings.virtual.protocol === 'udp') return pingSpec(settings);
  return { kind: 'connect', timeoutMs: settings.checkTimeoutMs };
}

function pingSpec({ checkTimeoutMs, attempts }: CheckSettings): PingSpec {
  return { kind: 'ping', timeoutMs: checkTimeoutMs, attempts };
}

function externalSpec({ virtual, given, checkTimeoutMs }: CheckSettings, real: Target, perl: boolean): CheckSpec {
  const command = last(given, 'checkcommand')?.value ?? ['/bin/true'];
  const service = virtual.protocol === 'fwm' ? String(virtual.mark) : formatHost(virtual.address);
  const contract = [service, String(virtual.port), formatHost(real.address), String(real.port)];
  return { kind: 'external', argv: [...(perl ? ['perl'] : []), ...command, ...contract], timeoutMs: checkTimeoutMs };
}
