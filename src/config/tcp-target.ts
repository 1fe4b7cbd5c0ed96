// Where a real server can be watched over TCP: the address and port that its check asks, when something listens for connections there.
import type { CheckPlan, CheckSpec, Target, Virtual } from './model.ts';

/** The check's peer when it is a TCP port; undefined for UDP, for checks without a port, and where nothing is checked. */
export function tcpTarget(protocol: Virtual['protocol'], { target, spec }: CheckPlan): Target | undefined {
  return protocol !== 'udp' && target.port !== 0 && asksOverTcp(spec) ? target : undefined;
}

function asksOverTcp(spec: CheckSpec): boolean {
  switch (spec.kind) {
    case 'on':
    case 'off':
    case 'ping':
    case 'radius':
      return false;
    case 'combined':
      return asksOverTcp(spec.connect) || asksOverTcp(spec.negotiate);
    default:
      return !('transport' in spec && spec.transport === 'udp');
  }
}
