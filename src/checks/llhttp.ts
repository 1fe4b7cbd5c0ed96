// llhttp, which parses HTTP for node and for undici, as undici brings it: an answer's bytes go in, its body comes out. What undici's
// Client does around it is for connections that are used again.
import { CheckFailure } from '../errors.ts';

/** Told while an answer's bytes are parsed; must not throw. */
export interface AnswerEvents {
  /** The header is complete. Returns whether a body may follow. */
  onHead(status: number): boolean;
  /** The next bytes of the body, without the chunks they came in: a view, good for this call only. */
  onBody(bytes: Buffer): void;
}

/** The parser of one answer. */
export interface AnswerParser {
  /** Takes the next bytes; returns whether the answer is complete: more of them mean nothing. Throws CheckFailure. */
  parse(bytes: Buffer): boolean;
  /** The connection was closed: returns whether the answer is complete with that. */
  end(): boolean;
  /** Must be called in the end; after it no byte counts. */
  free(): void;
}

/** What follows a body in chunks may be this long, names and values together. */
const MAX_TRAILER_BYTES = 128 * 1024;
/** As much as llhttp gets at once. */
const PIECE_BYTES = 16 * 1024;

// Of llhttp's enumerations.
const RESPONSE = 2;
const OK = 0;
const PAUSED = 21;
const SKIP_BODY = 1;
const FAILED = -1;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
}

interface Library {
  readonly exports: Exports;
  /** Where the bytes lie that are parsed. */
  readonly input: number;
}

let loaded: Promise<Library> | undefined;
/** Whose bytes are being parsed: llhttp's callbacks come within the call that parses. */
let current: Parser | undefined;

/** Loads llhttp, once: only a configuration that has an HTTP check pays for it. */
export function loadParser(): Promise<(events: AnswerEvents) => AnswerParser> {
  loaded ??= load();
  return loaded.then((library) => (events) => new Parser(library, events));
}

async function load(): Promise<Library> {
  const { bytes } = await import('./llhttp-wasm.ts');
  const nothing = (): number => OK;
  const header = (_parser: number, _at: number, length: number): number => current?.header(length) ?? FAILED;
  const env = {
    wasm_on_message_begin: nothing,
    wasm_on_url: nothing,
    wasm_on_status: nothing,
    wasm_on_header_field: header,
    wasm_on_header_value: header,
    wasm_on_headers_complete: (_parser: number, status: number): number => current?.head(status) ?? FAILED,
    wasm_on_body: (_parser: number, at: number, length: number): number => current?.body(at, length) ?? FAILED,
    wasm_on_message_complete: (): number => current?.complete() ?? FAILED,
  };
  const { exports } = new WebAssembly.Instance(await WebAssembly.compile(bytes), { env }) as { exports: Exports };
  exports._initialize();
  return { exports, input: exports.malloc(PIECE_BYTES) };
}

class Parser implements AnswerParser {
  readonly #library: Library;
  readonly #events: AnswerEvents;
  /** 0 when it has been freed. */
  #pointer: number;
  #piece: Buffer = Buffer.alloc(0);
  #hasHead = false;
  #trailerBytes = 0;
  #isComplete = false;

  constructor(library: Library, events: AnswerEvents) {
    this.#library = library;
    this.#events = events;
    this.#pointer = library.exports.llhttp_alloc(RESPONSE);
  }

  parse(bytes: Buffer): boolean {
    const { exports, input } = this.#library;
    for (let from = 0; from < bytes.length && !this.#isComplete && this.#pointer !== 0; from += PIECE_BYTES) {
      this.#piece = bytes.subarray(from, from + PIECE_BYTES);
      new Uint8Array(exports.memory.buffer, input, PIECE_BYTES).set(this.#piece);
      const result = this.#run(() => exports.llhttp_execute(this.#pointer, input, this.#piece.length));
      if (result !== OK && !this.#isComplete) throw this.#failure();
    }
    return this.#isComplete;
  }

  end(): boolean {
    if (this.#pointer !== 0) this.#run(() => this.#library.exports.llhttp_finish(this.#pointer));
    return this.#isComplete;
  }

  free(): void {
    if (this.#pointer !== 0) this.#library.exports.llhttp_free(this.#pointer);
    this.#pointer = 0;
  }

  #run(call: () => number): number {
    current = this;
    try {
      return call();
    } finally {
      current = undefined;
    }
  }

  /** A header that is too long does not get this far; trailers are read by nobody else. */
  header(length: number): number {
    if (!this.#hasHead) return OK;
    this.#trailerBytes += length;
    return this.#trailerBytes > MAX_TRAILER_BYTES ? FAILED : OK;
  }

  head(status: number): number {
    this.#hasHead = true;
    return this.#events.onHead(status) ? OK : SKIP_BODY;
  }

  body(at: number, length: number): number {
    const from = at - this.#library.input;
    this.#events.onBody(this.#piece.subarray(from, from + length));
    return OK;
  }

  /** What follows is no part of the answer. */
  complete(): number {
    this.#isComplete = true;
    return PAUSED;
  }

  #failure(): CheckFailure {
    if (this.#trailerBytes > MAX_TRAILER_BYTES) return new CheckFailure('the answer does not end (its trailers)');
    const { exports } = this.#library;
    const reason = Buffer.from(exports.memory.buffer, exports.llhttp_get_error_reason(this.#pointer));
    return new CheckFailure(`broken HTTP answer: ${reason.toString('latin1', 0, reason.indexOf(0))}`);
  }
}
