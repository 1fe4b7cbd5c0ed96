// What a mail alert says: one change in ldirectord's words, several as a count and a list.
import { visible } from './checks/text.ts';
import { type AlertState, type Virtual, virtualKey, virtualName } from './config/model.ts';

/** What has become of a server. `removed`: it is not configured (any more), or the daemon is about to end. */
export type Turn = 'down' | 'still down' | 'up' | 'removed' | 'fallback added' | 'fallback deleted';

/** One thing to tell. */
export interface News {
  readonly virtual: Virtual;
  /** `10.8.8.48:80 (10.8.8.45:80)` */
  readonly id: string;
  readonly turn: Turn;
  /** The log line. */
  readonly message: string;
  readonly state: AlertState;
}

export interface AlertText {
  /** The subject without the name of the service: what ldirectord logs. */
  readonly summary: string;
  readonly subject: string;
  readonly text: string;
}

/** Log lines in one mail; what is more is counted. */
const MAX_LINES = 1_000;

/** In the order in which a subject counts them. */
const TURNS: readonly Turn[] = ['down', 'still down', 'up', 'removed'];

/** @param host what this host is called; @param news at least one, oldest first */
export function alertText(news: readonly News[], host: string): AlertText {
  const summary = oneLine(summaryOf(news));
  const serviceName = shared(news.map(({ virtual }) => virtual.serviceName));
  const subject = serviceName === undefined ? summary : `[${oneLine(serviceName)}] ${summary}`;
  const head = [
    `ldirectord host: ${host}`,
    `Log-Message: ${subject}`,
    `Daemon-Status: ${[...new Set(news.map(({ state }) => state))].join(', ')}`,
  ];
  const paragraphs = news.length === 1 ? detailsOnly(news) : lists(news);
  return { summary, subject, text: `${[head, ...paragraphs].map((lines) => lines.join('\n')).join('\n\n')}\n` };
}

function summaryOf(news: readonly News[]): string {
  // What a server came to in the end counts: down and up again at once is up.
  const last = new Map(news.map((each) => [`${virtualKey(each.virtual)} ${each.id}`, each] as const));
  const [only] = last.values();
  if (last.size === 1 && only !== undefined) return only.message;
  const count = (turn: Turn): number => [...last.values()].filter((each) => each.turn === turn).length;
  const reals = TURNS.map((turn) => ({ turn, number: count(turn) }))
    .filter(({ number }) => number > 0)
    .map(({ turn, number }, index) => `${index === 0 ? plural(number, 'real server') : number} ${turn}`);
  const fallbacks = (['added', 'deleted'] as const)
    .map((verb) => ({ verb, number: count(`fallback ${verb}`) }))
    .filter(({ number }) => number > 0)
    .map(({ verb, number }) => `${plural(number, 'fallback server')} ${verb}`);
  const virtual = shared(news.map((each) => virtualName(each.virtual)));
  return `${[...reals, ...fallbacks].join(', ')}${virtual === undefined ? '' : ` (${virtual})`}`;
}

function detailsOnly([first]: readonly News[]): string[][] {
  const details = first === undefined ? [] : detailsOf(first.virtual);
  return details.length === 0 ? [] : [details];
}

/** A paragraph for each virtual: its log lines, then what is known of it. */
function lists(news: readonly News[]): string[][] {
  const byVirtual = new Map<string, News[]>();
  for (const each of news.slice(0, MAX_LINES)) {
    const key = virtualKey(each.virtual);
    const list = byVirtual.get(key);
    if (list === undefined) byVirtual.set(key, [each]);
    else list.push(each);
  }
  const paragraphs = [...byVirtual.values()].map((list) => [
    ...list.map(({ message }) => oneLine(message)),
    ...list.slice(-1).flatMap(({ virtual }) => detailsOf(virtual)),
  ]);
  const more = news.length - MAX_LINES;
  return more > 0 ? [...paragraphs, [`and ${more} more: see the log`]] : paragraphs;
}

function detailsOf({ serviceName, comment }: Virtual): string[] {
  return [
    ...(serviceName === undefined ? [] : [`Service name: ${oneLine(serviceName)}`]),
    ...(comment === undefined ? [] : [`Comment: ${oneLine(comment)}`]),
  ];
}

/** What all have in common. */
function shared(values: readonly (string | undefined)[]): string | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** No text can begin a header or a line of its own, or make those before and behind it look like others. */
function oneLine(text: string): string {
  return visible(text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim());
}
