// The bytes that a terminal sends for its keys -> names of keys.

/** A character as it is, or one of the names below, or a pasted text: nothing in it is a key. */
export type Key = string | { readonly pasted: string };

const ESCAPE = '\x1b';
const CTRL_C = '\x03';
const PASTE_BEGINS = '\x1b[200~';
const PASTE_ENDS = '\x1b[201~';

const SEQUENCES: Readonly<Record<string, string>> = {
  [ESCAPE]: 'escape',
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[5~': 'page-up',
  '\x1b[6~': 'page-down',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
};

const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x02': 'page-up',
  [CTRL_C]: 'ctrl-c',
  '\x04': 'page-down',
  '\x06': 'page-down',
  '\x0c': 'ctrl-l',
  '\x10': 'up',
  '\x0e': 'down',
  '\x15': 'page-up',
  '\x1a': 'ctrl-z',
};

/** What follows an Escape to make a whole sequence; those that we do not know are no keys. */
const AFTER_ESCAPE = /^(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|O[\x20-\x7e]|[^[O])/u;
const MAX_PENDING = 4_096;
/** Nobody presses Escape and another key so fast; a slow line may take longer for the rest of a sequence, or of what was pasted. */
const ESCAPE_MS = 50;
const SEQUENCE_MS = 500;
const PASTE_MS = 5_000;

/** Puts sequences together that come in parts, as over a slow line. */
export class KeyReader {
  #pending = '';
  /** Of a paste whose end has not come: none of it may ever be taken for keys. */
  #pasted: string | undefined;

  /** How long to wait for the rest of what has begun, before `flush`; undefined when nothing has. */
  get patienceMs(): number | undefined {
    if (this.#pasted !== undefined) return PASTE_MS;
    if (this.#pending === '') return undefined;
    return this.#pending === ESCAPE ? ESCAPE_MS : SEQUENCE_MS;
  }

  /** The keys in what has come. */
  read(text: string): Key[] {
    // Typed alone: whoever waits for the end of a paste in vain can still leave.
    if (text === CTRL_C) this.flush();
    let rest = this.#pending + text;
    this.#pending = '';
    const keys: Key[] = [];
    while (rest !== '') {
      const read = this.#pasted === undefined ? this.#next(rest) : this.#paste(rest, this.#pasted);
      if (read === undefined) break;
      if (read.key !== undefined) keys.push(read.key);
      rest = rest.slice(read.length);
    }
    return keys;
  }

  /** What has waited for long enough: an Escape that nothing followed is the key. */
  flush(): Key[] {
    const isEscape = this.#pasted === undefined && this.#pending === ESCAPE;
    this.#pending = '';
    this.#pasted = undefined;
    return isEscape ? ['escape'] : [];
  }

  /** The first key of a text, if it is one, and how long it is; undefined when its rest is to come. */
  #next(text: string): Read | undefined {
    if (!text.startsWith(ESCAPE)) {
      const [character = ''] = text;
      return { key: CONTROLS[character] ?? (character >= ' ' ? character : undefined), length: character.length };
    }
    if (text.startsWith(PASTE_BEGINS)) {
      this.#pasted = '';
      return { length: PASTE_BEGINS.length };
    }
    const [after] = AFTER_ESCAPE.exec(text.slice(1)) ?? [];
    if (after === undefined) {
      this.#pending = text.length > MAX_PENDING ? '' : text;
      return undefined;
    }
    // Escape twice is Escape, and the beginning of something.
    const sequence = after === ESCAPE ? ESCAPE : ESCAPE + after;
    return { key: SEQUENCES[sequence], length: sequence.length };
  }

  #paste(text: string, before: string): Read | undefined {
    const end = text.indexOf(PASTE_ENDS);
    // The end itself may come in parts.
    const until = end >= 0 ? end : Math.max(0, text.length - PASTE_ENDS.length + 1);
    const pasted = (before + text.slice(0, until)).slice(0, MAX_PENDING);
    if (end < 0) {
      this.#pasted = pasted;
      this.#pending = text.slice(until);
      return undefined;
    }
    this.#pasted = undefined;
    return { key: { pasted }, length: end + PASTE_ENDS.length };
  }
}

interface Read {
  readonly key?: Key | undefined;
  readonly length: number;
}
