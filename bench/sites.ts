// The configurations that are measured, generated: the same virtual services and servers in each program's own words.

export interface Site {
  readonly virtuals: readonly SiteVirtual[];
  /** Of all servers. */
  readonly port: number;
  readonly intervalS: number;
  readonly timeoutS: number;
  /** A whole HTTP exchange, or only its connection. */
  readonly check: 'http' | 'connect';
  /** By address; 1 where none is given. For a director only. */
  readonly weights?: ReadonlyMap<string, number>;
}

export interface SiteVirtual {
  /** With port. */
  readonly name: string;
  /** Addresses. */
  readonly servers: readonly string[];
}

/** `virtuals` services of `servers` servers each, numbered from 0. */
export function numbered(
  virtuals: number,
  servers: number,
  name: (virtual: number) => string,
  address: (virtual: number, server: number) => string,
): SiteVirtual[] {
  return count(virtuals).map((virtual) => ({
    name: name(virtual),
    servers: count(servers).map((server) => address(virtual, server)),
  }));
}

/** ldirectord's grammar, which is ours; `further` are lines before the virtual services. */
export function directorConfig(site: Site, further: readonly string[]): string {
  const check =
    site.check === 'http'
      ? ['\tservice = http', '\tchecktype = negotiate', '\trequest = "/"']
      : ['\tservice = http', '\tchecktype = connect'];
  const virtuals = site.virtuals.flatMap(({ name, servers }) => [
    `virtual = ${name}`,
    ...servers.map((address) => `\treal = ${address}:${site.port} gate ${site.weights?.get(address) ?? 1}`),
    ...check,
    '\tscheduler = wlc',
  ]);
  const timing = [`checkinterval = ${site.intervalS}`, `checktimeout = ${site.timeoutS}`];
  const head = [...timing, `negotiatetimeout = ${site.timeoutS}`, 'quiescent = yes', ...further];
  return `${[...head, ...virtuals].join('\n')}\n`;
}

/** The same for keepalived: a server is down until it is known to be up (alpha), keeps weight 0 then, and gets no second chance. */
export function keepalivedConfig({ virtuals, port, intervalS, timeoutS, check }: Site): string {
  // One word and its value a line: keepalived ignores what else is on it.
  const patience = [`      connect_timeout ${timeoutS}`, '      retry 0', '    }'];
  const http = ['    HTTP_GET {', '      url {', '        path /', '        status_code 200', '      }', ...patience];
  const checker = check === 'http' ? http : ['    TCP_CHECK {', ...patience];
  const lines = virtuals.flatMap(({ name, servers }) => [
    `virtual_server ${name.replace(':', ' ')} {`,
    ...[`  delay_loop ${intervalS}`, '  lb_algo wlc', '  lb_kind DR', '  protocol TCP', '  alpha'],
    ...servers.flatMap((address) => [
      `  real_server ${address} ${port} {`,
      ...['    weight 1', '    inhibit_on_failure', ...checker, '  }'],
    ]),
    '}',
  ]);
  return `${lines.join('\n')}\n`;
}

/** Lines for `ipvsadm -R`: the table as it should be when `dead` do not answer. */
export function savedTable({ virtuals, port, weights }: Site, dead: readonly string[]): string {
  const lines = virtuals.flatMap(({ name, servers }) => [
    `-A -t ${name} -s wlc`,
    ...servers.map((address) => {
      const weight = dead.includes(address) ? 0 : (weights?.get(address) ?? 1);
      return `-a -t ${name} -r ${address}:${port} -g -w ${weight}`;
    }),
  ]);
  return `${lines.join('\n')}\n`;
}

function count(number: number): number[] {
  return Array.from({ length: number }, (_, index) => index);
}
