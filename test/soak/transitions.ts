// What became of each server, as those who saw it tell: the log, the events of the status page; and where they differ from the truth.
import type { Pages } from '../../bench/book.ts';

export type State = 'up' | 'down';
/** By server, as log lines name it: what it became, one after the other. */
export type Histories = ReadonlyMap<string, readonly State[]>;

/** The truth: what the servers have answered. One failure is enough to be down, one answer to be up. */
export function answered(pages: Pages, names: ReadonlyMap<string, string>): Histories {
  return new Map(
    Object.entries(pages).map(([address, { turns }]) => [names.get(address) ?? address, turns.map(({ to }) => to)]),
  );
}

/** What the log tells. */
export function logged(log: string): Histories {
  return gathered(log.matchAll(/Real server (\S+ \([^)]*\)) is (up|down): /g));
}

/** How often the log tells of each server that its weight was taken. */
export function quiesced(log: string): Histories {
  const lines = log.matchAll(/Quiescent real server: (\S+ \([^)]*\)) /g);
  return gathered([...lines].map(([line = '', server = '']) => [line, server, 'down']));
}

/** Of these servers only. */
export function only(histories: Histories, servers: readonly string[]): Histories {
  const wanted = new Set(servers);
  return new Map([...histories].filter(([server]) => wanted.has(server)));
}

/** How often each server went down after it was up, and with that had weight in the table. */
export function falls(histories: Histories): Histories {
  const found = [...histories].map(([server, states]): [string, State[]] => [
    server,
    states.filter((state, index) => state === 'down' && index > 0),
  ]);
  return new Map(found.filter(([, states]) => states.length > 0));
}

export function count(histories: Histories): number {
  return [...histories.values()].reduce((sum, { length }) => sum + length, 0);
}

/** In words, each server of which something else was seen than there was. */
export function differences(truth: Histories, seen: Histories): string[] {
  const servers = new Set([...truth.keys(), ...seen.keys()]);
  return [...servers].flatMap((server) => {
    const [was, told] = [truth, seen].map((histories) => (histories.get(server) ?? []).join(' '));
    return was === told ? [] : [`${server} was ${was || 'nothing'}, and seen ${told || 'as nothing'}`];
  });
}

function gathered(found: Iterable<readonly (string | undefined)[]>): Histories {
  const histories = new Map<string, State[]>();
  for (const [, server = '', state] of found) {
    const states = histories.get(server);
    if (states === undefined) histories.set(server, [state as State]);
    else states.push(state as State);
  }
  return histories;
}

/** What somebody sees who is told now and then how each server is, and since when. */
export class Watched {
  readonly #since = new Map<string, number>();
  readonly #histories = new Map<string, State[]>();

  /** `since`: milliseconds since 1970; what is older than what is known says nothing. */
  see(server: string, state: State | 'unknown', since: number): void {
    if (state === 'unknown' || since <= (this.#since.get(server) ?? Number.NEGATIVE_INFINITY)) return;
    this.#since.set(server, since);
    const states = this.#histories.get(server);
    if (states === undefined) this.#histories.set(server, [state]);
    else states.push(state);
  }

  get histories(): Histories {
    return this.#histories;
  }
}
