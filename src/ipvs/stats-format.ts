// What `ipvsadm -Ln --stats --exact` prints -> what each server has been sent and has answered.
import { IpvsError } from '../errors.ts';
import { listedService, splitEndpoint } from './save-format.ts';
import { destinationKey, serviceKey } from './table.ts';

/** Since the server was put into the kernel's table, which sums them up every two seconds. */
export interface Statistics {
  readonly connections: number;
  readonly inPackets: number;
  /** 0 with direct routing and tunnels: answers do not come past the director. */
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

export interface ServerStatistics extends Statistics {
  /** serviceKey. */
  readonly service: string;
  /** destinationKey. */
  readonly server: string;
}

const HEAD = /^(IP Virtual Server|Prot LocalAddress|\s+-> RemoteAddress)/;
const SERVICE = /^([A-Z]+)\s+(\S+)( IPv6)?(?:\s+\d+){5}\s*$/;
const SERVER = /^\s+->\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/;

/**
 * Reads the listing, a server for each step, so that the caller can pause between them: a large one takes longer than checks should
 * wait. Throws IpvsError at a line it does not know, which it names. SCTP services are left out: nobody configures them here.
 */
export function* parseStatistics(text: string): Generator<ServerStatistics> {
  let service: string | undefined;
  for (const line of linesOf(text)) {
    const [, name, ...counts] = SERVER.exec(line) ?? [];
    const endpoint = name === undefined ? undefined : splitEndpoint(name);
    if (endpoint !== undefined) {
      if (service === undefined) continue;
      const [connections = 0, inPackets = 0, outPackets = 0, inBytes = 0, outBytes = 0] = counts.map(Number);
      yield { service, server: destinationKey(endpoint), connections, inPackets, outPackets, inBytes, outBytes };
      continue;
    }
    if (line.trim() === '' || HEAD.test(line)) continue;
    const [, protocol, of, six] = SERVICE.exec(line) ?? [];
    if (protocol === undefined || of === undefined) {
      throw new IpvsError(`cannot read this line of "ipvsadm -Ln --stats --exact": ${line}`);
    }
    service = protocol === 'SCTP' ? undefined : serviceKey(listedService(protocol, of, six !== undefined));
  }
}

/** Without a list of them all, which takes longer than a step should. */
function* linesOf(text: string): Generator<string> {
  for (let begin = 0; begin < text.length; ) {
    const end = text.indexOf('\n', begin);
    yield text.slice(begin, end < 0 ? text.length : end);
    begin = end < 0 ? text.length : end + 1;
  }
}
