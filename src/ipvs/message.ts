// Edits -> the words that ldirectord writes into its log for them. People's log watchers match these.
import { virtualName } from '../config/model.ts';
import type { DestinationEdit, Edit } from './edit.ts';
import { destinationKey } from './table.ts';

/** When an edit is made; a service is purged at a stop, or when a start or reload finds it no longer configured. */
export type Occasion = 'start' | 'run' | 'stop';

/** The log line of an edit. */
export function editMessage(edit: Edit, occasion: Occasion): string {
  const name = virtualName(edit.service);
  switch (edit.kind) {
    case 'add-service':
      return `Added virtual server: ${name}`;
    case 'edit-service':
      return `Changed virtual server: ${name}`;
    case 'delete-service':
      return `Purged virtual server (${occasion === 'stop' ? 'stop' : 'start'}): ${name}`;
    default:
      return destinationMessage(edit, name);
  }
}

function destinationMessage({ kind, role, destination }: DestinationEdit, virtual: string): string {
  const where = `${destinationKey(destination)} (${virtual})`;
  if (role === 'foreign') return `Purged real server (start): ${where}`;
  if (kind === 'delete-destination') return `Deleted ${role} server: ${where}`;
  const verb = destination.weight === 0 ? 'Quiescent' : kind === 'add-destination' ? 'Added' : 'Restored';
  return `${verb} ${role} server: ${where} (Weight set to ${destination.weight})`;
}
