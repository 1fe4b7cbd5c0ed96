// Changes to the kernel's table as data, and as lines for `ipvsadm -R`.
import { formatEndpoint } from '../config/model.ts';
import type { Destination, ServiceId, ServiceOptions } from './table.ts';
import { destinationKey } from './table.ts';

/** What a destination is to us; a foreign one stands under our service without being in the configuration. */
export type Role = 'real' | 'fallback' | 'foreign';

/** One change. */
export type Edit = ServiceEdit | DestinationEdit;

export type ServiceEdit =
  | { readonly kind: 'add-service' | 'edit-service'; readonly service: ServiceId & ServiceOptions }
  | { readonly kind: 'delete-service'; readonly service: ServiceId };

export interface DestinationEdit {
  readonly kind: 'add-destination' | 'edit-destination' | 'delete-destination';
  readonly service: ServiceId;
  readonly destination: Destination;
  readonly role: Role;
}

const FORWARDING_FLAGS = { gate: '-g', ipip: '-i', masq: '-m', local: '-g' } as const;

/** The edit as one line of `ipvsadm -R`. */
export function editLine(edit: Edit): string {
  const service = serviceArguments(edit.service);
  switch (edit.kind) {
    case 'add-service':
      return ['-A', ...service, ...optionArguments(edit.service)].join(' ');
    case 'edit-service':
      return ['-E', ...service, ...optionArguments(edit.service)].join(' ');
    case 'delete-service':
      return ['-D', ...service].join(' ');
    case 'add-destination':
      return ['-a', ...service, ...destinationArguments(edit.destination)].join(' ');
    case 'edit-destination':
      return ['-e', ...service, ...destinationArguments(edit.destination)].join(' ');
    case 'delete-destination':
      return ['-d', ...service, '-r', destinationKey(edit.destination)].join(' ');
  }
}

function serviceArguments({ protocol, family, address, port, mark }: ServiceId): string[] {
  if (protocol === 'fwm') return ['-f', String(mark), ...(family === 6 ? ['-6'] : [])];
  return [protocol === 'tcp' ? '-t' : '-u', formatEndpoint(address, port)];
}

function optionArguments(options: ServiceOptions): string[] {
  return [
    ...(options.onePacket ? ['-o'] : []),
    '-s',
    options.scheduler,
    ...(options.persistentSeconds > 0 ? ['-p', String(options.persistentSeconds)] : []),
    ...(options.persistentSeconds > 0 && options.netmask !== undefined ? ['-M', options.netmask] : []),
    ...(options.flags.length > 0 ? ['-b', options.flags.join(',')] : []),
  ];
}

function destinationArguments(destination: Destination): string[] {
  const { forwarding, weight, lowerThreshold, upperThreshold } = destination;
  // Left out, thresholds become 0, in -e too.
  const limits = upperThreshold > 0 ? ['-x', String(upperThreshold), '-y', String(lowerThreshold)] : [];
  return ['-r', destinationKey(destination), FORWARDING_FLAGS[forwarding], '-w', String(weight), ...limits];
}
