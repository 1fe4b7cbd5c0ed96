// What the end of an idle connection says of its server, and when the next one is opened.

/** How an idle connection ended: the server let go of it, it never came about, or the server said so much that we let go. */
export interface End {
  readonly kind: 'lost' | 'failed' | 'flooded';
  /** How long it was open, in milliseconds; 0 when it never was. */
  readonly heldMs: number;
}

/** What is known of how a server treats connections on which nothing is said. */
export interface Habit {
  /** How long the last connection that lasted was held. */
  readonly closesAfterMs?: number;
  /** Connections in a row that did not last, or never came about. */
  readonly brief: number;
}

export const NO_HABIT: Habit = { brief: 0 };

export interface Reaction {
  readonly habit: Habit;
  /** Whether the server is to be checked now. */
  readonly recheck: boolean;
  /** How long after that check, if it succeeds, or else from now, the next connection is opened. */
  readonly retryMs: number;
}

/** A connection that lives shorter than this is not worth opening again and again. */
const LASTING_MS = 10_000;
/**
 * Until the next connection at first. A process that is killed loses its connections before the port that it listens on: the check
 * may find that open yet, and this connection will not.
 */
const SOON_MS = 50;
/** Until the next one after the second that did not last; twice as long after each further one. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Servers look at their timers as often as that. */
const PUNCTUALITY_MS = 1_000;

/**
 * What to do when a connection to a server that is up has ended. A server that closes idle connections by habit is connected to again
 * at once; whoever listens there no more is found out by that. On average connections are not opened more often than every ten
 * seconds.
 */
export function afterEnd({ closesAfterMs, brief }: Habit, { kind, heldMs }: End): Reaction {
  if (kind === 'lost' && heldMs >= LASTING_MS) {
    const isHabit = closesAfterMs !== undefined && Math.abs(heldMs - closesAfterMs) <= PUNCTUALITY_MS;
    return { habit: { closesAfterMs: heldMs, brief: 0 }, recheck: !isHabit, retryMs: isHabit ? 0 : SOON_MS };
  }
  const habit = { ...(closesAfterMs === undefined ? {} : { closesAfterMs }), brief: brief + 1 };
  const retryMs = brief === 0 ? SOON_MS : Math.min(FIRST_PAUSE_MS * 2 ** (brief - 1), LONGEST_PAUSE_MS);
  return { habit, recheck: kind !== 'flooded', retryMs };
}
