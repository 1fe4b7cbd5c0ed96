// What ends a run before its time. An AbortSignal costs more than the rest of a small check's bookkeeping, and hardly any check asks for
// one: it is made for those that do.

export class Stop {
  #isStopped = false;
  #reason: unknown;
  #listeners: ((reason: unknown) => void)[] = [];
  #controller: AbortController | undefined;

  /** The same for whoever needs one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isStopped) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  throwIfStopped(): void {
    if (this.#isStopped) throw this.#reason;
  }

  /** The first reason counts; by default an AbortError. */
  stop(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#reason = reason;
    for (const listener of this.#listeners) listener(reason);
    this.#controller?.abort(reason);
  }

  /** Has somebody told when it is stopped, until the function returned is called. */
  onStop(listener: (reason: unknown) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }
}
