// Server-sent events out of the pieces of text that a stream brings.

/** More than any event has: whoever sends more speaks something else. */
const MAX_EVENT_LENGTH = 1024 * 1024;

export class EventText {
  readonly #onEvent: (name: string, data: unknown) => void;
  #rest = '';

  /** `onEvent` gets each event's name and its data, which is JSON. */
  constructor(onEvent: (name: string, data: unknown) => void) {
    this.#onEvent = onEvent;
  }

  /** Throws when the text is no stream of events with JSON in them. */
  add(piece: string): void {
    const blocks = (this.#rest + piece).replaceAll('\r\n', '\n').split('\n\n');
    this.#rest = blocks.pop() ?? '';
    if (this.#rest.length > MAX_EVENT_LENGTH) throw new Error('the daemon sends an event without an end');
    for (const block of blocks) this.#read(block);
  }

  #read(block: string): void {
    let name = 'message';
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const [, field, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === 'event') name = value;
      else if (field === 'data') data.push(value);
    }
    if (data.length > 0) this.#onEvent(name, JSON.parse(data.join('\n')));
  }
}
