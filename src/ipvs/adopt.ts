// What is taken for true of a real server before any check has spoken of it: the kernel's table says whether it serves.
import type { Real, Virtual } from '../config/model.ts';
import { adoptedHealth, type Health, unknownHealth } from '../health/health.ts';
import { serverName } from './desired.ts';
import { serviceKey, type Table } from './table.ts';

/** Health at a start: up where the table has the server with a weight, otherwise unknown; `on` and `off` need no check. `now` in milliseconds since 1970. */
export function firstHealth(virtual: Virtual, real: Real, table: Table, now: number): Health {
  const { kind } = real.check.spec;
  if (kind === 'on') return { state: 'up', failures: 0, reason: 'never checked: always up', since: now };
  if (kind === 'off') return { state: 'down', failures: 0, reason: 'checktype = off', since: now };
  const inTable = table.get(serviceKey(virtual))?.destinations.get(serverName(virtual, real));
  return (inTable?.weight ?? 0) > 0 ? adoptedHealth(now) : unknownHealth(now);
}
