// What edits make of a table, and which of them a listing tells of.
import { expect, test } from 'vitest';
import { Draft, isListed } from '../../src/ipvs/draft.ts';
import type { Edit } from '../../src/ipvs/edit.ts';
import { parseSave } from '../../src/ipvs/save-format.ts';
import type { Destination, Service } from '../../src/ipvs/table.ts';

const SAVED =
  '-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1\n-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 1\n';
const TABLE = parseSave(SAVED);
const KEY = 'tcp:10.0.0.1:80';
const SERVICE = TABLE.get(KEY) as Service;
const KNOWN = SERVICE.destinations.get('10.0.0.2:80') as Destination;
const NEW: Destination = { ...KNOWN, address: '10.0.0.4' };
const OTHER = parseSave('-A -u 10.0.0.9:53 -s rr\n').values().next().value as Service;
const edit = (kind: Edit['kind'], destination = KNOWN, service = SERVICE): Edit =>
  ({ kind, service, ...(kind.endsWith('service') ? {} : { destination, role: 'real' }) }) as Edit;

test.each<[string, Edit, string | undefined, string]>([
  ['add-service', edit('add-service', KNOWN, OTHER), undefined, `${SAVED}-A -u 10.0.0.9:53 -s rr\n`],
  ['add-service, there already', edit('add-service'), 'Service already exists', SAVED],
  ['delete-service', edit('delete-service'), undefined, ''],
  ['delete-service, not there', edit('delete-service', KNOWN, OTHER), 'No such service', SAVED],
  ['edit-service', edit('edit-service', KNOWN, { ...SERVICE, scheduler: 'rr' }), undefined, SAVED.replace('wlc', 'rr')],
  ['add-destination', edit('add-destination', NEW), undefined, `${SAVED}-a -t 10.0.0.1:80 -r 10.0.0.4:80 -g -w 1\n`],
  ['add-destination, there already', edit('add-destination'), 'Destination already exists', SAVED],
  ['edit-destination', edit('edit-destination', { ...KNOWN, weight: 0 }), undefined, SAVED.replace('-w 1', '-w 0')],
  ['edit-destination, not there', edit('edit-destination', NEW), 'No such destination', SAVED],
  ['delete-destination', edit('delete-destination'), undefined, SAVED.replace(/-a .*2:80.*\n/, '')],
  ['delete-destination, not there', edit('delete-destination', NEW), 'No such destination', SAVED],
])('%s', (_, made, refusal, after) => {
  const draft = new Draft(TABLE);
  expect(draft.apply(made)).toBe(refusal);
  expect(draft.table).toEqual(parseSave(after));
  expect(TABLE).toEqual(parseSave(SAVED));
});

const LIMITED = { ...KNOWN, lowerThreshold: 2, upperThreshold: 9 };
const WITH_LIMITS = new Map([[KEY, { ...SERVICE, destinations: new Map([['10.0.0.2:80', LIMITED]]) }]]);

test.each<[string, boolean, Edit, Map<string, Service>?]>([
  ['a weight', true, edit('edit-destination')],
  ['a new server', true, edit('add-destination', NEW)],
  ['a server that goes', true, edit('delete-destination')],
  ['a server that goes, with thresholds', true, edit('delete-destination', LIMITED), WITH_LIMITS],
  ['a service that goes', true, edit('delete-service')],
  ['thresholds', false, edit('edit-destination', LIMITED)],
  ['a new server with thresholds', false, edit('add-destination', { ...NEW, upperThreshold: 1 })],
  ['thresholds that go', false, edit('edit-destination'), WITH_LIMITS],
  ['a new service, which has options', false, edit('add-service')],
  ['options', false, edit('edit-service')],
])('a listing tells of %s: %s', (_, told, made, table = new Map(TABLE)) => {
  expect(isListed(made, table)).toBe(told);
});
