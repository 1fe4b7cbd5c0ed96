// Edits as lines for `ipvsadm -R`. Every kind of line here was accepted by ipvsadm 1.31 in Linux 6.1 (fixtures/ipvsadm).
import { describe, expect, test } from 'vitest';
import { type DestinationEdit, type Edit, editLine, type Role, type ServiceEdit } from '../../src/ipvs/edit.ts';
import { editMessage, type Occasion } from '../../src/ipvs/message.ts';
import type { Destination, ServiceId, ServiceOptions } from '../../src/ipvs/table.ts';

const TCP4: ServiceId = { protocol: 'tcp', family: 4, address: '10.8.8.45', port: 80, mark: 0 };
const UDP4: ServiceId = { ...TCP4, protocol: 'udp', port: 53 };
const TCP6: ServiceId = { ...TCP4, family: 6, address: '2001:db8::1' };
const MARK: ServiceId = { protocol: 'fwm', family: 4, address: '', port: 0, mark: 7 };
const MARK6: ServiceId = { ...MARK, family: 6, mark: 8 };
const PLAIN: ServiceOptions = { scheduler: 'wrr', flags: [], persistentSeconds: 0, onePacket: false };
const WEB: Destination = {
  address: '10.8.8.48',
  port: 80,
  forwarding: 'gate',
  weight: 1,
  lowerThreshold: 0,
  upperThreshold: 0,
};
const WEB6: Destination = { ...WEB, address: '2001:db8::48' };

describe('editLine', () => {
  test.each<[string, ServiceId, Partial<ServiceOptions>]>([
    ['-A -t 10.8.8.45:80 -s wrr', TCP4, {}],
    ['-A -u 10.8.8.45:53 -o -s rr', UDP4, { onePacket: true, scheduler: 'rr' }],
    ['-A -t [2001:db8::1]:80 -s wrr', TCP6, {}],
    ['-A -f 7 -s wrr', MARK, {}],
    ['-A -f 8 -6 -s wrr', MARK6, {}],
    ['-A -f 4294967295 -s wrr', { ...MARK, mark: 4_294_967_295 }, {}],
    ['-A -t 10.8.8.45:80 -s wrr -p 600', TCP4, { persistentSeconds: 600 }],
    ['-A -t 10.8.8.45:80 -s wrr -p 600 -M 255.255.255.0', TCP4, { persistentSeconds: 600, netmask: '255.255.255.0' }],
    ['-A -t 10.8.8.45:80 -s wrr', TCP4, { netmask: '255.255.255.0' }],
    ['-A -t [2001:db8::1]:80 -s wrr -p 300 -M 64', TCP6, { persistentSeconds: 300, netmask: '64' }],
    ['-A -t 10.8.8.45:80 -s sh -b flag-1,flag-2', TCP4, { scheduler: 'sh', flags: ['flag-1', 'flag-2'] }],
    [
      '-A -f 8 -6 -s mh -p 30 -M 64 -b flag-1',
      MARK6,
      { scheduler: 'mh', persistentSeconds: 30, netmask: '64', flags: ['flag-1'] },
    ],
  ])('%s', (line, id, options) => {
    const service = { ...id, ...PLAIN, ...options };
    expect(editLine({ kind: 'add-service', service })).toBe(line);
    expect(editLine({ kind: 'edit-service', service })).toBe(line.replace('-A', '-E'));
    const identity = /^-A (-[tuf] \S+( -6)?)/.exec(line)?.[1];
    expect(editLine({ kind: 'delete-service', service })).toBe(`-D ${identity}`);
  });

  test.each<[string, ServiceId, Destination]>([
    ['-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 1', TCP4, WEB],
    ['-a -t 10.8.8.45:80 -r 10.8.8.48:80 -i -w 0', TCP4, { ...WEB, forwarding: 'ipip', weight: 0 }],
    [
      '-a -t 10.8.8.45:80 -r 10.8.8.48:8080 -m -w 65535',
      TCP4,
      { ...WEB, forwarding: 'masq', port: 8080, weight: 65_535 },
    ],
    [
      '-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 1 -x 100 -y 50',
      TCP4,
      { ...WEB, lowerThreshold: 50, upperThreshold: 100 },
    ],
    ['-a -t 10.8.8.45:80 -r 10.8.8.48:80 -g -w 1 -x 100 -y 0', TCP4, { ...WEB, upperThreshold: 100 }],
    ['-a -u 10.8.8.45:53 -r 10.8.8.48:80 -g -w 1', UDP4, WEB],
    ['-a -t [2001:db8::1]:80 -r [2001:db8::48]:80 -g -w 1', TCP6, WEB6],
    ['-a -f 7 -r 10.8.8.48:0 -g -w 1', MARK, { ...WEB, port: 0 }],
    ['-a -f 8 -6 -r [2001:db8::48]:0 -g -w 1', MARK6, { ...WEB6, port: 0 }],
    ['-a -t 10.8.8.45:80 -r 127.0.0.1:80 -g -w 1', TCP4, { ...WEB, address: '127.0.0.1', forwarding: 'local' }],
  ])('%s', (line, service, destination) => {
    expect(editLine({ kind: 'add-destination', service, destination, role: 'real' })).toBe(line);
    expect(editLine({ kind: 'edit-destination', service, destination, role: 'fallback' })).toBe(
      line.replace('-a', '-e'),
    );
    const deleted = line.replace('-a', '-d').replace(/ -[gim] .*/, '');
    expect(editLine({ kind: 'delete-destination', service, destination, role: 'real' })).toBe(deleted);
  });
});

const service = (kind: ServiceEdit['kind'], id: ServiceId = TCP4): Edit => ({ kind, service: { ...id, ...PLAIN } });
const server = (kind: DestinationEdit['kind'], role: Role, weight = 1): Edit => ({
  kind,
  service: TCP4,
  destination: { ...WEB, weight },
  role,
});

describe('editMessage', () => {
  test.each<[string, Edit, Occasion]>([
    ['Added virtual server: 10.8.8.45:80', service('add-service'), 'start'],
    ['Added virtual server: [2001:db8::1]:80', service('add-service', TCP6), 'run'],
    ['Added virtual server: 7', service('add-service', MARK), 'start'],
    ['Changed virtual server: 10.8.8.45:80', service('edit-service'), 'start'],
    ['Purged virtual server (stop): 10.8.8.45:80', service('delete-service'), 'stop'],
    ['Purged virtual server (start): 10.8.8.45:80', service('delete-service'), 'start'],
    ['Purged virtual server (start): 10.8.8.45:80', service('delete-service'), 'run'],
    ['Added real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 3)', server('add-destination', 'real', 3), 'run'],
    [
      'Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)',
      server('add-destination', 'real', 0),
      'start',
    ],
    [
      'Quiescent real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 0)',
      server('edit-destination', 'real', 0),
      'run',
    ],
    [
      'Restored real server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 2)',
      server('edit-destination', 'real', 2),
      'run',
    ],
    ['Deleted real server: 10.8.8.48:80 (10.8.8.45:80)', server('delete-destination', 'real'), 'run'],
    [
      'Added fallback server: 10.8.8.48:80 (10.8.8.45:80) (Weight set to 1)',
      server('add-destination', 'fallback'),
      'run',
    ],
    ['Deleted fallback server: 10.8.8.48:80 (10.8.8.45:80)', server('delete-destination', 'fallback'), 'run'],
    ['Purged real server (start): 10.8.8.48:80 (10.8.8.45:80)', server('delete-destination', 'foreign'), 'start'],
  ])('%s', (message, edit, occasion) => {
    expect(editMessage(edit, occasion)).toBe(message);
  });
});
