// What orders are called and do, and which of them make sense for a server as it is.
import type { Override } from '../../../ipvs/desired.ts';
import type { OrderName } from '../../../operator/commands.ts';
import type { ServerSnapshot } from '../../snapshot.ts';

interface Words {
  readonly button: string;
  /** What it does, for whoever is about to confirm it. */
  readonly effect: string;
}

export const ORDER_WORDS: Readonly<Record<OrderName, Words>> = {
  drain: { button: 'Drain', effect: 'It gets no new connections; those that it has may end in their own time.' },
  disable: { button: 'Disable', effect: 'It is taken out of service at once; connections that it has may break.' },
  enable: {
    button: 'Enable',
    effect: 'What was ordered for it is undone, that it flapped is forgotten: its checks decide again.',
  },
  weight: { button: 'Change weight', effect: 'It gets this share of new connections, until it is enabled again.' },
  recheck: { button: 'Check now', effect: 'It is checked at once; the result counts as any other.' },
};

/** The orders that make sense for a server as it is, the mildest first. A weight would put back into service whoever is out of it. */
export function ordersFor({
  override,
  damping,
}: ServerSnapshot): readonly { readonly op: OrderName; readonly label: string }[] {
  const circumstance = override?.kind ?? (damping === undefined ? 'none' : 'damped');
  return ORDERS_AFTER[circumstance].map((op) => ({ op, label: `${ORDER_WORDS[op].button}…` }));
}

const ORDERS_AFTER: Readonly<Record<'none' | 'damped' | Override['kind'], readonly OrderName[]>> = {
  none: ['recheck', 'weight', 'drain', 'disable'],
  damped: ['recheck', 'enable', 'weight', 'drain', 'disable'],
  weight: ['recheck', 'enable', 'weight', 'drain', 'disable'],
  drain: ['recheck', 'enable', 'disable'],
  disable: ['recheck', 'enable'],
};
