// The virtual services in the kernel's table that are a daemon's own. Should it be killed, the next one knows them by this: one that
// is no longer configured by then would otherwise stay, with servers that nobody checks.

export class OwnServices {
  readonly #keys = new Set<string>();
  readonly #onChange: (key: string, isOwn: boolean) => void;
  readonly #written: () => Promise<unknown>;

  /** `onChange`: a service was taken on, or is not ours any more; `written` resolves when that is kept, or cannot be. */
  constructor(
    onChange: (key: string, isOwn: boolean) => void = () => {},
    written: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#onChange = onChange;
    this.#written = written;
  }

  /** Takes over what a daemon that was killed has left. */
  restore(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key);
  }

  /** By `serviceKey`. */
  get all(): ReadonlySet<string> {
    return this.#keys;
  }

  /** To be called before they come into the table; resolves when they are kept as ours, or cannot be. */
  async add(keys: Iterable<string>): Promise<void> {
    let isNew = false;
    for (const key of keys) {
      if (this.#keys.has(key)) continue;
      isNew = true;
      this.#keys.add(key);
      this.#onChange(key, true);
    }
    if (isNew) await this.#written();
  }

  /** To be called when the table has no others of ours any more. `keys` are ours already. */
  keepOnly(keys: { readonly size: number; has(key: string): boolean }): void {
    if (this.#keys.size === keys.size) return;
    for (const key of this.#keys) {
      if (keys.has(key)) continue;
      this.#keys.delete(key);
      this.#onChange(key, false);
    }
  }
}
