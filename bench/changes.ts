// What a daemon's log tells of many servers that go down: when each was found, when its weight was taken, in how many batches.

export interface LogLine {
  readonly text: string;
  /** ms. */
  readonly at: number;
}

export interface Change {
  /** Servers whose weight was taken. */
  readonly servers: number;
  /** From the first that was found down until the last one's weight was taken. */
  readonly tookMs: number;
  /** From the moment at which a server was found down until its weight was taken, of the slowest. */
  readonly slowestMs: number;
  /** Passes over the table: what one pass has changed stands together in the log. */
  readonly batches: number;
}

const FOUND = /Real server (\S+ \([^)]*\)) is down/;
/** The line that says that a server's weight was taken. */
export const TAKEN = /Quiescent real server: (\S+ \([^)]*\))/;

export function changeOf(lines: readonly LogLine[]): Change {
  const foundAt = new Map<string, number>();
  let servers = 0;
  let batches = 0;
  let slowestMs = 0;
  let lastAt = NaN;
  let wasTaken = false;
  for (const { text, at } of lines) {
    const [, found] = FOUND.exec(text) ?? [];
    const [, taken] = TAKEN.exec(text) ?? [];
    if (found !== undefined && !foundAt.has(found)) foundAt.set(found, at);
    if (taken !== undefined) {
      servers++;
      if (!wasTaken) batches++;
      slowestMs = Math.max(slowestMs, at - (foundAt.get(taken) ?? at));
      lastAt = at;
    }
    wasTaken = taken !== undefined;
  }
  const [firstAt = NaN] = foundAt.values();
  return { servers, tookMs: lastAt - firstAt, slowestMs, batches };
}
