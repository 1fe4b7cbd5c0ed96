// A service to try things with: what a table knows of it, without its destinations.
import type { ServiceId, ServiceOptions } from '../src/ipvs/table.ts';

export const SERVICE: ServiceId & ServiceOptions = {
  protocol: 'tcp',
  family: 4,
  address: '10.0.0.1',
  port: 80,
  mark: 0,
  scheduler: 'wrr',
  flags: [],
  persistentSeconds: 0,
  onePacket: false,
};
