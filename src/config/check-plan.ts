// What a virtual's check directives mean for one of its real servers: whom to ask, what, and for how long.
import { Problem, type Spot } from './diagnostic.ts';
import { type Given, last, type ServiceName, type ValueOf } from './directives.ts';
import {
  type CheckPlan,
  type CheckSpec,
  type CombinedSpec,
  type ConnectSpec,
  formatEndpoint,
  formatHost,
  type PingSpec,
  type Target,
  type Virtual,
} from './model.ts';
import type { Pattern } from './perl-regex.ts';

/** The port of a service, and by it the service of a virtual that names none. */
const SERVICE_PORTS: Readonly<Partial<Record<ServiceName, number>>> = {
  ftp: 21,
  smtp: 25,
  dns: 53,
  http: 80,
  pop: 110,
  nntp: 119,
  imap: 143,
  ldap: 389,
  https: 443,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pops: 995,
  oracle: 1521,
  radius: 1812,
  http_proxy: 3128,
  mysql: 3306,
  sip: 5060,
  pgsql: 5432,
};

/** The services whose negotiate check this version has; the others are checked by a connect check, with a warning. */
const NEGOTIATED: readonly ServiceName[] = ['http', 'https', 'http_proxy', 'none'];

/** Whether `checktype = negotiate` (or N) really speaks the service's protocol. */
export function isNegotiated(service: ServiceName): boolean {
  return NEGOTIATED.includes(service);
}

/** The service of a virtual that names none. A mark has none. */
export function defaultService({ protocol, port }: Pick<Virtual, 'protocol' | 'port'>): ServiceName {
  const found = Object.entries(SERVICE_PORTS).find(([, known]) => known === port)?.[0];
  return protocol !== 'fwm' && found !== undefined ? (found as ServiceName) : 'none';
}

/** What all real servers of a virtual share. */
export interface CheckSettings {
  readonly virtual: Pick<Virtual, 'protocol' | 'address' | 'port' | 'mark'>;
  readonly given: Given;
  readonly checkType: ValueOf<'checktype'>;
  readonly service: ServiceName;
  readonly checkTimeoutMs: number;
  readonly negotiateTimeoutMs: number;
  /** Of a ping. */
  readonly attempts: number;
}

/** What a `real=` line says about its check; it wins over the virtual's request and receive. */
export interface OwnExchange {
  readonly request: Spot | undefined;
  readonly receive: Pattern | undefined;
}

/** The check of one real server, whose address and port are as configured. */
export function checkPlan(settings: CheckSettings, real: Target, own: OwnExchange): CheckPlan {
  const { checkType, given, virtual } = settings;
  const checkPort = last(given, 'checkport')?.value;
  // ldirectord asks at the service's own port when the real names none. Traffic goes to the virtual's, so that is what is asked here.
  const port = checkPort ?? (real.port || virtual.port || (SERVICE_PORTS[settings.service] ?? 0));
  const target = { ...real, port };
  const connect = connectSpec(settings);
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
      return { target, spec: negotiateSpec(settings, target, own, connect) };
    default:
      return {
        target,
        spec: {
          kind: 'combined',
          connects: checkType,
          connect,
          negotiate: negotiateSpec(settings, target, own, connect),
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

function negotiateSpec(
  settings: CheckSettings,
  target: Target,
  own: OwnExchange,
  connect: ConnectSpec | PingSpec,
): CombinedSpec['negotiate'] {
  const { service, given } = settings;
  if (service === 'none') return { kind: 'on' };
  if (!isNegotiated(service)) return connect;
  const proxy = service === 'http_proxy';
  const receive = own.receive ?? last(given, 'receive')?.value;
  const virtualHost = last(given, 'virtualhost')?.value;
  return {
    kind: 'http',
    tls: service === 'https',
    proxy,
    method: last(given, 'httpmethod')?.value ?? 'GET',
    request: requestUrl(settings, target, own.request, proxy),
    ...(virtualHost === undefined ? {} : { virtualHost }),
    ...(receive === undefined ? {} : { receive }),
    timeoutMs: settings.negotiateTimeoutMs,
  };
}

/** Absolute URLs are for proxies and for a real server's own request; elsewhere everything is a path. */
function requestUrl({ given }: CheckSettings, target: Target, own: Spot | undefined, proxy: boolean): string {
  const spot = own ?? last(given, 'request')?.value;
  const bare = (spot?.text ?? '/').replace(/^\/+/, '');
  if (/^https?:\/\//i.test(bare) && (proxy || own !== undefined)) {
    if (spot === undefined || URL.canParse(bare)) return bare;
    throw new Problem(spot, 'this is not a URL', 'expected http://host[:port]/path');
  }
  return proxy ? `http://${formatEndpoint(target.address, target.port)}/${bare}` : `/${bare}`;
}
