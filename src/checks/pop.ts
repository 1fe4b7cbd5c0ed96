// POP3: up when it greets with +OK and, where there is a login, takes USER and PASS; over TLS too where that is wanted.
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { type Lines, openLines } from './lines.ts';

export const pop: Check<'pop'> = async (target, spec, ctx) => {
  const { tls, login } = spec;
  // A line break would end the line, and what follows it would be a command of its own.
  if (login !== undefined && /[\r\n\0]/.test(login.user + login.password)) {
    throw new CheckFailure('POP3 cannot carry a login with a line break or NUL in it');
  }
  const lines = await openLines(target, spec, ctx);
  let answer = positive(lines, await lines.read());
  if (tls?.start === 'starttls') {
    positive(lines, await lines.ask('STLS'), 'STLS');
    await lines.startTls(tls);
  }
  if (login !== undefined) {
    positive(lines, await lines.ask(`USER ${login.user}`), 'USER');
    const verdict = await lines.ask(`PASS ${login.password}`, 'PASS ***');
    // The password was right, and somebody else reads this mailbox: perhaps another director (RFC 2449, 8.1.1).
    answer = /^-ERR \[IN-USE\]/i.test(verdict) ? lines.show(verdict) : positive(lines, verdict, 'login');
  }
  await lines.quit('QUIT');
  return answer;
};

/** The line as a detail shows it, when it is positive. @param asked what for; nothing for the greeting */
function positive(lines: Lines, line: string, asked?: string): string {
  const [, status, text = ''] = /^(\+OK|-ERR)(?!\S)(.*)$/is.exec(line) ?? [];
  if (status === undefined) {
    throw new CheckFailure(`not a POP3 ${asked === undefined ? 'greeting' : 'answer'}: "${lines.show(line)}"`);
  }
  const shown = `${status} ${lines.show(text.trim())}`.trimEnd();
  if (status.startsWith('+')) return shown;
  throw new CheckFailure(asked === undefined ? shown : `${asked} refused: ${shown}`);
}
