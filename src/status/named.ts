// Which virtual services of a snapshot a name stands for: the same names that orders take (src/operator/commands.ts), but several
// services may be meant.
import type { VirtualSnapshot } from './snapshot.ts';

/** By key, address and port, mark, protocol:name, servicename, or address alone; `all` is every one. */
export function virtualsNamed(virtuals: readonly VirtualSnapshot[], wanted: string): readonly VirtualSnapshot[] {
  if (wanted === 'all') return virtuals;
  // A key is one service's, even where it is part of another's name: fwm:6 is the mark 6 of IPv4.
  const keyed = virtuals.filter(({ key }) => key === wanted);
  return keyed.length > 0 ? keyed : virtuals.filter((virtual) => isCalled(wanted, virtual));
}

function isCalled(wanted: string, { name, protocol, serviceName }: VirtualSnapshot): boolean {
  const address = name.replace(/:\d+$/, '');
  return [name, `${protocol}:${name}`, serviceName, address, address.replace(/^\[|\]$/g, '')].includes(wanted);
}
