// A real terminal for the real program: util-linux's `script` makes it, a shell in it sets its size and runs one command.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { until } from '../until.ts';

export const HAS_TERMINAL = /util-linux/.test(String(spawnSync('script', ['--version']).stdout));
if (!HAS_TERMINAL) console.warn('NOT TESTED: show and top on a terminal, because there is no util-linux script here');

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told.
const COLORS = /\x1b\[\d+m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
const AT_PLACE = /\x1b\[(\d+);1H\x1b\[K([^\x1b]*)/g;

/** Without colours. */
export const bare = (text: string): string => text.replace(COLORS, '');

export interface TerminalOptions {
  readonly columns?: number;
  readonly lines?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `program` with its words; gone with the test. What it leaves of the terminal is told behind it: CODE, and what stty says. */
export class Terminal {
  readonly #child: ChildProcess;
  #output = '';
  #isOver = false;

  constructor(words: readonly string[], { columns = 80, lines = 24, env = {} }: TerminalOptions = {}) {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    // A shell that a signal from the keyboard ends would not tell.
    const command = `trap : INT QUIT; stty rows ${lines} cols ${columns}; ${quoted}; echo "CODE $?"; stty -a`;
    // What says something of colours; node takes CI for a word on them, too.
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env;
    this.#child = spawn('script', ['-qfec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...inherited, SHELL: '/bin/sh', TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', ...env },
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.on('close', () => {
      this.#isOver = true;
    });
    onTestFinished(() => {
      this.close();
      return until('the end of the terminal', () => this.#isOver).then(() => {});
    });
  }

  get output(): string {
    return this.#output;
  }

  /** What stands on its screen: lines at a place, as `top` draws them, without colours. */
  get screen(): string {
    const lines: string[] = [];
    const drawn = this.#output.slice(this.#output.lastIndexOf('\x1b[2J'));
    for (const [, row, text] of bare(drawn).matchAll(AT_PLACE)) lines[Number(row) - 1] = (text ?? '').trimEnd();
    return Array.from(lines, (line = '') => line).join('\n');
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until its screen shows this, and types. */
  async when(shown: string | RegExp, keys = ''): Promise<void> {
    await until(
      `${shown} on the screen`,
      () => (typeof shown === 'string' ? this.screen.includes(shown) : shown.test(this.screen)),
      () => `${this.screen}\n${JSON.stringify(this.#output.slice(-2_000))}`,
    );
    this.type(keys);
  }

  async shows(text: string): Promise<void> {
    await until(
      text,
      () => this.#output.includes(text),
      () => JSON.stringify(this.#output.slice(-2_000)),
    );
  }

  /** When the program has ended: its exit code, and whether the terminal is as it was before. */
  async ended(): Promise<{ code: number; echoes: boolean; isMain: boolean; hasCursor: boolean }> {
    await until(
      'the end of the program',
      () => this.#isOver,
      () => JSON.stringify(this.#output.slice(-2_000)),
    );
    const [, code = ''] = /CODE (\d+)/.exec(this.#output) ?? [];
    const isOn = (on: string, off: string) => this.#output.lastIndexOf(on) >= this.#output.lastIndexOf(off);
    return {
      code: Number.parseInt(code, 10),
      echoes: / icanon [\s\S]* echo /.test(this.#output.slice(this.#output.lastIndexOf('CODE'))),
      isMain: isOn('\x1b[?1049l', '\x1b[?1049h') && isOn('\x1b[?7h', '\x1b[?7l') && isOn('\x1b[?2004l', '\x1b[?2004h'),
      hasCursor: isOn('\x1b[?25h', '\x1b[?25l'),
    };
  }

  /** As when the window is closed, or the ssh connection breaks. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
