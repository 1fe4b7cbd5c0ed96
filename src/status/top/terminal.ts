// The terminal that top takes over: raw keys in, lines out, and everything as it was at the end, whatever the end is.
import type { ReadStream, WriteStream } from 'node:tty';
import { type Key, KeyReader } from './keys.ts';

/** The other screen, no cursor, no line breaks of its own, and pasted text told apart from keys. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J';
const LEAVE = '\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l';

export interface Listener {
  key(key: Key): void;
  /** The screen is to be drawn: it has another size, or is ours again. */
  redraw(): void;
  /** Nobody is there any more: a signal, or the terminal has gone. `code`: of the exit. */
  end(code: number): void;
}

const SIGNALS = { SIGINT: 0, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #listener: Listener;
  readonly #keys = new KeyReader();
  readonly #undo: (() => void)[] = [];
  #drawn: string[] = [];
  #isOurs = false;
  #waiting: NodeJS.Timeout | undefined;

  constructor(input: ReadStream, output: WriteStream, listener: Listener) {
    this.#input = input;
    this.#output = output;
    this.#listener = listener;
  }

  get size(): { readonly width: number; readonly height: number } {
    // A terminal that does not tell its size says 0.
    return { width: this.#output.columns || 80, height: this.#output.rows || 24 };
  }

  open(): void {
    const { key, redraw, end } = this.#listener;
    const tell = (keys: readonly Key[]): void => {
      for (const each of keys) key(each);
    };
    this.#on(this.#input, 'data', (text: string) => {
      clearTimeout(this.#waiting);
      tell(this.#keys.read(text));
      const { patienceMs } = this.#keys;
      if (patienceMs !== undefined) this.#waiting = setTimeout(() => tell(this.#keys.flush()), patienceMs);
    });
    for (const gone of ['end', 'error']) this.#on(this.#input, gone, () => end(SIGNALS.SIGHUP));
    this.#on(this.#output, 'error', () => end(SIGNALS.SIGHUP));
    this.#on(this.#output, 'resize', () => {
      this.#drawn = [];
      redraw();
    });
    for (const [signal, code] of Object.entries(SIGNALS)) this.#on(process, signal, () => end(code));
    this.#on(process, 'SIGCONT', () => {
      this.#take();
      redraw();
    });
    // The stack of an exception is to be read where it stays.
    this.#on(process, 'uncaughtExceptionMonitor', () => this.#give());
    this.#on(process, 'exit', () => this.#give());
    this.#input.setEncoding('utf8');
    this.#take();
  }

  /** Draws these lines over those that are there; as many as the screen has. */
  draw(lines: readonly string[]): void {
    if (!this.#isOurs) return;
    const changed = lines.flatMap((line, index) =>
      line === this.#drawn[index] ? [] : [`\x1b[${index + 1};1H\x1b[K${line}`],
    );
    this.#drawn = [...lines];
    if (changed.length > 0) this.#output.write(changed.join(''));
  }

  /** Forgets what is on the screen, so that all of it is drawn. */
  wipe(): void {
    this.#drawn = [];
    if (this.#isOurs) this.#output.write('\x1b[2J');
  }

  /** Stops this process as a shell's Ctrl-Z does; goes on when the shell says so. */
  suspend(): void {
    this.#give();
    process.kill(process.pid, 'SIGTSTP');
  }

  close(): void {
    clearTimeout(this.#waiting);
    this.#give();
    for (const undo of this.#undo.splice(0)) undo();
    this.#input.pause();
  }

  #take(): void {
    this.#isOurs = true;
    this.#drawn = [];
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ENTER);
  }

  #give(): void {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.#output.write(LEAVE);
    this.#input.setRawMode(false);
  }

  #on<T extends NodeJS.EventEmitter>(emitter: T, name: string, handler: (...args: never[]) => void): void {
    emitter.on(name, handler as (...args: unknown[]) => void);
    this.#undo.push(() => emitter.off(name, handler as (...args: unknown[]) => void));
  }
}
