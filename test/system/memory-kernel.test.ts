// The table in memory refuses what the kernel refuses, in the kernel's words.
import { expect, test } from 'vitest';
import type { DestinationEdit, Edit, ServiceEdit } from '../../src/ipvs/edit.ts';
import type { Destination } from '../../src/ipvs/table.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { SERVICE as PLAIN } from '../service.ts';

const SERVICE = { ...PLAIN, persistentSeconds: 60, netmask: '255.255.255.0' };
const SERVER: Destination = {
  address: '10.0.0.2',
  port: 80,
  forwarding: 'gate',
  weight: 1,
  lowerThreshold: 0,
  upperThreshold: 0,
};
const service = (kind: ServiceEdit['kind']): Edit => ({ kind, service: SERVICE });
const server = (kind: DestinationEdit['kind'], weight = 1): Edit => ({
  kind,
  service: SERVICE,
  destination: { ...SERVER, weight },
  role: 'real',
});

test.each<[string, Edit[], Edit, RegExp]>([
  ['a service twice', [service('add-service')], service('add-service'), /^-A .*: Service already exists$/],
  ['edit no service', [], service('edit-service'), /^-E .*: No such service$/],
  ['delete no service', [], service('delete-service'), /^-D .*: No such service$/],
  ['a server of no service', [], server('add-destination'), /^-a .*: No such service$/],
  [
    'a server twice',
    [service('add-service'), server('add-destination')],
    server('add-destination'),
    /^-a .*: Destination already exists$/,
  ],
  ['edit no server', [service('add-service')], server('edit-destination'), /^-e .*: No such destination$/],
  ['delete no server', [service('add-service')], server('delete-destination'), /^-d .*: No such destination$/],
])('%s is refused, and what comes after it is still done', async (_, before, edit, complaint) => {
  const kernel = new MemoryKernel();
  expect(await kernel.apply(before)).toEqual([]);
  const was = kernel.table;
  const other: Edit = { kind: 'add-service', service: { ...SERVICE, port: 81 } };
  expect(await kernel.apply([edit, other])).toEqual([expect.stringMatching(complaint)]);
  expect([...kernel.table.keys()]).toEqual([...was.keys(), 'tcp:10.0.0.1:81']);
});

test('edits replace, deletions remove', async () => {
  const kernel = new MemoryKernel();
  await kernel.apply([service('add-service'), server('add-destination'), server('edit-destination', 5)]);
  expect(kernel.table.get('tcp:10.0.0.1:80')?.destinations.get('10.0.0.2:80')?.weight).toBe(5);
  const { netmask: _, ...plain } = SERVICE;
  await kernel.apply([{ kind: 'edit-service', service: { ...plain, scheduler: 'rr' } }]);
  expect(kernel.table.get('tcp:10.0.0.1:80')).toMatchObject({ scheduler: 'rr', persistentSeconds: 60 });
  expect(kernel.table.get('tcp:10.0.0.1:80')).not.toHaveProperty('netmask');
  expect(kernel.table.get('tcp:10.0.0.1:80')?.destinations.size).toBe(1);
  expect([...(await kernel.list())]).toEqual([
    [
      'tcp:10.0.0.1:80',
      new Map([['10.0.0.2:80', { forwarding: 'gate', weight: 5, activeConnections: 0, inactiveConnections: 0 }]]),
    ],
  ]);
  await kernel.apply([server('delete-destination')]);
  expect(kernel.table.get('tcp:10.0.0.1:80')?.destinations.size).toBe(0);
  await kernel.apply([service('delete-service')]);
  expect(kernel.table.size).toBe(0);
});
