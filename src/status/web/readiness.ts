// Whether every check has run at least once, asked often: servers that have been checked are not looked at again until a reload.
import type { Real, Virtual } from '../../config/model.ts';
import { serverId } from '../../ipvs/desired.ts';
import type { StatusSource } from '../source.ts';

type Asked = Pick<StatusSource, 'virtuals' | 'lastCheckOf'>;

export class Readiness {
  readonly #source: Asked;
  #virtuals: readonly Virtual[] | undefined;
  /** The virtual, and the server of it, that were still to be checked when it was asked last. */
  #virtual = 0;
  #real = 0;

  constructor(source: Asked) {
    this.#source = source;
  }

  /** A server that waits for its first check, as log lines name it; undefined when none does. */
  waitsFor(): string | undefined {
    const virtuals = this.#source.virtuals();
    if (virtuals !== this.#virtuals) [this.#virtuals, this.#virtual, this.#real] = [virtuals, 0, 0];
    for (; this.#virtual < virtuals.length; this.#virtual++, this.#real = 0) {
      const virtual = virtuals[this.#virtual];
      for (; virtual !== undefined && this.#real < virtual.reals.length; this.#real++) {
        const real = virtual.reals[this.#real];
        if (real !== undefined && this.#isUnchecked(virtual, real)) return serverId(virtual, real);
      }
    }
    return undefined;
  }

  #isUnchecked(virtual: Virtual, real: Real): boolean {
    const { kind } = real.check.spec;
    return kind !== 'on' && kind !== 'off' && this.#source.lastCheckOf(virtual, real) === undefined;
  }
}
