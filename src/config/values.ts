// Value parsers: the text after `=` -> a value, or a Problem that points at the offending characters.

import { isIP } from 'node:net';
import { type Place, Problem, type Spot } from './diagnostic.ts';
import { ALERT_STATES, type AlertState, type LogTarget, type SyncDaemon } from './model.ts';
import { type Pattern, translatePattern } from './perl-regex.ts';
import { nearest } from './suggest.ts';

/** Reads the text of one value. */
export type ValueParser<T> = (value: Spot) => T;

/** The part of a spot from `start` to `end` (both counted in its text). */
export function within(spot: Spot, start: number, end = spot.text.length): Spot {
  return {
    line: spot.line,
    column: spot.column + start,
    length: Math.max(1, end - start),
    text: spot.text.slice(start, end),
  };
}

/** `, did you mean "x"?` when something known is near, otherwise the list of what is known. */
export function choices(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? `expected ${listed(known)}` : `did you mean "${near}"?`;
}

function listed(known: readonly string[]): string {
  return `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`;
}

function nonEmpty(value: Spot, expected: string): void {
  if (value.text === '') throw new Problem(value, 'the value is missing', `expected ${expected}`);
}

/** Without the double quotes round it, which ldirectord ignores where a value needs none. */
function unquoted(value: Spot): Spot {
  return /^"[^"]*"$/.test(value.text) ? within(value, 1, value.text.length - 1) : value;
}

/** A whole number of `unit` between two bounds; nothing may follow it. */
export function wholeNumber(least: number, most: number, unit = '', what = 'a whole number'): ValueParser<number> {
  const expected = `a whole number${unit && ` of ${unit}`} from ${least} to ${most}`;
  return (value) => {
    const number = unquoted(value);
    nonEmpty(number, expected);
    const [digits = ''] = /^\d*/.exec(number.text) ?? [];
    const rest = number.text.slice(digits.length).trimStart();
    if (digits === '') throw new Problem(number, `"${number.text}" is not ${what}`, `expected ${expected}`);
    if (rest !== '') {
      const after = within(number, number.text.length - rest.length);
      throw new Problem(after, `"${rest}" after the number makes no sense`, `expected ${expected}`);
    }
    if (Number(digits) < least || Number(digits) > most)
      throw new Problem(number, `${digits} is out of range`, `expected ${expected}`);
    return Number(digits);
  };
}

/** Timers of more than about 24 days cannot be set, and none is wanted. */
const MAX_SECONDS = 86_400;

/** Seconds, at least 1 and at most a day. */
export const seconds = wholeNumber(1, MAX_SECONDS, 'seconds');
/** Seconds with a fraction, at least a hundredth and at most a day. */
export const fractionOfSeconds: ValueParser<number> = (value) => {
  const expected = `expected seconds from 0.01 to ${MAX_SECONDS}, fractions with a point: 0.5`;
  const number = unquoted(value);
  if (number.text === '') throw new Problem(number, 'the value is missing', expected);
  const [digits = ''] = /^\d*(\.\d+)?/.exec(number.text) ?? [];
  const rest = number.text.slice(digits.length).trimStart();
  if (digits === '') throw new Problem(number, `"${number.text}" is not a number of seconds`, expected);
  if (rest !== '') {
    const after = within(number, number.text.length - rest.length);
    throw new Problem(after, `"${rest}" after the number makes no sense`, expected);
  }
  if (Number(digits) < 0.01 || Number(digits) > MAX_SECONDS)
    throw new Problem(number, `${digits} is out of range`, expected);
  return Number(digits);
};
/** Seconds, 0 for never. */
export const secondsOrZero = wholeNumber(0, 31 * MAX_SECONDS, 'seconds');
export const count = wholeNumber(1, 1_000_000);
export const port = wholeNumber(1, 65_535);
/** The kernel's limit on persistence is 31 days (ipvsadm: MAX_TIMEOUT). */
export const persistence = wholeNumber(1, 31 * MAX_SECONDS, 'seconds');
export const weightOf = wholeNumber(0, 65_535, '', 'a weight');
export const thresholdOf = wholeNumber(0, 2_147_483_647, 'connections');

