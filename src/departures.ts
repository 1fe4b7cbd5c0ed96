// Servers that a reload has taken out of the configuration: each serves until another one can, then takes no new connections
// and answers what it was asked, and only then is deleted. The kernel drops the packets of connections to a deleted server.
import type { Desired } from './ipvs/desired.ts';
import type { Edit } from './ipvs/edit.ts';
import { editTarget } from './ipvs/plan.ts';
import { serviceKey } from './ipvs/table.ts';

export class Departures {
  readonly #drainMs: number;
  /** By edit target: since when it is at weight 0, in ms; undefined while it still serves. */
  readonly #leaving = new Map<string, number | undefined>();

  constructor(drainMs: number) {
    this.#drainMs = drainMs;
  }

  /** Whether there is somebody who has yet to be deleted, in drainMs at most. */
  get draining(): boolean {
    return [...this.#leaving.values()].some((since) => since !== undefined);
  }

  /** The plan with its deletions put off as long as need be. `reload`: what it deletes is no longer configured. */
  delay(edits: readonly Edit[], desired: Desired, reload: boolean): Edit[] {
    const deleted = new Set(edits.filter(({ kind }) => kind === 'delete-destination').map(editTarget));
    for (const target of this.#leaving.keys()) if (!deleted.has(target)) this.#leaving.delete(target);
    return edits.flatMap((edit) => {
      const target = editTarget(edit);
      const leaves = this.#leaving.has(target) || (reload && 'destination' in edit && edit.destination.weight > 0);
      if (edit.kind !== 'delete-destination' || edit.role === 'foreign' || !leaves) return [edit];
      const since = this.#leaving.get(target);
      if (since !== undefined) return performance.now() - since < this.#drainMs ? [] : [edit];
      if (desired.get(serviceKey(edit.service))?.awaitsFirstCheck) {
        this.#leaving.set(target, undefined);
        return [];
      }
      this.#leaving.set(target, performance.now());
      return [{ ...edit, kind: 'edit-destination', destination: { ...edit.destination, weight: 0 } }];
    });
  }

  /** What is settled, with the weight that a leaving server has by our doing and not by somebody's hand. */
  weightless(settled: Desired): Desired {
    if (!this.draining) return settled;
    return new Map(
      [...settled].map(([key, service]) => {
        const destinations = [...service.destinations].map(([name, destination]) => {
          const leaves = this.#leaving.get(`${key} ${name}`) !== undefined;
          return [name, leaves ? { ...destination, weight: 0 } : destination] as const;
        });
        return [key, { ...service, destinations: new Map(destinations) }];
      }),
    );
  }
}
