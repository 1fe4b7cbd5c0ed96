// IMAP: up when it greets with OK or PREAUTH and, where there is a login, takes LOGIN; over TLS too where that is wanted.
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { type Lines, openLines } from './lines.ts';

/** A server's greeting, or its answer to a command. */
interface Answer {
  /** OK, NO or BAD; of a greeting also PREAUTH or BYE; + when the server asks for the rest of the command. */
  readonly status: string;
  readonly text: string;
  /** The lines that came before it. */
  readonly untagged: readonly string[];
}

/** A string that a command carries. */
interface Argument {
  readonly value: string;
  readonly secret: boolean;
}

/** What a quoted string cannot hold (RFC 3501, 4.3): it goes as a literal. */
const NEEDS_LITERAL = /[\r\n\P{ASCII}]/u;

export const imap: Check<'imap'> = async (target, spec, ctx) => {
  const { tls, login } = spec;
  if (login !== undefined && (login.user + login.password).includes('\0')) {
    throw new CheckFailure('IMAP cannot carry a login with a NUL in it');
  }
  const lines = await openLines(target, spec, ctx);
  const { ask, tagged } = createSession(lines);
  const greeting = await readGreeting(lines);
  let answer = greeting;
  if (tls?.start === 'starttls') {
    accepted(await ask('STARTTLS'), 'STARTTLS');
    await lines.startTls(tls);
  }
  // PREAUTH: logged in already, so that LOGIN would be an error.
  if (login !== undefined && greeting.status !== 'PREAUTH') {
    const { untagged } = await ask('CAPABILITY');
    if (untagged.some((line) => /^\* CAPABILITY .*\bLOGINDISABLED\b/i.test(line))) {
      throw new CheckFailure(
        `the server takes no LOGIN${tls ? '' : ' without TLS: set starttls = yes'} (LOGINDISABLED)`,
      );
    }
    const account = [
      { value: login.user, secret: false },
      { value: login.password, secret: true },
    ];
    answer = accepted(await ask('LOGIN', account), 'login');
    // Dovecot takes a login whose mailboxes it cannot open, and says goodbye (BYE) right behind it.
    accepted(await ask('NOOP'), 'NOOP');
  }
  await lines.quit(tagged('LOGOUT'));
  return shown(lines, { ...answer, text: answer.text.replace(/^\[CAPABILITY [^\]]*\] */i, '') });

  function accepted(verdict: Answer, what: string): Answer {
    if (verdict.status === 'OK') return verdict;
    throw new CheckFailure(`${what} refused: ${shown(lines, verdict)}`);
  }
};

async function readGreeting(lines: Lines): Promise<Answer> {
  const line = await lines.read();
  const [, status, text = ''] = /^\* (OK|PREAUTH|BYE)(?!\S) ?(.*)$/is.exec(line) ?? [];
  if (status === undefined) throw new CheckFailure(`not an IMAP greeting: "${lines.show(line)}"`);
  const greeting = { status: status.toUpperCase(), text, untagged: [] };
  if (greeting.status === 'BYE') throw new CheckFailure(shown(lines, greeting));
  return greeting;
}

function createSession(lines: Lines) {
  let commands = 0;

  /** A command with the tag that its answer will have. */
  function tagged(command: string): string {
    commands += 1;
    return `a${commands} ${command}`;
  }

  async function ask(command: string, args: readonly Argument[] = []): Promise<Answer> {
    let line = tagged(command);
    let told = line;
    for (const { value, secret } of args) {
      const string = NEEDS_LITERAL.test(value) ? `{${Buffer.byteLength(value)}}` : quotedString(value);
      line += ` ${string}`;
      told += ` ${secret ? '***' : string}`;
      if (!NEEDS_LITERAL.test(value)) continue;
      lines.send(line, told);
      const answer = await readAnswer();
      if (answer.status !== '+') return answer;
      line = value;
      told = secret ? '***' : value;
    }
    lines.send(line, told);
    return readAnswer();
  }

  /** The answer to the latest command. */
  async function readAnswer(): Promise<Answer> {
    const untagged: string[] = [];
    for (;;) {
      const line = await lines.read();
      if (/^\* BYE(?!\S)/i.test(line)) throw new CheckFailure(lines.show(line.slice(2)));
      if (line.startsWith('* ')) {
        untagged.push(line);
        continue;
      }
      const [, tag, status, text = ''] = /^(?:(\w+) )?(OK|NO|BAD|\+)(?!\S) ?(.*)$/is.exec(line) ?? [];
      const isOurs = status !== undefined && tag === (status === '+' ? undefined : `a${commands}`);
      if (!isOurs) throw new CheckFailure(`not an IMAP answer: "${lines.show(line)}"`);
      return { status: status.toUpperCase(), text, untagged };
    }
  }

  return { ask, tagged };
}

function quotedString(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function shown(lines: Lines, { status, text }: Answer): string {
  return `${status} ${lines.show(text)}`.trimEnd();
}