export function oneOf<T extends string>(...known: readonly T[]): ValueParser<T> {
  return (value) => {
    const word = unquoted(value);
    nonEmpty(word, listed(known));
    const found = known.find((each) => each === word.text);
    if (found === undefined) throw new Problem(word, `"${word.text}" is not known here`, choices(word.text, known));
    return found;
  };
}

export const yesNo: ValueParser<boolean> = (value) => {
  const word = unquoted(value);
  nonEmpty(word, 'yes or no');
  if (word.text === 'yes' || word.text === 'no') return word.text === 'yes';
  const meant = /^(y|yes|true|on|1|enabled?)$/i.test(word.text) ? 'yes' : 'no';
  const guess = /^(y|yes|true|on|1|enabled?|n|no|false|off|0|disabled?)$/i.test(word.text);
  throw new Problem(word, `"${word.text}" is neither yes nor no`, guess ? `write ${meant}` : 'expected yes or no');
};

/** Rest of the line as it is (comments and names for people). */
export const freeText: ValueParser<string> = (value) => {
  nonEmpty(value, 'some text');
  return value.text;
};

/** Text in double quotes, or bare without blanks. Quotes inside quotes are part of it, as in ldirectord. */
export function quoted(expected: string): ValueParser<string> {
  return (value) => quotedSpot(value, expected).text;
}

/** As `quoted`, with the place of what is inside the quotes. */
export function quotedSpot(value: Spot, expected: string): Spot {
  nonEmpty(value, expected);
  const { text } = value;
  if (!text.startsWith('"')) {
    // The hints do not repeat the text: it may be a password.
    if (text.startsWith("'"))
      throw new Problem(value, 'single quotes do not count as quotes', 'put the value in "double quotes" instead');
    if (/[\s"]/.test(text))
      throw new Problem(
        value,
        'a value with blanks or quotes in it needs quotes round it',
        'put it in "double quotes"',
      );
    return value;
  }
  const close = text.lastIndexOf('"');
  if (close === 0)
    throw new Problem(within(value, 0, 1), 'this quote is never closed', 'add a " at the end of the value');
  if (close < text.length - 1) {
    throw new Problem(
      within(value, close + 1),
      'there is text after the closing quote',
      'remove it, or move it inside the quotes',
    );
  }
  if (close === 1) throw new Problem(value, 'the value is empty', `expected ${expected}`);
  return within(value, 1, close);
}

/** A program and its arguments, split at blanks; single or double quotes keep an argument together. No shell ever sees it. */
export const command: ValueParser<readonly string[]> = (value) => {
  // Whole-value quotes are ldirectord's syntax; quotes further in are the command's own, also in `"program "an argument""`.
  const whole = /^"(?![^"]*"\s).*"$/.test(value.text) ? within(value, 1, value.text.length - 1) : value;
  const argv = splitWords(whole);
  if (argv[0] === undefined)
    throw new Problem(value, 'the command is missing', 'expected the path of a program, then its arguments');
  return argv;
};

/** Words between blanks; single or double quotes keep blanks inside a word. */
export function splitWords(spot: Spot): string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s"']|"[^"]*"|'[^']*')+)/gy;
  const { text } = spot;
  while (pattern.lastIndex < text.trimEnd().length) {
    const from = pattern.lastIndex;
    const word = pattern.exec(text)?.[1];
    if (word === undefined) {
      const open = from + text.slice(from).search(/["']/);
      throw new Problem(within(spot, open, open + 1), 'this quote is never closed', 'close it, or leave it out');
    }
    words.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''));
  }
  return words;
}

/** A Perl regular expression for `receive`. */
export const perlRegex: ValueParser<Pattern> = (value) =>
  toPattern(quotedSpot(value, 'a regular expression in double quotes'));

/** The translated pattern of a spot's text. */
export function toPattern(spot: Spot): Pattern {
  const translated = translatePattern(spot.text);
  if ('pattern' in translated) return translated.pattern;
  const { offset, length, message, hint } = translated.problem;
  throw new Problem(within(spot, offset, offset + length), message, hint);
}

