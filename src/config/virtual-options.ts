// The options of a virtual service that only make sense together: netmask with persistence and family, ops with UDP.
import { isIPv4 } from 'node:net';
import { type Diagnostic, Problem, warningAt } from './diagnostic.ts';
import { type Given, last } from './directives.ts';
import type { Virtual } from './model.ts';
import { nearest } from './suggest.ts';

/** The schedulers of Linux 6.1 (ip_vs_*.ko) and later ones known by name. */
const SCHEDULERS = ['dh', 'fo', 'lblc', 'lblcr', 'lc', 'mh', 'nq', 'ovf', 'rr', 'sed', 'sh', 'twos', 'wlc', 'wrr'];

export interface VirtualOptions {
  readonly netmask: string | undefined;
  readonly onePacket: boolean;
  readonly warnings: readonly Diagnostic[];
}

/** Reads the options; throws a Problem where they contradict the kind of service. */
export function virtualOptions(given: Given, virtual: Pick<Virtual, 'protocol' | 'family'>): VirtualOptions {
  const warnings: Diagnostic[] = [];
  const netmask = last(given, 'netmask');
  const ops = last(given, 'ops');
  if (netmask !== undefined) {
    const { text } = netmask.value;
    if (virtual.family === 6 ? !/^([1-9]\d?|1[01]\d|12[0-8])$/.test(text) : !isIPv4(text)) {
      const expected = virtual.family === 6 ? 'a prefix length from 1 to 128' : 'a dotted quad such as 255.255.255.0';
      throw new Problem(netmask.place, `"${text}" is not an IPv${virtual.family} netmask`, `expected ${expected}`);
    }
    if (last(given, 'persistent') === undefined) {
      warnings.push(
        warningAt(netmask.place, 'netmask has no effect without persistent', 'add persistent = seconds, or remove it'),
      );
    }
  }
  if (ops?.value === true && virtual.protocol !== 'udp') {
    warnings.push(warningAt(ops.place, 'ops has no effect here', 'one-packet scheduling is for protocol = udp'));
  }
  return { netmask: netmask?.value.text, onePacket: ops?.value === true && virtual.protocol === 'udp', warnings };
}

/** A warning for a scheduler that no known kernel has. */
export function schedulerWarning(given: Given): Diagnostic | undefined {
  const scheduler = last(given, 'scheduler');
  if (scheduler === undefined || SCHEDULERS.includes(scheduler.value)) return undefined;
  const near = nearest(scheduler.value, SCHEDULERS);
  return warningAt(
    scheduler.place,
    `no known kernel has a scheduler "${scheduler.value}"`,
    near === undefined ? `known are ${SCHEDULERS.join(', ')}` : `did you mean "${near}"?`,
  );
}
