// top: the live screen. It asks the daemon every second, and orders what somebody has said yes to.
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, UsageError } from '../errors.ts';
import type { OrderOutcome } from '../operator/commands.ts';
import { lookOf } from '../status/columns.ts';
import type { DaemonSnapshot } from '../status/snapshot.ts';
import type { Key } from '../status/top/keys.ts';
import type { View } from '../status/top/lines.ts';
import { BEGINNING, type Order, press, settle, type TopState } from '../status/top/model.ts';
import { type Row, rowsOf } from '../status/top/rows.ts';
import { listHeight, screen } from '../status/top/screen.ts';
import { Terminal } from '../status/top/terminal.ts';
import { readOwner } from '../system/pid-owner.ts';
import { counted } from '../wording.ts';
import { ask, askForSnapshot, isRunning } from './ask.ts';
import type { Call } from './call.ts';

const REFRESH_MS = 1_000;
const ORDER_MS = 60_000;
/** Shorter than what `status` says: it is to fit into a line. */
const GONE = { none: 'it is stopped', stale: 'it died, or was killed' } as const;

/** Resolves with 0 when somebody quits it, 1 when no daemon runs at the beginning. Throws UsageError where there is no terminal. */
export async function top(call: Call): Promise<number> {
  const { stdin, stdout, env } = process;
  if (!stdin.isTTY || !stdout.isTTY || !env.TERM || env.TERM === 'dumb')
    throw new UsageError('top needs a terminal; show --watch and show --json do without', 1);
  if (!(await isRunning(call))) return 1;
  return new Top(call).run();
}

class Top {
  readonly #call: Call;
  readonly #terminal: Terminal;
  readonly #ended: Promise<number>;
  #end: (code: number) => void = () => {};
  #isOver = false;
  #state: TopState = BEGINNING;
  #snapshot: DaemonSnapshot | undefined;
  #seenAt = Date.now();
  #lost: string | undefined;

  constructor(call: Call) {
    this.#call = call;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#terminal = new Terminal(process.stdin, process.stdout, {
      key: (key) => this.#press(key),
      redraw: () => this.#draw(),
      end: (code) => this.#end(code),
    });
  }

  async run(): Promise<number> {
    try {
      this.#terminal.open();
      this.#draw();
      return await Promise.race([this.#ended, this.#follow()]);
    } finally {
      this.#isOver = true;
      this.#terminal.close();
    }
  }

  /** Only ever rejects: with a mistake of ours. */
  async #follow(): Promise<never> {
    for (;;) {
      await this.#refresh();
      await pause(REFRESH_MS);
    }
  }

  /** `isOwed`: somebody has ordered something, and is to see what came of it. */
  async #refresh(isOwed = false): Promise<void> {
    if (this.#state.paused && !isOwed) return;
    try {
      const snapshot = await askForSnapshot(this.#call);
      if (this.#state.paused && !isOwed) return;
      this.#snapshot = snapshot;
      this.#seenAt = Date.now();
      this.#lost = undefined;
    } catch (error) {
      const owner = readOwner(this.#call.pidFile);
      this.#lost = owner.state === 'running' ? messageOf(error) : GONE[owner.state];
    }
    this.#draw();
  }

  #press(key: Key): void {
    if (this.#isOver) return;
    const { state, effect } = press(this.#state, key, { rows: this.#rows, height: listHeight(this.#view) });
    const goesOn = this.#state.paused && !state.paused;
    this.#state = state;
    if (effect === 'quit') this.#end(0);
    else if (effect === 'suspend') this.#terminal.suspend();
    else if (effect === 'redraw') this.#terminal.wipe();
    else if (effect !== undefined) void this.#order(effect);
    if (goesOn) void this.#refresh();
    this.#draw();
  }

  async #order(order: Order): Promise<void> {
    this.#say('...', false);
    try {
      const outcomes = (await ask(this.#call, order, ORDER_MS)) as OrderOutcome[];
      const [first] = outcomes;
      const done = first === undefined ? 'nothing to do' : `${first.real} (${first.virtual}) ${first.done}`;
      this.#say(outcomes.length > 1 ? `${counted(outcomes.length, 'server')}: ${first?.done}` : done, false);
    } catch (error) {
      this.#say(messageOf(error), true);
    }
    await this.#refresh(true);
  }

  #say(text: string, isBad: boolean): void {
    this.#state = { ...this.#state, said: { text, isBad } };
    this.#draw();
  }

  get #rows(): Row[] {
    return rowsOf(this.#snapshot?.virtuals ?? [], this.#state);
  }

  get #view(): View {
    const look = lookOf(process.stdout, process.env);
    const [snapshot, seenAt, lost] = [this.#snapshot, this.#seenAt, this.#lost];
    return { ...look, ...this.#terminal.size, snapshot, seenAt, lost, now: Date.now() };
  }

  #draw(): void {
    if (this.#isOver) return;
    const [rows, view] = [this.#rows, this.#view];
    this.#state = settle(this.#state, { rows, height: listHeight(view) });
    this.#terminal.draw(screen(this.#state, rows, view));
  }
}