/** A host name or address, with or without a port, as a Host header takes it. */
export const hostHeader: ValueParser<string> = (value) => {
  const host = quotedSpot(value, 'a host name');
  const bad = host.text.search(/[^\x21-\x7e]|[/@\\"<>]/);
  if (bad >= 0) {
    throw new Problem(
      within(host, bad, bad + 1),
      'this character cannot stand in a host name',
      'expected something like www.example.com',
    );
  }
  return host.text;
};

/** A host name, as a certificate bears it. */
export const hostName: ValueParser<string> = (value) => {
  const name = quotedSpot(value, 'a host name');
  if (/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(name.text) && isIP(name.text) === 0) return name.text;
  throw new Problem(
    name,
    `"${name.text}" is not a host name`,
    'expected something like www.example.com, without a port',
  );
};

/** Whose certificates a check accepts; a path is kept with its place, because the file is yet to be read. */
export const sslVerify: ValueParser<'no' | 'yes' | Spot> = (value) => {
  const word = quotedSpot(value, 'yes, no or the path of a PEM file');
  if (word.text === 'no' || word.text === 'yes') return word.text;
  if (word.text.startsWith('/')) return word;
  throw new Problem(
    word,
    `"${word.text}" is neither yes, no nor an absolute path`,
    word.text.includes('.') ? 'start a path with /' : choices(word.text, ['yes', 'no']),
  );
};

export const absolutePath: ValueParser<string> = (value) => {
  const path = quotedSpot(value, 'an absolute path');
  if (!path.text.startsWith('/')) throw new Problem(path, `"${path.text}" is not an absolute path`, 'start it with /');
  return path.text;
};

/** Narrower than the kernel's own rule (dev_valid_name): an address, a number, `eth0,` or `eth0.45@eth0` is nobody's interface. */
const INTERFACE_NAME = /^(?=.*[A-Za-z])[\w.+~][\w.+~-]{0,14}$/;
const syncIdOf = wholeNumber(0, 255, '', 'a syncid');

/** A network interface, and the number of the cluster that synchronises over it. */
export const syncDaemon: ValueParser<SyncDaemon> = (given) => {
  const value = unquoted(given);
  nonEmpty(value, 'a network interface, and a syncid from 0 to 255');
  const { text } = value;
  const [name = ''] = /^\S*/.exec(text) ?? [];
  if (!INTERFACE_NAME.test(name))
    throw new Problem(
      within(value, 0, name.length),
      `"${name}" is not the name of a network interface`,
      'expected something like eth0; "ip link" lists them',
    );
  const rest = text.slice(name.length).trimStart();
  const syncId = rest === '' ? 0 : syncIdOf(within(value, text.length - rest.length));
  return { interface: name, syncId };
};

const FACILITIES =
  'auth authpriv cron daemon ftp kern local0 local1 local2 local3 local4 local5 local6 local7 lpr mail news syslog user uucp'.split(
    ' ',
  );

export const logTarget: ValueParser<LogTarget> = (value) => {
  const target = quotedSpot(value, 'an absolute path, or a syslog facility such as local0');
  if (target.text.startsWith('/')) return { kind: 'file', path: target.text };
  if (FACILITIES.includes(target.text)) return { kind: 'syslog', facility: target.text };
  throw new Problem(
    target,
    `"${target.text}" is neither a path nor a syslog facility`,
    target.text.includes('/') || target.text.includes('.')
      ? `start a path with /: "/var/log/${target.text.split('/').at(-1)}"`
      : choices(target.text, FACILITIES),
  );
};

/** Mail addresses separated by commas, each its own recipient. */
export const mailAddresses: ValueParser<readonly string[]> = (value) => {
  const whole = value.text.startsWith('"') ? quotedSpot(value, 'one or more mail addresses') : value;
  nonEmpty(whole, 'one or more mail addresses');
  return splitList(whole).map((part) => {
    if (!/^[^\s@,"]+(@[^\s@,"]+)?$/.test(part.text)) {
      throw new Problem(
        part,
        part.text === '' ? 'a mail address is missing here' : `"${part.text}" is not a mail address`,
        'expected user@host, more than one separated by commas',
      );
    }
    return part.text;
  });
};

export const alertStates: ValueParser<readonly AlertState[]> = (given) => {
  const value = unquoted(given);
  nonEmpty(value, 'all, none, or states separated by commas');
  const known = ['all', 'none', ...ALERT_STATES];
  const parts = splitList(value);
  const states = new Set<AlertState>();
  for (const part of parts) {
    if (!known.includes(part.text))
      throw new Problem(part, notKnown(part, 'a daemon state'), choices(part.text, known));
    if (parts.length > 1 && parts.some((other) => other.text === 'none')) {
      throw new Problem(value, '"none" stands beside other states', 'write none alone, or leave it out');
    }
    for (const state of ALERT_STATES) if (part.text === state || part.text === 'all') states.add(state);
  }
  return ALERT_STATES.filter((state) => states.has(state));
};

function notKnown(part: Spot, what: string): string {
  return part.text === '' ? `${what} is missing here` : `"${part.text}" is not ${what}`;
}

/** Spots between commas, blanks around them removed. */
function splitList(value: Spot): Spot[] {
  let start = 0;
  return value.text.split(',').map((raw) => {
    const lead = raw.length - raw.trimStart().length;
    const spot = within(value, start + lead, start + lead + raw.trim().length);
    start += raw.length + 1;
    return spot;
  });
}

/** `connect`, `negotiate`, … or a number: that many connect checks between two negotiate checks. */
export type CheckType = 'connect' | 'negotiate' | 'ping' | 'off' | 'on' | 'external' | 'external-perl' | number;
const CHECK_TYPES = ['connect', 'negotiate', 'ping', 'off', 'on', 'external', 'external-perl'] as const;

export const checkType: ValueParser<CheckType> = (given) => {
  const value = unquoted(given);
  const number = /^\d+$/.test(value.text);
  if (number) return wholeNumber(0, 1_000_000)(value);
  const found = CHECK_TYPES.find((word) => word === value.text);
  if (found !== undefined) return found;
  nonEmpty(value, `${CHECK_TYPES.join(', ')} or a number`);
  throw new Problem(
    value,
    `"${value.text}" is not a check type`,
    nearest(value.text, CHECK_TYPES)
      ? choices(value.text, CHECK_TYPES)
      : `expected ${CHECK_TYPES.join(', ')} or the number of connect checks between two negotiate checks`,
  );
};

/** Any lower-case word: new schedulers appear in kernels, so the kernel decides. */
export const scheduler: ValueParser<string> = (given) => {
  const value = unquoted(given);
  nonEmpty(value, 'the name of a scheduler, such as wlc or rr');
  if (!/^[a-z]+$/.test(value.text)) {
    throw new Problem(
      value,
      `"${value.text}" is not the name of a scheduler`,
      'expected lower-case letters only, such as wlc, wrr or rr',
    );
  }
  return value.text;
};

/** What `ipvsadm -b` takes; two schedulers have names of their own for flags 1 and 2. */
const SCHEDULER_FLAGS = ['flag-1', 'flag-2', 'flag-3', 'sh-fallback', 'sh-port', 'mh-fallback', 'mh-port'] as const;

export const schedulerFlags: ValueParser<readonly string[]> = (value) => {
  return splitList(quotedSpot(value, 'flags separated by commas')).map((part) => {
    if (!(SCHEDULER_FLAGS as readonly string[]).includes(part.text)) {
      throw new Problem(part, notKnown(part, 'a scheduler flag'), choices(part.text, SCHEDULER_FLAGS));
    }
    return part.text;
  });
};

/** Checked against the block's family later: a dotted quad for IPv4, a prefix length for IPv6. */
export const netmask: ValueParser<Spot> = (given) => {
  const value = unquoted(given);
  nonEmpty(value, 'a dotted quad for IPv4, a prefix length for IPv6');
  return value;
};

/** The same place as a plain Place. */
export function placeOf({ line, column, length }: Place): Place {
  return { line, column, length };
}
